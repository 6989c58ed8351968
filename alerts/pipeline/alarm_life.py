"""The life of an alarm in people's hands: acknowledged, snoozed, escalated, reminded, resolved.

A case is everything that the notifier keeps about one alarm, in one value, so that what was decided and what was sent
can never part. All here are pure functions from a case to the next one. Whether anybody is told is the stages'
business; whether the alarm still stands is the core's.
"""

import hashlib
from typing import Literal

import msgspec
from msgspec import Struct

from alerts.pipeline.routes import Ladder
from scorers.alarms.kinds import STATE_CHANGES
from scorers.contract.alarms import Alarm, Change, Severity
from scorers.contract.events import Instant

State = Literal["waiting", "sent", "stopped", "failed"]
Verb = Literal["ack", "snooze", "act", "resolve", "note"]
ENDINGS: frozenset[Change] = frozenset({"alarm.settled", "alarm.withdrawn"})
KEPT = 64  # records, audit lines and change ids kept in a case; the topic behind it keeps all


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
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


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A record of the `alarm-actions` topic: what a person did about an alarm."""

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


class Case(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alarm with all that people and channels did about it.

    It was `made` in event time, which is long ago where years of history are read; it was `found` when it was read here.
    """

    alarm: Alarm
    made: Instant
    became: Instant
    found: Instant = Instant(0)
    ended: bool = False
    acked_by: str | None = None
    snoozed_until: Instant | None = None
    woken: Instant | None = None
    rung: int = 0
    reminded: int = 0
    seen: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    audit: tuple[Audit, ...] = ()

    def told(self) -> dict[str, Record]:
        """By channel, the last record that went or is going there, since the alarm last began."""
        last: dict[str, Record] = {}
        for record in self.records:
            if record.state in ("waiting", "sent"):
                last[record.channel] = record
        return {channel: record for channel, record in last.items() if record.change not in ENDINGS}


_ENCODER = msgspec.json.Encoder(enc_hook=int)
_DECODER = msgspec.json.Decoder(Case, dec_hook=lambda kind, raw: kind(raw))


def dump(case: Case) -> bytes:
    """The case as the bytes under its key; instants as integers, since only the notifier reads them."""
    return _ENCODER.encode(case)


def load(content: bytes) -> Case:
    """The case that these bytes hold."""
    return _DECODER.decode(content)


class NotPossible(ValueError):
    """An action does not fit the alarm's state; the sentence says why."""


def change_id(alarm_id: str, change: str, mark: int) -> str:
    """The identity of one change: the same however often and wherever it is read.

    >>> change_id("a1", "alarm.raised", 7) == change_id("a1", "alarm.raised", 7) != change_id("a1", "alarm.raised", 8)
    True
    """
    digest = hashlib.sha256(msgspec.json.encode([alarm_id, change, int(mark)])).hexdigest()
    return f"msg_{digest[:32]}"


def identity(alarm: Alarm) -> str:
    """The identity of the change that this record tells."""
    return change_id(alarm.alarm_id, alarm.type, alarm.time)


def fold(case: Case | None, alarm: Alarm, now: Instant) -> Case:
    """The case after this record of the `alarms` topic, read at `now`; one already seen changes nothing."""
    mark = identity(alarm)
    found = max(now, alarm.time)
    ended = alarm.type in ENDINGS or alarm.kind in STATE_CHANGES
    if case is None:
        return Case(alarm=alarm, made=alarm.time, became=alarm.at, found=found, ended=ended, seen=(mark,))
    if mark in case.seen:
        return case
    seen = (*case.seen, mark)[-KEPT:]
    if case.ended and alarm.type == "alarm.raised":
        return Case(
            alarm=alarm,
            made=alarm.time,
            became=alarm.at,
            found=found,
            ended=ended,
            seen=seen,
            records=tuple(record for record in case.records if record.state == "waiting"),
            audit=case.audit,
        )
    if alarm.type == "alarm.acknowledged":
        return msgspec.structs.replace(case, seen=seen, acked_by=case.acked_by or "somebody")
    if alarm.type == "alarm.escalated":
        return msgspec.structs.replace(case, seen=seen, rung=case.rung + 1)
    return msgspec.structs.replace(case, alarm=alarm, seen=seen, ended=case.ended or ended)


def noted(case: Case, *records: Record) -> Case:
    """The case with these records; one of the same change and channel takes the place of the older."""
    after = {(old.id, old.channel): old for old in case.records}
    after.update({(new.id, new.channel): new for new in records})
    spare = len(after) - KEPT
    for key in [key for key, old in after.items() if old.state != "waiting"][: max(0, spare)]:
        del after[key]
    return msgspec.structs.replace(case, records=tuple(after.values()))


def act(case: Case, action: Action, now: Instant) -> Case:
    """The case after a person's action, with its audit line; the same action twice counts once."""
    if any(line.action == action for line in case.audit):
        return case
    if not action.by.strip():
        raise NotPossible(f"{action.action} needs somebody who did it; give by")
    if case.ended and action.action != "note":
        raise NotPossible(f"the alarm is over, {action.action} has nothing to act on; write a note instead")
    done = msgspec.structs.replace(case, audit=(*case.audit, Audit(action, now))[-KEPT:])
    if action.action == "snooze":
        if action.until is None or action.until <= now:
            raise NotPossible("a snooze needs an end in the future; give until")
        if not (action.reason or "").strip():
            raise NotPossible("a snooze needs a reason; give reason")
        return msgspec.structs.replace(done, snoozed_until=action.until)
    if action.action == "note":
        return done
    return msgspec.structs.replace(done, acked_by=case.acked_by or action.by, snoozed_until=None)


def acknowledged(case: Case, now: Instant, cause: tuple[str, ...] = ()) -> Alarm:
    """The record for the `alarms` topic that says that somebody has taken the alarm on."""
    return msgspec.structs.replace(case.alarm, type="alarm.acknowledged", time=now, cause=cause)


def escalated(case: Case, at: Instant) -> Alarm:
    """The record for the `alarms` topic that says that nobody did in time."""
    return msgspec.structs.replace(case.alarm, type="alarm.escalated", time=at, cause=())


def woken(case: Case) -> Case:
    """The case at the end of its snooze, to be counted from there."""
    return msgspec.structs.replace(case, snoozed_until=None, woken=case.snoozed_until, reminded=0)


Move = tuple[Instant, Literal["wake", "escalate", "remind"]]


def next_move(case: Case, ladder: Ladder) -> Move | None:
    """What happens next if people do nothing, and when; None when nothing will.

    Only those who were told are pressed: the ladder counts from the first notification. A snooze holds everything
    back until its end, and then the counting begins again. Reminders come 1, 3, 7, 15 ... times the ladder's `remind` after it.
    """
    if case.ended or case.acked_by is not None:
        return None
    if case.snoozed_until is not None:
        return case.snoozed_until, "wake"
    if not case.told():
        return None
    going = [one for one in case.records if one.state in ("waiting", "sent") and one.change not in ENDINGS]
    start = max(min(one.done or (one.time if one.attempts else one.due) for one in going), case.woken or 0)
    moves: list[Move] = []
    if case.rung < len(ladder.rungs):
        moves.append((Instant(start + ladder.rungs[case.rung].after), "escalate"))
    if ladder.remind is not None:
        moves.append((Instant(start + ladder.remind * (2 ** (case.reminded + 1) - 1)), "remind"))
    return min(moves, default=None)
