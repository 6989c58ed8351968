"""Alarms that go on under another id because customers were merged, in each store: what people did about them stands."""

from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import UNSET
from msgspec.structs import replace

from alerts.pipeline.incident import Action, encode_incident
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import DAY, HOUR, AlarmAction, Instant
from scorers.contract.wire import encode_alarm, encode_event
from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from tests.support.readmodels import NOW, a_customer, an_action
from tests.support.redisserver import Server
from tests.support.routefiles import PLAIN
from tests.support.timeline import Story
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.store.folding import Folding
from vigia.readmodel.store.redis_store.store import RedisStore
from vigia.readmodel.store.sqlite.store import SqliteStore

MERGED = Instant(NOW + HOUR)
CASE = {"subject": Subject("complaint", "K1"), "kind": "complaint-overdue"}


def records(alarm: Alarm) -> tuple[Alarm, Alarm]:
    """What the core tells of an alarm when its customer C0 is merged into C1."""
    is_case = alarm.subject.type != "customer"
    more: dict[str, Any] = {"subject": alarm.subject, "kind": alarm.kind, "at": alarm.at}
    gone = an_alarm(MERGED, alarm.alarm_id, "C0", **more, type="alarm.withdrawn", merged=True)
    if not is_case:
        more["subject"] = Subject("customer", "C1")
    after = an_alarm(MERGED, alarm.alarm_id if is_case else "b1", "C1", **more, continues=alarm.alarm_id)
    return gone, after


def performed(one: AlarmAction) -> Action:
    """The action as the notifier reads it."""
    assert one.alarm_id is not None
    return Action(alarm_id=one.alarm_id, customer_id=one.customer_id, action=one.action, by=one.by, until=one.until,
                  reason=one.reason, id=one.id, source=one.source, time=one.time)  # fmt: skip


async def notified(alarm: Alarm, *actions: Any) -> tuple[Any, ...]:
    """The incidents that the notifier writes."""
    story, (gone, after) = Story(PLAIN), records(alarm)
    await story.push(alarm)
    for one in actions:
        await story.dispatcher.act(performed(one), one.time)
    await story.push(gone)
    await story.push(after)
    return tuple(
        SimpleNamespace(key=key.encode(), value=encode_incident(found)) for key, found in story.store.incidents.items()
    )


@pytest.mark.parametrize("about", [{}, CASE], ids=["customer", "case"])
async def test_what_people_did_goes_on_in_any_order_of_the_topics(tmp_path: Path, about: dict[str, Any]) -> None:
    """Topics are read side by side; the row of the old id is gone with all that was its own."""
    alarm = an_alarm(NOW, "a1", "C0", **about)
    snooze = an_action("a1", "snooze", customer_id="C0", until=Instant(NOW + 9 * DAY), reason="on holiday")
    note = an_action("a1", "note", after=2, customer_id="C0", reason="is called on Monday")
    gone, after = records(alarm)
    incidents = await notified(alarm, snooze, note)

    def alarms(folding: Folding) -> None:
        for one in (alarm, gone, after):
            folding.alarm(encode_alarm(one))

    def actions(folding: Folding) -> None:
        for one in (snooze, note):
            folding.take("alarm-actions", SimpleNamespace(value=encode_event(one), partition=0, offset=0))

    def told(folding: Folding) -> None:
        for one in incidents:
            folding.take("notifications", one)

    def rows(folding: Folding) -> None:
        folding.customer(a_customer("C0"))
        folding.customer(a_customer("C1"))
        folding.take("customers", SimpleNamespace(key=b"C0", value=None))

    server = Server(tmp_path)
    server.start()
    try:
        for n, order in enumerate(permutations((alarms, actions, told, rows))):
            answers = []
            for store in (SqliteStore(tmp_path / f"{n}.sqlite"), RedisStore(RedisAddress(server.url), f"shop{n}-")):
                tables = store.tables()
                folding = Folding(tables, HASHES, lambda: int(NOW) + DAY)
                assert tables.hold()
                with tables.transaction():
                    for fold in order:
                        fold(folding)
                    tables.put_offsets({("alarms", 0): 1})
                tables.close()
                with store.snapshot() as db:
                    found = db.alarms.one(after.alarm_id)
                    assert found is not None
                    deeds = [one.action for one in found.people.deeds]
                    answers.append(
                        (
                            found.state,
                            deeds,
                            [one.alarm.alarm_id for one in db.alarms.page_of({"state": "snoozed"}).items],
                        )
                    )
                store.close()
            assert answers == [("snoozed", ["snooze", "note"], [after.alarm_id])] * 2, [one.__name__ for one in order]
    finally:
        server.stop()


@pytest.mark.parametrize("about", [{}, CASE], ids=["customer", "case"])
@pytest.mark.parametrize("is_updated", [False, True], ids=["as raised", "updated since"])
async def test_an_undo_after_a_merge_takes_back_what_was_done_before_it(
    tmp_path: Path, about: dict[str, Any], is_updated: bool
) -> None:
    """Notifier and console agree: the snooze is undone, and the undo is not refused."""
    alarm = an_alarm(NOW, "a1", "C0", **about)
    snooze = an_action("a1", "snooze", customer_id="C0", until=Instant(NOW + 9 * DAY), reason="on holiday")
    gone, after = records(alarm)
    undo = an_action(after.alarm_id, "undo", customer_id="C1", time=Instant(MERGED + HOUR))
    told = [gone, after] + [
        replace(after, type="alarm.updated", time=Instant(MERGED + 1), continues=UNSET)
    ] * is_updated
    story = Story(PLAIN)
    await story.push(alarm)
    await story.dispatcher.act(performed(snooze), snooze.time)
    for one in told:
        await story.push(one)
    await story.dispatcher.act(performed(undo), undo.time)
    incident = story.store.incidents[after.alarm_id]
    assert (incident.snoozed_until, [one.undone for one in incident.audit]) == (None, [True, False])

    def alarms(folding: Folding) -> None:
        for one in (alarm, *told):
            folding.alarm(encode_alarm(one))

    def actions(folding: Folding) -> None:
        for one in (snooze, undo):
            folding.take("alarm-actions", SimpleNamespace(value=encode_event(one), partition=0, offset=0))

    def decided(folding: Folding) -> None:
        for key, found in story.store.incidents.items():
            folding.take("notifications", SimpleNamespace(key=key.encode(), value=encode_incident(found)))

    server = Server(tmp_path)
    server.start()
    try:
        for n, order in enumerate(permutations((alarms, actions, decided))):
            for store in (SqliteStore(tmp_path / f"{n}.sqlite"), RedisStore(RedisAddress(server.url), f"shop{n}-")):
                tables = store.tables()
                folding = Folding(tables, HASHES, lambda: int(NOW) + DAY)
                assert tables.hold()
                with tables.transaction():
                    for fold in order:
                        fold(folding)
                    tables.put_offsets({("alarms", 0): 1})
                tables.close()
                with store.snapshot() as db:
                    found = db.alarms.one(after.alarm_id)
                    assert found is not None
                    deeds = [(one.action, one.undone, one.refused) for one in found.people.deeds]
                    assert (found.state, deeds) == ("open", [("snooze", True, ""), ("undo", False, "")]), order
                store.close()
    finally:
        server.stop()
