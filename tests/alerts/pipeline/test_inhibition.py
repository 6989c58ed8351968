"""A larger alarm inhibits smaller ones of its customer, and a share of alarms is held out."""

import msgspec

from alerts.pipeline import stages
from alerts.pipeline.dispatch import RELEASE
from alerts.pipeline.routes import read
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import DAY, Instant
from scorers.policy.reading import parse_policy
from tests.support.routefiles import INHIBIT, PLAIN
from tests.support.timeline import Story, alarm, at, settled


async def test_a_larger_alarm_inhibits_smaller_ones_of_the_same_customer_only() -> None:
    """A3: the smaller is recorded as inhibited; the larger and that of another customer are sent."""
    story = Story(INHIBIT)
    await story.push(alarm("big", "defected"))
    await story.push(alarm("small", when=at(10)))
    await story.push(alarm("other", when=at(10), customer_id="C2"))
    assert [ids for _, _, ids in story.sent()] == [("big",), ("other",)]
    assert story.rules("small") == ["inhibited"]
    assert "big" in story.store.incidents["small"].deliveries[0].detail


async def test_one_complaint_does_not_inhibit_another() -> None:
    """Two complaints of one customer are two matters."""
    story = Story(INHIBIT)
    for key, kind, case in (("k1", "complaint-overdue", "K1"), ("k2", "complaint-unacknowledged", "K2")):
        await story.push(alarm(key, kind, subject=Subject("complaint", case)))
    await story.push(alarm("k3", "complaint-unacknowledged", subject=Subject("complaint", "K1")))
    assert [ids for _, _, ids in story.sent()] == [("k1",), ("k2",)]


async def test_an_inhibited_alarm_is_sent_when_the_larger_ends() -> None:
    """The smaller is sent some time after the end of the larger, unless it has ended too."""
    story = Story(INHIBIT)
    big = alarm("big", "defected")
    for key, kind in (("s1", "risk-high"), ("s2", "gone-quiet")):
        await story.push(big)
        await story.push(alarm(key, kind, when=at(10)))
    await story.push(settled(big, at(12)))
    await story.push(settled(alarm("s2", "gone-quiet"), at(12)))
    await story.until(at(20))
    assert story.sent()[1:] == [
        (at(12), "alarm.settled", ("big",)),
        (Instant(at(12) + RELEASE), "alarm.raised", ("s1",)),
    ]
    assert story.rules("s2") == ["inhibited", "ended_first", "never_told"]


async def test_an_alarm_that_was_not_sent_inhibits_nothing() -> None:
    """Old alarms read at the start are not sent and inhibit nothing."""
    story = Story(INHIBIT)
    await story.push(alarm("big", "defected", at=Instant(at(9) - 30 * DAY)))
    await story.push(alarm("small", when=at(10)))
    assert [ids for _, _, ids in story.sent()] == [("small",)]


async def test_held_out_alarms_are_a_fixed_share() -> None:
    """A8: all alarms of about the given share of customers for a quarter; never those of others, cases, or what is critical."""
    routes = read(PLAIN).under(parse_policy("[hold_out]\nshare = 0.3\n"))
    context = stages.DecisionContext(routes)

    def held(one: Alarm) -> bool:
        return stages.decide(stages.candidate(one, None, one.time, context))[0].rule == "held_out"

    many = [alarm(f"a{n}", customer_id=f"C{n}", subject=Subject("customer", f"C{n}")) for n in range(2000)]
    first = [held(one) for one in many]
    assert first == [held(msgspec.structs.replace(one, time=at(30), at=at(30))) for one in many]
    assert 500 < sum(first) < 700
    assert first == [held(msgspec.structs.replace(one, alarm_id="other", kind="gone-quiet")) for one in many]
    assert first != [held(msgspec.structs.replace(one, at=at(0, days=100))) for one in many]
    for never in ({"customer_id": None}, {"severity": "critical"}, {"subject": Subject("complaint", "K1")}):
        assert not any(held(msgspec.structs.replace(one, **never)) for one in many)
    without = stages.DecisionContext(read(PLAIN))
    assert stages.decide(stages.candidate(many[0], None, many[0].time, without))[0].rule != "held_out"
