"""`apostle-lost`: an apostle has not been one for the dwell time."""

from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, once_past
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True after the dwell time, unless the customer is an apostle again."""
    at = c.attitude.apostle_until + ctx.policy.loyalty.apostle_dwell
    return once_past(at, c.attitude.apostle_opener, now)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """Since when the customer is no apostle."""
    return [told("apostle_lost", 1.0, "apostle_lost", now, ctx, {"at": date(c.attitude.apostle_until, ctx)})]


KIND = Kind(
    name="apostle-lost",
    rules=("Q3",),
    matter="trouble",
    headline="{who} no longer recommends us",
    example="Jon recommended us twice; two weeks ago he gave 2 of 5.",
    severity="error",
    treatment="participation",
    when="attitude.apostle_until",
    condition=condition,
    reasons=reasons,
)
