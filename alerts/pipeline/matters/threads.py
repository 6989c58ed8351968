"""Threads: the alarms about one cause are one matter, of which people are told once (J9).

A complaint, its deadlines, the debt that it leaves and what it means to the customer's stage begin with one fact, and so do the kinds
about one silence. An alarm joins the thread of an earlier one of the same group of kinds that began with the same fact, or that is open
about the same case. The first is sent. Another is sent only if it is graver than what was sent of the thread on that channel.
"""

from collections.abc import Iterable, Sequence

import msgspec

from alerts.channels.contract import change_id
from alerts.pipeline.incident import Delivery, Incident
from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import SEVERITIES, Alarm, Matter
from scorers.contract.events import Instant

RULE = "same_matter"


def matter_of(alarm: Alarm) -> Matter:
    """The group of kinds that the alarm's kind belongs to; empty if each of its alarms is a matter of its own."""
    kind = KINDS.get(alarm.kind)
    return "" if kind is None else kind.matter


def thread_of(incident: Incident) -> str:
    """The thread of an incident: the id of the alarm that began it."""
    return incident.thread or incident.alarm.alarm_id


def find_thread(alarm: Alarm, others: Iterable[Incident]) -> str:
    """The thread of the customer's other incidents that the alarm joins; empty if it begins one."""
    matter = matter_of(alarm)
    if not matter:
        return ""
    for other in others:
        if other.alarm.alarm_id != alarm.alarm_id and matter_of(other.alarm) == matter and _same_cause(alarm, other):
            return thread_of(other)
    return ""


def _same_cause(alarm: Alarm, other: Incident) -> bool:
    began, before = _first_fact(alarm), _first_fact(other.alarm)
    if began is not None and began == before:
        return True
    return alarm.subject.type != "customer" and not other.ended and alarm.subject == other.alarm.subject


def _first_fact(alarm: Alarm) -> tuple[str, str] | None:
    """The fact with which the alarm began."""
    return (alarm.evidence[0].topic, alarm.evidence[0].event_id) if alarm.evidence else None


def gravest_sent(thread: Iterable[Incident], channel: str) -> int | None:
    """The place in `SEVERITIES` of the gravest that was sent of other incidents on this channel; None if nothing was."""
    sent = [one.notified().get(channel) for one in thread]
    return min((SEVERITIES.index(one.severity) for one in sent if one is not None), default=None)


def sent_last(incident: Incident) -> Instant:
    """When people were last told of the incident."""
    return max((one.done or one.due for one in incident.notified().values()), default=Instant(0))


def is_covered(incident: Incident, thread: Iterable[Incident]) -> bool:
    """Whether another open incident of the thread speaks for this one: a newer message, an acknowledgement of one as grave, or
    that somebody has resolved the matter."""
    own = (sent_last(incident), incident.alarm.alarm_id)
    grave = SEVERITIES.index(incident.alarm.severity)
    for other in thread:
        if other.ended or not other.notified():
            continue
        if (sent_last(other), other.alarm.alarm_id) > own:
            return True
        if other.resolved_by is not None:  # it closed the matter
            return True
        if other.acked_by is not None and SEVERITIES.index(other.alarm.severity) <= grave:
            return True
    return False


def successor(thread: Sequence[Incident]) -> Incident | None:
    """The open incident that goes on with the thread: the one of which people were told last, else the gravest."""
    still_open = [one for one in thread if not one.ended]
    if not still_open:
        return None
    return max(still_open, key=lambda one: (sent_last(one), -SEVERITIES.index(one.alarm.severity), one.alarm.at))


def hand_over(ended: Incident, to: Incident, now: Instant) -> Incident:
    """The incident `to` with what people were told of an ended one of its thread, and their acknowledgement of it.

    A channel to which nothing of `to` went counts as told, without a message. So its end is told there, and its ladder goes on. Doing it
    twice changes nothing.
    """
    told = to.notified()
    missing = [one for channel, one in ended.notified().items() if channel not in told and one.state == "sent"]
    if not missing:
        return to
    inherited = [
        Delivery(
            id=change_id(to.alarm.alarm_id, RULE, to.raised_at),
            alarm_id=to.alarm.alarm_id,
            change="alarm.raised",
            channel=one.channel,
            state="sent",
            rule=RULE,
            time=now,
            severity=one.severity,
            detail=f"told with {ended.alarm.kind} ({ended.alarm.alarm_id})",
            done=one.done or now,
        )
        for one in missing
    ]
    acked = to.acked_by or (None if told else ended.acked_by)
    after = {(one.id, one.channel): one for one in (*to.deliveries, *inherited)}
    return msgspec.structs.replace(to, deliveries=tuple(after.values()), acked_by=acked)
