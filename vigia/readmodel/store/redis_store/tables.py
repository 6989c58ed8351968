"""Writes the rows of a read model into a Redis: one by one, each with its indexes by one script."""

import zlib
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import cast

import msgspec

from alerts.pipeline.incident import BY_PEOPLE
from scorers.contract.alarms import Alarm
from scorers.contract.events import AlarmAction, Instant
from scorers.contract.rfc3339 import parse_instant
from scorers.contract.wire import decode, decode_alarm, encode_event
from scorers.contract.worklist import WorklistEntry
from vigia.readmodel.store.items import DeliveryRow, LetterRow, StoreReport
from vigia.readmodel.store.people import People
from vigia.readmodel.store.redis_store.keys import (
    CUSTOMER_GROUPS,
    GROUPS,
    Meta,
    alarm_row,
    digits,
    joined,
    owner,
    pack,
    words_of,
)
from vigia.readmodel.store.redis_store.writing import Connection
from vigia.readmodel.store.tables import AlarmColumns, AlarmKeys, CustomerColumns, begins_anew
from vigia.runtime.dead_letter import Letter, Origin

AT_ONCE = 500  # writes that are sent together
RENEW_EVERY = 3600.0  # seconds
TABLES = ("customers", "alarms", "changes", "actions", "told", "worklist", "letters")
UNFUNDED = 1_000_000  # added to the rank of those without funds, where those with funds come first


