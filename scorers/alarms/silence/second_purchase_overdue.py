"""`second-purchase-overdue`: a first-time buyer has not come back within the time in which most who return do so."""

from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force.closures import open_until
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, once_past
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True after the limit of the first occasion, or the later one in force when that one passed."""
    overdue = open_until(closed_for(c, ctx), c.rhythm.first, c.purchases.second_limit)
    return once_past(overdue, c.purchases.first_ref, now)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The first purchase and the limit."""
    first, limit = date(c.rhythm.first, ctx), c.purchases.second_limit
    name = "second_purchase_overdue"
    return [told(name, 1.0, name, now, ctx, {"first": first, "limit": limit})]


KIND = Kind(
    name="second-purchase-overdue",
    rules=("L3", "L9", "J4", "J5"),
    matter="silence",
    headline="{who} bought once and has not come back within the usual time",
    example="Bea bought once on 1 March; three in four who come back do so within 60 days, and it is now 1 May.",
    severity="warning",  # of an example; of an alarm the risk decides
    by_risk=True,
    unproven="warning",
    treatment="special_offer",
    remedy="A second purchase by {by} settles this.",
    stages=frozenset({"first_time_buyer"}),
    condition=condition,
    reasons=reasons,
)
