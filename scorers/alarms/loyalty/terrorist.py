"""`terrorist`: very low commitment after bad experiences, and the customer tells others. Messages say "speaking against us"."""

from scorers.alarms.words import times
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.lifecycle import answers
from scorers.customer.state import BAD_SUBJECTS, Customer
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
        f"complained in public {_often(c.complaints.public)}"
        if c.complaints.public
        else "warns others"
        if c.opinion.referral < 0
        else "gave the lowest mark"
    )
    return [Reason("bad_word_of_mouth", 1.0, f"{_bad(c)}; {how}, and {_commitment(c, now, ctx)}.")]


def _often(count: int) -> str:
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def _bad(c: Customer) -> str:
    """How many bad experiences there were, and with what, where that is known."""
    known = zip(BAD_SUBJECTS, c.account.about, strict=False)
    parts = [f"{count} with the {name}" for name, count in known if count]
    return times(c.account.bad, "bad experience") + (f", {' and '.join(parts)}" if parts else "")


def _commitment(c: Customer, now: Micros, ctx: Context) -> str:
    """Why hardly anything is left of the relation."""
    marks, _ = answers(c, now, ctx.policy)
    if c.exit.at:
        return "said goodbye"
    if marks and marks[-1] <= ctx.policy.loyalty.low_mark:
        return f"last gave {marks[-1]} of 5"
    if c.risk.last >= 0.0:
        return f"has a risk of {round(100 * c.risk.last)} % of not coming back"
    return "has most likely left"


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
