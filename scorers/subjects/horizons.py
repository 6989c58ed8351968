"""The risk within other horizons than the one that the model was trained for.

The prior gives the probability of no purchase within any horizon in closed form. The model's log-odds at its own horizon differ from the
prior's by a shift, which is applied at every horizon. So the risks fall as the horizon grows, equal the model's risk at its own horizon,
and need no lessons of their own. Horizons are calendar time, of which only what is open counts. They are computed on request and not while events are folded.
"""

from collections.abc import Iterable

from scorers.alarms.risk.reported import prior_by_horizon
from scorers.contract.events import Duration, Micros
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force.closures import open_between
from scorers.in_force.context import Context
from scorers.policy.spans import format_span
from scorers.risk.log_odds import logit, sigmoid
from scorers.subjects.assessment import purchase_risk


def risk_by_horizon(
    c: Customer, now: Micros, ctx: Context, horizons: Iterable[Duration] | None = None
) -> dict[Duration, float]:
    """P(no purchase within each horizon), shortest first; by default of the policy's `horizons` and its `horizon`.

    Empty for a prospect, who has not bought yet.

    >>> from scorers.contract.events import DAY
    >>> from scorers.policy.tables import Policy
    >>> from scorers.risk.model import UNTRAINED
    >>> c = Customer("c1")
    >>> c.purchases.count = 1
    >>> c.rhythm.visit(100 * DAY)
    >>> risks = risk_by_horizon(c, 110 * DAY, Context(Policy(), UNTRAINED))
    >>> {horizon // DAY: round(risk, 2) for horizon, risk in risks.items()}
    {30: 0.71, 60: 0.6, 90: 0.54, 180: 0.45}
    """
    if not c.purchases.count:
        return {}
    rules = ctx.policy.risk
    wanted = sorted({*rules.horizons, rules.horizon} if horizons is None else set(horizons))
    prior, closed = prior_by_horizon(c, now, ctx), closed_for(c, ctx)
    shift = logit(purchase_risk(c, now, ctx)) - prior(rules.horizon)
    return {horizon: sigmoid(prior(open_between(closed, now, now + horizon)) + shift) for horizon in wanted}


def by_span(risks: dict[Duration, float]) -> dict[str, float]:
    """The risks under the horizons as the policy writes them, such as `30d`, rounded to six digits."""
    return {format_span(horizon): round(risk, 6) for horizon, risk in risks.items()}
