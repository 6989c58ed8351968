"""`gone-quiet`: a repeat buyer is silent for longer than their own rhythm allows."""

from scorers.alarms.words import background, silence
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import quiet_after
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True once the silence exceeds the limit from the own gaps; where the base has a danger line, once the risk has reached that too."""
    quiet = quiet_after(c, closed_for(c, ctx) if ctx.closures.are_known else None)
    if now <= quiet:
        return quiet
    if not ctx.figures(quiet).danger:
        return Finding(quiet, c.purchases.last_ref)
    if episode is not None:
        return Finding(max(quiet, episode.at), c.purchases.last_ref)
    read = c.risk.at
    if quiet <= read and c.risk.last >= ctx.figures(read).danger:
        return Finding(read, c.purchases.last_ref)
    return NEVER  # until the next review


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The silence compared with the usual gap, and what may explain it."""
    return [silence(c, 1.0, max(now, e.at), ctx), *background(c, now, ctx)]


KIND = Kind(
    name="gone-quiet",
    rules=("L1", "Q6", "J4", "J5"),
    matter="silence",
    headline="{who} has gone quiet",
    example="Ana comes every week; 16 days have passed without a purchase.",
    severity="warning",  # of an example; of an alarm the risk decides
    by_risk=True,
    unproven="warning",
    treatment="incentive",
    remedy="One purchase by {by} settles this.",
    stages=frozenset({"early_repeat_buyer", "core_customer", "dormant"}),
    condition=condition,
    reasons=reasons,
)
