"""Escalations, reminders, and the actions of people."""

from typing import Any

import msgspec
import pytest

from alerts.pipeline.actions import read_action
from alerts.pipeline.incident import Action, ActionName, ActionRejected
from scorers.contract.alarms import Evidence
from scorers.contract.wire import decode_alarm, encode_alarm, encode_event
from tests.support.routefiles import LADDER
from tests.support.timeline import Story, alarm, at, settled
from vigia.runtime.answering.links import Link

PURCHASE = Evidence("purchases", 0, 1, "p1")


async def test_without_an_acknowledgement_the_ladder_escalates() -> None:
    """A2, A3: each rung escalates once at its time; reminders become rarer; the end stops both."""
    story = Story(LADDER)
    one = alarm(kind="request-unattended")
    await story.push(one)
    await story.until(at(10, days=8))
    climbed = [(when, change) for when, change, _ in story.sent("boss") if change != "reminder"]
    assert climbed == [(at(10), "alarm.escalated"), (at(13), "alarm.escalated")]
    assert [(when, change) for when, change, _ in story.sent()] == [
        (at(9), "alarm.raised"),
        (at(13), "alarm.escalated"),
        (at(9, days=1), "reminder"),
        (at(9, days=3), "reminder"),
        (at(9, days=7), "reminder"),
    ]
    assert [one.time for one in story.published] == [at(10), at(13)]
    await story.push(settled(one, at(12, days=8)))
    before = len(story.sent())
    await story.until(at(0, days=60))
    assert len(story.sent()) == before


async def test_an_acknowledgement_stops_the_ladder() -> None:
    """After an acknowledgement nothing escalates; it is published once; a later change is sent if it is worse."""
    story = Story(LADDER)
    await story.push(alarm())
    await story.until(at(9.5))
    ack = Action(alarm_id="a1", customer_id="C1", action="ack", by="eva", id="x1")
    known = await story.dispatcher.act(ack, at(9.5))
    assert known is not None
    assert (known.type, known.cause) == ("alarm.acknowledged", ("x1",))
    assert await story.dispatcher.act(ack, at(9.6)) == known, "a kill may have come before it was published"
    await story.push(known)
    assert await story.dispatcher.act(ack, at(9.7)) is None
    await story.push(alarm(when=at(40), type="alarm.updated", severity="critical"))
    await story.until(at(0, days=30))
    assert [change for _, change, _ in story.sent()] == ["alarm.raised", "alarm.updated"]
    assert story.sent("boss") == []


@pytest.mark.parametrize(
    ("action", "change"),
    [
        ("resolve", "alarm.resolved"),
        ("snooze", "alarm.snoozed"),
        ("act", "alarm.acted"),
        ("dismiss", "alarm.dismissed"),
    ],
)
async def test_what_people_do_is_published_under_its_own_name(action: Any, change: str) -> None:
    """Once each, and nobody is notified of it; after a kill before it came back it is told again."""
    story = Story(LADDER)
    await story.push(alarm())
    done = Action(
        alarm_id="a1", customer_id="C1", action=action, by="eva", id="x1", until=at(15), reason="call at three"
    )
    known = await story.dispatcher.act(done, at(9.5))
    assert known is not None
    assert (known.type, known.cause) == (change, ("x1",))
    assert await story.dispatcher.act(done, at(9.6)) == known
    await story.push(known)
    assert await story.dispatcher.act(done, at(9.7)) is None
    assert story.rules()[-1] == "bookkeeping"
    assert [change for _, change, _ in story.sent()] == ["alarm.raised"]
    assert story.store.incidents["a1"].acked_by == (None if action == "snooze" else "eva")


