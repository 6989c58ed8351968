"""Who was erased, for as long as alarms of before may still be read: a mark among the incidents that names nobody.

The mark is an ended incident under a digest of the customer's id, so that it lies where incidents lie, is restored with them,
and an older notifier takes it for one. It holds two things: until when alarms are to be dropped, and the id of the
erasure, which the core names as the cause of the alarms that it ends.
"""

import hashlib

from alerts.pipeline.incident import Incident
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import DAY, Duration, Instant

BEGINS = "erased/"
KEPT: Duration = 400 * DAY  # as long as the topic `alarms` is kept
CAUSES = 8


def erased_key(customer_id: str) -> str:
    """Where the mark of this customer lies."""
    return BEGINS + hashlib.sha256(customer_id.encode()).hexdigest()[:32]


def mark(key: str, at: Instant, event_id: str, now: Instant, before: Incident | None) -> Incident:
    """The mark of an erasure, after an earlier one; the same one twice changes nothing but when it was found."""
    causes = tuple(one for one in (before.alarm.cause if before else ()) if one != event_id)
    upto = max(at, before.true_since) if before else at
    alarm = Alarm(
        type="alarm.settled",
        alarm_id=key,
        dedup_key=key,
        subject=Subject("customer", key),
        customer_id=None,
        kind="customer-erased",
        severity="info",
        time=upto,
        at=upto,
        cause=(*causes, event_id)[-CAUSES:],
        policy_version="",
        figures_version="",
        model_version="",
    )
    return Incident(alarm=alarm, raised_at=upto, true_since=upto, first_read_at=now, ended=True)


def covers(mark: Incident, alarm: Alarm) -> bool:
    """Whether the alarm tells of a time before the erasure, or was ended by it."""
    return alarm.at <= mark.true_since or not set(mark.alarm.cause).isdisjoint(alarm.cause)
