"""Lists of alarms, one alarm with its life, and the counts over all."""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.events import AlarmAction
from scorers.contract.wire import decode, decode_alarm
from vigia.readmodel.store.items import (
    PAGE,
    STATES,
    AlarmItem,
    Change,
    DeliveryRow,
    Page,
    order_of,
    start_of,
)
from vigia.readmodel.store.people import People
from vigia.readmodel.store.sqlite.paging import count, joined, where_of

SORTS = {"urgent": "severity, loss DESC, row", "newest": "raised DESC, row DESC", "oldest": "raised, row"}
_COLUMNS = {
    "kind": "kind",
    "tier": "tier",
    "store": "store",
    "stage": "stage",
    "customer": "customer",
    "about": "about",
}

_people = msgspec.json.Decoder(People).decode


class Alarms:
    """Lists of alarms, one alarm with its life, and the counts over all."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def page_of(self, filters: Mapping[str, str], sort: str = "", page: int = 1, size: int = PAGE) -> Page:
        """A page of the alarms that fit; `filters` has some of kind, severity, tier, store, stage, state, customer and about."""
        where, values = _alarm_filter(filters)
        order = SORTS[order_of(filters, sort)]
        total = self._count(filters)
        start = start_of(page, size, total)
        if start is None:
            return Page([], total)
        keys = f"SELECT row FROM alarms {joined(where)} ORDER BY {order} LIMIT ? OFFSET ?"
        return Page(self._alarms(f"a.row IN ({keys})", (*values, size, start), order), total)

    def _count(self, filters: Mapping[str, str]) -> int:
        """How many alarms fit: a sum of the counts, unless few are in question anyway."""
        where, values = _alarm_filter(filters)
        if filters.get("store") or filters.get("customer"):
            return count(self._db, "alarms", where, values)
        return int(self._db.execute(f"SELECT sum(alarms) FROM alarm_counts {joined(where)}", values).fetchone()[0] or 0)

    def all_of(self, filters: Mapping[str, str], sort: str = "") -> Iterator[AlarmItem]:
        """All alarms that fit, in order."""
        where, values = _alarm_filter(filters)
        for row in self._found(
            " AND ".join(f"a.{one}" for one in where) or "1", values, SORTS[order_of(filters, sort)]
        ):
            yield _alarm(row)

    def one(self, alarm_id: str) -> AlarmItem | None:
        """One alarm; None if there is none."""
        found = self._alarms("a.id = ?", (alarm_id,), "a.row")
        return found[0] if found else None

    def life(self, alarm_id: str) -> list[Change]:
        """All records of an alarm, in order."""
        return _changes(self._db.execute("SELECT * FROM changes WHERE alarm = ? ORDER BY number", (alarm_id,)))

    def changes_of(self, customer_id: str, most: int = 500) -> list[Change]:
        """The newest records about a customer's alarms, the newest first."""
        found = self._db.execute(
            "SELECT * FROM changes WHERE customer = ? ORDER BY time DESC, number DESC LIMIT ?", (customer_id, most)
        )
        return _changes(found)

    def changes_after(self, number: int, most: int = 500) -> list[Change]:
        """The records of `alarms` read after this one, in order."""
        return _changes(
            self._db.execute("SELECT * FROM changes WHERE number > ? ORDER BY number LIMIT ?", (number, most))
        )

    def last_change(self) -> int:
        """The number of the newest record of `alarms`, also if it was erased since; 0 if there is none."""
        found = self._db.execute("SELECT seq FROM sqlite_sequence WHERE name = 'changes'").fetchone()
        return 0 if found is None else int(found[0])

    def actions(self, alarm_id: str) -> list[AlarmAction]:
        """What people did about an alarm, in the order in which it was read."""
        found = self._db.execute("SELECT record FROM actions WHERE alarm = ? ORDER BY number", (alarm_id,))
        return [one for (record,) in found if isinstance(one := decode(record), AlarmAction)]

    def action(self, source: str, action_id: str) -> AlarmAction | None:
        """One action; None if there is none."""
        found = self._db.execute(
            "SELECT record FROM actions WHERE source = ? AND id = ?", (source, action_id)
        ).fetchone()
        one = None if found is None else decode(found[0])
        return one if isinstance(one, AlarmAction) else None

    def held_back(self, rule: str, page: int) -> Page:
        """A page of the alarms of which nobody was told, the newest first; `rule` is empty for every rule."""
        where, values = ("rule = ?", [rule]) if rule else ("rule IS NOT NULL", [])
        total = count(self._db, "told", [where], values)
        start = start_of(page, PAGE, total)
        if start is None:
            return Page([], total)
        keys = f"SELECT alarm FROM told WHERE {where} ORDER BY raised DESC, alarm LIMIT ? OFFSET ?"
        return Page(self._alarms(f"a.id IN ({keys})", (*values, PAGE, start), "a.raised DESC, a.id"), total)

    def rules(self) -> dict[str, int]:
        """How many alarms each rule kept from being told, the most first."""
        found = self._db.execute("SELECT rule, count(*) FROM told WHERE rule IS NOT NULL GROUP BY rule ORDER BY 2 DESC")
        return dict(found)

    def outcomes(self) -> dict[str, dict[str, int]]:
        """By kind, the number of alarms with each outcome, withdrawn, or of each state while they stand; state changes are left out."""
        found = self._db.execute(
            "SELECT kind, ended, sum(alarms) FROM alarm_counts WHERE alarms > 0 AND NOT is_change GROUP BY kind, ended"
        )
        counts: dict[str, dict[str, int]] = {}
        for kind, ended, number in found:
            counts.setdefault(kind, {})[ended] = number
        return counts

    def by_state(self) -> dict[str, int]:
        """How many alarms are in each state."""
        return dict(self._db.execute("SELECT state, sum(alarms) FROM alarm_counts WHERE alarms > 0 GROUP BY state"))

    def by_store(self) -> dict[str, int]:
        """How many alarms stand at each store."""
        found = self._db.execute(
            "SELECT store, sum(alarms) FROM store_counts WHERE alarms > 0 AND state IN ('open', 'acknowledged', 'snoozed')"
            " GROUP BY store"
        )
        return dict(found)

    def kinds(self) -> list[str]:
        """The kinds of which there are alarms."""
        return [
            kind
            for (kind,) in self._db.execute("SELECT DISTINCT kind FROM alarm_counts WHERE alarms > 0 ORDER BY kind")
        ]

    def _alarms(self, where: str, values: Sequence[Any], order: str) -> list[AlarmItem]:
        return [_alarm(row) for row in self._found(where, values, order)]

    def _found(self, where: str, values: Sequence[Any], order: str) -> sqlite3.Cursor:
        """Alarms with their newest records, and what the notifier decided about them."""
        ordered = ", ".join(f"a.{one.strip().removeprefix('a.')}" for one in order.split(","))
        return self._db.execute(
            "SELECT a.*, c.record, t.rule, t.deliveries FROM alarms a JOIN changes c ON c.number = a.newest"
            f" LEFT JOIN told t ON t.alarm = a.id WHERE {where} ORDER BY {ordered}",
            tuple(values),
        )


