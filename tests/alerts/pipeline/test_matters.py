"""One matter, one message: the alarms about one cause are a thread (J9), and what climbs its ladder, and when."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from alerts.channels.email import mail
from alerts.channels.webhook import body
from alerts.pipeline.incident import Action
from scorers.contract.alarms import Alarm, Evidence, Subject
from tests.support.routefiles import BOSS, DESK, NIGHT_HOURS
from tests.support.timeline import Story, alarm, at, settled

QUIETLY = DESK.replace("tell_end = true\n", "")
ROUTE = '\n[[route]]\nname = "all"\nto = ["desk"]\n'
LADDER = '\n[ladder.gold]\nrungs = [{ after = "1h", to = ["boss"] }, { after = "4h", to = ["boss"] }]\n'
MAIL = f"{QUIETLY}{ROUTE}{BOSS}{LADDER}"  # tells no end, as mail
HOOK = f"{DESK}{ROUTE}{BOSS}{LADDER}"  # tells the end


def began(with_fact: str) -> tuple[Evidence, ...]:
    """The evidence of an alarm that began with this fact."""
    return (Evidence("facts", 0, 1, with_fact),)


def about(kind: str, hours: float = 9, fact: str = "f1", **changed: Any) -> Alarm:
    """An alarm of this kind that began with a fact, under an id of its own."""
    fields: dict[str, Any] = {"evidence": began(fact), "severity": "warning"} | changed
    return alarm(f"{kind} {fact}", kind, at(hours), **fields)


CASE = {"subject": Subject("complaint", "K1")}
OF_A_COMPLAINT: Sequence[Alarm] = (
    about("single-failure", 9, severity="error", deadline=at(33)),
    about("complaint-unacknowledged", 33, **CASE),
    about("experience-debt", 34),
    about("complaint-overdue", 129, severity="error", **CASE),
)
OF_A_SILENCE: Sequence[Alarm] = (
    about("risk-high", 9),
    about("gone-quiet", 60),
    about("risk-rising", 61),
    about("defected", 900),
)


async def story(routes: str, *told: Alarm, acked: bool = True) -> Story:
    """The alarms in turn; somebody acknowledges each that is sent half an hour later."""
    found = Story(routes)
    for one in told:
        await found.push(one)
        if acked and found.store.incidents[one.alarm_id].notified():
            await found.until(found.now + 1_800_000_000)  # type: ignore[arg-type]
            await found.dispatcher.act(
                Action(alarm_id=one.alarm_id, action="ack", by="eva", id=one.alarm_id), found.now
            )
    return found


@pytest.mark.parametrize("told", [OF_A_COMPLAINT, OF_A_SILENCE], ids=["complaint", "silence"])
async def test_a_matter_is_told_once(told: Sequence[Alarm]) -> None:
    """The first is sent; the others are no graver, so they only join its thread."""
    found = await story(MAIL, *told)
    assert [ids for _, _, ids in found.sent()] == [(told[0].alarm_id,)]
    assert [found.rules(one.alarm_id) for one in told[1:]] == [["same_matter"]] * (len(told) - 1)
    assert {found.store.incidents[one.alarm_id].thread for one in told[1:]} == {told[0].alarm_id}


async def test_what_is_graver_is_told_in_the_same_thread() -> None:
    """A warning of a small mishap, then the complaint passes its deadline, which is an error: two messages, one thread."""
    mishap, late = about("small-mishap"), about("complaint-overdue", 129, severity="error", **CASE)
    found = await story(MAIL, mishap, late)
    assert [ids for _, _, ids in found.sent()] == [(mishap.alarm_id,), (late.alarm_id,)]
    sent = found.sinks["desk"].taken
    assert [one.threads for one in sent] == [(mishap.alarm_id,), (mishap.alarm_id,)]
    mails = [mail(one, "vigia@example.com", ("eva@example.com",)) for one in sent]
    assert {letter["References"] for letter in mails} == {"<alarm.small-mishap_f1@example.com>"}
    assert len({letter["Message-ID"] for letter in mails}) == 2
    hooks = [json.loads(body(one))["data"]["alarms"][0] for one in sent]
    assert [one["thread"] for one in hooks] == [mishap.alarm_id, mishap.alarm_id]


async def test_another_fact_is_another_matter() -> None:
    """Another purchase begins another silence, another complaint another matter, and another customer shares nothing."""
    told = (
        about("gone-quiet"),
        about("gone-quiet", 800, "f2"),
        about("single-failure", 801, "f3"),
        about("complaint-unacknowledged", 802, "f4", subject=Subject("complaint", "K2")),
        about("risk-high", 803, "f5", customer_id="C2"),
        about("tier-drop", 804, "f2"),
    )
    found = await story(MAIL, *told)
    assert [ids for _, _, ids in found.sent()] == [(one.alarm_id,) for one in told]


async def test_a_complaint_that_turns_grave_stays_one_matter() -> None:
    """The alarm of the graver step began with another fact, but it is about the same open complaint."""
    slow = about("complaint-unacknowledged", severity="error", **CASE)
    grave = about("major-problem", 40, "turns grave", severity="error", **CASE)
    found = await story(MAIL, slow, grave)
    assert [ids for _, _, ids in found.sent()] == [(slow.alarm_id,)]


async def test_a_matter_ends_once_with_its_last_alarm() -> None:
    """A receiver of ends hears of none while another alarm of the matter is open."""
    first, late = OF_A_COMPLAINT[0], OF_A_COMPLAINT[1]
    found = await story(HOOK, first, late)
    await found.push(settled(first, at(50)))
    assert [change for _, change, _ in found.sent()] == ["alarm.raised"]
    await found.push(settled(late, at(70)))
    assert [(when, change) for when, change, _ in found.sent()] == [(at(9), "alarm.raised"), (at(70), "alarm.settled")]
    assert [one.threads for one in found.sinks["desk"].taken] == [(first.alarm_id,)] * 2


async def test_the_ladder_of_a_matter_goes_on_after_the_end_of_what_was_sent() -> None:
    """Nobody has acknowledged: the alarm that is left climbs in its place, also after a restart at any point."""
    first, late = OF_A_COMPLAINT[0], OF_A_COMPLAINT[1]
    found = await story(MAIL, first, late, acked=False)
    assert [when for when, _, _ in found.sent("boss")] == []
    await found.push(settled(first, at(33.5)))
    found = await found.restarted()
    await found.push(settled(first, at(33.5)), now=at(33.7))
    await found.until(at(44))
    assert [(when, change) for when, change, _ in found.sent("boss")] == [
        (at(34), "alarm.escalated"),
        (at(37), "alarm.escalated"),
    ]
    assert [ids for _, _, ids in found.sent()] == [(first.alarm_id,)]


async def test_an_acknowledgement_holds_for_the_matter() -> None:
    """What goes on after the end of an acknowledged alarm climbs no ladder."""
    first, late = OF_A_COMPLAINT[0], OF_A_COMPLAINT[1]
    found = await story(MAIL, first, late)
    await found.push(settled(first, at(50)))
    await found.until(at(0, days=40))
    assert found.sent("boss") == []


async def test_one_of_a_matter_that_was_not_sent_speaks_for_none() -> None:
    """What ended before it was sent told nobody, so the next is sent."""
    night = f"{QUIETLY}{NIGHT_HOURS}{ROUTE}quiet = 'night'\n"
    first, second = about("risk-high", 22), about("gone-quiet", 23)
    found = await story(night, first, second, acked=False)
    assert found.rules(second.alarm_id) == ["same_matter"]
    await found.push(settled(first, at(24)))
    await found.until(at(40))
    assert [(when, ids) for when, _, ids in found.sent()] == [(at(32), (second.alarm_id,))]


async def test_a_kill_between_the_end_and_what_follows_loses_neither() -> None:
    """The record of the end is read again, and then the rest of the matter goes on."""
    first, late = OF_A_COMPLAINT[0], OF_A_COMPLAINT[1]
    found = await story(MAIL, first, late, acked=False)
    before = found.store.incidents[late.alarm_id]
    await found.push(settled(first, at(33.5)))
    found.store.incidents[late.alarm_id] = before  # the process died before this was stored
    again = await found.restarted()
    await again.push(settled(first, at(33.5)), now=at(33.6))
    await again.until(at(44))
    assert [when for when, _, _ in again.sent("boss")] == [at(34), at(37)]


LADDERS = [
    ("gone-quiet", 9, {}, [33, 36]),
    ("risk-high", 9, {"severity": "error"}, [33, 36]),
    ("risk-high", 9, {"severity": "critical"}, [33, 36]),
    ("tier-drop", 9, {}, [33, 36]),
    ("tier-drop", 9, {"severity": "info"}, []),
    ("staff-unasked", 9, {"customer_id": None}, [10, 13]),
    ("request-unattended", 18, {}, [19, 32]),
    ("request-unattended", 18, {"severity": "critical"}, [19, 22]),
    ("single-failure", 9, {"deadline": at(57)}, [58, 61]),
    ("major-problem", 9, {"deadline": at(57), "severity": "critical"}, [10, 13]),
    ("major-problem", 9, {"deadline": at(68)}, [80, 83]),
    ("complaint-overdue", 9, {"deadline": at(0, days=30)}, [10, 13]),
    ("single-failure", 9, {}, [10, 13]),
]


@pytest.mark.parametrize(("kind", "hour", "changed", "climbs"), LADDERS)
async def test_a_ladder_is_climbed_by_kind(
    kind: str, hour: float, changed: dict[str, Any], climbs: list[float]
) -> None:
    """Silence and its like never within a day, troubles from the deadline on, nothing under critical at night, info never."""
    found = await story(MAIL, about(kind, hour, **changed), acked=False)
    await found.until(at(0, days=20))
    assert [when for when, _, _ in found.sent("boss")] == [at(hour) for hour in climbs]
