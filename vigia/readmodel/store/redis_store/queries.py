"""Answers the questions of the console from a Redis. One question is not one snapshot: rows that go meanwhile are left out."""

import zlib
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

import msgspec
from msgspec.structs import replace
from redis import Redis

from scorers.contract.alarms import SEVERITIES, Alarm
from scorers.contract.events import AlarmAction
from scorers.contract.wire import decode, decode_alarm
from scorers.contract.worklist import WorklistEntry, decode_entry
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.collation import plain
from vigia.readmodel.store.items import (
    MOST_WORDS,
    PAGE,
    STANDING,
    STATES,
    AlarmItem,
    Change,
    CustomerItem,
    DeliveryRow,
    LetterRow,
    Page,
    StoreReport,
    Total,
    order_of,
    start_of,
)
from vigia.readmodel.store.people import People
from vigia.readmodel.store.redis_store.index import Index, Order
from vigia.readmodel.store.redis_store.keys import CUSTOMER_GROUPS, AlarmRow, alarm_row, joined, owner

CUSTOMER_ORDERS = {
    "loss": Order("loss", backwards=True, is_own=True),
    "risk": Order("risk", backwards=True),
    "name": Order("name", is_text=True),
    "silence": Order("last"),
    "recent": Order("last", backwards=True),
}
_ALARM_FILTERS = ("kind", "tier", "store", "stage", "about")
AT_ONCE = 500

_customer_row = msgspec.json.Decoder(CustomerRow).decode
_deliveries = msgspec.json.Decoder(tuple[str | None, tuple[DeliveryRow, ...]]).decode
_people = msgspec.json.Decoder(People).decode
_store = msgspec.json.Decoder(StoreReport).decode
_letter = msgspec.msgpack.Decoder(LetterRow).decode


class RedisCustomers:
    """Lists of customers, one customer, and the sums over all."""

    def __init__(self, redis: Redis, start: str) -> None:
        self._redis, self._start = redis, start
        self._index = Index(redis, start, "customers")

    def page_of(self, filters: Mapping[str, str], sort: str = "loss", page: int = 1, size: int = PAGE) -> Page:
        """A page of the customers that fit; `filters` has some of stage, tier, type, store, alarms (`open`) and q."""
        order, names = CUSTOMER_ORDERS.get(sort, CUSTOMER_ORDERS["loss"]), _customer_filters(filters)
        if (found := self._searched(filters, names)) is None:
            ids, total = self._index.page(order, names, page, size)
            return Page(self._items(ids), total)
        start = start_of(page, size, len(found))
        ids = [] if start is None else self._index.sorted(order, found)[start : start + size]
        return Page(self._items(ids), len(found))

    def all_of(self, filters: Mapping[str, str], sort: str = "loss") -> Iterator[CustomerItem]:
        """All customers that fit, in order."""
        order, names = CUSTOMER_ORDERS.get(sort, CUSTOMER_ORDERS["loss"]), _customer_filters(filters)
        found = self._searched(filters, names)
        ids = self._index.all(order, names) if found is None else iter(self._index.sorted(order, found))
        while some := list(islice(ids, AT_ONCE)):
            yield from self._items(some)

    def _searched(self, filters: Mapping[str, str], names: Sequence[str]) -> list[str] | None:
        """The customers that fit a search; None if nothing is searched."""
        asked = filters.get("q", "")
        words = plain(asked).split()[:MOST_WORDS]
        if not words:
            return None
        found = self._index.search(words)
        if asked not in found and self._index.row(asked) is not None:
            found.append(asked)
        return self._index.among(found, names)

    def one(self, customer_id: str) -> CustomerItem | None:
        """One customer; None if there is none."""
        return next(iter(self._items([customer_id])), None)

    def known(self, customer_ids: Sequence[str]) -> dict[str, CustomerItem]:
        """The customers with these ids, as far as they are known."""
        return {one.row.customer_id: one for one in self._items(list(dict.fromkeys(customer_ids)))}

    def totals(self, by: Sequence[str]) -> dict[tuple[str, ...], Total]:
        """Customers, value at risk and expected loss by some of stage, tier, type, store and currency."""
        name, columns = next(one for one in CUSTOMER_GROUPS.items() if set(by) <= set(one[1]))
        sums = self._index.groups([columns.index(one) + 1 for one in by], name)
        return {group: Total(*numbers) for group, numbers in sums.items()}

    def _items(self, ids: Sequence[str]) -> list[CustomerItem]:
        pipe = self._redis.pipeline(transaction=False)
        for one in ids:
            bounds = f"[{owner(one)}".encode(), f"[{owner(one)}".encode() + b"\xff"
            pipe.zlexcount(f"{self._start}alarms:standing", *bounds)
        rows = self._index.rows(ids)
        items = []
        for row, standing in zip(rows, pipe.execute(), strict=True):
            if row is not None:
                raw = zlib.decompress(row)
                found = _customer_row(raw)
                items.append(CustomerItem(found, raw, round(found.risk * found.value_at_risk_minor), standing))
        return items


