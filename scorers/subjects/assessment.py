"""The assessment of a customer at any instant, for rows and rosters; it changes nothing."""

from msgspec import Struct

from scorers.alarms.risk.reported import prior_by_horizon
from scorers.contract.alarms import LoyaltyType, Stage, Tier
from scorers.contract.events import Micros
from scorers.customer import ledger, lifecycle, loyalty
from scorers.customer.facts import leads
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.customer.value import expected_purchases, value_at_risk
from scorers.in_force.closures import open_between
from scorers.in_force.context import Context
from scorers.risk.features import features
from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.rules import rules_risk

_FRESH, _COOLED = 0.6, 0.97


class Assessment(Struct, frozen=True):
    """The verdicts on a customer at one instant; `risk` is a probability, `debt` a number of good experiences."""

    stage: Stage
    tier: Tier
    loyalty_type: LoyaltyType
    loyalty_confidence: float
    risk: float
    expected_purchases: float
    value_at_risk_minor: int
    currency: str | None
    debt: float


def prospect_risk(c: Customer, now: Micros, ctx: Context) -> float:
    """The probability that a prospect buys nothing, which grows as the conversion window runs out.

    It begins at what the base's own prospects like this one have shown (L2), once that is known; their first purchases count as spread evenly over the window.
    """
    run = (now - (c.contacts.first or c.first_seen)) / ctx.policy.prospects.conversion_window
    run = min(max(run, 0.0), 1.0)
    learned = leads.chance(c, now, ctx)
    if learned is None:
        return _FRESH + (_COOLED - _FRESH) * run
    chance = learned[0]
    return min(1.0 - chance * (1.0 - run) / (1.0 - chance * run), _COOLED)


def purchase_risk(c: Customer, now: Micros, ctx: Context) -> float:
    """The probability that a buyer makes no purchase within the policy's horizon of open time."""
    horizon, base, closed = ctx.policy.risk.horizon, ctx.figures(now).base, closed_for(c, ctx)
    return ctx.model(now).risk(features(c, now, horizon, base, closed), rules_risk(c, now, horizon, base, closed))


def calendar_risk(c: Customer, now: Micros, ctx: Context) -> float:
    """As `purchase_risk`, within the horizon in calendar time: less of it is open if a closure is known ahead."""
    risk, horizon = purchase_risk(c, now, ctx), ctx.policy.risk.horizon
    opened = open_between(closed_for(c, ctx), now, now + horizon)
    if opened == horizon:
        return risk
    prior = prior_by_horizon(c, now, ctx)
    return sigmoid(prior(opened) + logit(risk) - prior(horizon))


def assess(c: Customer, now: Micros, ctx: Context) -> Assessment:
    """The assessment at an instant, which must not be before the customer's last fact."""
    policy = ctx.policy
    stage, _ = lifecycle.judge(c, now, policy, closed_for(c, ctx))
    kind, _ = loyalty.judge(c, stage, now, ctx)
    risk = prospect_risk(c, now, ctx)
    expected = 1.0 - risk
    if c.purchases.count:
        risk = calendar_risk(c, now, ctx)
        expected = expected_purchases(c, risk, now, policy)
    return Assessment(
        stage=stage,
        tier=c.tiering.tier,
        loyalty_type=kind,
        loyalty_confidence=loyalty.confidence(c, kind, now, ctx),
        risk=risk,
        expected_purchases=expected,
        value_at_risk_minor=value_at_risk(c, now, ctx),
        currency=c.spending.currency or None,
        debt=ledger.debt(c, now, policy.ledger),
    )