async def test_what_people_do_is_told_with_who_when_why_until_and_how() -> None:
    """The record on `alarms` says it, and reads back; a treatment that is none leaves the proposed one."""
    story = Story(LADDER)
    await story.push(alarm(treatment="help"))
    own = {"reason": "call at three", "until": at(15), "time": at(9.25), "source": "console"}
    told = await story.dispatcher.act(does("snooze", treatment="incentive", **own), at(9.5))
    assert told is not None
    assert (told.by, told.time, told.reason, told.until, told.treatment) == (
        "eva",
        at(9.25),
        "call at three",
        at(15),
        "incentive",
    )
    assert decode_alarm(encode_alarm(told)) == told
    other = await story.dispatcher.act(does("act", treatment="flowers"), at(9.6))
    assert other is not None
    assert (other.by, other.time, other.until, other.treatment) == ("eva", at(9.6), None, "help")


async def test_after_resolve_the_matter_is_closed_for_people() -> None:
    """Nothing follows of the alarm, not even a worse change, and nothing of its matter climbs; its end is told, and an undo opens it again."""
    story = Story(LADDER)
    quiet = alarm("a1", "gone-quiet", evidence=(PURCHASE,))
    await story.push(quiet)
    await story.push(alarm("a2", "risk-high", when=at(9.1), evidence=(PURCHASE,)))
    await story.dispatcher.act(does("resolve"), at(9.5))
    await story.push(alarm("a1", "gone-quiet", when=at(12), type="alarm.updated", severity="critical"))
    await story.until(at(0, days=20))
    assert [change for _, change, _ in story.sent()] == ["alarm.raised"]
    assert story.sent("boss") == []
    assert story.rules()[-1] == "resolved"
    await story.push(settled(quiet, at(0, days=21)))
    assert [change for _, change, _ in story.sent()] == ["alarm.raised"], "its matter goes on"
    again = Story(LADDER)
    await again.push(quiet)
    await again.dispatcher.act(does("resolve"), at(9.5))
    await again.dispatcher.act(does("undo"), at(9.6))
    await again.until(at(0, days=20))
    assert again.sent("boss") != []


async def test_a_link_that_is_pressed_twice_acts_once() -> None:
    """The second press has the identity of the first, whatever it asks for."""
    story = Story(LADDER)
    await story.push(alarm())
    link = Link("a1", "eva", 0, "n1")
    first, second = (read_action(encode_event(link.act(name, "C1", at(9.2)))) for name in ("ack", "dismiss"))
    assert isinstance(first, Action)
    assert isinstance(second, Action)
    told = await story.dispatcher.act(first, at(9.5))
    assert told is not None
    await story.push(told)
    assert await story.dispatcher.act(second, at(9.6)) is None
    incident = story.store.incidents["a1"]
    assert (incident.acked_by, incident.dismissed_by, len(incident.audit)) == ("eva (by link)", None, 1)


async def test_an_undo_goes_by_when_things_were_done() -> None:
    """As in the core: the last by its own time is taken back, however late and in whichever order the actions are read."""
    story = Story(LADDER)
    await story.push(alarm())
    await story.dispatcher.act(does("dismiss", time=at(9.4)), at(9.5))
    await story.dispatcher.act(does("ack", time=at(9.2)), at(9.6))
    await story.dispatcher.act(does("undo", time=at(9.5)), at(9.7))
    incident = story.store.incidents["a1"]
    assert (incident.dismissed_by, incident.acked_by) == (None, "eva")
    await story.dispatcher.act(does("undo", number=1, time=at(9.6)), at(9, days=3))
    assert story.store.incidents["a1"].acked_by is None


async def test_an_acknowledgement_that_was_taken_back_stays_so_when_its_record_comes_back() -> None:
    """The notifier reads its own records from `alarms`, perhaps after the undo."""
    story = Story(LADDER)
    await story.push(alarm())
    told = await story.dispatcher.act(does("ack"), at(9.5))
    await story.dispatcher.act(does("undo"), at(9.6))
    assert told is not None
    await story.push(told, now=at(9.7))
    assert story.store.incidents["a1"].acked_by is None