def _customer_filters(filters: Mapping[str, str]) -> list[str]:
    names = [f"{name}={filters[name]}" for name in ("stage", "tier", "type", "store") if filters.get(name)]
    return [*names, "alarms=open"] if filters.get("alarms") == "open" else names


class RedisAlarms:
    """Lists of alarms, one alarm with its life, and the counts over all."""

    def __init__(self, redis: Redis, start: str) -> None:
        self._redis = redis
        self._index, self._changes = Index(redis, start, "alarms"), Index(redis, start, "changes")
        self._actions, self._told = Index(redis, start, "actions"), Index(redis, start, "told")

    def page_of(self, filters: Mapping[str, str], sort: str = "", page: int = 1, size: int = PAGE) -> Page:
        """A page of the alarms that fit; `filters` has some of kind, severity, tier, store, stage, state, customer and about."""
        order, names = _alarm_query(filters, sort)
        if customer := filters.get("customer"):
            found = self._of(customer, order, names)
            start = start_of(page, size, len(found))
            return Page([] if start is None else self._items(found[start : start + size]), len(found))
        ids, total = self._index.page(order, names, page, size)
        return Page(self._items(ids), total)

    def all_of(self, filters: Mapping[str, str], sort: str = "") -> Iterator[AlarmItem]:
        """All alarms that fit, in order."""
        order, names = _alarm_query(filters, sort)
        customer = filters.get("customer")
        ids = iter(self._of(customer, order, names)) if customer else self._index.all(order, names)
        while some := list(islice(ids, AT_ONCE)):
            yield from self._items(some)

    def _of(self, customer: str, order: Order, names: Sequence[str]) -> list[str]:
        found = [text[16:] for text in self._index.of("of", customer)]
        return self._index.sorted(order, self._index.among(found, names))

    def one(self, alarm_id: str) -> AlarmItem | None:
        """One alarm; None if there is none."""
        return next(iter(self._items([alarm_id])), None)

    def _items(self, ids: Sequence[str]) -> list[AlarmItem]:
        rows = [alarm_row(row) for row in self._index.rows(ids) if row is not None]
        records = self._changes.rows([row.newest for row in rows])
        told = self._told.rows([row.id for row in rows])
        found = zip(rows, records, told, strict=True)
        return [_alarm_item(row, record, about) for row, record, about in found if record is not None]

    def life(self, alarm_id: str) -> list[Change]:
        """All records of an alarm, in order."""
        return self._records([text[16:] for text in self._changes.of("of", alarm_id)])

    def changes_of(self, customer_id: str, most: int = 500) -> list[Change]:
        """The newest records about a customer's alarms, the newest first."""
        return self._records([text[32:] for text in self._changes.of("customer", customer_id, most, newest_first=True)])

    def changes_after(self, number: int, most: int = 500) -> list[Change]:
        """The records of `alarms` read after this one, in order."""
        key = self._changes.key("number_of")
        found = self._redis.zrange(key, f"({number}", "+inf", byscore=True, offset=0, num=most)
        return self._records([one.decode() for one in cast("list[bytes]", found)])

    def _records(self, ids: Sequence[str]) -> list[Change]:
        if not ids:
            return []
        numbers = self._redis.zmscore(self._changes.key("number_of"), list(ids))
        changes = []
        for number, row in zip(numbers, self._changes.rows(ids), strict=True):
            raw = b"" if row is None else zlib.decompress(row)
            alarm = decode_alarm(raw)
            if isinstance(alarm, Alarm):
                changes.append(Change(int(number or 0), alarm, raw))
        return changes

    def last_change(self) -> int:
        """The number of the newest record of `alarms`; 0 if there is none."""
        return int(cast("bytes | None", self._redis.get(self._changes.key("number"))) or 0)

    def actions(self, alarm_id: str) -> list[AlarmAction]:
        """What people did about an alarm, in the order in which it was read."""
        return _acts(self._actions.rows([text[16:] for text in self._actions.of("of", alarm_id)]))

    def action(self, source: str, action_id: str) -> AlarmAction | None:
        """One action; None if there is none."""
        return next(iter(_acts(self._actions.rows([joined(source, action_id)]))), None)

    def held_back(self, rule: str, page: int) -> Page:
        """A page of the alarms of which nobody was told, the newest first; `rule` is empty for every rule."""
        ids, total = self._told.page(Order(f"rule={rule}" if rule else "held"), (), page, PAGE)
        return Page(self._items(ids), total)

    def rules(self) -> dict[str, int]:
        """How many alarms each rule kept from being told, the most first."""
        return dict(_most_first((rule, number) for (rule,), (number,) in self._told.groups([1]).items()))

    def outcomes(self) -> dict[str, dict[str, int]]:
        """By kind, the number of alarms with each outcome, withdrawn, or of each state while they stand; without state changes."""
        counts: dict[str, dict[str, int]] = {}
        for (kind, ended, is_change), (number,) in self._index.groups([1, 3, 4]).items():
            if is_change == "0":
                counts.setdefault(kind, {})[ended] = number
        return counts

    def by_state(self) -> dict[str, int]:
        """How many alarms are in each state."""
        found = {state: self._index.count([f"raised/{state}"]) for state in STATES if state != "all"}
        return {state: number for state, number in found.items() if number}

    def by_store(self) -> dict[str, int]:
        """How many alarms stand at each store."""
        counts: dict[str, int] = {}
        for (state, store), (number,) in self._index.groups([2, 5]).items():
            if store and state in STANDING:
                counts[store] = counts.get(store, 0) + number
        return counts

    def kinds(self) -> list[str]:
        """The kinds of which there are alarms."""
        return sorted(kind for (kind,) in self._index.groups([1]))


