"""`hostage`: the customer keeps buying although a complaint is past its deadline."""

from scorers.alarms.words import date, says, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the policy's number of occasions after the deadline; it stays true while any such complaint is open."""
    held = [case for case in c.complaints.open if case.hostage_at]
    if not held:
        return NEVER
    if episode is not None:
        return episode.unchanged()
    case = min(held, key=lambda case: case.hostage_at)
    return Finding(case.hostage_at, case.opener, evidence=(c.purchases.last_ref,))


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The complaint that is overdue, and what it says."""
    case = next((one for one in c.complaints.open if one.breached), None)
    if case is None:
        return []
    overdue = told("unrectified_defect", 1.0, "hostage", now, ctx, {"opened": date(case.opened, ctx)})
    return [overdue, *says(case, now, ctx)]


KIND = Kind(
    name="hostage",
    rules=("Q5",),
    matter="trouble",
    headline="{who} still buys while a complaint is unresolved",
    example="Kim's complaint is two weeks overdue, and she has bought twice since.",
    severity="warning",
    treatment="faster_attention",
    remedy="A solution to the open complaint settles this.",
    skill="service",
    when="complaints.open",
    condition=condition,
    reasons=reasons,
)
