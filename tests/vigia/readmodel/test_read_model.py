"""The read model of the console in each store, fed from a broker and asked as pages ask it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from alerts.pipeline.incident import Delivery, Incident, encode_incident
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, SECOND, Instant
from scorers.contract.wire import encode_worklist_entry
from scorers.contract.worklist import DATE
from tests.support.alarms import an_alarm
from tests.support.readmodels import NOW, Desk, a_customer, a_desk, an_action, an_entry, file_of
from tests.support.redisserver import Server
from vigia.operations.privacy import Trace, in_redis, in_tables
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.store.items import STATES, AlarmItem
from vigia.readmodel.store.redis_store.store import RedisStore
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.readmodel.store.tables import Store
from vigia.runtime import dead_letter


@pytest.fixture(params=["sqlite", "redis"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Store]]:
    """Where the read model lies: a file, or a Redis of the test's own."""
    if request.param == "sqlite":
        yield lambda: SqliteStore(file_of(tmp_path))
        return
    server = Server(tmp_path)
    server.start()
    try:
        yield lambda: RedisStore(RedisAddress(server.url), "")
    finally:
        server.stop()


@pytest.fixture
async def desk(tmp_path: Path, store: Callable[[], Store]) -> AsyncIterator[Desk]:
    """A broker and a read model."""
    async with a_desk(tmp_path, store) as found:
        yield found


def held_of(desk: Desk, customer: str) -> list[str]:
    """Where the store of the read model names a customer."""
    store = desk.model.store
    trace = Trace(customer)
    if isinstance(store, SqliteStore):
        return [one.place for one in in_tables(store.path.parent, trace)]
    assert isinstance(store, RedisStore)
    return [one.place for one in in_redis(store.address, "", trace)]


def over(of: Alarm, outcome: str = "saved", hours: int = 2) -> Alarm:
    """The end of an alarm."""
    return msgspec.structs.replace(of, type="alarm.settled", time=Instant(NOW + hours * HOUR), outcome=outcome)


async def state_of(desk: Desk, alarm_id: str) -> AlarmItem:
    """An alarm as its page has it."""
    found = await desk.model.ask(lambda db: db.alarms.one(alarm_id))
    assert found is not None
    return found


async def test_customers_are_found_by_filters_and_by_words_of_their_name(desk: Desk) -> None:
    """The dearest loss first; accents and capitals do not matter; a row that is read again replaces the old one."""
    await desk.send("customers", "C1", a_customer("C1", "Łukasz Ruiz", risk=0.9))
    await desk.send("customers", "C/2 %", a_customer("C/2 %", "Ana Ruiz", tier="iron", store_id="s2"))
    await desk.send("customers", "C3", a_customer("C3", stage="dormant", risk=0.6))
    async with desk.following():

        async def ids(filters: dict[str, str], sort: str = "loss") -> tuple[list[str], int]:
            page = await desk.model.ask(lambda db: db.customers.page_of(filters, sort))
            return [one.row.customer_id for one in page.items], page.total

        assert await ids({}) == (["C1", "C3", "C/2 %"], 3)
        assert await ids({"q": "RUIZ luk"}) == (["C1"], 1)
        assert await ids({"q": "rui"}, "name") == (["C/2 %", "C1"], 2)
        assert await ids({"q": "c/2"}) == (["C/2 %"], 1)
        assert await ids({"q": "C/2 %"}) == (["C/2 %"], 1)
        assert await ids({"tier": "gold", "stage": "dormant"}) == (["C3"], 1)
        assert await ids({"store": "s2"}) == (["C/2 %"], 1)
        await desk.send("customers", "C1", a_customer("C1", "Lukas Kowal", tier="lead", risk=0.1))
        assert await ids({"q": "ruiz"}) == (["C/2 %"], 1)
        sums = await desk.model.ask(lambda db: db.customers.totals(["tier"]))
        assert sums == {("gold",): (1, 10_000, 6_000), ("iron",): (1, 10_000, 5_000), ("lead",): (1, 10_000, 1_000)}
        for tier, total in sums.items():
            assert (await ids({"tier": tier[0]}))[1] == total.customers


