"""A customer as a row of `customers.jsonl`."""

from typing import Any

from scorers.contract.events import DAY, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.subjects.assessment import assess
from scorers.subjects.horizons import by_span, risk_by_horizon
from scorers.subjects.loss_review import review
from scorers.timeline.timeline import Timeline


def customer_row(timeline: Timeline[Customer], now: Micros, ctx: Context) -> dict[str, Any]:
    """The state and the assessment of a customer at an instant, under the names of the wire contract."""
    c = timeline.state
    v = assess(c, now, ctx)
    return {
        "customer_id": c.id,
        "name": c.profile.name or None,
        "stage": v.stage,
        "tier": v.tier,
        "loyalty_type": v.loyalty_type,
        "loyalty_confidence": round(v.loyalty_confidence, 3),
        "risk": round(v.risk, 6),
        "horizon_days": ctx.policy.risk.horizon / DAY,
        "risk_by_horizon": by_span(risk_by_horizon(c, now, ctx)),
        "expected_purchases": round(v.expected_purchases, 4),
        "value_at_risk_minor": v.value_at_risk_minor,
        "currency": v.currency,
        "first_seen": rfc3339(c.first_seen),
        "first_purchase": rfc3339(c.rhythm.first) if c.purchases.count else None,
        "last_purchase": rfc3339(c.purchases.last) if c.purchases.count else None,
        "occasions": c.rhythm.occasions,
        "purchases": c.purchases.count,
        "amount_minor": c.spending.amount_minor,
        "other_amounts": {purse.currency: purse.amount_minor for purse in c.spending.others},
        "refund_minor": c.spending.refund_minor,
        "complaints": c.complaints.count,
        "complaints_open": len(c.complaints.open),
        "satisfaction": round(c.opinion.mood, 3) if c.opinion.marks else None,
        "experience_debt": round(v.debt, 3),
        "loss": review(c, ctx),
        "alarms_open": sorted(e.kind for e in c.open if e.status == "open"),
        "forgotten": dict(sorted(c.forgotten.items())),
        "next_due": rfc3339(c.due) if c.due and c.due != timeline.subject.retires(c, ctx) else None,
    }
