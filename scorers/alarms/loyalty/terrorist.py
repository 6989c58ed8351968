"""`terrorist`: very low commitment after bad experiences, and the customer tells others. Messages say "speaking against us"."""

from scorers.alarms.words import date, named, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.contract.inert import inert
from scorers.customer.lifecycle import answers
from scorers.customer.parts.experience import BAD_SUBJECTS
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
    """How others hear of it, the newest bad experience by name, how many there were with what, and why hardly any commitment is left."""
    if c.complaints.public:
        tells = told("bad_word_of_mouth", 1.0, "tells_in_public", now, ctx, {"public": c.complaints.public})
    else:
        tells = told("bad_word_of_mouth", 1.0, "warns_others" if c.opinion.referral < 0 else "lowest_mark", now, ctx)
    newest = c.account.last_bad
    named_ones = [] if newest is None else named(c, newest, "negative_experience", 0.5, now, ctx)
    counts = dict(zip(BAD_SUBJECTS, c.account.about, strict=False))
    by_subject = (
        [told("negative_experience", 0.25, "bad_by_subject", now, ctx, {**counts})] if any(counts.values()) else []
    )
    said = [tells, *named_ones, _commitment(c, now, ctx), *by_subject]
    if newest is None or newest.what != "mark":
        return said
    again = {"lowest_mark"} if newest.word == "1" else set()
    if newest.word == str(c.opinion.mark):
        again.add("mark_low")
    return [reason for reason in said if reason.sentence not in again]


def _commitment(c: Customer, now: Micros, ctx: Context) -> Reason:
    """Why hardly anything is left of the relation."""
    marks, _ = answers(c, now, ctx.policy)
    if c.exit.at:
        why = inert((c.exit.reason or "unknown").removeprefix("other:"), 64)
        return told("low_commitment", 0.5, "goodbye", now, ctx, {"at": date(c.exit.at, ctx), "reason": why})
    if marks and marks[-1] <= ctx.policy.loyalty.low_mark:
        return told("low_commitment", 0.5, "mark_low", now, ctx, {"mark": marks[-1]})
    if c.risk.last >= 0.0:
        risk = min(max(round(100 * c.risk.last), 1), 99)
        return told("low_commitment", 0.5, "risk_of_losing", now, ctx, {"risk": risk})
    return told("low_commitment", 0.5, "has_left", now, ctx)


KIND = Kind(
    name="terrorist",
    rules=("Q4",),
    matter="trouble",
    headline="{who} speaks against us",
    example="Leo gave 1 of 5 and complained in public of a second broken lamp.",
    severity="critical",
    treatment="trust",
    fixed=True,
    skill="de_escalation",
    when="attitude.terrorist_at",
    condition=condition,
    reasons=reasons,
)
