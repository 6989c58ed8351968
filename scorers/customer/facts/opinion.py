"""What the customer says: satisfaction, referrals, competitors, an exit; and the owner's judgement."""

from scorers.contract.events import (
    SECOND,
    CompetitorMentioned,
    ExitExplained,
    Micros,
    OwnerJudged,
    ReferralMade,
    SurveyAnswered,
)
from scorers.customer import exposed, ledger
from scorers.customer.facts.experiences import negative
from scorers.customer.parts.experience import MARK_BITS, MAX_MARKS, Cause, OwnersView
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import Ref

_MOOD = 0.3  # weight of the newest mark in the mood


def mark(c: Customer, at: Micros, stars: int, ref: Ref, ctx: Context, about: str = "") -> None:
    """A satisfaction mark: 1 or 2 is a negative experience, with the subject that it is `about`, 4 or 5 a good one."""
    opinion = c.opinion
    exposed.told(c, at)
    opinion.mood += (stars - opinion.mood) * (_MOOD if opinion.marks else 1.0)
    opinion.marks += 1
    opinion.marks_sum += stars
    opinion.mark = stars
    oldest = (at - ctx.policy.loyalty.answers_within) // SECOND
    kept = [packed for packed in opinion.marks_lately if packed >> MARK_BITS >= oldest]
    opinion.marks_lately = (*kept[1 - MAX_MARKS :], (at // SECOND << MARK_BITS) + stars)
    if stars <= 2:
        negative(c, at, ref, Cause("mark", at, str(stars)), ctx, about)
    elif stars >= 4:
        ledger.good(c, at, ctx.policy.ledger)


def survey(c: Customer, e: SurveyAnswered, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """An answered survey."""
    c.opinion.survey = e.satisfaction
    if e.satisfaction == 1:
        c.opinion.told = e.time // SECOND
    if e.would_recommend is not None:
        c.opinion.recommends = e.would_recommend
    mark(c, e.time, e.satisfaction, ref, ctx)


def referral(c: Customer, e: ReferralMade, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Word of mouth, positive or negative."""
    c.opinion.referrals += e.positive
    c.opinion.referral = 1 if e.positive else -1
    if not e.positive:
        c.opinion.told = e.time // SECOND


def owner(c: Customer, e: OwnerJudged, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """The owner's judgement of the customer, which is a feature of the risk."""
    judged = 1 if e.good else -1
    if judged != c.opinion.owner:
        c.opinion.owner, c.opinion.owners_view = judged, OwnersView(e.time, ref)


def competitor(c: Customer, e: CompetitorMentioned, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """The customer mentioned a competitor."""
    c.opinion.competitors += 1
    c.opinion.competitor_at = e.time


def explained_exit(c: Customer, e: ExitExplained, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """An exit, valid until the next purchase: since the first explanation, for the reason of the last one."""
    if not c.exit.at:
        c.exit.at, c.exit.ref = e.time, ref
    c.exit.reason = e.reason
