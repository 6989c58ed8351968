"""The reported risk: a customer's risk as alarms and lists state it, within a horizon that fits the customer's own rhythm.

Within the run's horizon a half-yearly buyer most likely buys nothing, which is no news. So the reported risk is the chance of no purchase
within the larger of the horizon and twice the own usual gap, both in open time: closures stop this clock too.
"""

from collections.abc import Callable

from scorers.contract.events import DAY, Duration, Micros
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force.closures import open_between
from scorers.in_force.context import Context
from scorers.policy.tables import Policy
from scorers.risk.log_odds import logit, sigmoid
from scorers.risk.prior import no_purchase


def reported_horizon(c: Customer, policy: Policy) -> Duration:
    """The larger of the policy's horizon and twice the own usual gap, in whole days.

    >>> reported_horizon(Customer("c1"), Policy()) // DAY
    90
    """
    return max(policy.risk.horizon, round(2.0 * c.rhythm.mean_gap()) * DAY)


def reported_risk(c: Customer, now: Micros, ctx: Context, risk: float) -> float:
    """The risk within the reported horizon, given the model's `risk` within the policy's."""
    usual, reported = ctx.policy.risk.horizon, reported_horizon(c, ctx.policy)
    if reported == usual:
        return risk
    prior = prior_by_horizon(c, now, ctx)
    return sigmoid(prior(reported) + logit(risk) - prior(usual))


def prior_by_horizon(c: Customer, now: Micros, ctx: Context) -> Callable[[Duration], float]:
    """The log-odds of no purchase within any horizon of open time, by the timing of the purchases alone."""
    base, rhythm = ctx.figures(now).base, c.rhythm
    silence, shape = open_between(closed_for(c, ctx), rhythm.last, now) / DAY, rhythm.shape(base.shape)
    survived, age = float(max(rhythm.occasions - 1, 0)), rhythm.open_days()
    shop = ctx.model(now).parameters(base)

    def prior(horizon: Duration) -> float:
        return logit(no_purchase(*shop, rhythm.known, rhythm.paced, silence, horizon / DAY, shape, survived, age))

    return prior