async def test_what_people_did_is_joined_to_its_alarm_whichever_comes_first(desk: Desk) -> None:
    """Two people: the first has it and neither is lost; an undo takes back the same person's last action."""
    one = an_alarm(NOW)
    await desk.act(an_action("a1", "ack", "Eva", 60))
    await desk.act(an_action("a1", "ack", "Ben", 61))
    async with desk.following():
        await desk.send("customers", "C1", a_customer("C1"))
        await desk.alarms(one)
        found = await state_of(desk, "a1")
        assert (found.state, found.taken_by, [deed.by for deed in found.people.deeds]) == (
            "acknowledged",
            "Eva",
            ["Eva", "Ben"],
        )
        assert (await desk.model.ask(lambda db: db.customers.one("C1"))).alarms == 1  # type: ignore[union-attr]
        await desk.act(an_action("a1", "undo", "Eva", 62))
        assert (await state_of(desk, "a1")).taken_by == "Ben"
        await desk.act(an_action("a1", "undo", "Ben", 63))
        assert (await state_of(desk, "a1")).state == "open"
        await desk.alarms(over(one))
        await desk.act(an_action("a1", "act", "Eva", 3 * 3600))
        found = await state_of(desk, "a1")
        assert (found.state, found.alarm.outcome, found.people.deeds[-1].refused[:17]) == (
            "settled",
            "saved",
            "the alarm is over",
        )
        assert (await desk.model.ask(lambda db: db.customers.one("C1"))).alarms == 0  # type: ignore[union-attr]
        for state in STATES:
            page = await desk.model.ask(lambda db, state=state: db.alarms.page_of({"state": state}))  # type: ignore[misc]
            assert page.total == len(page.items) == (state in ("settled", "all")), state


async def test_a_snooze_ends_at_its_end(desk: Desk) -> None:
    """Nothing has to be read for it."""
    await desk.alarms(an_alarm(NOW))
    until = Instant(desk.now + HOUR)
    await desk.act(an_action("a1", "snooze", until=until, reason="on holiday"))
    async with desk.following():
        found = await state_of(desk, "a1")
        assert (found.state, found.snoozed_until, found.people.deeds[0].reason) == ("snoozed", int(until), "on holiday")
        desk.now += 2 * HOUR
        async with asyncio.timeout(60):
            while (await state_of(desk, "a1")).state == "snoozed":
                await asyncio.sleep(0.05)
        assert (await state_of(desk, "a1")).state == "open"


async def test_a_record_that_only_the_notifier_knows_counts(desk: Desk) -> None:
    """Actions are kept no longer than alarms, and other tools may read `alarms` alone."""
    one = an_alarm(NOW)
    await desk.alarms(one, msgspec.structs.replace(one, type="alarm.acknowledged", time=Instant(NOW + SECOND)))
    async with desk.following():
        assert ((found := await state_of(desk, "a1")).state, found.taken_by) == ("acknowledged", "somebody")
        life = await desk.model.ask(lambda db: db.alarms.life("a1"))
        assert [change.alarm.type for change in life] == ["alarm.raised", "alarm.acknowledged"]
        assert await desk.model.ask(lambda db: db.alarms.changes_after(life[0].number)) == life[1:]


async def test_who_was_not_told_and_why(desk: Desk) -> None:
    """By the first rule that stopped it, unless somebody was told on another channel."""
    for alarm_id, states in (("a1", ("stopped",)), ("a2", ("stopped", "sent"))):
        one = an_alarm(NOW, alarm_id)
        await desk.alarms(one)
        told = tuple(
            Delivery(
                id=f"{alarm_id}{n}",
                alarm_id=alarm_id,
                change="alarm.raised",
                channel=f"c{n}",
                state=state,  # type: ignore[arg-type]
                rule="held_out",
                time=NOW,
                severity="error",
                detail="held out",
            )
            for n, state in enumerate(states)
        )
        incident = Incident(alarm=one, raised_at=NOW, true_since=NOW, deliveries=told)
        await desk.send("notifications", alarm_id, encode_incident(incident))
    async with desk.following():
        page = await desk.model.ask(lambda db: db.alarms.held_back("", 1))
        assert [one.alarm.alarm_id for one in page.items] == ["a1"]
        assert await desk.model.ask(lambda db: db.alarms.rules()) == {"held_out": 1}
        assert [one.channel for one in (await state_of(desk, "a2")).deliveries] == ["c0", "c1"]


async def test_the_newest_edition_of_a_worklist_counts(desk: Desk) -> None:
    """An early one until there is a final one; who is taken off an early edition is on it no more."""
    for customer, rank in (("C1", 1), ("C2", 2)):
        await desk.send("worklist", customer, encode_worklist_entry(an_entry(customer, rank, final=False)))
    async with desk.following():

        async def listed() -> list[str]:
            page = await desk.model.ask(lambda db: db.worklists.page_of("2024-03-05"))
            return [entry.customer_id for entry in page.items]

        assert await listed() == ["C1", "C2"]
        await desk.send("worklist", "C1", None, [(DATE, b"2024-03-05")])
        assert await listed() == ["C2"]
        await desk.send("worklist", "C3", encode_worklist_entry(an_entry("C3")))
        await desk.send("worklist", "C4", encode_worklist_entry(an_entry("C4", 2, held_out=True)))
        assert await listed() == ["C3"]
        held = await desk.model.ask(lambda db: db.worklists.page_of("2024-03-05", held_out=True))
        assert [entry.customer_id for entry in held.items] == ["C4"]
        assert await desk.model.ask(lambda db: db.worklists.dates()) == ["2024-03-05"]


