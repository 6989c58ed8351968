"""A console of which every page has something to show."""

from typing import Any

import msgspec

from alerts.pipeline.incident import Delivery, Incident, encode_incident
from scorers.contract.alarms import Alarm, Reason, Subject
from scorers.contract.events import DAY, HOUR, AlarmAction, Instant
from scorers.contract.wire import encode_alarm, encode_event, encode_worklist_entry
from scorers.in_force.control import ModelInForce, PolicyInForce, encode_control
from scorers.risk.model import UNTRAINED
from tests.support.alarms import an_alarm
from tests.support.consoles import Shop
from tests.support.readmodels import NOW, Desk, a_customer, an_action, an_entry
from vigia.runtime import dead_letter

REASONS = (
    Reason("silence", 1.2, "silent for 60 days; usually buys every 14 days"),
    Reason("complaints_open", 0.6, "a complaint is open since 20 February 2024"),
    Reason("discount_share", 0.2, "most purchases were discounted"),
)
CUSTOMER = {
    "amount_minor": 84_000,
    "complaints": 2,
    "complaints_open": 1,
    "experience_debt": 9.0,
    "first_purchase": "2023-03-01T10:00:00Z",
    "good": True,
    "horizon_days": 90.0,
    "open_cases": [{"type": "complaint", "id": "c9", "opened": "2024-02-20T10:00:00Z", "about": "late parcel"}],
    "owner_id": "Eva",
    "risk": 0.7,
    "risk_by_horizon": {"28d": 0.4, "90d": 0.7},
    "satisfaction": 3.4,
}


async def furnish(shop: Shop, name: str = "Ana Ruiz") -> None:
    """Customers, alarms in every state, a worklist, rejected records, a model and a policy."""
    desk = _Hand(shop.desk)
    await desk.send("customers", "C1", a_customer("C1", name, **CUSTOMER))
    loss = {"left_at": "2024-02-01T00:00:00Z", "how": "silent", "reason": "price", "missed": False, "lead_days": 12.0}
    await desk.send("customers", "C2", a_customer("C2", "Ben Oto", stage="defector", tier="iron", loss=loss))
    await desk.send("customers", "C3", a_customer("C3", stage="prospect", tier="none", currency=None, rhythm=None))
    facts = {"value_at_risk_minor": 9_000, "currency": "EUR", "risk": 0.7, "stage": "core_customer", "store_id": "s1"}
    quiet = an_alarm(
        NOW, "a1", kind="gone-quiet", treatment="incentive", name=name, reasons=REASONS, horizon_days=90.0,
        deadline=Instant(NOW + 3 * DAY), **facts,
    )  # fmt: skip
    others = {
        "a2": {"kind": "risk-high", "severity": "critical"},
        "a3": {"kind": "major-problem", "severity": "warning"},
        "a4": {"kind": "risk-rising", "severity": "info"},
        "a5": {"kind": "tier-drop"},
    }
    await desk.alarms(
        quiet,
        *(an_alarm(NOW, name, "C2", reasons=REASONS, **facts | more) for name, more in others.items()),
        an_alarm(NOW, "t1", None, subject=Subject("theme", "product/late"), kind="complaint-theme", reasons=REASONS),
    )
    for past, risk in ((-40, 0.2), (-20, 0.4)):
        at = Instant(NOW + past * DAY)
        old = an_alarm(at, f"old{past}", kind="risk-high", **facts | {"risk": risk}, reasons=REASONS)
        ended = msgspec.structs.replace(old, type="alarm.settled", time=Instant(at + 5 * DAY), outcome="returned")
        await desk.alarms(old, ended)
    await desk.act(an_action("a2", "ack", "Eva", customer_id="C2"))
    await desk.act(
        an_action("a3", "snooze", "Eva", customer_id="C2", until=Instant(NOW + 20 * HOUR), reason="on holiday")
    )
    for number, customer in enumerate(("C1", "C2", "C3"), 1):
        entry = an_entry(customer, number, reasons=REASONS, funded=number == 1, held_out=number == 3, not_listed=4)
        await desk.send("worklist", customer, encode_worklist_entry(entry))
    stopped = Delivery(
        id="m1", alarm_id="a5", change="alarm.raised", channel="", state="stopped", rule="inhibited", time=NOW,
        severity="error",
    )  # fmt: skip
    sent = msgspec.structs.replace(stopped, id="m2", alarm_id="a1", channel="mail", state="sent", rule="first")
    for delivery in (stopped, sent):
        alarm = an_alarm(NOW, delivery.alarm_id, "C2" if delivery.alarm_id == "a5" else "C1", **facts)
        incident = Incident(alarm=alarm, raised_at=NOW, true_since=NOW, made_at=NOW, deliveries=(delivery,))
        await desk.send("notifications", delivery.alarm_id, encode_incident(incident))
    model = ModelInForce(in_force=NOW, version=UNTRAINED.version, model=UNTRAINED.encode().decode())
    policy = PolicyInForce(in_force=NOW, version="p2", text="[risk]\nhorizon = '90d'\n", sent=NOW)
    for control in (model, policy):
        await desk.send("clock", None, encode_control(control), partition=0)
    head = dead_letter.replay_headers(("purchases", 0, 3))[1:]
    await desk.send("dead-letters", "C1", b"{", [("code", b"not_json"), ("detail", b"it ends"), *head])
    await desk.read()


class _Hand:
    """Hands over records without waiting for each; the read model has them all after `read`."""

    def __init__(self, desk: Desk) -> None:
        self._desk, self._sent = desk, []  # type: ignore[var-annotated]

    async def send(
        self, topic: str, key: str | None, value: bytes, headers: Any = (), partition: int | None = None
    ) -> None:
        raw = None if key is None else key.encode()
        sent = await self._desk.producer.send_and_wait(
            topic, value, key=raw, headers=list(headers), partition=partition
        )
        self._sent.append((topic, sent.partition, sent.offset))

    async def alarms(self, *alarms: Alarm) -> None:
        for one in alarms:
            await self.send("alarms", one.subject.id, encode_alarm(one))

    async def act(self, action: AlarmAction) -> None:
        await self.send("alarm-actions", action.customer_id, encode_event(action))

    async def read(self) -> None:
        for topic, partition, offset in self._sent:
            assert await self._desk.model.reached(topic, partition, offset, 20.0)
