"""`small-mishap`: an early repeat buyer has one negative experience."""

from scorers.alarms.complaints import troubles
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import PRESENT
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the first negative experience to the next occasion; further ones update it."""
    return troubles.holds_in(c, "early_repeat_buyer")


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The bad experiences by name and date."""
    return troubles.reasons(c, now, ctx)


KIND = Kind(
    name="small-mishap",
    rules=("L4",),
    matter="trouble",
    headline="Something went wrong for {who}",
    example="Carl has come three times and complains of a cold meal.",
    severity="warning",
    treatment="help",
    remedy="A next purchase settles this.",
    stages=PRESENT,
    when="account.trouble",
    condition=condition,
    reasons=reasons,
)