async def test_nothing_of_the_erased_is_left(desk: Desk) -> None:
    """In tables and in the bytes of the files, also where the model is built again from what still stands on the topics."""
    await desk.send("customers", "Zoraida-7", a_customer("Zoraida-7", "Zoraida Unica"))
    await desk.alarms(an_alarm(NOW, "a1", "Zoraida-7", name="Zoraida Unica"), an_alarm(NOW, "a2", "C2"))
    await desk.act(an_action("a1", customer_id="Zoraida-7"))
    await desk.send("worklist", "Zoraida-7", encode_worklist_entry(an_entry("Zoraida-7")))
    letter = dead_letter.replay_headers(("purchases", 0, 3))[1:]
    await desk.send("dead-letters", "Zoraida-7", b'{"customer_id":"Zoraida-7"}', [("code", b"bad_value"), *letter])
    async with desk.following():
        assert (await desk.model.ask(lambda db: db.others.letters({}))).total == 1
        assert held_of(desk, "Zoraida-7")
        await desk.erase("Zoraida-7", Instant(NOW + DAY))
        assert (await desk.model.ask(lambda db: db.customers.page_of({}))).total == 0
        assert (await desk.model.ask(lambda db: db.others.letters({}))).total == 0
        assert await desk.model.ask(lambda db: db.alarms.one("a1")) is None
    for word in ("Zoraida-7", "Zoraida", "zoraida", "Unica"):
        assert held_of(desk, word) == [], word
    if isinstance(desk.model.store, SqliteStore):
        assert b"zoraida" not in b"".join(path.read_bytes().lower() for path in desk.model.store.path.parent.iterdir())
    desk.model.store.remove()
    await desk.alarms(an_alarm(Instant(NOW + 2 * DAY), "a9", "Zoraida-7"))
    async with desk.following():
        found = await desk.model.ask(lambda db: db.alarms.page_of({}))
        assert {one.alarm.alarm_id for one in found.items} == {"a2", "a9"}, "what came after the erasure counts"
        assert await desk.model.ask(lambda db: db.worklists.page_of("2024-03-05").total) == 0


async def test_a_restart_reads_on_and_emptied_topics_are_read_anew(desk: Desk, tmp_path: Path) -> None:
    """Offsets stand in the file with the rows, and a file of topics that were made again is emptied."""
    await desk.alarms(an_alarm(NOW, "a1"), an_alarm(NOW, "a2", "C2"))
    async with desk.following():
        pass
    assert sum(next_ for (topic, _), next_ in desk.model.next.items() if topic == "alarms") == 2
    await desk.alarms(over(an_alarm(NOW, "a1")))
    async with desk.following() as follower:
        assert follower._read._value.get() == 1.0
        assert await desk.model.ask(lambda db: db.alarms.by_state()) == {"open": 1, "settled": 1}
    async with a_desk(tmp_path / "other", desk.store) as other:
        await other.alarms(an_alarm(NOW, "b1"))
        async with other.following():
            assert await other.model.ask(lambda db: db.alarms.by_state()) == {"open": 1}


async def test_old_data_say_so(desk: Desk) -> None:
    """Never read, read, and read long ago are three things."""
    assert (desk.model.age, desk.model.is_stale) == (None, True)
    async with desk.following():
        assert not desk.model.is_stale
        assert desk.model.fresh_at is not None
        desk.model.fresh_at -= 100
        assert desk.model.is_stale


async def test_letters_are_listed_until_they_are_sent_back(desk: Desk) -> None:
    """With the code of each, and the mark of a replay takes them off."""
    heads = dead_letter.replay_headers(("purchases", 0, 3))
    await desk.send("dead-letters", "C1", b"{", [("code", b"not_json"), ("detail", b"it ends"), *heads[1:]])
    async with desk.following():
        (found,) = (await desk.model.ask(lambda db: db.others.letters({"code": "not_json"}))).items
        assert found[:5] == ("purchases", 0, 3, "not_json", "it ends")
        assert await desk.model.ask(lambda db: db.others.letter_codes()) == [("not_json", 1)]
        await desk.send("dead-letters", "C1", b"", heads)
        assert (await desk.model.ask(lambda db: db.others.letters({}))).total == 0
        assert (await desk.model.ask(lambda db: db.others.letters({"sent": "yes"}))).total == 1