async def test_a_channel_that_keeps_the_state_is_told_what_people_do() -> None:
    """At once, also of a dismissal and its end; a channel that was not told of the alarm is not told of this."""
    story = Story(LADDER.replace('type = "log"\ntell_end = true', 'type = "log"\ntell_end = true\ntell_actions = true'))
    await story.push(alarm())
    for step, one in enumerate((does("ack"), does("dismiss"))):
        told = await story.dispatcher.act(one, at(9.1 + step / 10))
        assert told is not None
        await story.push(told)
    await story.push(settled(alarm(), at(9.5)))
    assert [change for _, change, _ in story.sent()] == [
        "alarm.raised",
        "alarm.acknowledged",
        "alarm.dismissed",
        "alarm.settled",
    ]
    assert story.sent("boss") == []
    assert story.sinks["desk"].taken[1].message.title.startswith("Acknowledged by eva: ")


async def test_a_snooze_has_an_end_a_reason_and_an_audit_entry() -> None:
    """Nothing is sent until the end of the snooze, not even a worse change; then the alarm is sent again."""
    story = Story(LADDER)
    await story.push(alarm())
    snooze = Action(alarm_id="a1", customer_id="C1", action="snooze", by="eva", until=at(15), reason="call at three")
    await story.dispatcher.act(snooze, story.now)
    await story.push(alarm(when=at(12), type="alarm.updated", severity="critical"))
    await story.until(at(15.5))
    assert [(when, change) for when, change, _ in story.sent()] == [(at(9), "alarm.raised"), (at(15), "reminder")]
    assert "snoozed" in story.rules()
    assert [(line.action.by, line.action.reason) for line in story.store.incidents["a1"].audit] == [
        ("eva", "call at three")
    ]


@pytest.mark.parametrize(
    ("action", "says"),
    [
        (Action(alarm_id="a1", customer_id=None, action="snooze", by="eva", reason="x"), "give until"),
        (Action(alarm_id="a1", customer_id=None, action="snooze", by="eva", reason="x", until=at(9)), "give until"),
        (Action(alarm_id="a1", customer_id=None, action="snooze", by="eva", until=at(11)), "give reason"),
        (Action(alarm_id="a1", customer_id=None, action="ack", by=" "), "give by"),
        (Action(alarm_id="a2", customer_id=None, action="ack", by="eva"), "no alarm 'a2'"),
        (Action(alarm_id="over", customer_id=None, action="ack", by="eva"), "write a note"),
        (Action(alarm_id="over", customer_id=None, action="dismiss", by="eva"), "write a note"),
        (Action(alarm_id="a1", customer_id=None, action="undo", by="eva"), "eva has done nothing"),
    ],
)
async def test_what_cannot_be_done_changes_nothing(action: Action, says: str) -> None:
    """An action that does not fit is rejected with its correction, and the incident does not change."""
    story = Story()
    await story.push(alarm())
    await story.push(alarm("over"))
    await story.push(settled(alarm("over"), at(9)))
    before = dict(story.store.incidents)
    with pytest.raises(ActionRejected, match=says):
        await story.dispatcher.act(action, at(9))
    assert story.store.incidents == before


def does(action: ActionName, by: str = "eva", number: int = 0, **own: Any) -> Action:
    """An action on the alarm of the stories, under an id of its own."""
    return Action(alarm_id="a1", customer_id="C1", action=action, by=by, id=f"{by} {action} {number}", **own)


async def test_of_a_dismissed_alarm_nothing_more_is_sent() -> None:
    """No reminder, no escalation, no worse change, not even its end; raised again it is sent again."""
    story = Story(LADDER)
    await story.push(alarm())
    await story.dispatcher.act(does("dismiss"), at(9.5))
    await story.push(alarm(when=at(40), type="alarm.updated", severity="critical"))
    await story.until(at(0, days=20))
    await story.push(settled(alarm(), at(0, days=21)))
    assert [change for _, change, _ in story.sent()] == ["alarm.raised"]
    assert story.sent("boss") == []
    assert story.rules()[-2:] == ["dismissed", "dismissed"]
    await story.push(alarm(when=at(0, days=30)))
    assert [change for _, change, _ in story.sent()] == ["alarm.raised", "alarm.raised"]


