"""`risk-rising`: at a review or an event, the risk is higher by a step than its lowest within the last weeks (A5)."""

from scorers.alarms.risk import model_reasons
from scorers.alarms.risk.what_if import risk_after_purchase
from scorers.alarms.speech import Value
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Instant, Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.parts.verdicts import RISK_SCALE
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the reading that showed the rise until the risk is back by half."""
    rise = c.risk.rise
    return NEVER if rise is None or rise.over else Finding(rise.at, rise.ref)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The step, then what raises the risk most, by the model in force."""
    rise = c.risk.rise
    if rise is None:
        return []
    low, high = max(round(100 * rise.low / RISK_SCALE), 1), min(round(100 * rise.high / RISK_SCALE), 99)
    values: dict[str, Value] = {"low": low, "high": high, "within": int(ctx.policy.risk.rise_within)}
    known = model_reasons.changes(c, e, now, ctx)
    return [told("risk_rose", 1.0, "risk_rose", now, ctx, values), *model_reasons.strongest(c, now, ctx), *known]


def suffices(c: Customer, e: Episode, by: Instant, ctx: Context) -> bool:
    """Whether one purchase would take back half of the rise."""
    rise = c.risk.rise
    return rise is not None and 2 * RISK_SCALE * risk_after_purchase(c, int(by), ctx) <= rise.low + rise.high


KIND = Kind(
    name="risk-rising",
    rules=("A5", "J4", "J5"),
    matter="silence",
    headline="The risk of losing {who} has risen",
    example="Emil's risk was 0.1 after his last visit; three weeks later it is 0.36.",
    by_risk=True,
    unproven="info",
    treatment="preferential_treatment",
    remedy="One purchase by {by} takes back half of the rise.",
    suffices=suffices,
    stages=PRESENT,
    when="risk.rise",
    condition=condition,
    reasons=reasons,
)
