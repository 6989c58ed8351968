"""A larger alarm mutes smaller ones of its customer, and some are held out of all telling."""

import msgspec

from alerts.pipeline import stages
from alerts.pipeline.dispatch import RELEASE
from alerts.pipeline.routes import read
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import DAY, Instant
from tests.support.routefiles import INHIBIT, PLAIN
from tests.support.timeline import Story, alarm, at, settled


async def test_a_larger_alarm_mutes_smaller_ones_of_the_same_customer_only() -> None:
    """A3: the smaller is recorded as inhibited; another customer's, and a larger one itself, are told."""
    story = Story(INHIBIT)
    await story.push(alarm("big", "defected"))
    await story.push(alarm("small", when=at(10)))
    await story.push(alarm("other", when=at(10), customer_id="C2"))
    assert [ids for _, _, ids in story.told()] == [("big",), ("other",)]
    assert story.rules("small") == ["inhibited"]
    assert "big" in story.store.incidents["small"].deliveries[0].detail


async def test_one_complaint_does_not_mute_another() -> None:
    """Two cases of one customer are two matters."""
    story = Story(INHIBIT)
    for key, kind, case in (("k1", "complaint-overdue", "K1"), ("k2", "complaint-unacknowledged", "K2")):
        await story.push(alarm(key, kind, subject=Subject("complaint", case)))
    await story.push(alarm("k3", "complaint-unacknowledged", subject=Subject("complaint", "K1")))
    assert [ids for _, _, ids in story.told()] == [("k1",), ("k2",)]


async def test_what_was_muted_is_told_when_the_larger_ends() -> None:
    """After the larger ended the smaller gets its turn, a little later, unless the same news ended it too."""
    story = Story(INHIBIT)
    big = alarm("big", "defected")
    for key, kind in (("s1", "risk-high"), ("s2", "gone-quiet")):
        await story.push(big)
        await story.push(alarm(key, kind, when=at(10)))
    await story.push(settled(big, at(12)))
    await story.push(settled(alarm("s2", "gone-quiet"), at(12)))
    await story.until(at(20))
    assert story.told()[1:] == [
        (at(12), "alarm.settled", ("big",)),
        (Instant(at(12) + RELEASE), "alarm.raised", ("s1",)),
    ]
    assert story.rules("s2") == ["inhibited", "ended_first", "never_told"]


async def test_an_alarm_that_nobody_heard_of_mutes_nothing() -> None:
    """History read at the start is recorded, not sent, and hides no news."""
    story = Story(INHIBIT)
    await story.push(alarm("big", "defected", at=Instant(at(9) - 30 * DAY)))
    await story.push(alarm("small", when=at(10)))
    assert [ids for _, _, ids in story.told()] == [("small",)]


async def test_held_out_alarms_are_a_steady_share() -> None:
    """A8: about the given share is held out, the same ones each time, and never an alarm about no customer."""
    routes = read("hold_out = 0.3\n" + PLAIN)
    context = stages.DecisionContext(routes)

    def held(one: Alarm) -> bool:
        return stages.decide(stages.candidate(one, None, one.time, context))[0].rule == "held_out"

    many = [alarm(f"a{n}") for n in range(2000)]
    first = [held(one) for one in many]
    assert first == [held(msgspec.structs.replace(one, time=at(30), at=at(30))) for one in many]
    assert 500 < sum(first) < 700
    assert not any(held(msgspec.structs.replace(one, customer_id=None)) for one in many)
