"""Loyalty types from two axes, behaviour and attitude (Q1-Q5).

Behaviour is read from the stage and the discounts, attitude from what the customer said. With too little evidence the type is
unknown, and so it is while satisfaction is too low for a loyal type (Q2).
"""

from scorers.contract.alarms import LoyaltyType, Stage
from scorers.customer.lifecycle import LEFT
from scorers.customer.state import Customer
from scorers.policy.tables import Policy


def commitment_is_very_low(c: Customer, policy: Policy) -> bool:
    """Whether the latest statements show no commitment: the lowest mark, no recommendation, a warning with a low mark, an exit."""
    return (
        c.opinion.mark == 1
        or 0 <= c.opinion.recommends <= policy.loyalty.low_recommendation
        or (c.opinion.referral < 0 and c.opinion.mark <= 2)
        or bool(c.exit.at)
    )


def tells_others(c: Customer) -> bool:
    """Whether others hear of it: a public complaint, a negative last referral, or the lowest mark in a survey."""
    return bool(c.complaints.public) or c.opinion.referral < 0 or c.opinion.survey == 1


def is_terrorist(c: Customer, policy: Policy) -> bool:
    """Very low commitment after bad experiences, and the customer tells others (Q4).

    The lowest mark in a survey is both a bad experience and a warning to others; so by itself it is not enough.
    """
    others = c.account.bad - (c.opinion.survey == 1)
    return others >= 1 and tells_others(c) and commitment_is_very_low(c, policy)


def is_hostage(c: Customer, policy: Policy) -> bool:
    """Whether the customer keeps buying although an open complaint is past its deadline (Q5)."""
    needed = policy.loyalty.hostage_occasions
    return any(case.occasions_since_breach >= needed for case in c.complaints.open)


def judge(c: Customer, stage: Stage, policy: Policy) -> LoyaltyType:
    """The loyalty type of a customer in a stage.

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
