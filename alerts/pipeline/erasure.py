"""A marker of an erased customer, kept as long as alarms older than the erasure may still be read.

It is an ended incident under a digest of the customer's id, so it is stored and restored with the incidents. It holds the
time until which alarms are dropped, and the id of the erasure, which the core names as the cause of alarms that it ends.
Which record of a topic erases whom is read by `vigia.runtime.erasures`.
"""

import hashlib

from alerts.pipeline.incident import Incident
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import DAY, Duration, Instant

KEY_PREFIX = "erased/"
RETENTION: Duration = 400 * DAY  # as long as the topic `alarms` is kept
MAX_CAUSES = 8


def erased_key(customer_id: str) -> str:
    """The key of this customer's marker."""
    return KEY_PREFIX + hashlib.sha256(customer_id.encode()).hexdigest()[:32]


def marker(key: str, at: Instant, event_id: str, now: Instant, before: Incident | None) -> Incident:
    """The marker after an erasure; the same erasure twice changes only when it was read."""
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
        cause=(*causes, event_id)[-MAX_CAUSES:],
        policy_version="",
        figures_version="",
        model_version="",
    )
    return Incident(alarm=alarm, raised_at=upto, true_since=upto, first_read_at=now, ended=True)


def covers(marker: Incident, alarm: Alarm) -> bool:
    """Whether the alarm is of a time before the erasure, or was ended by it."""
    return alarm.at <= marker.true_since or not set(marker.alarm.cause).isdisjoint(alarm.cause)
