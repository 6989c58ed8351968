"""What is pushed when, what is told when, and by which rule the rest is not."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Instant
from tests.support.routefiles import BUSY, DESK, DIGEST, NIGHT, PLAIN
from tests.support.timeline import Story, alarm, alarms, at, settled


async def test_one_alarm_is_told_once() -> None:
    """Raised is told; the same read again, a double with another time and more of the same are not; worse and over are."""
    story = Story()
    first = alarm()
    await story.push(first)
    await story.push(first, now=at(9.5))
    await story.push(alarm(when=at(10)))
    await story.push(alarm(when=at(11), type="alarm.updated"))
    await story.push(alarm(when=at(12), type="alarm.updated", severity="critical"))
    await story.push(settled(first, at(13)))
    await story.push(settled(first, at(14)))
    assert story.told() == [
        (at(9), "alarm.raised", ("a1",)),
        (at(12), "alarm.updated", ("a1",)),
        (at(13), "alarm.settled", ("a1",)),
    ]
    assert story.rules() == ["first", "already_sent", "nothing_worse", "worse", "ended", "never_told"]


async def test_a_start_on_years_of_history_pages_nobody() -> None:
    """A deadline that was found in time, two years ago, is old to the one who reads it now."""
    story = Story()
    await story.push(alarm(), now=at(9, days=730))
    await story.push(alarm(when=at(10), type="alarm.updated", severity="critical"), now=at(9.5, days=730))
    await story.push(alarm("a2", when=at(9, days=728)), now=at(10, days=730))
    assert story.told() == []
    assert story.rules() == ["too_old", "too_old"]
    assert story.rules("a2") == ["too_old"]


async def test_what_was_found_in_time_stays_worth_telling() -> None:
    """The age counts to where the alarm was first read, not to its later changes."""
    story = Story()
    await story.push(alarm(), now=at(9, days=2))
    await story.push(alarm(when=at(9, days=9), type="alarm.updated", severity="critical"))
    assert [change for _, change, _ in story.told()] == ["alarm.raised", "alarm.updated"]


async def test_a_new_beginning_is_told_again() -> None:
    """After its end the same alarm raised anew is news, also where the end itself is not told."""
    story = Story(PLAIN.replace("tell_end = true", ""))
    await story.push(alarm())
    await story.push(settled(alarm(), at(10)))
    await story.push(alarm(when=at(11), type="alarm.updated"))
    await story.push(alarm(when=at(12)))
    assert [change for _, change, _ in story.told()] == ["alarm.raised", "alarm.raised"]
    assert len({one.id for one in story.sinks["desk"].taken}) == 2


@pytest.mark.parametrize(
    ("changed", "rule"),
    [
        ({"kind": "stage-changed", "severity": "info"}, "state_change"),
        ({"severity": "info"}, "info"),
        ({"at": Instant(at(9) - 2 * DAY)}, "first"),
        ({"at": Instant(at(9) - 2 * DAY - 1)}, "too_old"),
        ({"type": "alarm.acknowledged"}, "bookkeeping"),
        ({"type": "alarm.settled"}, "never_told"),
    ],
)
async def test_each_silence_has_a_name(changed: dict[str, Any], rule: str) -> None:
    """What is stopped is recorded under the name of the stage that did it, and goes nowhere."""
    story = Story()
    records = await story.push(alarm(**changed))
    assert [record.rule for record in records] == [rule]
    assert len(story.told()) == (rule == "first")


async def test_info_goes_where_a_route_names_it() -> None:
    """A route may ask for severity info, or for a state change by its kind."""
    story = Story(
        DESK
        + """
[[route]]
name = "curious"
kind = ["reactivated"]
to = ["desk"]
[[route]]
name = "reader"
severity = ["info"]
to = ["desk"]
"""
    )
    await story.push(alarm("a1", "reactivated", severity="info"))
    await story.push(alarm("a2", "boredom", severity="info"))
    await story.push(alarm("a3", "stage-changed", severity="info"))
    await story.push(alarm("a4", severity="error"))
    assert [ids for _, _, ids in story.told()] == [("a1",), ("a2",)]
    assert story.rules("a4") == ["no_route"]


async def test_quiet_hours_hold_back_and_gather() -> None:
    """What comes at night goes in the morning as one; what ends before is never told; the gravest goes at once."""
    story = Story(NIGHT)
    await story.push(alarm("a1", when=at(20.99)))
    await story.push(alarm("a2", when=at(21)))
    await story.push(alarm("a3", when=at(23), customer_id="C2"))
    await story.push(alarm("a4", when=at(23.5), customer_id="C3"))
    await story.push(alarm("a5", when=at(23.6), customer_id="C4", severity="critical"))
    await story.push(settled(alarm("a3"), at(2, days=1)))
    await story.until(at(12, days=1))
    assert story.told() == [
        (at(20.99), "alarm.raised", ("a1",)),
        (at(23.6), "alarm.raised", ("a5",)),
        (at(8, days=1), "digest", ("a2", "a4")),
    ]
    assert story.rules("a3") == ["ended_first", "never_told"]


async def test_iron_goes_to_a_digest_and_lead_is_not_spent_on() -> None:
    """T4: iron is gathered, lead has the explicit outcome do_not_spend; a critical alarm of either goes at once."""
    story = Story(DIGEST)
    await story.push(alarm("a1", tier="iron", when=at(9)))
    await story.push(alarm("a2", tier="iron", when=at(10)))
    await story.push(alarm("a3", tier="lead", when=at(11)))
    await story.push(alarm("a4", tier="lead", severity="critical", when=at(12)))
    await story.push(alarm("a5", tier="iron", severity="critical", when=at(13)))
    await story.until(at(23))
    assert story.told() == [
        (at(12), "alarm.raised", ("a4",)),
        (at(13), "alarm.raised", ("a5",)),
        (at(16), "digest", ("a1", "a2")),
    ]
    assert story.rules("a3") == ["do_not_spend"]


@given(st.lists(alarms, max_size=8), alarms)
@settings(deadline=None, max_examples=80)
def test_explain_says_what_is_done(before: list[Alarm], asked: Alarm) -> None:
    """For any alarm after any story, the explanation names the rules and channels of what then happens."""

    async def run() -> None:
        story = Story(BUSY)
        for one in before:
            await story.push(one, now=max(one.time, story.now))
        now = max(asked.time, story.now)
        await story.until(now)
        said = story.dispatcher.explain(asked, now)
        done = await story.dispatcher.take(asked, now)
        for record in done:
            if record.rule != "ended_first":
                assert any(record.rule in sentence for sentence in said[1:]), (record, said)

    asyncio.run(run())
