"""`bond-cut`: a bond that the customer used has ended (P5)."""

from scorers.alarms.words import date, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the end of the first bond until it is back; other bonds that end meanwhile are further evidence."""
    first, *others = c.ties.cut
    return Finding(first.at, first.ref, evidence=tuple(cut.ref for cut in others))


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """Which bonds have ended, and when."""
    return [
        told("bond_cut", 1.0, "bundle_cut", now, ctx, {"at": date(cut.at, ctx)})
        if cut.bundle
        else told("bond_cut", 1.0, "bond_cut", now, ctx, {"bond": cut.bond, "at": date(cut.at, ctx)})
        for cut in c.ties.cut
    ]


KIND = Kind(
    name="bond-cut",
    rules=("P5",),
    headline="{who} gave up something that tied them to us",
    example="Lola has ended her monthly bundle; she still buys single items.",
    severity="warning",
    treatment="tailored_service",
    remedy="The bond in use again settles this.",
    of_buyers=True,
    stages=PRESENT,
    when="ties.cut",
    condition=condition,
    reasons=reasons,
)
