"""`risk-high`: at a review or an event, the risk has crossed the threshold of the customer's tier."""

from scorers.alarms.risk import model_reasons
from scorers.alarms.risk.what_if import risk_after_purchase
from scorers.contract.alarms import Reason
from scorers.contract.events import Instant, Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.parties import DISTRIBUTOR
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """By the threshold of the tier, and not where the base could not show yet that its risks are true, or has shown that they are too high.

    Distributors have a kind of their own.
    """
    figures = ctx.figures(now)
    if c.profile.party == DISTRIBUTOR or (
        episode is None and (figures.unanswered or figures.is_overstated(c.risk.last))
    ):
        return NEVER
    return crossed(c, now, _threshold(c, now, ctx), ctx, episode)


def _threshold(c: Customer, now: Micros, ctx: Context) -> float:
    """That of the tier, or the base's danger line where that is higher: what most of those present have is no news."""
    return max(ctx.policy.risk.threshold.of(c.tiering.tier), ctx.figures(now).danger)


def crossed(c: Customer, now: Micros, threshold: float, ctx: Context, episode: Episode | None) -> Answer:
    """Raised when a risk just computed reaches the threshold; settled when, after a purchase, it is below by the hysteresis."""
    rules, risk, last = ctx.policy.risk, c.risk, c.purchases.last
    if episode is not None:
        holds = last <= episode.at or risk.last >= threshold - rules.hysteresis
        return episode.unchanged() if holds else NEVER
    if risk.last < 0.0 or risk.at < now - 1:
        return NEVER  # an old value must not raise an alarm because the threshold falls
    if last >= risk.at or c.rhythm.occasions < rules.occasions_at_least:
        return NEVER  # no purchase is bad news by itself
    return Finding(risk.at, c.purchases.last_ref) if risk.last >= threshold else NEVER


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What raises the risk most, by the model in force; whether such risks were true is said where it is not known."""
    return model_reasons.explained(c, e, now, ctx)


def suffices(c: Customer, e: Episode, by: Instant, ctx: Context) -> bool:
    """Whether one purchase would take the risk under the threshold, less the hysteresis."""
    return risk_after_purchase(c, int(by), ctx) < _threshold(c, int(by), ctx) - ctx.policy.risk.hysteresis


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
    remedy="One purchase by {by} takes the risk under the threshold.",
    suffices=suffices,
    stages=PRESENT,
    condition=condition,
    reasons=reasons,
)
