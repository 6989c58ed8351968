"""Alarms that go on under another id, because their customers were merged: what people did about them, and were told of them, stands.

The alarm of the old id is withdrawn, and the one of the new id names it. The two records lie in two partitions, so either may be read
first. The end of the old one therefore waits before it is told. An alarm about a case keeps its id, and is withdrawn and raised again.
"""

from collections.abc import Callable, Iterable

from msgspec import UNSET
from msgspec.structs import replace

from alerts.channels.contract import change_id
from alerts.pipeline.incident import Audit, Delivery, Incident, was_merged
from alerts.pipeline.matters.threads import thread_of
from alerts.pipeline.store import Store
from scorers.contract.alarms import Alarm
from scorers.contract.events import Instant

RULE = "merged"
Keeps = Callable[[str], bool]
"""Whether a channel keeps the state of alarms by their keys, so that the old one is ended there and the new one told."""


class Merged:
    """Which incidents go on from which."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._after: dict[str, str] = {}

    def note(self, incident: Incident) -> None:
        """An incident was stored."""
        if incident.continues and incident.continues != incident.alarm.alarm_id:
            self._after[incident.continues] = incident.alarm.alarm_id

    def forget(self, incident: Incident) -> None:
        """An incident was deleted."""
        self._after.pop(incident.continues, None)

    def former(self, alarm: Alarm, known: Incident | None) -> Incident | None:
        """The incident that a raised alarm goes on from; None if it goes on from none, or is known already."""
        if alarm.type != "alarm.raised" or alarm.continues is UNSET:
            return None
        return self._store.get(alarm.continues) if known is None or was_merged(known) else None

    def after(self, alarm_id: str) -> Incident | None:
        """The incident that goes on from this one."""
        to = self._after.get(alarm_id)
        return None if to is None else self._store.get(to)

    def formers(self, incident: Incident | None) -> list[Incident]:
        """The incidents of other ids that this one goes on from."""
        found: list[Incident] = []
        while incident is not None and incident.continues not in ("", incident.alarm.alarm_id):
            incident = self._store.get(incident.continues)
            if incident is None or incident in found:
                break
            found.append(incident)
        return found

    def newest(self, alarm_id: str) -> Incident | None:
        """The incident itself, or where it is over the one that goes on from it, through any number of merges."""
        found, seen = self._store.get(alarm_id), {alarm_id}
        while (found is None or found.ended) and (to := self._after.get(alarm_id, alarm_id)) not in seen:
            seen.add(alarm_id := to)
            found = self._store.get(to) or found
        return found


def has_own_key(alarm: Alarm) -> bool:
    """Whether the alarm goes on under another key: one about a case keeps its own."""
    return alarm.subject.type == "customer"


def goes_on(former: Incident, alarm: Alarm, keeps: Keeps, now: Instant) -> Incident:
    """The incident of a raised alarm that goes on from a former one."""
    if former.alarm.alarm_id == alarm.alarm_id:
        return replace(former, ended=False, continues=alarm.alarm_id, audit=_under(alarm, former.audit))
    begun = Incident(
        alarm=alarm,
        raised_at=former.raised_at,
        true_since=former.true_since,
        made_at=former.made_at,
        thread=thread_of(former),
        continues=former.alarm.alarm_id,
    )
    return take_over(begun, former, keeps, now)


def take_over(to: Incident, former: Incident, keeps: Keeps, now: Instant) -> Incident:
    """The incident `to` with what people did about the former one and were told of it. Doing it twice changes nothing."""
    known = to.notified()
    told = (
        Delivery(
            id=change_id(to.alarm.alarm_id, RULE, to.raised_at),
            alarm_id=to.alarm.alarm_id,
            change="alarm.raised",
            channel=channel,
            state="sent",
            rule=RULE,
            time=now,
            severity=one.severity,
            detail=f"told as {former.alarm.alarm_id}",
            done=one.done or now,
        )
        for channel, one in former.notified().items()
        if one.state == "sent" and channel not in known and (former.acked_by or not keeps(channel))
    )
    mine = [entry.action for entry in to.audit]
    theirs = [entry for entry in former.audit if not any(entry.action.same_as(one) for one in mine)]
    return replace(
        to,
        deliveries=(*to.deliveries, *told),
        audit=(*_under(to.alarm, theirs), *to.audit),
        acked_by=to.acked_by or former.acked_by,
        snoozed_until=to.snoozed_until or (None if to.acked_by else former.snoozed_until),
        snooze_ended=to.snooze_ended or former.snooze_ended,
        escalations=max(to.escalations, former.escalations),
        reminders=max(to.reminders, former.reminders),
        dismissed_by=to.dismissed_by or former.dismissed_by,
        resolved_by=to.resolved_by or former.resolved_by,
    )


def _under(alarm: Alarm, entries: Iterable[Audit]) -> tuple[Audit, ...]:
    name = {"alarm_id": alarm.alarm_id, "customer_id": alarm.customer_id}
    return tuple(replace(one, action=replace(one.action, **name)) for one in entries)


def delayed(deliveries: Iterable[Delivery], due: Instant, keeps: Keeps | None = None) -> tuple[Delivery, ...]:
    """The deliveries, those that wait for no earlier than an instant, except on channels that keep the state."""
    return tuple(
        replace(one, due=max(one.due, due)) if one.state == "waiting" and not (keeps and keeps(one.channel)) else one
        for one in deliveries
    )
