"""Alarms that go on under another id because their customers were merged: what people did stands, and nothing is told twice."""

from itertools import permutations
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.pipeline.dispatch import RELEASE
from alerts.pipeline.incident import Action, Incident
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import Instant
from tests.support.routefiles import BOSS, DESK
from tests.support.timeline import Story, alarm, at, settled

ROUTE = '\n[[route]]\nname = "all"\nto = ["desk"]\n'
LADDER = '\n[ladder.gold]\nremind = "6h"\nrungs = [{ after = "36h", to = ["boss"] }]\n'
HOOK = f"{DESK}{ROUTE}{BOSS}{LADDER}"
KEEPS = HOOK.replace("tell_end = true", "tell_end = true\ntell_actions = true")
OLD = alarm("a1", customer_id="C0", subject=Subject("customer", "C0"))
CASE = alarm("k1", "complaint-overdue", customer_id="C0", subject=Subject("complaint", "K1"))
MERGED = at(12)


def withdrawn(of: Alarm = OLD, when: Instant = MERGED) -> Alarm:
    """The alarm of the old id is over, because the customer was merged."""
    return replace(of, type="alarm.withdrawn", time=when, cause=("m1",), merged=True)


def going_on(of: Alarm = OLD, alarm_id: str = "b1", customer: str = "C1", when: Instant = MERGED) -> Alarm:
    """The alarm that goes on from it; one about a case keeps its id."""
    if of.subject.type != "customer":
        return replace(of, customer_id=customer, time=when, continues=of.alarm_id)
    return replace(
        of, alarm_id=alarm_id, customer_id=customer, subject=Subject("customer", customer), time=when, continues=of.alarm_id
    )  # fmt: skip


def does(action: str, alarm_id: str = "a1", **given: Any) -> Action:
    """An action of Eva's."""
    return Action(alarm_id=alarm_id, customer_id="C0", action=action, by="eva", id=f"{action} {alarm_id}", **given)  # type: ignore[arg-type]


async def merge(story: Story, *records: Alarm) -> None:
    """The records of a merge, read one after the other."""
    for one in records:
        await story.push(one, max(story.now, one.time))


def now_known(story: Story, alarm_id: str = "b1") -> Incident:
    return story.store.incidents[alarm_id]


@pytest.mark.parametrize("told_first", [0, 1], ids=["withdrawn first", "raised first"])
@pytest.mark.parametrize("routes", [HOOK, KEEPS], ids=["hook", "keeps the state"])
async def test_a_snooze_goes_on(told_first: int, routes: str) -> None:
    """No reminder, no rung of the ladder and no first message until it ends; after that it is told once, also after a restart."""
    story = Story(routes)
    await story.push(OLD)
    await story.dispatcher.act(does("snooze", until=at(10, days=3), reason="on holiday"), story.now)
    await merge(story, *(withdrawn(), going_on())[:: -1 if told_first else 1])
    story = await story.restarted()
    await story.until(at(9.9, days=3))
    keeps = [(MERGED, "alarm.withdrawn", ("a1",))] if routes == KEEPS else []
    assert story.sent() == [(at(9), "alarm.raised", ("a1",)), *keeps]
    assert not story.published
    assert now_known(story).snoozed_until == at(10, days=3)
    await story.until(at(10, days=3))
    assert [(change, ids) for _, change, ids in story.sent()[len(keeps) + 1 :]] == [("reminder" if routes == HOOK else "alarm.raised", ("b1",))]  # fmt: skip


@pytest.mark.parametrize("action", ["ack", "act", "resolve"])
async def test_who_has_taken_it_has_taken_what_goes_on(action: str) -> None:
    """No message, no reminder, no escalation; the end is told once, of the alarm that goes on."""
    story = Story(HOOK)
    await story.push(OLD)
    await story.dispatcher.act(does(action), story.now)
    await merge(story, withdrawn(), going_on())
    await story.until(at(9, days=9))
    assert len(story.sent()) == 1
    assert not story.published
    assert now_known(story).acked_by == "eva"
    assert [entry.action.customer_id for entry in now_known(story).audit] == ["C1"]
    await story.push(settled(going_on(), at(10, days=9)))
    assert [(change, ids) for _, change, ids in story.sent()] == [("alarm.raised", ("a1",)), ("alarm.settled", ("b1",))]


