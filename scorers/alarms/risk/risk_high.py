"""`risk-high`: at a review or an event, the risk has crossed the threshold of the customer's tier."""

from scorers.alarms.risk import model_reasons
from scorers.contract.alarms import Reason
from scorers.contract.events import Instant, Micros
from scorers.customer.lifecycle import PRESENT, gone_after, quiet_after
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """Raised when a risk just computed reaches the threshold; settled when, after a purchase, it is below by the hysteresis."""
    rules, risk = ctx.policy.risk, c.risk
    threshold = rules.threshold.of(c.tiering.tier)
    if episode is not None:
        holds = risk.last >= threshold - rules.hysteresis or c.purchases.last <= episode.at
        return episode.unchanged() if holds else NEVER
    read_now = (
        risk.last >= 0.0 and risk.at >= now - 1
    )  # an old value must not raise an alarm because the threshold falls
    in_silence = c.purchases.last < risk.at  # no purchase is bad news by itself
    if read_now and in_silence and risk.last >= threshold and c.rhythm.occasions >= rules.occasions_at_least:
        return Finding(risk.at, c.purchases.last_ref)
    return NEVER


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What raises the risk most, by the model in force."""
    return model_reasons.strongest(c, now, ctx)


def deadline(c: Customer, e: Episode, ctx: Context) -> Instant:
    """The instant at which the silence becomes unusual, or for a dormant customer at which they count as defected."""
    return Instant(quiet_after(c) if c.life.stage != "dormant" else gone_after(c, ctx.policy))


KIND = Kind(
    name="risk-high",
    rules=("A5", "A7"),
    headline="{who} is likely to leave",
    example="Irene, a gold customer, has a risk of 0.46; the threshold for gold is 0.4.",
    severity="error",
    treatment="preferential_treatment",
    remedy="One purchase by {by} would bring the risk down.",
    stages=PRESENT,
    condition=condition,
    reasons=reasons,
    deadline=deadline,
)
