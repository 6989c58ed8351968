"""The life of an alarm in people's hands: acknowledged, snoozed, escalated, reminded, resolved.

A incident is everything that the notifier keeps about one alarm, in one value, so that what was decided and what was sent
can never part. All here are pure functions from a incident to the next one. Whether anybody is told is the stages'
business; whether the alarm still stands is the core's.
"""

from typing import Literal

import msgspec
from msgspec import Struct

from alerts.channels.contract import change_id
from alerts.pipeline.routes import Ladder
from scorers.alarms.kinds import STATE_CHANGES
from scorers.contract.alarms import Alarm, Change, Severity
from scorers.contract.events import Instant

State = Literal["waiting", "sent", "stopped", "failed"]
Verb = Literal["ack", "snooze", "act", "resolve", "note"]
ENDINGS: frozenset[Change] = frozenset({"alarm.settled", "alarm.withdrawn"})
KEPT = 64  # deliveries, audit lines and change ids kept in a incident; the topic behind it keeps all


class Delivery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of one change of an alarm on one channel, and by which rule; `alarm` only while it waits."""

    id: str
    alarm_id: str
    change: str
    channel: str
    state: State
    rule: str
    time: Instant
    severity: Severity
    detail: str = ""
    due: Instant = Instant(0)
    group: str = ""
    attempts: int = 0
    done: Instant | None = None
    alarm: Alarm | None = None


_WIRE_NAMES = {"raised_at": "made", "true_since": "became", "first_read_at": "found", "deliveries": "records"}


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A delivery of the `alarm-actions` topic: what a person did about an alarm."""

    alarm_id: str
    customer_id: str | None
    action: Verb
    by: str
    until: Instant | None = None
    reason: str | None = None
    id: str = ""


class Audit(Struct, frozen=True, omit_defaults=True):
    """Who did what, when."""

    action: Action
    time: Instant


class Incident(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_WIRE_NAMES):
    """One alarm with everything that people and channels did about it.

    `raised_at` and `true_since` are event time, which may be years ago where history is read; `first_read_at` is the
    notifier's own clock.
    """

    alarm: Alarm
    raised_at: Instant
    true_since: Instant
    first_read_at: Instant = Instant(0)
    ended: bool = False
    acked_by: str | None = None
    snoozed_until: Instant | None = None
    woken: Instant | None = None
    rung: int = 0
    reminded: int = 0
    seen: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    audit: tuple[Audit, ...] = ()

    def notified(self) -> dict[str, Delivery]:
        """By channel, the last delivery that went or is going there, since the alarm last began."""
        last: dict[str, Delivery] = {}
        for delivery in self.deliveries:
            if delivery.state in ("waiting", "sent"):
                last[delivery.channel] = delivery
        return {channel: delivery for channel, delivery in last.items() if delivery.change not in ENDINGS}


_ENCODER = msgspec.json.Encoder(enc_hook=int)
_DECODER = msgspec.json.Decoder(Incident, dec_hook=lambda kind, raw: kind(raw))


def encode_incident(incident: Incident) -> bytes:
    """The incident as the bytes under its key; instants as integers, since only the notifier reads them."""
    return _ENCODER.encode(incident)


def decode_incident(content: bytes) -> Incident:
    """The incident that these bytes hold."""
    return _DECODER.decode(content)


class ActionRejected(ValueError):
    """An action does not fit the alarm's state; the sentence says why."""


def identity(alarm: Alarm) -> str:
    """The identity of the change that this delivery tells."""
    return change_id(alarm.alarm_id, alarm.type, alarm.time)


