"""An incident: one alarm with what people did about it and which notifications were decided and delivered.

It is one value under one key, so decisions and deliveries are always written together. The functions are pure, from an
incident to the next; whether to notify is decided in `stages`, whether the alarm is still open by the core.
"""

from typing import Literal, cast, get_args

import msgspec
from msgspec import Struct

from alerts.channels.contract import change_id
from alerts.wording.worklist import Listed
from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm, Change, Severity, Treatment
from scorers.contract.events import DAY, ActionName, Code, Duration, Instant, Name, Text

State = Literal["waiting", "sent", "stopped", "failed"]
CHANGES: dict[ActionName, Change] = {
    "ack": "alarm.acknowledged",
    "act": "alarm.acted",
    "snooze": "alarm.snoozed",
    "resolve": "alarm.resolved",
    "dismiss": "alarm.dismissed",
}
"""The actions that are published on `alarms`, and their names there. An undo has none: no record can be taken back."""
BY_PEOPLE = frozenset(CHANGES.values())
ENDINGS: frozenset[Change] = frozenset({"alarm.settled", "alarm.withdrawn"})
UNDO_WITHIN: Duration = DAY
TREATMENTS = frozenset(get_args(Treatment))
MAX_KEPT = 64  # deliveries, audit entries and change ids of an incident; the topics keep all of them


