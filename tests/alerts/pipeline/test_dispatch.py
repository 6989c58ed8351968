"""Which changes are sent, when, and by which rule the others are not."""

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Instant
from tests.support.routefiles import BUSY, DESK, DIGEST, NIGHT, PLAIN
from tests.support.timeline import Story, alarm, alarms, at, settled


async def test_one_alarm_is_sent_once() -> None:
    """Raised, worse and settled are sent; a repetition and an update that is not worse are not."""
    story = Story()
    first = alarm()
    await story.push(first)
    await story.push(first, now=at(9.5))
    await story.push(alarm(when=at(10)))
    await story.push(alarm(when=at(11), type="alarm.updated"))
    await story.push(alarm(when=at(12), type="alarm.updated", severity="critical"))
    await story.push(settled(first, at(13)))
    await story.push(settled(first, at(14)))
    assert story.sent() == [
        (at(9), "alarm.raised", ("a1",)),
        (at(12), "alarm.updated", ("a1",)),
        (at(13), "alarm.settled", ("a1",)),
    ]
    assert story.rules() == ["first", "already_sent", "nothing_worse", "worse", "ended", "never_told"]


async def test_a_start_on_years_of_history_notifies_nobody() -> None:
    """An alarm of two years ago is too old when it is first read now, even if the core found it in time."""
    story = Story()
    await story.push(alarm(), now=at(9, days=730))
    await story.push(alarm(when=at(10), type="alarm.updated", severity="critical"), now=at(9.5, days=730))
    await story.push(alarm("a2", when=at(9, days=728)), now=at(10, days=730))
    assert story.sent() == []
    assert story.rules() == ["too_old", "too_old"]
    assert story.rules("a2") == ["too_old"]


async def test_history_is_not_sent_whatever_becomes_of_it() -> None:
    """An alarm that is marked as history is not sent, nor is its end; one whose `at` has moved out of history is."""
    story = Story()
    await story.push(alarm(history=True))
    await story.push(alarm(when=at(10), type="alarm.updated", severity="critical", history=True))
    assert story.rules() == ["history", "history"]
    await story.push(settled(alarm(history=True), at(11)))
    await story.push(alarm("a2", history=True))
    await story.push(alarm("a2", when=at(12), type="alarm.updated"))
    assert story.rules("a2") == ["history", "first"]
    assert [ids for _, _, ids in story.sent()] == [("a2",)]
    await story.push(alarm("a2", when=at(13), type="alarm.updated", severity="critical", history=True))
    assert story.rules("a2")[-1] == "worse", "who was told of it is told how it goes on"


async def test_what_was_made_while_the_notifier_was_away_is_sent() -> None:
    """A long weekend later: the age of an alarm is that when it was made. After weeks nobody wants to know any more."""
    story = Story()
    await story.push(alarm(), now=at(9, days=4), made=at(9.1))
    await story.push(alarm(when=at(10), type="alarm.updated", severity="critical"), now=at(9, days=4), made=at(10))
    await story.push(alarm("a2", when=at(9)), now=at(10, days=4), made=at(9, days=3))
    await story.push(alarm("a3", when=at(9)), now=at(10, days=15), made=at(9))
    assert [(change, ids) for _, change, ids in story.sent()] == [("alarm.raised", ("a1",)), ("alarm.updated", ("a1",))]
    assert story.rules("a2") == ["too_old"], "it was old already when it was made"
    assert story.rules("a3") == ["too_old"], "the notifier was away for more than two weeks"


async def test_later_changes_of_a_recent_alarm_are_sent() -> None:
    """The age counts from the time when the alarm was first read, not from its later changes."""
    story = Story()
    await story.push(alarm(), now=at(9, days=2))
    await story.push(alarm(when=at(9, days=9), type="alarm.updated", severity="critical"))
    assert [change for _, change, _ in story.sent()] == ["alarm.raised", "alarm.updated"]