def _alarm_query(filters: Mapping[str, str], sort: str) -> tuple[Order, list[str]]:
    """The order, and the filters; the state is in the order, and among the filters if there are others."""
    state = filters.get("state") or "open"
    kind = order_of(filters, sort)
    order = Order(
        f"{'urgent' if kind == 'urgent' else 'raised'}/{state}",
        backwards=kind == "newest",
        is_own=kind != "urgent" and state == "all",
    )
    names = [f"{name}={filters[name]}" for name in _ALARM_FILTERS if filters.get(name)]
    if severity := filters.get("severity"):
        names.append(f"severity={SEVERITIES.index(severity) if severity in SEVERITIES else -1}")
    return order, [*names, order.name] if names and state != "all" else names


def _alarm_item(row: AlarmRow, record: bytes, told: bytes | None) -> AlarmItem:
    raw = zlib.decompress(record)
    alarm = decode_alarm(raw)
    assert isinstance(alarm, Alarm)  # only what could be read was stored
    rule, deliveries = (None, ()) if told is None else _deliveries(told)
    return AlarmItem(
        alarm=alarm,
        raw=raw,
        state=row.state,
        raised=row.raised,
        loss=row.loss,
        people=People(taken_by=row.taken_by) if row.people is None else _people(row.people),
        taken_by=row.taken_by,
        snoozed_until=row.snoozed_until,
        rule=rule,
        is_change=row.is_change,
        deliveries=deliveries,
    )


