"""Every question has the same answer from SQLite and from Redis, over the same invented business."""

from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest

from alerts.pipeline.incident import Delivery, Incident, encode_incident
from scorers.contract.events import DAY, SECOND, CustomerErased, Instant
from scorers.contract.wire import encode_alarm, encode_event, encode_worklist_entry
from scorers.in_force.control import Group, GroupInForce, encode_control
from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from tests.support.readmodels import NOW, a_customer, an_action, an_entry
from tests.support.redisserver import Server
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.store.folding import Folding
from vigia.readmodel.store.items import ALARM_SORTS, CUSTOMER_SORTS, STATES
from vigia.readmodel.store.queries import Queries
from vigia.readmodel.store.redis_store import index
from vigia.readmodel.store.redis_store.store import RedisStore
from vigia.readmodel.store.sqlite import customers as sqlite_customers
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.readmodel.store.tables import Store, Tables
from vigia.runtime.dead_letter import Letter

STAGES, TIERS, KINDS = ("one_time_buyer", "core_customer", "dormant"), ("gold", "iron"), ("gone-quiet", "risk-high")
NAMES = ("Ana Ruiz", "Łukasz Rüiz", "Ana ana Vidal", "Ñora", "")


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Store, Store]]:
    """A file and a Redis, both empty; lists are walked in small steps."""
    monkeypatch.setattr(index, "FEW", 3)
    monkeypatch.setattr(index, "STEP", 4)
    monkeypatch.setattr(index, "SEARCHED", 4)
    monkeypatch.setattr(sqlite_customers, "FEW", 3)
    server = Server(tmp_path)
    server.start()
    try:
        yield SqliteStore(tmp_path / "readmodel.sqlite"), RedisStore(RedisAddress(server.url), "shop-")
    finally:
        server.stop()