def fold(incident: Incident | None, alarm: Alarm, now: Instant) -> Incident:
    """The incident after this delivery of the `alarms` topic, read at `now`; one already seen changes nothing."""
    mark = identity(alarm)
    found = max(now, alarm.time)
    ended = alarm.type in ENDINGS or alarm.kind in STATE_CHANGES
    if incident is None:
        return Incident(
            alarm=alarm, raised_at=alarm.time, true_since=alarm.at, first_read_at=found, ended=ended, seen=(mark,)
        )
    if mark in incident.seen:
        return incident
    seen = (*incident.seen, mark)[-KEPT:]
    if incident.ended and alarm.type == "alarm.raised":
        return Incident(
            alarm=alarm,
            raised_at=alarm.time,
            true_since=alarm.at,
            first_read_at=found,
            ended=ended,
            seen=seen,
            deliveries=tuple(delivery for delivery in incident.deliveries if delivery.state == "waiting"),
            audit=incident.audit,
        )
    if alarm.type == "alarm.acknowledged":
        return msgspec.structs.replace(incident, seen=seen, acked_by=incident.acked_by or "somebody")
    if alarm.type == "alarm.escalated":
        return msgspec.structs.replace(incident, seen=seen, rung=incident.rung + 1)
    return msgspec.structs.replace(incident, alarm=alarm, seen=seen, ended=incident.ended or ended)


def noted(incident: Incident, *deliveries: Delivery) -> Incident:
    """The incident with these deliveries; one of the same change and channel takes the place of the older."""
    after = {(old.id, old.channel): old for old in incident.deliveries}
    after.update({(new.id, new.channel): new for new in deliveries})
    spare = len(after) - KEPT
    for key in [key for key, old in after.items() if old.state != "waiting"][: max(0, spare)]:
        del after[key]
    return msgspec.structs.replace(incident, deliveries=tuple(after.values()))


def act(incident: Incident, action: Action, now: Instant) -> Incident:
    """The incident after a person's action, with its audit entry; the same action twice counts once."""
    if any(entry.action == action for entry in incident.audit):
        return incident
    if not action.by.strip():
        raise ActionRejected(f"{action.action} needs somebody who did it; give by")
    if incident.ended and action.action != "note":
        raise ActionRejected(f"the alarm is over, {action.action} has nothing to act on; write a note instead")
    done = msgspec.structs.replace(incident, audit=(*incident.audit, Audit(action, now))[-KEPT:])
    if action.action == "snooze":
        if action.until is None or action.until <= now:
            raise ActionRejected("a snooze needs an end in the future; give until")
        if not (action.reason or "").strip():
            raise ActionRejected("a snooze needs a reason; give reason")
        return msgspec.structs.replace(done, snoozed_until=action.until)
    if action.action == "note":
        return done
    return msgspec.structs.replace(done, acked_by=incident.acked_by or action.by, snoozed_until=None)


def acknowledged(incident: Incident, now: Instant, cause: tuple[str, ...] = ()) -> Alarm:
    """The delivery for the `alarms` topic that says that somebody has taken the alarm on."""
    return msgspec.structs.replace(incident.alarm, type="alarm.acknowledged", time=now, cause=cause)


def escalated(incident: Incident, at: Instant) -> Alarm:
    """The delivery for the `alarms` topic that says that nobody did in time."""
    return msgspec.structs.replace(incident.alarm, type="alarm.escalated", time=at, cause=())


def woken(incident: Incident) -> Incident:
    """The incident at the end of its snooze, to be counted from there."""
    return msgspec.structs.replace(incident, snoozed_until=None, woken=incident.snoozed_until, reminded=0)


Move = tuple[Instant, Literal["wake", "escalate", "remind"]]


def next_move(incident: Incident, ladder: Ladder) -> Move | None:
    """What happens next if people do nothing, and when; None when nothing will.

    Only those who were told are pressed: the ladder counts from the first notification. A snooze holds everything
    back until its end, and then the counting begins again. Reminders come 1, 3, 7, 15 ... times the ladder's `remind` after it.
    """
    if incident.ended or incident.acked_by is not None:
        return None
    if incident.snoozed_until is not None:
        return incident.snoozed_until, "wake"
    if not incident.notified():
        return None
    going = [one for one in incident.deliveries if one.state in ("waiting", "sent") and one.change not in ENDINGS]
    start = max(min(one.done or (one.time if one.attempts else one.due) for one in going), incident.woken or 0)
    moves: list[Move] = []
    if incident.rung < len(ladder.rungs):
        moves.append((Instant(start + ladder.rungs[incident.rung].after), "escalate"))
    if ladder.remind is not None:
        moves.append((Instant(start + ladder.remind * (2 ** (incident.reminded + 1) - 1)), "remind"))
    return min(moves, default=None)
