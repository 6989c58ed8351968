"""A marker of an erased customer, kept as long as alarms older than the erasure may still be read.

It is an ended incident under a keyed hash of the customer's id, so it is stored and restored with the incidents. It holds the
time until which alarms are dropped, and a hash of the erasure's id, which the core names as the cause of alarms that it ends.
Which record of a topic erases whom is read by `vigia.runtime.erasures`.
"""

from alerts.pipeline.incident import Incident
from alerts.pipeline.store import Store
from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import DAY, Duration, Instant
from vigia.runtime.privacy.keyed_hash import KeyedHash

KEY_PREFIX = "erased/"
RETENTION: Duration = 400 * DAY  # as long as the topic `alarms` is kept
MAX_CAUSES = 8


def marker(key: str, at: Instant, erasure: str, now: Instant, before: Incident | None) -> Incident:
    """The marker after an erasure, whose id is hashed; the same erasure twice changes only when it was read."""
    causes = tuple(one for one in (before.alarm.cause if before else ()) if one != erasure)
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
        cause=(*causes, erasure)[-MAX_CAUSES:],
        policy_version="",
        figures_version="",
        model_version="",
    )
    return Incident(alarm=alarm, raised_at=upto, true_since=upto, made_at=now, ended=True)


def find_marker(customer_id: str | None, store: Store, hashes: KeyedHash) -> Incident | None:
    """The marker of a customer, if there is one."""
    keys = (KEY_PREFIX + one for one in hashes.all(customer_id)) if customer_id is not None else ()
    return next((found for key in keys if (found := store.get(key)) is not None), None)


def covers(marker: Incident, alarm: Alarm, hashes: KeyedHash) -> bool:
    """Whether the alarm is of a time before the erasure, or was ended by it."""
    if alarm.at <= marker.true_since:
        return True
    return any(one in marker.alarm.cause for cause in alarm.cause for one in hashes.all(cause))
