"""The customer as a subject: what one fact or deadline does to a customer.

`advance` folds the fact or lets time pass, judges stage, tier, loyalty type and risk, asks the kinds that can hold in that stage, and
sets the next deadline, which is the earliest of all waits. Effects are collected for the caller.
"""

from typing import get_args

from scorers.alarms.catalogue import watched_by
from scorers.alarms.changes.changes import GOLDEN_CONVERSION, LOYALTY_CHANGED, REACTIVATED, STAGE_CHANGED, TIER_CHANGED
from scorers.alarms.render import render_customer
from scorers.contract.alarms import Alarm, Change, Outcome, Severity, Stage, Tier
from scorers.contract.events import DAY, AlarmAction, AnyEvent, ExitExplained, Micros, Purchase
from scorers.customer import lifecycle, loyalty, silences, tiers
from scorers.customer.facts.evolve import evolve, lapse
from scorers.customer.lifecycle import LEFT, RETURNS_FROM
from scorers.customer.open_time import closed_for
from scorers.customer.retained_fields import RETAINED
from scorers.customer.state import Customer
from scorers.customer.tiers import RANK
from scorers.in_force.context import Context
from scorers.in_force.discounts import DISCOUNTS
from scorers.in_force.figures import ALL_YEARS, YEARS, Contribution, value_bucket
from scorers.subjects import answers, loss_review, reviews, rises
from scorers.timeline import actions
from scorers.timeline.compare import compare, note
from scorers.timeline.episodes import ACTED, NEVER, Episode, Finding
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.kinds import Kind, Plan, plan
from scorers.timeline.subjects import AlarmingType, Effects
from scorers.worklist import effort

_KINDS = watched_by("customer")
_SILENCES = frozenset({"gone-quiet", "second-purchase-overdue", "defected"})
_PLANS: dict[Stage, Plan] = {stage: plan(_KINDS, stage) for stage in get_args(Stage)}


