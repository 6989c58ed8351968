"""`retention-order`: the measured retention does not rise from stage to stage, so the policy's stages need a look (L7)."""

from scorers.alarms.base.spell import condition_of
from scorers.alarms.speech import Value
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, Micros
from scorers.groups.flow import ByDay, Flow
from scorers.in_force.context import Context
from scorers.timeline.episodes import Episode
from scorers.timeline.kinds import Kind

condition = condition_of("disorder")
"""True from the end of the day at which a later stage stays no more than an earlier one, until they are in order over a horizon after it."""


def reasons(flow: Flow, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The share of each stage that stays."""
    horizon = ctx.policy.risk.horizon
    found = ByDay(flow).retention(flow.day, horizon // DAY)
    first, early, core = [round(100 * stayed / seen) if seen else 0 for seen, stayed in found]
    values: dict[str, Value] = {"first": first, "early": early, "core": core, "horizon": int(horizon)}
    return [told("retention_order", 1.0, "retention_order", now, ctx, values)]


KIND = Kind(
    name="retention-order",
    rules=("L7",),
    headline="Retention does not rise from stage to stage: {who}",
    example="Of core customers 60 % bought within 90 days, of early repeat buyers 65 %.",
    severity="info",
    treatment="participation",
    about="policy",
    watched="base",
    outcome="resolved",
    fixed=True,
    skill="owner_of_cause",
    condition=condition,
    reasons=reasons,
)
