"""What the loss of a customer would cost, and what is to be expected of one who stays (A5).

Everything is in minor units of the customer's own currency. The remaining life is counted in horizons.
"""

from scorers.contract.events import DAY, Micros
from scorers.customer.state import Customer
from scorers.customer.tiers import year_value
from scorers.policy.tables import Policy

_YEAR = 365 * DAY
_MATURE_YEARS, _GROWTH = 3.0, 2.5


def yearly_margin(c: Customer, now: Micros, policy: Policy) -> float:
    """Margin of a year at the pace of the last one; where margins are unknown, a share of the revenue."""
    if not c.purchases.count:
        return 0.0
    tenure = max(now - c.rhythm.first, 0)
    value = year_value(c, now, policy)
    if tenure < _YEAR:  # a young customer is not judged by a year that was not lived; a quarter is the least
        value = round(value * _YEAR / max(tenure, _YEAR // 4))
    return value if c.spending.margin_of_minor else value * policy.value.margin_share


def value_at_risk(c: Customer, now: Micros, policy: Policy) -> int:
    """Expected margin of the remaining life, plus what it costs to replace the customer.

    Profit per year grows with the age of the relation, two and a half times from the first year to the third.

    >>> value_at_risk(Customer("c1"), 0, Policy())
    2000
    """
    rules = policy.value
    years = max(now - c.rhythm.first, 0) / _YEAR if c.purchases.count else 0.0
    ripe = min(years / _MATURE_YEARS, 1.0)
    growth = _GROWTH + (1.0 - _GROWTH) * ripe  # what the years to come may still bring beyond the last one
    life = rules.life_horizons * policy.risk.horizon / _YEAR
    return rules.replacement_cost_minor + max(0, round(yearly_margin(c, now, policy) * life * growth))


def expected_purchases(c: Customer, risk: float, now: Micros, policy: Policy) -> float:
    """Occasions to be expected within the horizon: the chance of any, times how many a staying customer makes."""
    gap = c.rhythm.mean_gap() * DAY
    pace = policy.risk.horizon / gap if gap else 1.0
    return (1.0 - risk) * max(1.0, pace)
