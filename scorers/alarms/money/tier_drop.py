"""`tier-drop`: the customer has fallen by a tier, and stayed there for the dwell time."""

from scorers.alarms.speech import Value
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.customer.tiers import RANK
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the end of the dwell time until the customer is back in the former tier."""
    tiering = c.tiering
    if RANK[tiering.tier] >= RANK[tiering.drop_from]:
        return NEVER
    return Finding(tiering.drop_at, tiering.drop_opener)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The tiers before and after."""
    dwell, tiering = int(ctx.policy.tiers.dwell), c.tiering
    values: dict[str, Value] = {"before": tiering.drop_from, "after": tiering.tier, "dwell": dwell}
    return [told("tier_drop", 1.0, "tier_drop", now, ctx, values)]


KIND = Kind(
    name="tier-drop",
    rules=("T2", "J4"),
    headline="{who} has fallen a tier",
    example="Otto was platinum; his last year's margin has been that of gold for two weeks.",
    severity="warning",  # of an example; of an alarm the risk decides
    by_risk=True,
    treatment="tailored_service",
    when="tiering.drop_at",
    condition=condition,
    reasons=reasons,
)
