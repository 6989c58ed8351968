"""What a customer is worth (A5, J11), and how many purchases to expect of one who stays.

Money is in minor units of the customer's own currency. Worth is a fact about the customer: it depends neither on the horizon of the
risk nor on the risk.
"""

from math import log

from scorers.contract.events import DAY, Duration, Micros
from scorers.customer.state import Customer
from scorers.customer.tiers import year_value
from scorers.in_force.context import Context
from scorers.in_force.counted.realised import class_of
from scorers.policy.tables import Policy

_YEAR = 365 * DAY


def worth(c: Customer, now: Micros, ctx: Context) -> int:
    """The expected margin of the remaining life (`value.life`) of a customer who stays, at the own recent pace: what an effort may keep.

    Recent is the last year, or the time since the first purchase if that is shorter, and one usual gap of the base more, in which nothing
    was bought: so that a single purchase of yesterday is no daily buyer. Survival is included: after each purchase some stop for
    ever, by the learned population fewer the more often they have come. Where margins are unknown, a share of the revenue is the margin.

    >>> from scorers.risk.model import UNTRAINED
    >>> worth(Customer("c1"), 0, Context(Policy(), UNTRAINED))
    0
    """
    return round(_ahead(c, now, ctx))


def expected_worth(c: Customer, now: Micros, ctx: Context) -> int:
    """The worth of one of whom it is not known whether they stay: the share of it that the base's customers brought (`counted.realised`).

    >>> from scorers.risk.model import UNTRAINED
    >>> expected_worth(Customer("c1"), 0, Context(Policy(), UNTRAINED))
    0
    """
    shares = ctx.figures(now).realised.get(c.spending.currency)
    return round(_ahead(c, now, ctx) * (shares[class_of(c.rhythm.occasions)] if shares else 1.0))


def expected_within(c: Customer, now: Micros, span: Duration, ctx: Context) -> int:
    """The takings of a span that the worth expects, before what the base has shown of such expectations; they are kept as `Spending.takings` are.

    >>> from scorers.risk.model import UNTRAINED
    >>> expected_within(Customer("c1"), 0, 90 * DAY, Context(Policy(), UNTRAINED))
    0
    """
    share = 1.0 if c.spending.margin_of_minor else ctx.policy.value.margin_share
    return round(_ahead(c, now, ctx) / share * span / ctx.policy.value.life) if share else 0


def _ahead(c: Customer, now: Micros, ctx: Context) -> float:
    """The margin of the remaining life at the own recent pace, by the learned population."""
    margin, seen = _recent(c, now, ctx)
    if margin <= 0:
        return 0.0
    ahead = ctx.policy.value.life / seen  # how many times the recent purchases are expected again
    _, _, a, b, *_ = ctx.model(now).parameters(ctx.figures(now).base)
    return margin * ahead * _survival(len(c.spending.days) * ahead, a, b + c.rhythm.occasions - 1.0)


def margin_within(c: Customer, now: Micros, span: Duration, ctx: Context) -> int:
    """The expected margin of a span of a customer who buys on at the own recent pace, which is that of `worth`.

    >>> from scorers.risk.model import UNTRAINED
    >>> margin_within(Customer("c1"), 0, 90 * DAY, Context(Policy(), UNTRAINED))
    0
    """
    margin, seen = _recent(c, now, ctx)
    return round(margin * span / seen) if margin > 0 else 0


def _recent(c: Customer, now: Micros, ctx: Context) -> tuple[float, Duration]:
    """The recent margin, and the time in which it came; 0 where there is none."""
    rhythm = c.rhythm
    money = year_value(c, now, ctx.policy)
    if not rhythm.occasions or money <= 0:
        return 0.0, 1
    seen = min(max(now - rhythm.first, 0), _YEAR) + round(ctx.figures(now).base.first_mean * DAY)
    return (money if c.spending.margin_of_minor else money * ctx.policy.value.margin_share), seen


def _survival(purchases: float, a: float, b: float) -> float:
    """The share of so many purchases ahead that a customer makes who stops for ever after each with the odds `a` to `b` plus their number.

    It is the mean of (b / (b + n)) ** a over the number n of the purchase.

    >>> round(_survival(1, 0.4, 1.0), 2), round(_survival(10, 0.4, 1.0), 2), round(_survival(10, 0.4, 50.0), 2)
    (0.86, 0.54, 0.96)
    """
    ratio = purchases / b
    if ratio < 1e-9:
        return 1.0
    power = 1.0 - a
    total = log(1.0 + ratio) if abs(power) < 1e-9 else ((1.0 + ratio) ** power - 1.0) / power
    return float(total / ratio)


def value_at_risk(c: Customer, now: Micros, ctx: Context) -> int:
    """What losing the customer would cost: the expected worth, plus the cost of winning another one; not multiplied by the risk.

    >>> from scorers.risk.model import UNTRAINED
    >>> value_at_risk(Customer("c1"), 0, Context(Policy(), UNTRAINED))
    2000
    """
    return expected_worth(c, now, ctx) + ctx.policy.value.replacement_cost_minor


def usual_margin(c: Customer, now: Micros, policy: Policy) -> float:
    """The mean margin of the last year's purchase days; 0 if there were none."""
    money, days = year_value(c, now, policy), len(c.spending.days)
    if not days or money <= 0:
        return 0.0
    return money / days if c.spending.margin_of_minor else money / days * policy.value.margin_share


def expected_purchases(c: Customer, risk: float, now: Micros, policy: Policy) -> float:
    """Expected occasions within the horizon: the probability of any, times how many a staying customer makes."""
    gap = max(c.rhythm.mean_gap() * DAY, DAY)  # one visit a day is the most that is expected
    pace = policy.risk.horizon / gap if c.rhythm.own_gaps() else 1.0
    return (1.0 - risk) * max(1.0, pace)