class RedisTables(Connection):
    """What is written, while this console is the one that does."""

    def prune(self, until: int) -> None:
        """Remove what ended before this instant."""
        self._flush()
        ended = self._redis.zrange(self._index["alarms"].key("ended"), "-inf", f"({until}", byscore=True)
        for raw in cast("list[bytes]", ended):
            self._drop_alarm(raw.decode())
        day = datetime.fromtimestamp(until / 1_000_000, UTC).date().isoformat()
        for row_id in [
            one.decode() for one in cast("list[bytes]", self._redis.hkeys(self._index["worklist"].key("rows")))
        ]:
            if row_id.partition("\0")[0] < day:
                self._drop("worklist", row_id)
        found = cast("dict[bytes, bytes]", self._redis.hgetall(f"{self._start}stores"))
        for store, raw in found.items():
            if msgspec.json.decode(raw, type=StoreReport).reported < until:
                self._redis.hdel(f"{self._start}stores", store)
                self._redis.hdel(f"{self._start}heard", store)
        self._flush()

    # --- customers ---

    def put_customer(self, row: CustomerColumns) -> None:
        """Put a customer in place of the row before."""
        last = parse_instant(row.last) / 1_000_000 if row.last else -1.0
        filters = {"stage": row.stage, "tier": row.tier, "type": row.type, "store": row.store}
        meta = Meta(
            sets={
                "loss": row.loss,
                "risk": row.risk,
                "last": last,
                **{f"{name}={value}": row.loss for name, value in filters.items() if value},
            },
            lexes=(
                ("name", f"{row.sort.replace(chr(0), ' ')}\0{row.id}"),
                *(("words", f"{word}\0{row.id}") for word in row.words),
            ),
            groups={
                name: joined(*(getattr(row, column) for column in columns)) for name, columns in CUSTOMER_GROUPS.items()
            },
            sums=(1, row.value, row.loss),
            text=words_of(row.words),
        )
        self._put("customers", row.id, meta, zlib.compress(row.raw, 1))

    def erase(self, customer: str) -> None:
        """Remove everything of a customer."""
        self._flush()
        for table, name, skipped in (("alarms", "of", 16), ("changes", "customer", 32), ("actions", "customer", 32)):
            for text in self._index[table].of(name, customer):
                self._drop(table, text[skipped:])
        for alarm_id in self._index["told"].of("customer", customer):
            self._drop("told", alarm_id)
        self.drop_entries(customer, None)
        self._drop("customers", customer)
        self._drop_letters(customer)
        self._flush()

    def _drop_letters(self, customer: str) -> None:
        """Remove the rejected records that name a customer."""
        whole, key = msgspec.json.encode(customer), customer.encode()
        found = self._redis.hscan_iter(self._index["letters"].key("rows"), count=500)
        for row_id, row in cast("Iterator[tuple[bytes, bytes]]", found):
            letter = msgspec.msgpack.decode(row, type=LetterRow)
            if letter.key == key or whole in (letter.value or b""):
                self._drop("letters", row_id.decode())

    # --- alarms ---

    def add_change(self, alarm: Alarm, raw: bytes, row: AlarmColumns | None) -> bool:
        """Add a record of `alarms`, and put `row` in place of the alarm's row before."""
        self._flush()
        change = joined(alarm.alarm_id, alarm.type, int(alarm.time))
        lexes = [("of", owner(alarm.alarm_id))]
        if alarm.customer_id is not None:
            lexes.append(("customer", owner(alarm.customer_id) + digits(int(alarm.time))))
        columns = b"" if row is None else pack(msgspec.structs.asdict(row))
        flags = (int(alarm.type in BY_PEOPLE), int(not begins_anew(alarm)))
        meta = pack(Meta(lexes=tuple(lexes)))
        return bool(self._run("change", change, meta, zlib.compress(raw, 1), alarm.alarm_id, columns, *flags))

    def alarm(self, alarm_id: str) -> AlarmKeys | None:
        """What is known of an alarm; None if there is none."""
        self._flush()
        row = self._index["alarms"].row(alarm_id)
        if row is None:
            return None
        one = alarm_row(row)
        record = self._index["changes"].row(one.newest)
        newest = decode_alarm(b"" if record is None else zlib.decompress(record))
        return AlarmKeys(newest, one.state, one.raised, one.taken_by) if isinstance(newest, Alarm) else None

    def raised_at(self, alarm_id: str, at: int) -> Alarm | None:
        """The record of an instant that raised an alarm."""
        found = self._index["changes"].row(joined(alarm_id, "alarm.raised", at))
        alarm = None if found is None else decode_alarm(zlib.decompress(found))
        return alarm if isinstance(alarm, Alarm) else None

    def change_types(self, alarm_id: str, since: int) -> Collection[str]:
        """The types of an alarm's records since an instant."""
        changes = (text[16:].rsplit("\0", 2) for text in self._index["changes"].of("of", alarm_id))
        return {kind for _, kind, time in changes if int(time) >= since}

    def put_people(
        self, alarm_id: str, state: str, taken_by: str | None, snoozed_until: int | None, people: People
    ) -> None:
        """Note where people stand with an alarm."""
        told = msgspec.json.encode(people) if people.deeds else b""
        self._run("people", alarm_id, state, taken_by or "", "" if snoozed_until is None else snoozed_until, told)

    def snoozes_due(self, now: int) -> list[str]:
        """The alarms whose snooze has ended."""
        self._flush()
        due = self._redis.zrange(self._index["alarms"].key("snoozed"), "-inf", now, byscore=True)
        return [one.decode() for one in cast("list[bytes]", due)]

    def add_action(self, action: AlarmAction) -> None:
        """Add what somebody did."""
        at = digits(int(action.time))
        lexes = [("of", owner(action.alarm_id))] if action.alarm_id is not None else []
        lexes += [("date", owner(action.worklist_date) + at)] if action.worklist_date is not None else []
        lexes += [("customer", owner(action.customer_id) + at)] if action.customer_id is not None else []
        meta = pack(Meta(lexes=tuple(lexes)))
        self._run("add", "actions", joined(action.source, action.id), meta, encode_event(action))

    def move_action(self, action: AlarmAction) -> None:
        """Put what somebody did about an alarm that goes on under another id in place of what is there under its identity."""
        self._flush()
        row = self._index["actions"].row(known := joined(action.source, action.id))
        before = None if row is None else decode(row)
        if not isinstance(before, AlarmAction) or (before.alarm_id, before.customer_id) != (action.alarm_id, action.customer_id):  # fmt: skip
            self._drop("actions", known)
            self.add_action(action)

    def actions_since(self, alarm_id: str, since: int) -> list[AlarmAction]:
        """What people did about an alarm since an instant, in the order in which it was read."""
        rows = self._index["actions"].rows([text[16:] for text in self._index["actions"].of("of", alarm_id)])
        found = [decode(row) for row in rows if row is not None]
        return [one for one in found if isinstance(one, AlarmAction) and one.time >= since]

    def put_told(
        self, alarm_id: str, customer: str | None, rule: str | None, raised: int, deliveries: Iterable[DeliveryRow]
    ) -> None:
        """Put what the notifier decided about an alarm."""
        meta = Meta(
            sets={} if rule is None else {"held": -raised, f"rule={rule}": -raised},
            lexes=() if customer is None else (("customer", owner(customer) + alarm_id),),
            groups={} if rule is None else {GROUPS: rule},
            sums=() if rule is None else (1,),
        )
        self._put("told", alarm_id, meta, msgspec.json.encode((rule, list(deliveries))))

    def drop_told(self, alarm_id: str) -> None:
        """Remove it."""
        self._drop("told", alarm_id)

    def _drop_alarm(self, alarm_id: str) -> None:
        for table in ("changes", "actions"):
            for text in self._index[table].of("of", alarm_id):
                self._drop(table, text[16:])
        for table in ("told", "alarms"):
            self._drop(table, alarm_id)

    # --- the rest ---

    def put_entry(self, entry: WorklistEntry, raw: bytes) -> None:
        """Put an entry of a worklist."""
        where = f"{entry.date}/{int(entry.final)}/{int(entry.held_out)}"
        sets: dict[str, float] = {
            f"all/{where}": entry.rank,
            f"first/{where}": entry.rank + (0 if entry.funded else UNFUNDED),
        }
        meta = Meta(
            sets=sets | ({f"funded/{where}": entry.rank} if entry.funded else {}),
            lexes=(("customer", owner(entry.customer_id) + joined(entry.date, int(entry.final))),),
            groups={GROUPS: joined(entry.date, int(entry.final))},
            sums=(1,),
        )
        self._put("worklist", joined(entry.date, int(entry.final), entry.customer_id), meta, zlib.compress(raw, 1))

    def drop_entries(self, customer: str, date: str | None) -> None:
        """Remove a customer from the early edition of a date; from all editions without one."""
        self._flush()
        found = self._index["worklist"].of("customer", customer) if date is None else [joined(date, 0)]
        for edition in found:
            self._drop("worklist", joined(edition, customer))

    def put_letter(self, letter: Letter, value: bytes | None) -> None:
        """Put a rejected record, with what is shown of it."""
        if self._index["letters"].row(_letter_id(letter.origin)) is None:
            what = letter.code, letter.detail
            self._put_letter(LetterRow(*letter.origin, *what, letter.key, value, letter.written, False))

    def sent_back(self, origin: Origin) -> None:
        """Note that a rejected record was sent back."""
        self._flush()
        row = self._index["letters"].row(_letter_id(origin))
        if row is not None:
            self._put_letter(msgspec.msgpack.decode(row, type=LetterRow)._replace(sent_back=True))

    def _put_letter(self, row: LetterRow) -> None:
        sent = "yes" if row.sent_back else "no"
        names = ("written", f"sent={sent}", f"code={row.code}", f"topic={row.topic}")
        meta = Meta(sets=dict.fromkeys(names, -row.written), groups={GROUPS: joined(row.code, sent)}, sums=(1,))
        self._put("letters", _letter_id(row[:3]), meta, pack(row))

    def put_in_force(self, kind: str, since: Instant, raw: bytes) -> None:
        """Put what is in force of a type."""
        self._put_hash("in_force", {kind: raw})

    def put_store(self, store: str, report: StoreReport) -> None:
        """Put what a store reports in place of what it reported before; one that was heard stays so."""
        self._put_hash("stores", {store: msgspec.json.encode(report)})
        if report.was_heard:
            self._put_hash("heard", {store: report.reported})

    def note(self, name: str, value: str) -> None:
        """Note a fact about the read model itself."""
        self._put_hash("facts", {name: value})

    def mark_erased(self, marks: Iterable[str], at: int) -> None:
        """Note erasures by their keyed hashes."""
        given = dict.fromkeys(marks, at)
        self._put_hash("erased", given)
        for mark in given:
            self._erased[mark] = max(at, self._erased.get(mark, at))

    def erased_at(self, mark: str) -> int | None:
        """The newest instant of a mark; None if it is not there."""
        return self._erased.get(mark)


def _letter_id(origin: Origin) -> str:
    topic, partition, number = origin
    return joined(topic, f"{partition:06d}", f"{number:016d}")
