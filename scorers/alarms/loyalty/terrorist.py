"""`terrorist`: very low commitment after bad experiences, and the customer tells others. Messages say "speaking against us"."""

from scorers.alarms.words import times
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True while the loyalty type is `terrorist`."""
    if c.attitude.type != "terrorist":
        return NEVER
    return Finding(c.attitude.terrorist_at, c.attitude.terrorist_opener)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The bad experiences, and how others hear of them."""
    how = (
        "complained in public"
        if c.complaints.public
        else "warns others"
        if c.opinion.referral < 0
        else "gave the lowest mark"
    )
    return [Reason("bad_word_of_mouth", 1.0, f"{times(c.account.bad, 'bad experience')}, and {how}.")]


KIND = Kind(
    name="terrorist",
    rules=("Q4",),
    matter="trouble",
    headline="{who} is leaving and speaks against us",
    example="Leo gave 1 of 5 and complained in public of a second broken lamp.",
    severity="critical",
    treatment="trust",
    fixed=True,
    skill="de_escalation",
    when="attitude.terrorist_at",
    condition=condition,
    reasons=reasons,
)
