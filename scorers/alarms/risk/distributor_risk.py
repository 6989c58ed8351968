"""`distributor-risk`: at a review or an event, the risk of an external party has crossed the threshold of its tier, weighted by its margin share (P1)."""

from scorers.alarms.risk import model_reasons
from scorers.alarms.risk.risk_high import crossed
from scorers.alarms.risk.what_if import risk_after_purchase
from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Instant, Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.parties import DISTRIBUTOR, margin_share
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """As `risk-high`; the threshold is lower by the share of the base's yearly value that the party brings."""
    if c.profile.party != DISTRIBUTOR:
        return NEVER
    return crossed(c, now, threshold(c, now, ctx), ctx, episode)


def threshold(c: Customer, now: Micros, ctx: Context) -> float:
    """The threshold of the tier, less the share of what all customers bring."""
    rules = ctx.policy.risk
    weight = min(margin_share(c, now, ctx), rules.distributor_weight)
    return rules.threshold.of(c.tiering.tier) * (1.0 - weight)


def suffices(c: Customer, e: Episode, by: Instant, ctx: Context) -> bool:
    """Whether one purchase would take the risk under the threshold, less the hysteresis."""
    return risk_after_purchase(c, int(by), ctx) < threshold(c, int(by), ctx) - ctx.policy.risk.hysteresis


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What the party brings, then what raises the risk most, by the model in force."""
    share = round(100 * margin_share(c, now, ctx))
    brings = [told("margin_share", 1.0, "margin_share", now, ctx, {"share": share})] if share else []
    return [*brings, *model_reasons.explained(c, e, now, ctx)]


KIND = Kind(
    name="distributor-risk",
    rules=("P1", "A5", "A7"),
    matter="silence",
    headline="The distributor {who} is likely to stay away",
    milder=(frozenset(), "The distributor {who} may stay away"),
    example="Nordic Trade brings a quarter of our margin and has a risk of 0.62; iron alarms from 0.75, less a quarter.",
    severity="error",
    fixed=True,
    treatment="preferential_treatment",
    remedy="One purchase by {by} takes the risk under the threshold.",
    suffices=suffices,
    skill="sales",
    stages=PRESENT,
    when="profile.party",
    condition=condition,
    reasons=reasons,
)
