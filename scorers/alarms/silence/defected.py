"""`defected`: a silence after which a return is unlikely, or an explained exit."""

from scorers.alarms.silence import gone_quiet
from scorers.alarms.words import date
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import LEFT, gone_after
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True in the stages that mean a loss, since the end of the allowed silence or the exit, whichever came first."""
    if c.rhythm.occasions:
        gone = gone_after(c, ctx.policy)
        if not c.exit.at or gone < c.exit.at:
            return Finding(gone, c.purchases.last_ref)
    return Finding(c.exit.at, c.exit.ref)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The exit with its reason, else the silence."""
    if c.exit.at and c.exit.at <= e.at:
        return [Reason(c.exit.reason or "unknown", 1.0, f"Said that they leave, on {date(c.exit.at, ctx)}.")]
    return gone_quiet.reasons(c, e, now, ctx)


KIND = Kind(
    name="defected",
    rules=("L1", "L6", "J4", "J5"),
    headline="{who} has most likely left",
    example="Ana came every week; a month has passed without a purchase.",
    severity="error",  # of an example; of an alarm the risk decides
    by_risk=True,
    unproven="warning",
    treatment="special_offer",
    remedy="One purchase wins this customer back.",
    expires_after=1,
    stages=LEFT,
    condition=condition,
    reasons=reasons,
)