class Delivery(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The delivery of one change of an alarm on one channel: its state, and the rule that decided it.

    `channel` is empty where a rule stopped the change before channels were chosen. `group` is the notification that it
    goes with, `thread` the matter that it belongs to, if that is another alarm's. `alarm` and,
    of a worklist, `listed` are set only while it waits.
    """

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
    thread: str = ""
    attempts: int = 0
    begun: bool = False  # an attempt has begun, and how it ended is not known yet
    done: Instant | None = None
    alarm: Alarm | None = None
    listed: tuple[Listed, ...] = ()


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a person did about an alarm, as far as the notifier reads the records of `alarm-actions`.

    `source` and `id` are its identity, `time` is when it was done; the notifier gives them to a record without them.
    """

    alarm_id: str
    customer_id: str | None = None
    action: ActionName
    by: Name
    until: Instant | None = None
    reason: Text | None = None
    treatment: Code | None = None
    id: str = ""
    source: str = ""
    time: Instant | None = None

    def same_as(self, other: "Action") -> bool:
        """Whether both are one action: the identity if it has one, else the content."""
        return (self.source, self.id) == (other.source, other.id) if self.id else self == other


class Audit(Struct, frozen=True, omit_defaults=True):
    """An action, when the notifier read it, and whether its person has taken it back."""

    action: Action
    time: Instant
    undone: bool = False

    @property
    def done_at(self) -> Instant:
        """When the person did it."""
        return self.action.time or self.time


_WIRE_NAMES = {
    "raised_at": "made",
    "true_since": "became",
    "made_at": "found",
    "snooze_ended": "woken",
    "escalations": "rung",
    "reminders": "reminded",
    "deliveries": "records",
}


class Incident(Struct, frozen=True, kw_only=True, omit_defaults=True, rename=_WIRE_NAMES):
    """One alarm with everything that people and channels did about it.

    `raised_at` and `true_since` are event time, which may be years ago where history is read; `made_at` is when
    the record was written to `alarms`, by Kafka's clock.
    """

    alarm: Alarm
    raised_at: Instant
    true_since: Instant
    made_at: Instant = Instant(0)
    ended: bool = False
    acked_by: str | None = None
    snoozed_until: Instant | None = None
    snooze_ended: Instant | None = None
    escalations: int = 0
    reminders: int = 0
    seen: tuple[str, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    audit: tuple[Audit, ...] = ()
    dismissed_by: str | None = None
    resolved_by: str | None = None  # it is closed for people
    thread: str = ""  # empty where it is the alarm's own id
    continues: str = ""  # the alarm that it goes on from, because customers were merged

    def notified(self) -> dict[str, Delivery]:
        """By channel, the last delivery that is sent or waiting since the alarm was last raised."""
        last: dict[str, Delivery] = {}
        for delivery in self.deliveries:
            if delivery.state in ("waiting", "sent"):
                last[delivery.channel] = delivery
        return {channel: delivery for channel, delivery in last.items() if delivery.change not in ENDINGS}


_ENCODER = msgspec.json.Encoder(enc_hook=int)
_DECODER = msgspec.json.Decoder(Incident, dec_hook=lambda kind, raw: kind(raw))


def encode_incident(incident: Incident) -> bytes:
    """The value of an incident on its topic; instants are integers, as only the notifier reads them."""
    return _ENCODER.encode(incident)


def decode_incident(content: bytes) -> Incident:
    """The incident in a value of its topic."""
    return _DECODER.decode(content)


class ActionRejected(ValueError):
    """An action does not fit the state of the alarm; the message says why."""


def change_of(alarm: Alarm) -> str:
    """The id of the change that this record of `alarms` reports."""
    return change_id(alarm.alarm_id, alarm.type, alarm.time)


def fold(incident: Incident | None, alarm: Alarm, made: Instant) -> Incident:
    """The incident after this record of `alarms`, made at that instant; a change that was seen before changes nothing."""
    change = change_of(alarm)
    made_at = max(made, alarm.time)
    ended = alarm.type in ENDINGS or alarm.kind in STATE_CHANGES
    if incident is None:
        return Incident(
            alarm=alarm, raised_at=alarm.time, true_since=alarm.at, made_at=made_at, ended=ended, seen=(change,)
        )
    if change in incident.seen:
        return incident
    seen = (*incident.seen, change)[-MAX_KEPT:]
    if incident.ended and alarm.type == "alarm.raised":
        return Incident(
            alarm=alarm,
            raised_at=alarm.time,
            true_since=alarm.at,
            made_at=made_at,
            ended=ended,
            seen=seen,
            deliveries=tuple(delivery for delivery in incident.deliveries if delivery.state == "waiting"),
            audit=incident.audit,
            thread=incident.thread,
        )
    if alarm.type == "alarm.snoozed":
        return msgspec.structs.replace(incident, seen=seen)
    if alarm.type in BY_PEOPLE:
        known = any(entry.action.id in alarm.cause for entry in incident.audit if entry.action.id)
        acked = (
            incident.acked_by if known else incident.acked_by or alarm.by or "somebody"
        )  # known: it may be undone by now
        return msgspec.structs.replace(incident, seen=seen, acked_by=acked)
    if alarm.type == "alarm.escalated":
        return msgspec.structs.replace(incident, seen=seen, escalations=incident.escalations + 1)
    if incident.ended:  # what had ended before its customer was merged does not go on
        alarm = msgspec.structs.replace(alarm, merged=incident.alarm.merged)
    return msgspec.structs.replace(incident, alarm=alarm, seen=seen, ended=incident.ended or ended)


def with_deliveries(incident: Incident, *deliveries: Delivery) -> Incident:
    """The incident with these deliveries, each in place of an older one of the same change and channel."""
    after = {(old.id, old.channel): old for old in incident.deliveries}
    after.update({(new.id, new.channel): new for new in deliveries})
    excess = len(after) - MAX_KEPT
    for key in [key for key, old in after.items() if old.state != "waiting"][: max(0, excess)]:
        del after[key]
    return msgspec.structs.replace(incident, deliveries=tuple(after.values()))


def with_alarm(delivery: Delivery, incident: Incident) -> Delivery:
    """The delivery with the alarm of its incident, if it does not hold its own."""
    return delivery if delivery.alarm is not None else msgspec.structs.replace(delivery, alarm=incident.alarm)


def was_merged(incident: Incident) -> bool:
    """Whether the alarm ended because its customer was merged, so that it may go on under another id."""
    return incident.ended and incident.alarm.merged is True


def apply_action(incident: Incident, action: Action, now: Instant) -> Incident:
    """The incident after an action, with an audit entry; the same action twice counts once."""
    if any(entry.action.same_as(action) for entry in incident.audit):
        return incident
    if not action.by.strip():
        raise ActionRejected(f"{action.action} needs the name of the person; give by")
    if incident.ended and action.action != "note" and not _may_still_act(incident, action):
        raise ActionRejected(f"the alarm is over, so {action.action} is not possible; write a note instead")
    if action.action == "undo":
        return _undone(incident, action, now)
    if action.action == "snooze":
        if action.until is None or action.until <= now:
            raise ActionRejected("a snooze needs an end in the future; give until")
        if not (action.reason or "").strip():
            raise ActionRejected("a snooze needs a reason; give reason")
    return _with_effect(_with_entry(incident, Audit(action, now)), action)


def _may_still_act(incident: Incident, action: Action) -> bool:
    """Whether the alarm is over because it was dismissed, or its customer merged: the worker may say so before the dismissal, or its undo,
    is read here, and what goes on from the alarm may be read later.
    """
    if was_merged(incident):
        return True
    return action.action in ("dismiss", "undo") and incident.alarm.outcome == "false"


def _with_entry(incident: Incident, entry: Audit) -> Incident:
    return msgspec.structs.replace(incident, audit=(*incident.audit, entry)[-MAX_KEPT:])


def _with_effect(incident: Incident, action: Action) -> Incident:
    """What an action changes besides the audit."""
    if action.action in ("note", "undo"):
        return incident
    if action.action == "snooze":
        return msgspec.structs.replace(incident, snoozed_until=action.until)
    return msgspec.structs.replace(
        incident,
        acked_by=incident.acked_by or action.by,
        snoozed_until=None,
        dismissed_by=action.by if action.action == "dismiss" else incident.dismissed_by,
        resolved_by=action.by if action.action == "resolve" else incident.resolved_by,
    )


def _undone(incident: Incident, undo: Action, now: Instant) -> Incident:
    """The incident without the last action of the same person: what the others left of the audit say together.

    Last, and within a day, is judged by when things were done, as in the core.
    """
    known = [
        (entry.done_at, place)
        for place, entry in enumerate(incident.audit)
        if entry.action.by == undo.by
        and entry.action.action != "undo"
        and not entry.undone
        and (undo.time or now) - UNDO_WITHIN <= entry.done_at
        and (
            incident.made_at <= entry.time or entry.action.action == "dismiss"
        )  # its undo may have raised the alarm again
    ]
    if not known:
        raise ActionRejected(f"{undo.by} has done nothing about this alarm within a day that could be undone")
    audit = list(incident.audit)
    last = max(known)[1]
    audit[last] = msgspec.structs.replace(audit[last], undone=True)
    after = msgspec.structs.replace(
        incident, audit=tuple(audit), acked_by=None, snoozed_until=None, dismissed_by=None, resolved_by=None
    )
    for entry in audit:
        if not entry.undone and incident.made_at <= entry.time:
            after = _with_effect(after, entry.action)
    if after.snoozed_until is not None and after.snoozed_until <= now:
        after = msgspec.structs.replace(after, snoozed_until=None)
    return _with_entry(after, Audit(undo, now))


def action_record(incident: Incident, action: Action, change: Change, at: Instant) -> Alarm:
    """The record for `alarms` of what somebody has done about the alarm: who, when, why, until when, and with which treatment."""
    return msgspec.structs.replace(
        incident.alarm,
        type=change,
        time=at,
        cause=(action.id,) if action.id else (),
        by=action.by,
        reason=action.reason,
        until=action.until,
        treatment=cast(Treatment, action.treatment) if action.treatment in TREATMENTS else incident.alarm.treatment,
    )


def escalated(incident: Incident, at: Instant) -> Alarm:
    """The record for `alarms` that says that nobody has acknowledged it in time."""
    return msgspec.structs.replace(incident.alarm, type="alarm.escalated", time=at, cause=())


def after_snooze(incident: Incident) -> Incident:
    """The incident at the end of its snooze, from which the ladder counts again."""
    return msgspec.structs.replace(incident, snoozed_until=None, snooze_ended=incident.snoozed_until, reminders=0)