class RedisWorklists:
    """The worklist of a date, the entries of a customer, and what was done about them."""

    def __init__(self, redis: Redis, start: str) -> None:
        self._index, self._actions = Index(redis, start, "worklist"), Index(redis, start, "actions")

    def dates(self, most: int = 60) -> list[str]:
        """The newest dates with a worklist, the newest first."""
        return sorted((date for (date,) in self._index.groups([1])), reverse=True)[:most]

    def page_of(
        self,
        date: str,
        page: int = 1,
        size: int = PAGE,
        *,
        held_out: bool = False,
        funded: bool = False,
        funded_first: bool = False,
    ) -> Page:
        """A page of the newest edition of a date's worklist: who may be reached, or the held-out, who may not.

        `funded_first` puts those with funds first; otherwise the order is that of the ranks.
        """
        final = int((date, "1") in self._index.groups([1, 2]))
        which = "funded" if funded else "first" if funded_first else "all"
        ids, total = self._index.page(Order(f"{which}/{date}/{final}/{int(held_out)}"), (), page, size)
        return Page([decode_entry(zlib.decompress(row)) for row in self._index.rows(ids) if row is not None], total)

    def entries_of(self, customer_id: str, most: int = 60) -> list[WorklistEntry]:
        """The newest entries of a customer, the newest date first; of a date the newest edition."""
        found: dict[str, str] = {}
        for text in self._index.of("customer", customer_id, 2 * most, newest_first=True):
            found.setdefault(text.split("\0")[0], joined(text, customer_id))
        rows = self._index.rows(list(found.values())[:most])
        return [decode_entry(zlib.decompress(row)) for row in rows if row is not None]

    def entry(self, date: str, customer_id: str) -> WorklistEntry | None:
        """The entry of a customer on a date; None if there is none."""
        rows = self._index.rows([joined(date, final, customer_id) for final in (1, 0)])
        row = next((one for one in rows if one is not None), None)
        return None if row is None else decode_entry(zlib.decompress(row))

    def deeds_on(self, date: str) -> dict[str, list[AlarmAction]]:
        """What was done about the entries of a date, by customer, in the order of time."""
        deeds: dict[str, list[AlarmAction]] = {}
        for one in _acts(self._actions.rows([text[32:] for text in self._actions.of("date", date)])):
            if one.customer_id is not None:
                deeds.setdefault(one.customer_id, []).append(one)
        return deeds

    def deeds_about(self, customer_id: str, most: int = 200) -> list[AlarmAction]:
        """The newest actions about a customer, the newest first."""
        found = self._actions.of("customer", customer_id, most, newest_first=True)
        return _acts(self._actions.rows([text[32:] for text in found]))


class RedisOthers:
    """Rejected records, what is in force, and facts about the read model itself."""

    def __init__(self, redis: Redis, start: str) -> None:
        self._redis, self._start = redis, start
        self._letters = Index(redis, start, "letters")

    def letters(self, filters: Mapping[str, str], page: int = 1) -> Page:
        """A page of the rejected records, the newest first; `filters` has some of code, topic and `sent` (`yes` or `no`)."""
        names = [f"{name}={filters[name]}" for name in ("code", "topic") if filters.get(name)]
        if filters.get("sent") != "all":
            names.append(f"sent={filters.get('sent') or 'no'}")
        ids, total = self._letters.page(Order("written", is_own=True), names, page, PAGE)
        return Page([_letter(row) for row in self._letters.rows(ids) if row is not None], total)

    def letter_codes(self) -> list[tuple[str, int]]:
        """How many rejected records of each code were not sent back, the most first."""
        counted = self._letters.groups([1, 2]).items()
        return _most_first((code, number) for (code, sent), (number,) in counted if sent == "no")

    def in_force(self, kind: str) -> bytes | None:
        """The newest control record of a type, such as `policy.in_force`; None if none was read."""
        return cast("bytes | None", self._redis.hget(f"{self._start}in_force", kind))

    def stores(self) -> dict[str, StoreReport]:
        """What each store has reported last."""
        found = cast("dict[bytes, bytes]", self._redis.hgetall(f"{self._start}stores"))
        heard = set(cast("list[bytes]", self._redis.hkeys(f"{self._start}heard")))
        reports = {store: _store(raw) for store, raw in found.items()}
        return {
            store.decode(): replace(report, was_heard=report.was_heard or store in heard)
            for store, report in reports.items()
        }

    def fact(self, name: str) -> str | None:
        """A fact about the read model itself; None if it is not known."""
        found = cast("bytes | None", self._redis.hget(f"{self._start}facts", name))
        return None if found is None else found.decode()


class RedisQueries:
    """All questions, over one client."""

    def __init__(self, redis: Redis, start: str) -> None:
        self.customers, self.alarms = RedisCustomers(redis, start), RedisAlarms(redis, start)
        self.worklists, self.others = RedisWorklists(redis, start), RedisOthers(redis, start)


def _acts(rows: Sequence[bytes | None]) -> list[AlarmAction]:
    return [one for row in rows if row is not None and isinstance(one := decode(row), AlarmAction)]


def _most_first(counted: Any) -> list[tuple[str, int]]:
    return sorted(counted, key=lambda one: (-one[1], one[0]))
