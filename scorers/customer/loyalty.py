"""Loyalty types from two axes, behaviour and attitude (Q1-Q5), and how sure they are.

Behaviour is read from the stage, the discounts and the competitors, attitude from what the customer said within the last year. With too
little evidence the type is unknown, and so it is while satisfaction is too low for a loyal type (Q2). Money and tier decide nothing here (T6).
"""

from scorers.contract.alarms import LoyaltyType, Stage
from scorers.contract.events import SECOND, Micros
from scorers.customer.lifecycle import LEFT, answers
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.policy.tables import Policy
from scorers.timeline.episodes import NEVER

_MOOD = 0.3  # weight of the newest answer in the mood
_WORD_OF_MOUTH = 0.25  # weight of referrals in the intensity of loyalty; the mood has the rest


def commitment_is_very_low(c: Customer, stage: Stage, now: Micros, policy: Policy) -> bool:
    """Whether little is left of the relation (Q4): an exit, a low mark within the year, or a high told risk.

    What is not known is not low. Who has been given up has no risk any more, and is not expected back. Who has the type already
    keeps it until the risk is lower by the hysteresis.
    """
    rules = policy.loyalty
    marks, _ = answers(c, now, policy)
    if c.exit.at or stage in LEFT or (marks and marks[-1] <= rules.low_mark):
        return True
    slack = policy.risk.hysteresis if c.attitude.type == "terrorist" else 0.0
    return c.risk.last >= rules.low_risk - slack


def tells_others(c: Customer, now: Micros, policy: Policy) -> bool:
    """Whether others have heard of it within the year: a public complaint, a negative last referral, or the lowest mark in a survey."""
    if (
        c.opinion.told and now > c.opinion.told * SECOND + policy.loyalty.told_within
    ):  # of rows of former builds it is not known
        return False
    return bool(c.complaints.public) or c.opinion.referral < 0 or c.opinion.survey == 1


def bad_experiences(c: Customer, policy: Policy) -> int:
    """How many bad experiences there were; a complaint in public counts more."""
    return c.account.bad + (policy.loyalty.public_counts - 1) * c.complaints.public


def is_terrorist(c: Customer, stage: Stage, now: Micros, policy: Policy) -> bool:
    """Very low commitment after bad experiences, and the customer tells others (Q4).

    The lowest mark in a survey is both a bad experience and a warning to others; so by itself it is not enough.
    """
    others = bad_experiences(c, policy) - (c.opinion.survey == 1)
    return (
        others >= policy.loyalty.bad_at_least
        and tells_others(c, now, policy)
        and commitment_is_very_low(c, stage, now, policy)
    )


def is_hostage(c: Customer, policy: Policy) -> bool:
    """Whether the customer keeps buying although an open complaint is past its deadline (Q5)."""
    needed = policy.loyalty.hostage_occasions
    return any(case.occasions_since_breach >= needed for case in c.complaints.open)


def is_mercenary(c: Customer, now: Micros, ctx: Context) -> bool:
    """Whether a satisfied customer is kept by the price (Q5): buys at a discount, and deeper than the base does, or turns to competitors.

    Where every purchase has some discount, as in a supermarket, only who is given more off than others is a mercenary.
    """
    rules, held = ctx.policy.loyalty, c.spending
    lately = c.opinion.competitor_at and now <= c.opinion.competitor_at + rules.answers_within
    if lately and c.opinion.competitors >= rules.mercenary_switches:
        return True
    if not held.discount_minor or held.discounted_minor < rules.mercenary_discount_share * held.amount_minor:
        return False
    usual = ctx.figures(now).discount
    own = held.discount_minor / (held.discount_minor + held.amount_minor)
    return usual < 0.0 or own >= rules.mercenary_against_base * usual


def mood(marks: list[int]) -> float:
    """The mean of marks, oldest first, of which a newer one weighs more.

    >>> mood([5, 5, 5, 2]), mood([])
    (4.1, 0.0)
    """
    found = float(marks[0]) if marks else 0.0
    for stars in marks[1:]:
        found += (stars - found) * _MOOD
    return found


def intensity(c: Customer, marks: list[int], policy: Policy) -> float:
    """How loyal a satisfied customer is, from 0 to 1 (Q3): three quarters are satisfaction, one is recommending us to others."""
    recommended = min(c.opinion.referrals / policy.loyalty.apostle_referrals, 1.0) if c.opinion.referral > 0 else 0.0
    return (1.0 - _WORD_OF_MOUTH) * (mood(marks) - 1.0) / 4.0 + _WORD_OF_MOUTH * recommended