class CustomerType(AlarmingType[Customer]):
    """How a customer changes."""

    def __init__(self) -> None:
        super().__init__("customer", Customer, _KINDS)

    def retained(self, event: AnyEvent) -> AnyEvent:
        """The event with the fields that a customer's row keeps."""
        return RETAINED.of(event)

    def advance(
        self, c: Customer, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, effects: Effects
    ) -> None:
        """Fold a fact, or judge the deadline `at`; then compare with the open alarms and set the next deadline.

        A deadline is judged a microsecond after it, so that a fact at exactly its instant is in time.
        """
        retires = (c.last_fact if event is None else at) + ctx.policy.retention.silent
        if event is None and at >= retires:
            c.due = 0  # the partition deletes it
            return
        if event is not None:
            now = at
            if isinstance(event, AlarmAction):
                actions.apply(c, event, ref, effects)
            else:
                evolve(c, event, ref, ctx, effects.counts)  # type: ignore[arg-type]  # the partition routes by type
            if not c.first_seen:
                c.first_seen = at
            c.last_fact = at
        else:
            now = at + 1
            lapse(c, now, ctx)
            if c.rhythm.occasions:
                silences.lapse(c, now, ctx, effects.counts)
        risk = c.risk
        told = event is not None and not isinstance(event, AlarmAction)  # an action says nothing about the customer
        reviewing = told or risk.next_review == at
        bought = isinstance(event, Purchase)
        soon = _judge_stage(c, at, now, ref, bought, ctx, effects)
        if c.purchases.count and (reviewing or risk.next_question == at or (c.tiering.low_since and event is None)):
            _judge_tier(c, at, now, ctx, effects)
        if risk.questions and event is None:
            reviews.answer(c, now, ctx, effects)
        if c.rhythm.occasions:
            reviews.read_risk(c, at, event is None, reviewing, bought, ctx)
        soon = min(soon, _judge_loyalty(c, at, now, ref, ctx, effects))  # by the risk as it is told now
        life = c.life
        if life.golden_by:
            if life.golden_by < now:
                note(c, GOLDEN_CONVERSION, life.golden_by, c.purchases.first_ref, "", effects)
                life.golden_by = 0
            elif life.golden_by < soon:
                soon = life.golden_by
        if c.tiering.low_since and now <= (ends := c.tiering.low_since + ctx.policy.tiers.dwell) < soon:
            soon = ends
        if bought and c.told:
            answers.bought(c, at, ctx, effects.counts)
        waits = compare(self, c, _PLANS[life.stage], now, ref, ctx, effects)
        acted = isinstance(event, AlarmAction) and event.action in ACTED
        if risk.at >= at or c.efforts or acted:
            effort.review(c, at, told, acted, ctx)
        if c.loss is not None and isinstance(event, ExitExplained):
            loss_review.explained(c, at, effects.counts)
        if c.told:
            soon = min(soon, answers.follow(c, at, now, ctx, effects.counts))
        c.due = min(soon, waits, c.purchases.next_class or NEVER, reviews.next_instant(c, ctx), retires)

    def render(
        self, c: Customer, episode: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
    ) -> Alarm:
        """One change in the life of an alarm as a record of the topic `alarms`."""
        return render_customer(self.kinds[episode.kind], c, episode, change, time, cause, ctx)

    def retires(self, c: Customer, ctx: Context) -> Micros:
        """So long after the newest fact."""
        return c.last_fact + ctx.policy.retention.silent

    def contributions(self, c: Customer, at: Micros) -> list[Contribution]:
        """What removes the customer from the histogram of yearly values."""
        held = c.spending
        name = YEARS + held.counted_in if held.counted_in else ALL_YEARS
        counted = (name, held.year_bucket), (DISCOUNTS, held.discount_bucket)
        return [(at // DAY, histogram, bucket, -1) for histogram, bucket in counted if bucket >= 0]

    def tier(self, c: Customer) -> Tier:
        """The tier by which the severity of an alarm steps down."""
        return c.tiering.tier

    def severity(self, c: Customer, kind: Kind, finding: Finding, now: Micros, ctx: Context) -> Severity:
        """By the reported risk at this instant for the kinds about silence and risk (J4, J5); it is read for them if it is old."""
        if not kind.by_risk:
            return finding.severity or kind.severity
        return reviews.severity(reviews.current_risk(c, now, ctx), c, kind, finding.since, ctx)

    def outcome(self, c: Customer, kind: Kind) -> Outcome:
        """Lost if the customer has left, unless the alarm is about a case; else the outcome of the kind."""
        return "lost" if c.life.stage in LEFT and not kind.is_case else kind.outcome

    def closes(self, c: Customer, kind: Kind, now: Micros) -> bool:
        """Whether the customer has just left, which ends all alarms but `defected` and those about cases."""
        return c.life.stage in LEFT and c.life.since >= now - 1 and kind.name != "defected" and not kind.is_case

    def was_never_true(self, c: Customer, kind: Kind, episode: Episode, now: Micros, ctx: Context) -> bool:
        """Whether an alarm about silence ends although nothing happened since: its deadline lay in a closure (J3)."""
        if kind.name not in _SILENCES or not ctx.closures.are_known or c.purchases.last > episode.at:
            return False
        is_past = kind.name == "second-purchase-overdue" and c.life.known
        return not (is_past or c.exit.at or c.life.stage in LEFT)

    def expires(self, c: Customer, kind: Kind, episode: Episode, ctx: Context) -> Micros:
        """A long silence stays open until the customer buys or is given up."""
        if kind.name == "defected" and c.life.stage not in LEFT:
            return NEVER
        return super().expires(c, kind, episode, ctx)

    def raised(self, c: Customer, kind: Kind, episode: Episode, ctx: Context, effects: Effects) -> None:
        """Note it, so that it is answered once (A9)."""
        answers.note(c, kind, episode, ctx, effects)

    def expired(self, c: Customer, episode: Episode) -> Outcome:
        """Lost for `defected`; false if the customer kept buying, unless that is what the kind is about; else expired."""
        if episode.kind == "defected":
            return "lost"
        bought_on = c.purchases.last > episode.at and c.life.stage not in RETURNS_FROM
        return "false" if bought_on and not self.kinds[episode.kind].of_buyers else "expired"


CUSTOMER = CustomerType()


def _judge_stage(
    c: Customer, at: Micros, now: Micros, ref: Ref, bought: bool, ctx: Context, effects: Effects
) -> Micros:
    """Judge the stage and note its change; return the next instant at which time alone may change it."""
    life = c.life
    before = life.stage
    after, until = lifecycle.judge(c, now, ctx.policy, closed_for(c, ctx) if ctx.closures.are_known else None)
    if before == after:
        return until
    lifecycle.move(before, after)
    life.stage, life.since, life.core_before = after, at, before == "core_customer"
    opener = ref if ref is not NO_FACT else c.purchases.last_ref
    note(c, STAGE_CHANGED, at, opener, f"{before} to {after}", effects)
    if bought and before in RETURNS_FROM and after not in LEFT:
        note(c, REACTIVATED, at, opener, f"{before} to {after}", effects)
    if before in LEFT:
        c.loss = None
    if after in LEFT:
        loss_review.leave(c, at, before, effects.counts)
        c.risk.next_review, c.risk.last = 0, -1.0
        rises.forget(c)
        c.ties.cut = ()
    return until


def _judge_tier(c: Customer, at: Micros, now: Micros, ctx: Context, effects: Effects) -> None:
    """Judge the tier and note its change: a rise takes effect at once, a fall after the dwell time."""
    known, policy, tiering = ctx.figures(at).bounds, ctx.policy, c.tiering
    bounds = known.get(c.spending.currency) or known.get("")
    tiers.expire_purse(c.spending, now, policy)
    _count_year(c, at // DAY, effects.counts)
    before = tiering.tier
    after = tiers.place(c.spending.year_minor, before if tiering.ranked else "none", bounds, policy)
    if RANK[after] >= RANK[before] or not tiering.ranked:
        tiering.low_since = 0
    elif not tiering.low_since:
        tiering.low_since, tiering.low_opener = at, c.purchases.last_ref
        return
    elif tiering.low_since + policy.tiers.dwell >= now:
        return
    else:
        at = tiering.low_since + policy.tiers.dwell
        is_open = any(e.kind == "tier-drop" and e.status == "open" for e in c.open)
        # a further fall continues the open alarm; where too few are ranked everyone is iron, which is no fall
        if c.life.stage not in LEFT and not is_open and bounds is not None:
            tiering.drop_from, tiering.drop_at, tiering.drop_opener = before, at, tiering.low_opener
        tiering.low_since = 0
    tiering.ranked = bounds is not None
    if after != before:
        tiering.tier = after
        note(c, TIER_CHANGED, at, c.purchases.last_ref, f"{before} to {after}", effects)
    if RANK[after] >= RANK[tiering.drop_from]:
        tiering.drop_from = "none"


def _count_year(c: Customer, day: int, counts: list[Contribution]) -> None:
    """Move the customer to the bucket of their yearly value in the histogram of their currency."""
    spending = c.spending
    bucket = value_bucket(spending.year_minor) if spending.days else -1
    if bucket != spending.year_bucket or spending.counted_in != spending.currency:
        if spending.year_bucket >= 0:
            # after a change of the own currency still in that of the former one; the names are made without a call
            held = YEARS + spending.counted_in if spending.counted_in else ALL_YEARS
            counts.append((day, held, spending.year_bucket, -1))
        if bucket >= 0:
            counts.append((day, YEARS + spending.currency, bucket, 1))
        spending.year_bucket, spending.counted_in = bucket, spending.currency


def _judge_loyalty(c: Customer, at: Micros, now: Micros, ref: Ref, ctx: Context, effects: Effects) -> Micros:
    """Judge the loyalty type and note its change; return the next instant at which time alone may change it.

    Who was an apostle and has given no answers for a year is one of whom too little is known, not one who is lost (Q3).
    """
    attitude = c.attitude
    before, (after, until) = attitude.type, loyalty.judge(c, c.life.stage, now, ctx)
    if before == after:
        return until
    opener = ref if ref is not NO_FACT else c.purchases.last_ref
    attitude.type = after
    if after == "terrorist":
        attitude.terrorist_at, attitude.terrorist_opener = at, opener
    if after == "apostle":
        attitude.apostle_until = 0
    elif before == "apostle" and (ref is not NO_FACT or c.life.stage in RETURNS_FROM):
        attitude.apostle_until, attitude.apostle_opener = at, opener
    note(c, LOYALTY_CHANGED, at, opener, f"{before} to {after}", effects)
    return until
