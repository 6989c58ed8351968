"""`underserved`: a customer is served for far less than their margin carries (T3)."""

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
    under = None if c.costs is None else c.costs.under
    return NEVER if under is None else Finding(under.at, under.ref)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What was spent on the customer, and what the customer brings."""
    return cost_reasons(c, "underserved", now, ctx)


KIND = Kind(
    name="underserved",
    rules=("T3",),
    headline="We do little for {who}, compared with what they bring",
    example="Vera brought 800 euros of margin in 90 days, and we spent 3 on her.",
    severity="info",
    treatment="preferential_treatment",
    skill="service",
    of_buyers=True,
    stages=PRESENT,
    when="costs",
    condition=condition,
    reasons=reasons,
)
