"""A customer as a row of `customers.jsonl`."""

from typing import Any

from scorers.contract.events import DAY, HOUR, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.customer import loyalty, serving
from scorers.customer.facts import contradictions, leads
from scorers.customer.facts.bundles import is_reward_only
from scorers.customer.lifecycle import quiet_after, win_back
from scorers.customer.open_time import closed_for
from scorers.customer.parts.experience import BAD_SUBJECTS
from scorers.customer.state import Customer
from scorers.in_force.closures import HELD
from scorers.in_force.context import Context
from scorers.subjects.assessment import assess
from scorers.subjects.horizons import by_span, risk_by_horizon
from scorers.subjects.loss_review import review
from scorers.timeline.timeline import Timeline


def _discount_share(c: Customer) -> float | None:
    """The share of the money that was paid at a discount (T5)."""
    held = c.spending
    return round(held.discounted_minor / held.amount_minor, 3) if held.amount_minor > 0 else None


def _conversion(c: Customer, now: Micros, ctx: Context) -> dict[str, Any] | None:
    """Of a prospect: the chance to buy within the window, how it compares with that of all (fit), and the purchase that is expected."""
    if c.rhythm.occasions or not c.contacts.first:
        return None
    known = leads.chance(c, now, ctx)
    return {
        "chance": round(known[0], 3) if known else None,
        "fit": round(known[0] / known[1], 2) if known else None,
        "expected_minor": c.lead.value_minor or None if c.lead else None,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def customer_row(timeline: Timeline[Customer], now: Micros, ctx: Context) -> dict[str, Any]:
    """The state and the assessment of a customer at an instant, under the names of the wire contract."""
    c = timeline.state
    v = assess(c, now, ctx)
    return {
        "customer_id": c.id,
        "name": c.profile.name or None,
        "party_type": c.profile.party or "final",
        "stage": v.stage,
        "tier": v.tier,
        "loyalty_type": v.loyalty_type,
        "loyalty_confidence": round(v.loyalty_confidence, 3),
        "engagement": round(loyalty.engagement(c), 3),
        "active": loyalty.engagement(c) >= ctx.policy.loyalty.active_from,
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
        "cost_to_serve_minor": serving.cost(c, now, ctx.policy),
        "complaints": c.complaints.count,
        "complaints_open": len(c.complaints.open),
        "satisfaction": round(c.opinion.mood, 3) if c.opinion.marks else None,
        "experience_debt": round(v.debt, 3),
        "bad_experiences": dict(zip(BAD_SUBJECTS, c.account.about, strict=True)) if c.account.about else {},
        "bonds": list(c.ties.bonds),
        "reward_only": is_reward_only(c, now, ctx.policy.bonds),
        "discount_share": _discount_share(c),
        "price_reaction": _rounded(loyalty.price_reaction(c, ctx.policy)),
        "win_back": win_back(c),
        "loss": review(c, ctx),
        "conversion": _conversion(c, now, ctx),
        "contradictions": contradictions.of(c),
        "alarms_open": sorted(e.kind for e in c.open if e.status == "open"),
        "forgotten": dict(sorted(c.forgotten.items())),
        "next_due": rfc3339(c.due) if c.due and c.due != timeline.subject.retires(c, ctx) else None,
        "store_id": c.profile.store_id or None,
        "owner_id": c.profile.owner_id or None,
        "locale": c.profile.locale or None,
        "good": None if not c.opinion.owner else c.opinion.owner > 0,
        "rhythm": _rhythm(c, ctx),
        "open_cases": _open_cases(c),
    }


def _rhythm(c: Customer, ctx: Context) -> dict[str, Any] | None:
    """The newest visits, the usual gap, and the instant after which a silence is longer than usual; None without a purchase.

    That instant is not known while a closure lasts of which nobody knows the end.
    """
    if not c.purchases.count:
        return None
    is_repeat = c.rhythm.occasions > 1
    quiet = quiet_after(c, closed_for(c, ctx)) if is_repeat else HELD
    return {
        "visits": [rfc3339(visit.hour * HOUR) for visit in c.baskets.visits],
        "gap_days": round(c.rhythm.mean_gap(), 2) if is_repeat else None,
        "quiet_after": rfc3339(quiet) if quiet < HELD else None,
    }


def _open_cases(c: Customer) -> list[dict[str, Any]]:
    """What the customer waits for, with its deadline."""
    cases = [("complaint", one.id, one.opened, one.rectify_by, one.says) for one in c.complaints.open]
    cases += [("request", one.id, one.opened, one.answer_by, one.topic) for one in c.contacts.requests]
    cases += [("promise", one.id, one.made, one.due, one.topic) for one in c.promises.open]
    return [
        {"type": kind, "id": name, "opened": rfc3339(at), "due": rfc3339(due) if due else None, "about": about or None}
        for kind, name, at, due, about in cases
    ]
