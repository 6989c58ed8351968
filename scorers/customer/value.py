"""What the loss of a customer would cost, and how many purchases to expect of one who stays (A5).

Money is in minor units of the customer's own currency. The remaining life is counted in horizons.
"""

from scorers.contract.events import DAY, Micros
from scorers.customer.state import Customer
from scorers.customer.tiers import year_value
from scorers.policy.tables import Policy

_YEAR = 365 * DAY
_MATURE_YEARS, _GROWTH = 3.0, 2.5


def yearly_margin(c: Customer, now: Micros, policy: Policy) -> float:
    """The margin of a year at the pace of the last one; a share of the revenue if margins are unknown."""
    if not c.purchases.count:
        return 0.0
    tenure = max(now - c.rhythm.first, 0)
    value = year_value(c, now, policy)
    if tenure < _YEAR:  # extrapolate from the time since the first purchase, at least a quarter
        value = round(value * _YEAR / max(tenure, _YEAR // 4))
    return value if c.spending.margin_of_minor else value * policy.value.margin_share


def value_at_risk(c: Customer, now: Micros, policy: Policy) -> int:
    """The expected margin of the remaining life, plus the cost of replacing the customer, in minor units of the own currency.

    Profit per year grows with tenure, two and a half times from the first year to the third.

    >>> value_at_risk(Customer("c1"), 0, Policy())
    2000
    """
    rules = policy.value
    years = max(now - c.rhythm.first, 0) / _YEAR if c.purchases.count else 0.0
    ripe = min(years / _MATURE_YEARS, 1.0)
    growth = _GROWTH + (1.0 - _GROWTH) * ripe  # growth still to come, relative to the last year
    life = rules.life_horizons * policy.risk.horizon / _YEAR
    return rules.replacement_cost_minor + max(0, round(yearly_margin(c, now, policy) * life * growth))


def expected_purchases(c: Customer, risk: float, now: Micros, policy: Policy) -> float:
    """Expected occasions within the horizon: the probability of any, times how many a staying customer makes."""
    gap = max(c.rhythm.mean_gap() * DAY, DAY)  # one visit a day is the most that is expected
    pace = policy.risk.horizon / gap if c.rhythm.own_gaps() else 1.0
    return (1.0 - risk) * max(1.0, pace)