async def test_an_alarm_raised_again_is_sent_again() -> None:
    """After its end an alarm that is raised again is sent, also where the end is not sent."""
    story = Story(PLAIN.replace("tell_end = true", ""))
    await story.push(alarm())
    await story.push(settled(alarm(), at(10)))
    await story.push(alarm(when=at(11), type="alarm.updated"))
    await story.push(alarm(when=at(12)))
    assert [change for _, change, _ in story.sent()] == ["alarm.raised", "alarm.raised"]
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
async def test_each_stopped_change_names_its_rule(changed: dict[str, Any], rule: str) -> None:
    """A stopped change is recorded under the name of the stage that stopped it, and is not sent."""
    story = Story()
    records = await story.push(alarm(**changed))
    assert [record.rule for record in records] == [rule]
    assert len(story.sent()) == (rule == "first")


async def test_info_is_sent_where_a_route_names_it() -> None:
    """A route may name severity info, or the kind of a state change."""
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
    assert [ids for _, _, ids in story.sent()] == [("a1",), ("a2",)]
    assert story.rules("a4") == ["no_route"]


async def test_quiet_hours_delay_and_combine() -> None:
    """Alarms of the night go as one message in the morning, unless they have ended; a critical one goes at once."""
    story = Story(NIGHT)
    await story.push(alarm("a1", when=at(20.99)))
    await story.push(alarm("a2", when=at(21)))
    await story.push(alarm("a3", when=at(23), customer_id="C2"))
    await story.push(alarm("a4", when=at(23.5), customer_id="C3"))
    await story.push(alarm("a5", when=at(23.6), customer_id="C4", severity="critical"))
    await story.push(settled(alarm("a3"), at(2, days=1)))
    await story.until(at(12, days=1))
    assert story.sent() == [
        (at(20.99), "alarm.raised", ("a1",)),
        (at(23.6), "alarm.raised", ("a5",)),
        (at(8, days=1), "digest", ("a2", "a4")),
    ]
    assert story.rules("a3") == ["ended_first", "never_told"]


async def test_iron_goes_to_a_digest_and_lead_is_not_spent_on() -> None:
    """T4: iron goes in a digest, lead is stopped as do_not_spend; a critical alarm of either goes at once."""
    story = Story(DIGEST)
    await story.push(alarm("a1", tier="iron", when=at(9)))
    await story.push(alarm("a2", tier="iron", when=at(10)))
    await story.push(alarm("a3", tier="lead", when=at(11)))
    await story.push(alarm("a4", tier="lead", severity="critical", when=at(12)))
    await story.push(alarm("a5", tier="iron", severity="critical", when=at(13)))
    await story.until(at(23))
    assert story.sent() == [
        (at(12), "alarm.raised", ("a4",)),
        (at(13), "alarm.raised", ("a5",)),
        (at(16), "digest", ("a1", "a2")),
    ]
    assert story.rules("a3") == ["do_not_spend"]


@given(st.lists(alarms, max_size=8), alarms)
@settings(deadline=None, max_examples=80)
def test_explain_says_what_is_done(before: list[Alarm], asked: Alarm) -> None:
    """For any alarm after any history, the explanation names the rules and channels of what then happens."""

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


async def test_the_digest_says_on_how_many_nothing_is_to_be_spent() -> None:
    """T4: of lead nobody is told one by one, and the digest of the day says how many they are; after a restart too."""
    story = Story(DIGEST)
    for n in range(3):
        await story.push(alarm(f"l{n}", when=at(1 + n), tier="lead", customer_id=f"L{n % 2}"))
    for n in range(2):
        await story.push(alarm(f"i{n}", when=at(5), tier="iron", customer_id=f"I{n}"))
    story = await story.restarted()
    await story.until(at(9))
    (one,) = story.sinks["desk"].taken
    assert one.message.lines[-1].text.startswith("and 2 customers on whom nothing is to be spent")
    for n in range(2, 4):
        await story.push(alarm(f"i{n}", when=at(9, days=3), tier="iron", customer_id=f"I{n}"))
    await story.until(at(17, days=3))
    assert "nothing is to be spent" not in story.sinks["desk"].taken[-1].message.plain()