@pytest.mark.parametrize("order", ["dismiss, settled, undo, raised", "settled, dismiss, raised, undo"])
async def test_a_dismissal_and_its_undo_are_accepted_however_far_the_worker_is(order: str) -> None:
    """The worker settles a dismissed alarm, and raises it again at the undo, before or after the notifier has read these."""
    story = Story(LADDER)
    await story.push(alarm())
    false = msgspec.structs.replace(settled(alarm(), at(10)), outcome="false")
    for n, step in enumerate(order.split(", ")):
        when = at(10 + n)
        if step in ("dismiss", "undo"):
            await story.dispatcher.act(does(step), when)  # type: ignore[arg-type]
        else:
            await story.push(msgspec.structs.replace(alarm() if step == "raised" else false, time=when))
    incident = story.store.incidents["a1"]
    assert (incident.ended, incident.dismissed_by, incident.acked_by) == (False, None, None)
    assert [entry.undone for entry in incident.audit] == [True, False]


UNDOABLE = [
    does("ack"),
    does("act"),
    does("resolve"),
    does("dismiss"),
    does("note", reason="called"),
    does("snooze", until=at(20), reason="call at eight"),
]
STANDING = [None, does("ack", "bob"), does("dismiss", "bob"), does("snooze", "bob", until=at(18), reason="later")]


@pytest.mark.parametrize("standing", STANDING, ids=lambda action: action and action.action)
@pytest.mark.parametrize("action", UNDOABLE, ids=lambda action: action.action)
async def test_an_undo_takes_back_only_the_last_action_of_its_person(action: Action, standing: Action | None) -> None:
    """What others did stays, before it or after it; the audit keeps both entries, and a second reading changes nothing."""
    for others_first in (True, False):
        story = Story(LADDER)
        await story.push(alarm())
        acts = [one for one in ([standing, action] if others_first else [action, standing]) if one]
        for one in acts:
            await story.dispatcher.act(one, at(9.5))
        undo = does("undo")
        assert await story.dispatcher.act(undo, at(9.6)) is None
        after = story.store.incidents["a1"]
        alone = Story(LADDER)
        await alone.push(alarm())
        if standing is not None:
            await alone.dispatcher.act(standing, at(9.5))
        only = alone.store.incidents["a1"]
        assert (after.acked_by, after.dismissed_by, after.snoozed_until) == (
            only.acked_by,
            only.dismissed_by,
            only.snoozed_until,
        )
        assert [(line.action.action, line.undone) for line in after.audit if line.action.by == "eva"] == [
            (action.action, True),
            ("undo", False),
        ]
        await story.dispatcher.act(undo, at(9.7))
        assert story.store.incidents["a1"] == after


async def test_after_an_undo_the_ladder_runs_again() -> None:
    """Who has acknowledged by mistake and takes it back is reminded as if nothing had happened; a day later it is too late."""
    story = Story(LADDER)
    await story.push(alarm())
    await story.dispatcher.act(does("ack"), at(9.2))
    await story.dispatcher.act(does("undo"), at(9.3))
    await story.until(at(0, days=5))
    untouched = Story(LADDER)
    await untouched.push(alarm())
    await untouched.until(at(0, days=5))
    assert story.sent() == untouched.sent()
    assert story.sent("boss") == untouched.sent("boss") != []
    await story.dispatcher.act(does("ack", number=1), at(0, days=5))
    with pytest.raises(ActionRejected, match="within a day"):
        await story.dispatcher.act(does("undo", number=1), at(1, days=6))