@pytest.mark.parametrize("order", list(permutations(range(2))))
async def test_nobody_did_anything_and_nothing_is_told_twice(order: tuple[int, int]) -> None:
    """The message of the old id stands; reminders and the ladder count from it."""
    plain, story = Story(HOOK), Story(HOOK)
    await plain.push(OLD)
    await story.push(OLD)
    await merge(story, *[(withdrawn(), going_on())[n] for n in order])
    for one in (plain, story):
        await one.until(at(9, days=4))
    assert len(plain.sent()) > 3
    assert [one[:2] for one in story.sent()] == [one[:2] for one in plain.sent()]
    assert [one[:2] for one in story.sent("boss")] == [one[:2] for one in plain.sent("boss")]


async def test_what_does_not_go_on_is_told_as_over() -> None:
    """Nothing goes on from it, so its end is told, a little later than otherwise."""
    story = Story(HOOK)
    await story.push(OLD)
    await merge(story, withdrawn())
    await story.until(at(20))
    assert story.sent()[1:] == [(Instant(MERGED + RELEASE), "alarm.withdrawn", ("a1",))]


async def test_a_channel_that_keeps_the_state_closes_the_old_key_and_opens_the_new_one() -> None:
    """PagerDuty would keep the old one open for ever."""
    story = Story(KEEPS)
    await story.push(OLD)
    await merge(story, withdrawn(), going_on())
    assert [(change, ids) for _, change, ids in story.sent()] == [
        ("alarm.raised", ("a1",)),
        ("alarm.withdrawn", ("a1",)),
        ("alarm.raised", ("b1",)),
    ]


@pytest.mark.parametrize("routes", [HOOK, KEEPS], ids=["hook", "keeps the state"])
async def test_a_case_goes_on_under_its_own_id(routes: str) -> None:
    """It was withdrawn and raised again: nothing is told, and the snooze stands."""
    story = Story(routes)
    await story.push(CASE)
    await story.dispatcher.act(does("snooze", "k1", until=at(10, days=3), reason="waits for a part"), story.now)
    told = len(story.sent())
    await merge(story, withdrawn(CASE), going_on(CASE))
    await story.until(at(9, days=3))
    assert len(story.sent()) == told
    assert now_known(story, "k1").snoozed_until == at(10, days=3)
    assert not now_known(story, "k1").ended


async def test_an_answer_to_the_old_message_concerns_what_goes_on() -> None:
    """Also through a chain of merges, and where the answer comes between the two records of a merge."""
    story = Story(HOOK)
    await story.push(OLD)
    second = going_on()
    await merge(story, withdrawn(), second, withdrawn(second, at(13)))
    await story.dispatcher.act(does("ack"), story.now)
    await merge(story, going_on(second, "c1", "C2", at(13)))
    assert now_known(story, "c1").acked_by == "eva"
    await story.dispatcher.act(does("snooze", until=at(10, days=3), reason="later"), story.now)
    assert now_known(story, "c1").snoozed_until == at(10, days=3)
    assert len(story.sent()) == 1


async def test_what_was_over_is_not_told_again() -> None:
    """The alarm of the old id had settled: under the new id it is raised and settled in one step, which nobody hears of."""
    story = Story(HOOK)
    await story.push(OLD)
    await story.push(settled(OLD, at(10)))
    await merge(story, withdrawn(), going_on(), settled(going_on(), MERGED))
    await story.until(at(9, days=2))
    assert [(change, ids) for _, change, ids in story.sent()] == [("alarm.raised", ("a1",)), ("alarm.settled", ("a1",))]


async def test_an_erasure_takes_what_went_before_with_it() -> None:
    """Of the old id nothing stays in what the notifier keeps."""
    story = Story(HOOK)
    await story.push(OLD)
    await merge(story, withdrawn(), going_on())
    await story.dispatcher.forget("C1", at(20), "e1", at(20))
    assert [one.alarm.kind for one in story.store.incidents.values()] == ["customer-erased"]
