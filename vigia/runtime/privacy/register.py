"""Every place that Vigía keeps data in: what it holds of people, under which key, how an erasure reaches it, and within what time.

A topic, read model or file that is added joins this table: a test compares it with the topics, and docs/security.md prints it.
"""

from typing import NamedTuple

from vigia.runtime.topics import CHANGELOG

MINUTE = 0
"""Stands for a place where nothing may be found a minute after the erasure."""


class Place(NamedTuple):
    """A place with personal data; `days` is the most that anything may be found there after an erasure."""

    name: str
    holds: str
    key: str
    erased: str
    days: int

    @property
    def within(self) -> str:
        """The time limit in words."""
        return "a minute" if self.days == MINUTE else "a day" if self.days == 1 else f"{self.days} days"


RETENTION = "by retention"
COMPACTION = "deleted at once, its old bytes by compaction"

TOPICS = (
    Place("purchases", "sales and refunds", "customer id", RETENTION, 31),
    Place("contacts", "contacts, with their topics", "customer id", RETENTION, 31),
    Place("complaints", "complaints, with their reasons", "customer id", RETENTION, 31),
    Place("feedback", "surveys, referrals, promises, descriptions with names, erasures", "customer id", RETENTION, 31),
    Place("alarm-actions", "what was done about an alarm, by whom and why", "customer id", RETENTION, 31),
    Place(
        "groups",
        "facts about stores and sites, with the customer's id; what old ids send",
        "store, site or customer",
        RETENTION,
        31,
    ),
    Place(
        "alarms", "alarms, with names, reasons and the beginning of a complaint's text", "customer id", RETENTION, 31
    ),
    Place("worklist", "who is worth an effort, with reasons", "customer id", RETENTION, 31),
    Place("figures", "candidates for worklists, with reasons; counts", "none: one partition", RETENTION, 31),
    Place("dead-letters", "rejected records, unchanged", "as rejected", RETENTION, 31),
    Place("lessons", "keyed hashes of ids, and numbers that the risk is learned from", "keyed hash", RETENTION, 401),
    Place("customers", "rows of customers, with names", "customer id", COMPACTION, 1),
    Place(
        "notifications",
        "incidents: alarms, deliveries and actions; the worklist of a date until it is sent",
        "alarm id",
        COMPACTION,
        1,
    ),
    Place(
        CHANGELOG,
        "rows of customers, with the beginning of their complaints' and requests' texts, and the reasons of refunds; keyed hashes of the erased",
        "customer id",
        COMPACTION,
        1,
    ),
)

NO_PERSONAL_DATA = ("clock", "models")
"""Topics without ids, names or texts of people."""

OTHER = (
    Place(
        "rows in `VIGIA_STATE`",
        "rows of customers, with the beginning of their complaints' and requests' texts, and the reasons of refunds; keyed hashes of the erased",
        "customer id",
        "deleted at once",
        MINUTE,
    ),
    Place("old bytes in `VIGIA_STATE`", "deleted rows", "none", "compacted each hour and at a stop", 1),
    Place(
        "`hooks.sqlite` in `VIGIA_STATE`",
        "which customer bought in which sale; refunds and disputes that wait for their sale, with their reasons",
        "customer id",
        "overwritten at once",
        MINUTE,
    ),
    Place(
        "Redis",
        "customer cards, the at-risk board, and the read model of the console: customers, alarms, worklists, actions, rejected records; "
        "keyed hashes of the erased; for a day digests of the identities and contents of events that the gateways accepted",
        "customer id",
        "deleted at once",
        MINUTE,
    ),
    Place(
        "the read model in `VIGIA_STATE/console`",
        "without Redis, what the console shows: customers, alarms, worklists, actions, rejected records; keyed hashes of the erased",
        "customer id",
        "deleted at once, and overwritten",
        MINUTE,
    ),
    Place("logs and metrics", "nothing of people", "none", "nothing to erase", MINUTE),
)

LIMITS = {place.name: place.days for place in TOPICS}


def table() -> str:
    """The table of docs/security.md: `python -m vigia.runtime.privacy.register` prints it."""
    lines = ["| place | holds | key | erased | within |", "|---|---|---|---|---|"]
    lines += [f"| topic `{p.name}` | {p.holds} | {p.key} | {p.erased} | {p.within} |" for p in TOPICS]
    lines += [f"| {p.name} | {p.holds} | {p.key} | {p.erased} | {p.within} |" for p in OTHER]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())  # noqa: T201