def fill(tables: Tables, seed: int) -> None:
    """Fold the same records into any store."""
    draw = Random(seed)
    folding = Folding(tables, HASHES, lambda: int(NOW) + DAY)
    assert tables.hold()
    with tables.transaction():
        for n in range(40):
            folding.customer(row(draw, n))
        for n in range(0, 40, 3):
            folding.customer(row(draw, n))  # another one in place of it
        for n in range(60):
            raise_and_answer(folding, draw, n)
        for n in range(12):
            date, final = f"2024-03-0{1 + n % 3}", n % 2 == 0
            one = an_entry(f"C{n}", n + 1, date, final=final, funded=n % 4 < 2, held_out=n % 5 == 0)
            folding.entry(encode_worklist_entry(one))
            code = ("bad_time", "bad_value")[n % 2]
            folding.letter(Letter(code=code, detail="", topic="purchases", partition=n % 2, offset=n, key=b"C1", value=b"{", written=n // 2))  # fmt: skip
        tables.sent_back(("purchases", 1, 5))
        folding.take("worklist", SimpleNamespace(key=b"C3", value=None, headers=[("date", b"2024-03-01")]))
        for n in (7, 8, 9):
            event = encode_event(CustomerErased(id=f"e{n}", source="crm", time=Instant(NOW), customer_id=f"C{n}"))
            folding.take("feedback", SimpleNamespace(key=f"C{n}".encode(), value=event, timestamp=NOW // 1000))
        folding.note("tick", "17")
        for n, values in enumerate(({"complaints": 3, "formal": 1}, {"staff_asked": 19_800}, {"complaints": 1}, {})):
            folding.take("clock", SimpleNamespace(value=encode_control(report_of(f"s{n % 3}", n, values))))
        tables.put_offsets({("alarms", 0): 60})


def report_of(store: str, n: int, values: dict[str, int]) -> GroupInForce:
    """What a store reports; the first one reports again that nothing is left to tell."""
    at = Instant(NOW + n * SECOND)
    return GroupInForce(in_force=at, reported=at, subject=Group("store", store), values=values)


def row(draw: Random, n: int) -> bytes:
    """A customer whose loss, risk and last purchase nobody else has, so that each order is the only one."""
    facts = {"stage": draw.choice(STAGES), "tier": draw.choice(TIERS), "store_id": draw.choice(("s1", "s2", None))}
    last = f"2024-01-{1 + n % 28:02d}T00:00:{n:02d}Z"
    name = f"{draw.choice(NAMES)} {n}" if n % 7 else ""
    value = 1000 * draw.randrange(1, 500) + n
    return a_customer(f"C{n}", name, risk=0.5 + n / 1000, value_at_risk_minor=value, last_purchase=last, **facts)


def raise_and_answer(folding: Folding, draw: Random, n: int) -> None:
    """An alarm, and some of what may happen with it."""
    facts = {
        "kind": draw.choice(KINDS),
        "tier": draw.choice(TIERS),
        "severity": draw.choice(("error", "warning")),
        "store_id": draw.choice(("s1", "s2", None)),
        "value_at_risk_minor": 1_000 * draw.randrange(900) + n,
        "risk": 1.0,
    }
    raised = an_alarm(Instant(NOW + n * SECOND), f"a{n}", f"C{n % 37}", **facts)
    folding.alarm(encode_alarm(raised))
    after = {"ack": 1, "snooze": 2, "dismiss": 3}
    if n % 5 == 0:
        action = draw.choice(list(after))
        until = Instant(NOW + draw.choice((1, 40)) * DAY) if action == "snooze" else None
        what = an_action(f"a{n}", action, after=n + after[action], customer_id=f"C{n % 37}", until=until, reason="x")
        folding.action(what)
    if n % 3 == 0:
        over = {**facts, "type": "alarm.settled", "outcome": draw.choice(("returned", "lost"))}
        folding.alarm(encode_alarm(an_alarm(Instant(NOW + 500 * SECOND), f"a{n}", f"C{n % 37}", **over)))
    if n % 4 == 0:
        rule = draw.choice(("muted", "held_out"))
        told = Delivery(
            id=f"d{n}", alarm_id=f"a{n}", change="alarm.raised", channel="log", state="stopped", rule=rule,
            time=raised.time, severity="error",
        )  # fmt: skip
        incident = Incident(alarm=raised, raised_at=raised.time, true_since=raised.time, deliveries=(told,))
        record = SimpleNamespace(key=f"a{n}".encode(), value=encode_incident(incident))
        folding.take("notifications", record)


def questions() -> Iterator[tuple[str, Callable[[Queries], Any]]]:
    """What the pages ask, with their filters."""
    for stage, tier, store, alarms in product(("", "dormant"), ("", "gold"), ("", "s1", "none"), ("", "open")):
        given = {"stage": stage, "tier": tier, "store": store, "alarms": alarms}
        filters = {name: value for name, value in given.items() if value}
        for sort, page in product(CUSTOMER_SORTS, (1, 2, 9)):
            yield (
                f"customers {filters} {sort} {page}",
                lambda db, f=filters, s=sort, p=page: db.customers.page_of(f, s, p, 7),
            )  # type: ignore[misc]
        yield f"all customers {filters}", lambda db, f=filters: [one.raw for one in db.customers.all_of(f)]  # type: ignore[misc]
    for words, tier, sort in product(("ana", "RUIZ an", "c1", "C12", "zz", "nor", "a"), ("", "iron"), ("loss", "name")):
        asked = {"q": words, **({"tier": tier} if tier else {})}
        yield f"search {asked} {sort}", lambda db, f=asked, s=sort: db.customers.page_of(f, s, 1, 9)  # type: ignore[misc]
    few = (
        {}, {"kind": "gone-quiet"}, {"tier": "gold", "severity": "error"}, {"store": "s1"}, {"customer": "C3"},
        {"customer": "C3", "kind": "risk-high"}, {"about": "customer"}, {"about": "theme"}, {"severity": "info"},
    )  # fmt: skip
    for given, state, sort, page in product(few, STATES, ALARM_SORTS, (1, 2)):
        f = {**given, "state": state}
        yield f"alarms {f} {sort} {page}", lambda db, f=f, s=sort, p=page: db.alarms.page_of(f, s, p, 6)  # type: ignore[misc]
    yield "all alarms", lambda db: list(db.alarms.all_of({"kind": "gone-quiet", "state": "all"}))
    for n in (1, 3, 7, 15, 20):
        yield f"customer {n}", lambda db, n=n: (db.customers.one(f"C{n}"), db.customers.known([f"C{n}", "C1"]))  # type: ignore[misc]
        yield (
            f"alarm {n}",
            lambda db, n=n: (db.alarms.one(f"a{n}"), db.alarms.life(f"a{n}"), db.alarms.actions(f"a{n}")),
        )  # type: ignore[misc]
        yield f"life {n}", lambda db, n=n: (db.alarms.changes_of(f"C{n}"), db.worklists.deeds_about(f"C{n}"))  # type: ignore[misc]
        yield (
            f"entries {n}",
            lambda db, n=n: (db.worklists.entries_of(f"C{n}"), db.worklists.entry("2024-03-02", f"C{n}")),
        )  # type: ignore[misc]
    for rule in ("", "muted", "none"):
        yield f"held back {rule}", lambda db, rule=rule: db.alarms.held_back(rule, 1)  # type: ignore[misc]
    for by in (("tier",), ("stage", "tier", "currency"), ("store", "stage", "currency"), ("type",)):
        yield f"totals {by}", lambda db, by=by: db.customers.totals(by)  # type: ignore[misc]
    for name in ("rules", "outcomes", "by_state", "by_store", "kinds"):
        yield name, lambda db, name=name: getattr(db.alarms, name)()  # type: ignore[misc]
    yield "changes", lambda db: db.alarms.changes_after(10, 20)
    yield "action", lambda db: db.alarms.action("desk", "a5-ack-Eva-6")
    yield "dates", lambda db: db.worklists.dates()
    for date, held, funded, first in product(("2024-03-01", "2024-03-02", "2024-03-09"), *([(False, True)] * 3)):
        more = {"held_out": held, "funded": funded, "funded_first": first}
        yield f"worklist {date} {more}", lambda db, d=date, m=more: db.worklists.page_of(d, 1, 3, **m)  # type: ignore[misc]
        yield f"deeds {date}", lambda db, d=date: db.worklists.deeds_on(d)  # type: ignore[misc]
    for sent, code in product(("", "yes", "all"), ("", "bad_time")):
        yield f"letters {sent} {code}", lambda db, f={"sent": sent, "code": code}: db.others.letters(f)  # type: ignore[misc]
    yield "codes", lambda db: (sorted(db.others.letter_codes()), db.others.fact("tick"), db.others.in_force("none"))
    yield "stores", lambda db: db.others.stores()


@pytest.mark.parametrize("seed", [1, 2])
def test_all_stores_answer_alike(stores: tuple[Store, Store], seed: int) -> None:
    """Filters, orders, pages, searches, counts and what belongs to one; also after the same records were folded again."""
    asked = list(questions())
    for _ in range(2):
        answers = []
        for store in stores:
            tables = store.tables()
            fill(tables, seed)
            tables.close()
            with store.snapshot() as queries:
                answers.append([question(queries) for _, question in asked])
                assert queries.alarms.last_change() >= queries.alarms.changes_after(0)[-1].number
        wrong = [what for (what, _), one, other in zip(asked, *answers, strict=True) if one != other]
        assert wrong == []
        assert sum(1 for one in answers[0] if one) > 400, "the questions find something"


@pytest.mark.parametrize("seed", [3])
def test_what_ended_long_ago_is_removed_alike(stores: tuple[Store, Store], seed: int) -> None:
    """Alarms with all that belongs to them, and old worklists."""
    answers = []
    for store in stores:
        tables = store.tables()
        fill(tables, seed)
        with tables.transaction():
            tables.prune(int(NOW) + 600 * SECOND)
        tables.close()
        with store.snapshot() as queries:
            answers.append([question(queries) for _, question in questions()])
            assert queries.alarms.page_of({"state": "settled"}).total == 0
            assert queries.worklists.dates() == []
            assert queries.alarms.page_of({"state": "all"}).total > 10
            assert queries.others.stores() == {}
    assert answers[0] == answers[1]
