"""The cost to serve against the margin (T3): costs of contacts and actions, and the value of rewards, over a window.

They are judged at the customer's facts and reviews, against the margin of the same window at the customer's own pace, and only where the
base tells the costs of enough customers: otherwise a small cost says that costs are not told.
"""

from bisect import bisect_right

from scorers.contract.events import DAY, Micros
from scorers.customer.parts.costs import Costs, Unfit
from scorers.customer.state import Customer
from scorers.customer.value import margin_within
from scorers.in_force.context import Context
from scorers.in_force.counted import base_counts
from scorers.in_force.figures import SERVED, Contribution
from scorers.policy.tables import Policy
from scorers.timeline.facts import Ref


def spend(c: Customer, minor: int | None, at: Micros, ref: Ref, policy: Policy, counts: list[Contribution]) -> None:
    """Add a cost; the first one of a customer counts the customer among those whose costs are told."""
    if not minor:
        return
    if c.costs is None:
        c.costs = Costs()
    costs, day = c.costs, at // DAY
    if c.rhythm.occasions and not c.profile.party:
        counts.append(base_counts.cost(day, c.spending.currency, at - (c.life.customer_since or c.rhythm.first), minor))
    if not costs.told:
        costs.told = True
        counts.append((day, SERVED, 0, 1))
    _expire(costs, at, policy)
    if costs.days and costs.days[-1] == day:
        costs.minor[-1] += minor
    else:
        costs.days.append(day)
        costs.minor.append(minor)
    costs.ref = ref


def cost(c: Customer, now: Micros, policy: Policy) -> int:
    """The cost to serve of the window that ends with an instant, in minor units.

    >>> cost(Customer("c1"), 0, Policy())
    0
    """
    costs = c.costs
    return 0 if costs is None else sum(costs.minor[bisect_right(costs.days, _oldest(now, policy)) :])


def judge(c: Customer, at: Micros, ref: Ref, ctx: Context) -> None:
    """Judge the cost at a fact or a review; who has not been a customer for the whole window is not judged yet."""
    rules, tier = ctx.policy.serving, c.tiering.tier
    if at - c.rhythm.first < rules.window:
        return
    margin, spent = margin_within(c, at, rules.window, ctx), cost(c, at, ctx.policy)
    held = c.costs
    was_under, was_over = held is not None and held.under is not None, held is not None and held.over is not None
    under = spent < rules.under.of(tier) * margin * (1.0 + rules.hysteresis * was_under)
    over = spent > rules.over.of(tier) * margin * (1.0 - rules.hysteresis * was_over)
    if held is None:
        if not under:
            return
        held = c.costs = Costs()
    if under != was_under:
        held.under = Unfit(at, c.purchases.last_ref, over=False) if under else None
    if over != was_over:
        held.over = Unfit(at, held.ref, over=True) if over else None


def _oldest(now: Micros, policy: Policy) -> int:
    return (now - policy.serving.window) // DAY


def _expire(costs: Costs, now: Micros, policy: Policy) -> None:
    n = bisect_right(costs.days, _oldest(now, policy))
    if n:
        del costs.days[:n], costs.minor[:n]
