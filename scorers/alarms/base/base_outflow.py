"""`base-outflow`: more customers were lost than won over a window, of the base, a tier or a store (L8)."""

from scorers.alarms.base.spell import condition_of
from scorers.alarms.speech import Value
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, Micros
from scorers.groups.flow import ByDay, Flow
from scorers.in_force.context import Context
from scorers.timeline.episodes import Episode
from scorers.timeline.kinds import Kind

condition = condition_of("outflow")
"""True from the end of the day at which enough were lost, and more than won by more than chance, until more are won over a window after it."""


def reasons(flow: Flow, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """How many were lost and won, and how the money at stake is reckoned."""
    span = ctx.policy.base.window
    window = ByDay(flow).window(flow.day, span // DAY)
    values: dict[str, Value] = {"lost": window.lost, "won": window.won, "window": int(span)}
    found = [told("outflow", 1.0, "outflow", now, ctx, values)]
    if window.gap_minor:
        found.append(told("outflow_gap", 0.0, "outflow_gap", now, ctx, {"window": int(span)}))
    return found


KIND = Kind(
    name="base-outflow",
    rules=("L8",),
    headline="More customers are lost than won: {who}",
    example="Within four weeks 14 customers of the north shop have left, and 9 have bought for the first time or come back.",
    severity="critical",
    treatment="participation",
    remedy="As many days in which more customers are won than lost settle this.",
    about="base",
    watched="base",
    outcome="resolved",
    fixed=True,
    skill="owner_of_cause",
    condition=condition,
    reasons=reasons,
)
