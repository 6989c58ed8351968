"""`risk-high`: at a review or an event, the risk has crossed the threshold of the customer's tier."""

from scorers.alarms.risk import model_reasons
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """Raised when a risk just computed reaches the threshold; settled when, after a purchase, it is below by the hysteresis."""
    rules, risk, last = ctx.policy.risk, c.risk, c.purchases.last
    if episode is not None:
        holds = last <= episode.at or risk.last >= rules.threshold.of(c.tiering.tier) - rules.hysteresis
        return episode.unchanged() if holds else NEVER
    if risk.last < 0.0 or risk.at < now - 1:
        return NEVER  # an old value must not raise an alarm because the threshold falls
    if last >= risk.at or c.rhythm.occasions < rules.occasions_at_least:
        return NEVER  # no purchase is bad news by itself
    return Finding(risk.at, c.purchases.last_ref) if risk.last >= rules.threshold.of(c.tiering.tier) else NEVER


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What raises the risk most, by the model in force; whether such risks were true is said where it is not known."""
    return [*model_reasons.strongest(c, now, ctx), *model_reasons.unproven(c, e, now, ctx)]


KIND = Kind(
    name="risk-high",
    rules=("A5", "A7", "J4", "J5"),
    matter="silence",
    headline="{who} is likely to stay away",
    milder=(frozenset(), "{who} may stay away"),
    example="Irene, a gold customer, has a risk of 0.46; the threshold for gold is 0.4.",
    severity="error",  # of an example; of an alarm the risk decides
    by_risk=True,
    unproven="info",
    treatment="preferential_treatment",
    remedy="One purchase by {by} would bring the risk down.",
    stages=PRESENT,
    condition=condition,
    reasons=reasons,
)
