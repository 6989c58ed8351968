"""An alarm as the core emits it; a test states only the fields that matter."""

from typing import Any

from scorers.contract.alarms import Alarm, Subject
from scorers.contract.events import Instant


def an_alarm(at: Instant, alarm_id: str = "a1", customer: str | None = "C1", /, **changed: Any) -> Alarm:
    """An alarm about one gold customer, true and emitted at that instant."""
    fields: dict[str, Any] = {
        "type": "alarm.raised",
        "alarm_id": alarm_id,
        "dedup_key": alarm_id,
        "subject": Subject("customer", customer or "x"),
        "customer_id": customer,
        "kind": "risk-high",
        "severity": "error",
        "time": at,
        "at": at,
        "tier": "gold",
        "policy_version": "p1",
        "figures_version": "f1",
        "model_version": "m1",
    }
    return Alarm(**(fields | changed))
