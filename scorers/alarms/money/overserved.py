"""`overserved`: serving a customer costs far more than their margin carries (T3)."""

from scorers.alarms.money.costs import cost_reasons
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the fact or review that showed it until the cost is back inside."""
    over = None if c.costs is None else c.costs.over
    return NEVER if over is None else Finding(over.at, over.ref)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What was spent on the customer, and what the customer brings."""
    return cost_reasons(c, "overserved", now, ctx)


KIND = Kind(
    name="overserved",
    rules=("T3",),
    headline="Serving {who} costs more than they bring",
    example="Otto brought 40 euros of margin in 90 days; calls and gifts cost 30.",
    severity="info",
    treatment="tailored_service",
    skill="service",
    of_buyers=True,
    stages=PRESENT,
    when="costs",
    condition=condition,
    reasons=reasons,
)
