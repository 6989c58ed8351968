"""Loyalty types from two axes, behaviour and attitude (Q1-Q5).

Behaviour is what the stage and the discounts show, attitude what the customer said. Below a minimum of evidence the
type is unknown; no label of loyalty is given while satisfaction is under the gate (Q2).
"""

from scorers.contract.alarms import LoyaltyType, Stage
from scorers.customer.lifecycle import LEFT
from scorers.customer.state import Customer
from scorers.policy.tables import Policy


def commitment_is_very_low(c: Customer, policy: Policy) -> bool:
    """The customer's latest words leave no hope: the lowest mark, no recommendation, a warning to others."""
    return (
        c.opinion.mark == 1
        or 0 <= c.opinion.recommends <= policy.loyalty.low_recommendation
        or (c.opinion.referral < 0 and c.opinion.mark <= 2)
        or bool(c.exit.at)
    )


def tells_others(c: Customer) -> bool:
    """A public complaint, a negative referral as the last one, or the lowest mark in a survey."""
    return bool(c.complaints.public) or c.opinion.referral < 0 or c.opinion.survey == 1


def is_terrorist(c: Customer, policy: Policy) -> bool:
    """Very low commitment after bad experiences, and it is told to others (Q4).

    The lowest mark in a survey is a bad experience and is told; alone it is a bad day, with another one it is this type.
    """
    others = c.account.bad - (c.opinion.survey == 1)
    return others >= 1 and tells_others(c) and commitment_is_very_low(c, policy)


def is_hostage(c: Customer, policy: Policy) -> bool:
    """Buys on although a complaint lies past its deadline (Q5)."""
    needed = policy.loyalty.hostage_occasions
    return any(case.occasions_since_breach >= needed for case in c.complaints.open)


def judge(c: Customer, stage: Stage, policy: Policy) -> LoyaltyType:
    """The type at an instant.

    >>> judge(Customer("c1"), "prospect", Policy())
    'unknown'
    """
    rules = policy.loyalty
    if c.account.bad and is_terrorist(c, policy):
        return "terrorist"
    if stage in LEFT:
        return "defector"
    if c.complaints.open and is_hostage(c, policy):
        return "hostage"
    occasions = c.rhythm.occasions
    if occasions < rules.evidence_at_least or not c.opinion.marks or stage == "dormant":
        return "unknown"
    if c.opinion.mood < rules.satisfied_from:
        return "unknown"
    if (
        c.opinion.mood >= rules.apostle_satisfaction
        and c.opinion.referral > 0
        and c.opinion.referrals >= rules.apostle_referrals
    ):
        return "apostle"
    if c.spending.discounted > rules.mercenary_discount_share * c.purchases.count:
        return "mercenary"
    return "loyal"
