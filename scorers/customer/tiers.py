"""Service tiers by the margin, else the revenue, of the last year (T1, T2).

The boundaries are figures of the base, in each currency its own. A rise takes effect at once, a fall after the dwell time and only beyond the hysteresis, so that
a tier does not flap.
"""

from bisect import bisect_right

from scorers.contract.alarms import Tier
from scorers.contract.events import DAY, Micros
from scorers.customer.parts.buying import Purse, Spending
from scorers.customer.state import Customer
from scorers.in_force.figures import Bounds
from scorers.policy.tables import Policy

RANK: dict[Tier, int] = {"none": 0, "lead": 1, "iron": 2, "gold": 3, "platinum": 4}
_WITH_BOUND: tuple[Tier, ...] = ("platinum", "gold", "iron")


def expire_purse(purse: Spending | Purse, now: Micros, policy: Policy) -> None:
    """Drop the days before the rolling year, in one currency."""
    oldest = (now - policy.tiers.window) // DAY
    days = purse.days
    if not days or days[0] > oldest:
        return
    n = bisect_right(days, oldest)
    purse.year_minor -= sum(purse.takings[:n])
    del days[:n], purse.takings[:n]
    purse.times = purse.times[n:]


def year_value(c: Customer, now: Micros, policy: Policy) -> int:
    """The margin, else the revenue, of the rolling year up to an instant, in minor units."""
    oldest = (now - policy.tiers.window) // DAY
    spending = c.spending
    if not spending.days or spending.days[0] > oldest:
        return spending.year_minor
    return sum(spending.takings[bisect_right(spending.days, oldest) :])


def place(value_minor: int, current: Tier, bounds: Bounds | None, policy: Policy) -> Tier:
    """The tier of a yearly value among those in its currency; the bound of the current tier is lowered by the hysteresis.

    >>> place(9_900, "none", None, Policy())  # too few customers are ranked
    'iron'
    """
    if bounds is None:
        return "iron"
    if value_minor <= 0:
        return "lead"
    for tier, bound in zip(_WITH_BOUND, bounds, strict=True):
        if value_minor >= bound or (tier == current and value_minor >= bound * (1 - policy.tiers.hysteresis)):
            return tier
    return "lead"