def engagement(c: Customer) -> float:
    """How much of the relation comes from the customer (Q6): what they asked, answered and told us, as a share of that and their visits.

    0 is a customer who only receives; silence of one who is passive is judged by the purchases alone, as of everybody.

    >>> engagement(Customer("c1"))
    0.0
    """
    own = c.contacts.received + c.contacts.answered + c.opinion.marks + c.opinion.referrals + c.complaints.count
    return own / (own + c.rhythm.occasions) if own else 0.0


def price_reaction(c: Customer, policy: Policy) -> float | None:
    """How many times as much the customer takes, at full prices, where there is a discount (T5); None where too little is known of either.

    >>> price_reaction(Customer("c1"), Policy()) is None
    True
    """
    held, enough = c.spending, policy.loyalty.price_purchases_at_least
    full = c.purchases.count - held.discounted
    paid_in_full = held.amount_minor - held.discounted_minor
    if held.others or min(held.discounted, full) < enough or paid_in_full <= 0:
        return None
    return (held.discounted_minor + held.discount_minor) / held.discounted / (paid_in_full / full)


def is_price_sensitive(c: Customer, policy: Policy) -> bool:
    """Whether the customer depends on discounts, or takes much more where there is one (T5)."""
    held, rules = c.spending, policy.loyalty
    if not held.discount_minor:
        return False
    if held.discounted >= rules.price_purchases_at_least and (
        held.discounted_minor >= rules.mercenary_discount_share * held.amount_minor
    ):
        return True
    reaction = price_reaction(c, policy)
    return reaction is not None and reaction >= rules.price_reaction_from


def judge(c: Customer, stage: Stage, now: Micros, ctx: Context) -> tuple[LoyaltyType, Micros]:
    """The loyalty type of a customer in a stage, and the next instant at which time alone may change it (`NEVER` if none).

    >>> from scorers.risk.model import UNTRAINED
    >>> judge(Customer("c1"), "prospect", 0, Context(Policy(), UNTRAINED))[0]
    'unknown'
    """
    policy = ctx.policy
    until = NEVER
    if c.account.bad and bad_experiences(c, policy) >= policy.loyalty.bad_at_least:
        until = _fades(c, now, policy)
        if is_terrorist(c, stage, now, policy):
            return "terrorist", until
    if stage in LEFT:
        return "defector", until
    if c.complaints.open and is_hostage(c, policy):
        return "hostage", until
    if not c.opinion.marks_lately or stage == "dormant" or c.rhythm.occasions < policy.loyalty.evidence_at_least:
        return "unknown", until
    kind, fades = _by_satisfaction(c, now, ctx)
    return kind, min(until, fades)


def confidence(c: Customer, kind: LoyaltyType, now: Micros, ctx: Context) -> float:
    """How sure the type is, from 0 to 1 (Q1): with each answer, or bad experience, more than are needed, half of the doubt goes.

    Who said goodbye has left for certain; who was given up comes back as seldom as the policy says.
    """
    policy = ctx.policy
    match kind:
        case "unknown":
            return 0.0
        case "defector":
            return 1.0 if c.exit.at else 1.0 - policy.silence.given_up_share
        case "terrorist":
            facts = 1 + bad_experiences(c, policy) - policy.loyalty.bad_at_least
        case "hostage":
            bought = max(case.occasions_since_breach for case in c.complaints.open)
            facts = 1 + bought - policy.loyalty.hostage_occasions
        case _:
            facts = 1 + len(answers(c, now, policy)[0]) - policy.loyalty.answers_at_least
    return float(1.0 - 0.5 ** max(facts, 0))


def _by_satisfaction(c: Customer, now: Micros, ctx: Context) -> tuple[LoyaltyType, Micros]:
    """The type of one who stays, by the answers of the last year, and until when these are the answers of the last year."""
    rules = ctx.policy.loyalty
    marks, fades = answers(c, now, ctx.policy)
    if len(marks) < rules.answers_at_least:
        return "unknown", fades
    if mood(marks) < rules.satisfied_from:
        return "unknown", fades
    found = intensity(c, marks, ctx.policy)
    if found >= rules.apostle_from:
        return "apostle", fades
    if is_mercenary(c, now, ctx):
        return "mercenary", fades
    return ("loyal" if found >= rules.loyal_from else "unknown"), fades


def _fades(c: Customer, now: Micros, policy: Policy) -> Micros:
    """When the newest bad news, or the oldest answer, is older than a year."""
    told = c.opinion.told * SECOND + policy.loyalty.told_within
    return min(answers(c, now, policy)[1], told if now <= told else NEVER)
