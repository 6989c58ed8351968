"""`boredom`: the variety that a customer buys falls while the gaps between visits grow (X9, L6)."""

from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.facts.baskets import varieties
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the occasion at which variety had fallen and gaps had grown, until the variety is back."""
    return Finding(c.baskets.bored_at, c.baskets.bored_ref)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The variety of the last visits against the variety before."""
    newest, before = varieties(c.baskets.visits)[1], c.baskets.bored_from
    return [told("boredom", 1.0, "boredom", now, ctx, {"newest": round(newest), "before": round(before, 1)})]


KIND = Kind(
    name="boredom",
    rules=("X9", "L6"),
    headline="{who} buys less variety, and less often",
    example="Nora bought from five departments each fortnight; now it is coffee alone, every month.",
    severity="info",
    treatment="tailored_service",
    remedy="A visit with the usual variety settles this.",
    when="baskets.bored_at",
    of_buyers=True,
    condition=condition,
    reasons=reasons,
)
