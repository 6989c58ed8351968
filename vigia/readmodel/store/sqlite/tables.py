"""Writes the tables of a read model in SQLite, each method within the transaction of the caller."""

import sqlite3
import zlib
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import msgspec

from scorers.contract.alarms import Alarm
from scorers.contract.events import AlarmAction, Instant
from scorers.contract.wire import decode, decode_alarm, encode_event
from scorers.contract.worklist import WorklistEntry
from vigia.readmodel.store.items import DeliveryRow, StoreReport
from vigia.readmodel.store.people import People
from vigia.readmodel.store.sqlite import schema
from vigia.readmodel.store.tables import AlarmColumns, AlarmKeys, CustomerColumns, begins_anew
from vigia.runtime.dead_letter import Letter, Origin

_TOTALS = "stage, tier, type, store, currency"
_STANDS = "state IN ('open', 'acknowledged', 'snoozed')"


class SqliteTables:
    """The connection that writes."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db

    # --- the whole ---

    def hold(self) -> bool:
        """A file is one console's."""
        return True

    def note_current(self, at: float) -> None:
        """Nobody else reads it."""

    def noted_current(self) -> float | None:
        """Nobody else writes it."""
        return None

    def transaction(self) -> AbstractContextManager[None]:
        """All changes of the block, or none."""
        return schema.transaction(self.db)

    def empty(self) -> None:
        """Remove everything."""
        schema.empty(self.db)

    def offsets(self) -> dict[tuple[str, int], int]:
        """The next offset of each partition."""
        return {(topic, partition): offset for topic, partition, offset in self.db.execute("SELECT * FROM offsets")}

    def put_offsets(self, following: Mapping[tuple[str, int], int]) -> None:
        """Note the next offsets."""
        rows = ((*where, offset) for where, offset in following.items())
        self.db.executemany("INSERT OR REPLACE INTO offsets VALUES (?, ?, ?)", rows)

    def overwrite(self) -> bool:
        """Shorten the log, where old bytes lie; it may have to wait for readers."""
        return not self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]

    def prune(self, until: int) -> None:
        """Remove what ended before this instant."""
        old = "SELECT id FROM alarms WHERE state IN ('settled', 'withdrawn') AND changed < ?"
        for table in ("changes", "actions", "told"):
            self.db.execute(f"DELETE FROM {table} WHERE alarm IN ({old})", (until,))
        self.db.execute("DELETE FROM alarms WHERE state IN ('settled', 'withdrawn') AND changed < ?", (until,))
        day = self.db.execute("SELECT date(?, 'unixepoch')", (until // 1_000_000,)).fetchone()[0]
        self.db.execute("DELETE FROM worklist WHERE date < ?", (day,))
        self.db.execute("DELETE FROM stores WHERE reported < ?", (until,))

    def close(self) -> None:
        """Disconnect."""
        self.db.close()

    # --- customers ---

    def put_customer(self, row: CustomerColumns) -> None:
        """Put a customer in place of the row before."""
        old = self._forget_totals(row.id)
        standing = self._standing(row.id) if old is None else old["alarms"]
        group = (row.stage, row.tier, row.type, row.store, row.currency)
        values = (row.name, row.sort, *group[:4], row.risk, row.value, row.currency, row.loss, row.last)
        facts = zlib.compress(row.raw, 1)
        if old is None:
            found = self.db.execute(
                "INSERT INTO customers (name, sort, stage, tier, type, store, risk, value, currency, loss, last, alarms, facts, id)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (*values, standing, facts, row.id),
            )
            number = found.lastrowid
        else:
            number = old["row"]
            self.db.execute(
                "UPDATE customers SET name = ?, sort = ?, stage = ?, tier = ?, type = ?, store = ?, risk = ?, value = ?,"
                " currency = ?, loss = ?, last = ?, facts = ? WHERE row = ?",
                (*values, facts, number),
            )
        if old is None or old["name"] != row.name:
            self.db.execute("DELETE FROM words WHERE customer = ?", (number,))
            self.db.executemany("INSERT INTO words VALUES (?, ?)", ((word, number) for word in row.words))
        self.db.execute(
            f"INSERT INTO totals VALUES (?, ?, ?, ?, ?, 1, ?, ?, ?) ON CONFLICT ({_TOTALS}) DO UPDATE SET customers = customers + 1,"
            " value = value + excluded.value, loss = loss + excluded.loss, alarmed = alarmed + excluded.alarmed",
            (*group, row.value, row.loss, int(standing > 0)),
        )

    def _forget_totals(self, customer: str) -> Any:
        """Take a customer out of the totals; returns the row, None if there is none."""
        old = self.db.execute(
            f"SELECT row, name, value, loss, alarms, {_TOTALS} FROM customers WHERE id = ?", (customer,)
        ).fetchone()
        if old is not None:
            self.db.execute(
                "UPDATE totals SET customers = customers - 1, value = value - ?, loss = loss - ?,"
                f" alarmed = alarmed - ? WHERE ({_TOTALS}) = (?, ?, ?, ?, ?)",
                (old["value"], old["loss"], int(old["alarms"] > 0), *(old[column] for column in _TOTALS.split(", "))),
            )
        return old

    def _standing(self, customer: str) -> int:
        found = self.db.execute(f"SELECT count(*) FROM alarms WHERE customer = ? AND {_STANDS}", (customer,))
        return int(found.fetchone()[0])

    def erase(self, customer: str) -> None:
        """Remove everything of a customer."""
        old = self._forget_totals(customer)
        if old is not None:
            self.db.execute("DELETE FROM words WHERE customer = ?", (old["row"],))
            self.db.execute("DELETE FROM customers WHERE row = ?", (old["row"],))
        for table in ("alarms", "changes", "actions", "worklist", "told"):
            self.db.execute(f"DELETE FROM {table} WHERE customer = ?", (customer,))
        raw = customer.encode()
        self.db.execute("DELETE FROM letters WHERE key = ? OR instr(value, ?)", (raw, msgspec.json.encode(customer)))

    # --- alarms ---

    def add_change(self, alarm: Alarm, raw: bytes, row: AlarmColumns | None) -> bool:
        """Add a record of `alarms`, and put `row` in place of the alarm's row before."""
        new = self.db.execute(
            "INSERT OR IGNORE INTO changes (alarm, customer, type, time, record) VALUES (?, ?, ?, ?, ?)",
            (alarm.alarm_id, alarm.customer_id, alarm.type, int(alarm.time), zlib.compress(raw, 1)),
        )
        if new.rowcount and row is not None:
            columns = {**msgspec.structs.asdict(row), "newest": new.lastrowid}
            kept = ("id",) if begins_anew(alarm) else ("id", "raised")
            update = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in kept)
            self.db.execute(
                f"INSERT INTO alarms ({', '.join(columns)}) VALUES (?{', ?' * (len(columns) - 1)})"
                f" ON CONFLICT (id) DO UPDATE SET {update}",
                tuple(columns.values()),
            )
            self._count_standing(row.customer)
        return bool(new.rowcount)  # a record that is there already was judged in the same transaction

    def _count_standing(self, customer: str | None) -> None:
        if customer is None:
            return
        now = self._standing(customer)
        old = self.db.execute(f"SELECT row, alarms, {_TOTALS} FROM customers WHERE id = ?", (customer,)).fetchone()
        if old is None or old["alarms"] == now:
            return
        self.db.execute("UPDATE customers SET alarms = ? WHERE row = ?", (now, old["row"]))
        if bool(now) != bool(old["alarms"]):
            self.db.execute(
                f"UPDATE totals SET alarmed = alarmed + ? WHERE ({_TOTALS}) = (?, ?, ?, ?, ?)",
                (1 if now else -1, *(old[column] for column in _TOTALS.split(", "))),
            )

    def alarm(self, alarm_id: str) -> AlarmKeys | None:
        """What is known of an alarm; None if there is none."""
        row = self.db.execute(
            "SELECT c.record, a.state, a.raised, a.taken_by FROM alarms a JOIN changes c ON c.number = a.newest WHERE a.id = ?",
            (alarm_id,),
        ).fetchone()
        if row is None:
            return None
        alarm = decode_alarm(zlib.decompress(row["record"]))
        assert isinstance(alarm, Alarm)  # only what could be read was stored
        return AlarmKeys(alarm, row["state"], row["raised"], row["taken_by"])

    def raised_at(self, alarm_id: str, at: int) -> Alarm | None:
        """The record of an instant that raised an alarm."""
        found = self.db.execute(
            "SELECT record FROM changes WHERE alarm = ? AND type = 'alarm.raised' AND time = ?", (alarm_id, at)
        ).fetchone()
        alarm = None if found is None else decode_alarm(zlib.decompress(found["record"]))
        return alarm if isinstance(alarm, Alarm) else None

    def change_types(self, alarm_id: str, since: int) -> Collection[str]:
        """The types of an alarm's records since an instant."""
        found = self.db.execute("SELECT type FROM changes WHERE alarm = ? AND time >= ?", (alarm_id, since))
        return {kind for (kind,) in found}

    def put_people(
        self, alarm_id: str, state: str, taken_by: str | None, snoozed_until: int | None, people: People
    ) -> None:
        """Note where people stand with an alarm."""
        self.db.execute(
            "UPDATE alarms SET state = ?, taken_by = ?, snoozed_until = ?, people = ? WHERE id = ?",
            (state, taken_by, snoozed_until, msgspec.json.encode(people) if people.deeds else None, alarm_id),
        )

    def snoozes_due(self, now: int) -> list[str]:
        """The alarms whose snooze has ended."""
        due = self.db.execute("SELECT id FROM alarms WHERE state = 'snoozed' AND snoozed_until <= ?", (now,))
        return [alarm_id for (alarm_id,) in due]

    def add_action(self, action: AlarmAction) -> None:
        """Add what somebody did."""
        self._put_action(action, "NOTHING")

    def move_action(self, action: AlarmAction) -> None:
        """Put what somebody did about an alarm that goes on under another id in place of what is there under its identity."""
        self._put_action(
            action,
            "UPDATE SET alarm = excluded.alarm, customer = excluded.customer, record = excluded.record"
            " WHERE alarm IS NOT excluded.alarm OR customer IS NOT excluded.customer",
        )

    def _put_action(self, action: AlarmAction, known: str) -> None:
        self.db.execute(
            "INSERT INTO actions (source, id, alarm, date, customer, time, record) VALUES (?, ?, ?, ?, ?, ?, ?)"
            f" ON CONFLICT (source, id) DO {known}",
            (
                *(action.source, action.id, action.alarm_id, action.worklist_date, action.customer_id),
                *(int(action.time), encode_event(action)),
            ),
        )

    def actions_since(self, alarm_id: str, since: int) -> list[AlarmAction]:
        """What people did about an alarm since an instant, in the order in which it was read."""
        found = self.db.execute(
            "SELECT record FROM actions WHERE alarm = ? AND time >= ? ORDER BY number", (alarm_id, since)
        )
        return [one for (record,) in found if isinstance(one := decode(record), AlarmAction)]

    def put_told(
        self, alarm_id: str, customer: str | None, rule: str | None, raised: int, deliveries: Iterable[DeliveryRow]
    ) -> None:
        """Put what the notifier decided about an alarm."""
        shown = msgspec.json.encode(list(deliveries))
        self.db.execute("INSERT OR REPLACE INTO told VALUES (?, ?, ?, ?, ?)", (alarm_id, customer, rule, raised, shown))

    def drop_told(self, alarm_id: str) -> None:
        """Remove it."""
        self.db.execute("DELETE FROM told WHERE alarm = ?", (alarm_id,))

    # --- the rest ---

    def put_entry(self, entry: WorklistEntry, raw: bytes) -> None:
        """Put an entry of a worklist."""
        self.db.execute(
            "INSERT OR REPLACE INTO worklist VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                *(entry.date, entry.final, entry.customer_id, entry.rank, entry.funded, entry.held_out),
                zlib.compress(raw, 1),
            ),
        )

    def drop_entries(self, customer: str, date: str | None) -> None:
        """Remove a customer from the early edition of a date; from all editions without one."""
        if date is None:
            self.db.execute("DELETE FROM worklist WHERE customer = ?", (customer,))
        else:
            self.db.execute("DELETE FROM worklist WHERE customer = ? AND date = ? AND NOT final", (customer, date))

    def put_letter(self, letter: Letter, value: bytes | None) -> None:
        """Put a rejected record, with what is shown of it."""
        self.db.execute(
            "INSERT OR IGNORE INTO letters VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)",
            (*letter.origin, letter.code, letter.detail, letter.key, value, letter.written),
        )

    def sent_back(self, origin: Origin) -> None:
        """Note that a rejected record was sent back."""
        self.db.execute("UPDATE letters SET sent_back = 1 WHERE topic = ? AND partition = ? AND number = ?", origin)

    def put_in_force(self, kind: str, since: Instant, raw: bytes) -> None:
        """Put what is in force of a type."""
        self.db.execute("INSERT OR REPLACE INTO in_force VALUES (?, ?, ?)", (kind, int(since), raw))

    def put_store(self, store: str, report: StoreReport) -> None:
        """Put what a store reports in place of what it reported before; one that was heard stays so."""
        self.db.execute(
            "INSERT INTO stores VALUES (?, ?, ?, ?) ON CONFLICT (store) DO UPDATE SET"
            " reported = excluded.reported, heard = max(heard, excluded.heard), reports = excluded.reports",
            (store, report.reported, report.was_heard, msgspec.json.encode(report.values)),
        )

    def note(self, name: str, value: str) -> None:
        """Note a fact about the read model itself."""
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def mark_erased(self, marks: Iterable[str], at: int) -> None:
        """Note erasures by their keyed hashes."""
        self.db.executemany(
            "INSERT INTO erased VALUES (?, ?) ON CONFLICT (mark) DO UPDATE SET at = max(at, excluded.at)",
            ((mark, at) for mark in marks),
        )

    def erased_at(self, mark: str) -> int | None:
        """The newest instant of a mark; None if it is not there."""
        found = self.db.execute("SELECT at FROM erased WHERE mark = ?", (mark,)).fetchone()
        return None if found is None else int(found[0])
