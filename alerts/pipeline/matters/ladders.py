"""What follows if nobody acknowledges: escalations up the ladder of the tier, and reminders, by the group of the kind (J9).

A ladder counts from the first notification. What a complaint or another trouble causes climbs only once a deadline has passed, and
counts from then. Other alarms about customers, such as those about silence, climb no sooner than a day after the first notification,
those of severity info never. Nothing under critical follows in quiet hours.
"""

from collections.abc import Iterable
from typing import Literal, NamedTuple

from alerts.pipeline.incident import ENDINGS, Incident
from alerts.pipeline.matters.threads import matter_of
from alerts.pipeline.routes import Ladder, Routes
from scorers.contract.events import DAY, Duration, Instant

AT_LEAST: Duration = DAY
BREACHES = frozenset({"complaint-unacknowledged", "complaint-overdue", "request-unattended", "promise-broken"})
"""Kinds that say that a deadline has passed."""


class FollowUp(NamedTuple):
    """What happens next to an incident that nobody acknowledges, and when."""

    due: Instant
    what: Literal["wake", "escalate", "remind"]


def next_follow_up(incident: Incident, routes: Routes, thread: Iterable[Incident] = ()) -> FollowUp | None:
    """The next escalation or reminder if people do nothing; None if there is none. `thread` are the others of its matter.

    A snooze holds everything back until its end and restarts the count. Reminders come 1, 3, 7, 15 ... times the ladder's
    `remind` after that.
    """
    if incident.ended or incident.acked_by is not None:
        return None
    if incident.snoozed_until is not None:
        return FollowUp(incident.snoozed_until, "wake")
    if incident.alarm.severity == "info" or not incident.notified():
        return None
    ladder, start = routes.ladder(incident.alarm), _start(incident)
    follow_ups: list[FollowUp] = []
    if incident.escalations < len(ladder.rungs):
        follow_ups.append(FollowUp(_escalates(incident, start, ladder, thread), "escalate"))
    if ladder.remind is not None:
        follow_ups.append(FollowUp(Instant(start + ladder.remind * (2 ** (incident.reminders + 1) - 1)), "remind"))
    if not follow_ups:
        return None
    soonest = min(follow_ups)
    return soonest._replace(due=routes.awake(incident.alarm, soonest.due))


def _start(incident: Incident) -> int:
    """The first notification, or the end of a snooze after it."""
    active = [one for one in incident.deliveries if one.state in ("waiting", "sent") and one.change not in ENDINGS]
    return max(min(one.done or (one.time if one.attempts else one.due) for one in active), incident.snooze_ended or 0)


def _escalates(incident: Incident, start: int, ladder: Ladder, thread: Iterable[Incident]) -> Instant:
    """When the next rung is told. What was late for one, such as a night, leaves the wait from it to the next as it is."""
    waits, rung = [one.after for one in ladder.rungs], incident.escalations
    due = _climbs_from(incident, start, waits[0], thread) + waits[rung]
    before = [one.time for one in incident.deliveries if one.change == "alarm.escalated"]
    return Instant(max(due, before[-1] + waits[rung] - waits[rung - 1]) if before and rung else due)


def _climbs_from(incident: Incident, start: int, first: Duration, thread: Iterable[Incident]) -> int:
    """The instant from which the rungs of the ladder count; `first` is the wait for the lowest."""
    alarm = incident.alarm
    if matter_of(alarm) != "trouble":
        return start if alarm.customer_id is None else start + max(AT_LEAST - first, 0)
    if alarm.severity != "critical":
        passed = [one.alarm.at for one in (incident, *thread) if one.alarm.kind in BREACHES]
        if not passed and alarm.deadline is not None:
            passed = [alarm.deadline]
        return max(start, min(passed, default=0))
    return start