_deliveries = msgspec.json.Decoder(tuple[DeliveryRow, ...]).decode


def _alarm_filter(filters: Mapping[str, str]) -> tuple[list[str], list[Any]]:
    where, values = where_of(_COLUMNS, filters)
    if severity := filters.get("severity"):
        where.append("severity = ?")
        values.append(SEVERITIES.index(severity) if severity in SEVERITIES else -1)
    named = STATES.get(filters.get("state") or "open", ("",))
    if named:
        where.append(f"state IN ({', '.join('?' * len(named))})")
        values += named
    return where, values


def _alarm(row: sqlite3.Row) -> AlarmItem:
    raw = zlib.decompress(row["record"])
    found = decode_alarm(raw)
    assert isinstance(found, Alarm)  # only what could be read was stored
    return AlarmItem(
        alarm=found,
        raw=raw,
        state=row["state"],
        raised=row["raised"],
        loss=row["loss"],
        people=People(taken_by=row["taken_by"]) if row["people"] is None else _people(row["people"]),
        taken_by=row["taken_by"],
        snoozed_until=row["snoozed_until"],
        rule=row["rule"],
        is_change=bool(row["is_change"]),
        deliveries=() if row["deliveries"] is None else _deliveries(row["deliveries"]),
    )


def _changes(found: sqlite3.Cursor) -> list[Change]:
    changes = []
    for row in found:
        raw = zlib.decompress(row["record"])
        decoded = decode_alarm(raw)
        if isinstance(decoded, Alarm):
            changes.append(Change(row["number"], decoded, raw))
    return changes
