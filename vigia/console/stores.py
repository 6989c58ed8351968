"""What is known of each store: who buys there, which alarms stand, what is heard (X2), and how the staff is (P2)."""

from typing import Any, NamedTuple

from scorers.contract.rfc3339 import parse_instant
from scorers.groups.iceberg import StoreVoices, reported_line
from scorers.in_force.control import PolicyInForce, decode_control
from scorers.policy.group_tables import Iceberg
from scorers.policy.reading import PolicyError, parse_policy
from vigia.readmodel.store.queries import Queries

LOST = ("dormant", "defector", "core_defector")


class StoreRow(NamedTuple):
    """A store of the list."""

    store: str
    customers: int
    losses: list[tuple[str, int]]
    lost: float
    open: int
    voices: StoreVoices

    @property
    def asked(self) -> int | None:
        """When the staff were last asked."""
        return _instant(self.voices.staff_asked)

    @property
    def thanked(self) -> int | None:
        """When they were last thanked."""
        return _instant(self.voices.staff_thanked)


def _instant(date: str | None) -> int | None:
    return int(parse_instant(f"{date}T00:00:00Z")) if date else None


def store_rows(db: Queries, rules: Iceberg) -> list[StoreRow]:
    """Each store, the one with the greatest expected loss first. The policy in force counts; `rules` where none is known."""
    found: dict[str, dict[str, Any]] = {}
    for (store, stage, currency), total in db.customers.totals(("store", "stage", "currency")).items():
        if store:
            one = found.setdefault(store, {"n": 0, "lost": 0, "losses": {}})
            one["n"] += total.customers
            one["lost"] += total.customers if stage in LOST else 0
            if currency:
                one["losses"][currency] = one["losses"].get(currency, 0) + total.loss
    standing, reports, rules = db.alarms.by_store(), db.others.stores(), _rules(db, rules)
    for store in {*standing, *reports} - found.keys():
        found[store] = {"n": 0, "lost": 0, "losses": {}}
    rows = []
    for store, one in found.items():
        report = reports.get(store)
        voices = reported_line(store, report.values if report else {}, report is not None and report.was_heard, rules)
        lost = one["lost"] / one["n"] if one["n"] else 0.0
        rows.append(StoreRow(store, one["n"], sorted(one["losses"].items()), lost, standing.get(store, 0), voices))
    return sorted(rows, key=lambda row: (-sum(loss for _, loss in row.losses), row.store))


def _rules(db: Queries, rules: Iceberg) -> Iceberg:
    raw = db.others.in_force("policy.in_force")
    control = None if raw is None else decode_control(raw)
    try:
        return parse_policy(control.text, "clock").iceberg if isinstance(control, PolicyInForce) else rules
    except PolicyError:  # of a newer build
        return rules
