"""The customer as a subject: what one fact or deadline does to a customer.

`advance` folds the fact or lets time pass, judges stage, tier, loyalty type and risk, asks the kinds that can hold in that stage, and
sets the next deadline, which is the earliest of all waits. Effects are collected for the caller.
"""

from typing import get_args

from msgspec.structs import replace

from scorers.alarms.catalogue import watched_by
from scorers.alarms.changes.changes import GOLDEN_CONVERSION, LOYALTY_CHANGED, REACTIVATED, STAGE_CHANGED, TIER_CHANGED
from scorers.alarms.render import render_customer
from scorers.contract.alarms import Alarm, Change, Outcome, Severity, Stage, Tier
from scorers.contract.events import DAY, SECOND, AlarmAction, AnyEvent, ExitExplained, Micros, Purchase
from scorers.customer import lifecycle, loyalty, serving, silences, tiers
from scorers.customer.facts import leads, staff_credit
from scorers.customer.facts.evolve import evolve, lapse
from scorers.customer.facts.money import count_discounts
from scorers.customer.lifecycle import LEFT, RETURNS_FROM
from scorers.customer.merging.combine import combine
from scorers.customer.open_time import closed_for
from scorers.customer.parties import STAFF
from scorers.customer.parts.verdicts import RISK_SCALE
from scorers.customer.retained_fields import RETAINED
from scorers.customer.state import Customer
from scorers.customer.tiers import RANK
from scorers.in_force.context import Context
from scorers.in_force.discounts import DISCOUNTS
from scorers.in_force.figures import ALL_YEARS, SERVED, TRADE, YEARS, Contribution, value_bucket
from scorers.subjects import answers, loss_review, movements, reviews, rises
from scorers.subjects.merging.moved_alarms import SILENCES, Bought, going_on, renamed, renamed_told
from scorers.timeline import actions
from scorers.timeline.compare import ask, compare, note
from scorers.timeline.episodes import ACTED, NEVER, Episode, Finding
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.kinds import Kind, Plan, plan
from scorers.timeline.subjects import AlarmingType, Effects
from scorers.worklist import effort

_KINDS = watched_by("customer")
_PLANS: dict[Stage, Plan] = {stage: plan(_KINDS, stage) for stage in get_args(Stage)}
_OF_STAFF: dict[Stage, Plan] = {stage: plan([k for k in _KINDS if k.is_case], stage) for stage in get_args(Stage)}
"""Of staff only cases are alarmed: as customers they come and go with their job (P1)."""


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
        if c.cohort.until < at or (c.cohort.until == at and event is None):
            movements.begin(c, at, event is not None, ctx, effects.counts)
        before = movements.Before(c.life.stage, c.tiering.tier, c.loss, c.rhythm.occasions, c.rhythm.last)
        if event is not None:
            now = at
            if isinstance(event, AlarmAction):
                actions.apply(c, event, ref, effects)
                serving.spend(c, event.cost_minor, at, ref, ctx.policy, effects.counts)
            else:
                evolve(c, event, ref, ctx, effects.counts)  # type: ignore[arg-type]  # the partition routes by type
            if not c.first_seen:
                c.first_seen = at
            c.last_fact = at
        else:
            now = at + 1
            lapse(c, now, ctx, effects.counts)
            if c.rhythm.occasions:
                silences.lapse(c, now, ctx, effects.counts)
        risk = c.risk
        told = event is not None and not isinstance(event, AlarmAction)  # an action says nothing about the customer
        reviewing = told or risk.next_review == at
        bought = isinstance(event, Purchase)
        if told and (c.loss is None or bought):
            loss_review.remember(c, at, type(event))
        soon = _judge_stage(c, at, now, ref, bought, ctx, effects)
        if c.life.stage == "dormant" != before.stage and event is None and ctx.figures(at).danger:
            reviewing = (
                True  # whether a silence is news depends on the risk at the instant at which it begins to be one
            )
        if c.purchases.count and (reviewing or risk.next_question == at or (c.tiering.low_since and event is None)):
            _judge_tier(c, at, now, ctx, effects)
        if reviewing and c.purchases.count and ctx.figures(at).costs_told:
            serving.judge(c, at, ref, ctx)
        if isinstance(event, Purchase):
            c.cohort.bought = True
            movements.bought(c, event, before, effects.counts)
        if c.life.stage != before.stage or c.tiering.tier != before.tier:
            movements.follow(c, before, at, bought, ctx, effects.counts)
        if c.purchases.count:
            movements.place(c, at, effects.counts)
        if risk.questions and event is None:
            reviews.answer(c, now, ctx, effects)
        if c.rhythm.occasions and c.profile.party != STAFF:
            reviews.read_risk(c, at, event is None, reviewing, bought, ctx, effects.counts)
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
        plans = _PLANS if c.profile.party != STAFF else _OF_STAFF
        before_it = c.open
        waits = compare(self, c, plans[life.stage], now, ref, ctx, effects)
        if bought:
            staff_credit.stays(c, at, effects.counts)
            staff_credit.came_back(c, before_it, at, effects.counts)
        acted = isinstance(event, AlarmAction) and event.action in ACTED
        if risk.at >= at or c.efforts or acted:
            effort.review(c, at, told, acted, ctx)
        if c.loss is not None:
            if isinstance(event, ExitExplained):
                loss_review.explained(c, at, effects.counts)
            loss_review.approached(c, at, effects.counts)
        if c.lead is not None:
            soon = min(soon, leads.follow(c, now, ctx, effects.counts))
        if c.told:
            soon = min(soon, answers.follow(c, at, now, ctx, effects.counts))
        c.due = min(
            soon,
            waits,
            c.purchases.next_class or NEVER,
            reviews.next_instant(c, ctx),
            movements.next_instant(c),
            retires,
        )

    def render(
        self, c: Customer, episode: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
    ) -> Alarm:
        """One change in the life of an alarm as a record of the topic `alarms`."""
        alarm = render_customer(self.kinds[episode.kind], c, episode, change, time, cause, ctx)
        if alarm.treatment is None or alarm.risk is None:
            return alarm
        return replace(
            alarm,
            priority_minor=effort.priority(alarm.treatment, alarm.risk, alarm.value_at_risk_minor or 0, time, ctx),
        )

    def retires(self, c: Customer, ctx: Context) -> Micros:
        """So long after the newest fact."""
        return c.last_fact + ctx.policy.retention.silent

    def contributions(self, c: Customer, at: Micros) -> list[Contribution]:
        """What removes the customer from the histograms that count customers."""
        held = c.spending
        counted = (_years(held.counted_in), held.year_bucket), (DISCOUNTS, held.discount_bucket)
        told = [(at // DAY, SERVED, 0, -1)] if c.costs is not None and c.costs.told else []
        return [
            *told,
            *movements.forgotten(c, at),
            *[(at // DAY, histogram, bucket, -1) for histogram, bucket in counted if bucket >= 0],
        ]

    def combine(self, own: Customer, other: Customer, ctx: Context) -> list[Contribution]:
        """Add the state of an id that was merged into this customer; the alarms that do not go on have left `open`."""
        if not other.first_seen:
            return []
        mine, theirs = own.open, renamed(other.open, own.id)
        if not own.first_seen:
            told = renamed_told(other.told, other.open, theirs)
            for name in [name for name in Customer.__struct_fields__ if name != "id"]:
                setattr(own, name, getattr(other, name))
            own.open, own.told = theirs, told
            return []
        counts = self.contributions(other, other.last_fact)
        bought, was_told = (Bought.of(own), Bought.of(other)), own.costs is not None and own.costs.told
        combine(own, other, counts, ctx)
        day = own.last_fact // DAY
        if own.purchases.count:
            count_discounts(own, day, counts)
            _count_year(own, day, counts)
        if own.costs is not None and own.costs.told and not was_told:
            counts.append((day, SERVED, 0, 1))
        own.open = going_on(mine, theirs, bought, {})
        known = {(e.kind, e.subject_id) for e in own.open}
        own.open += [e for e in theirs if (e.kind, e.subject_id) not in known]
        found, _ = ask(own, _PLANS[own.life.stage], int(own.last_fact) + 1, ctx)
        own.open = going_on(mine, theirs, bought, found)
        return counts

    def tier(self, c: Customer) -> Tier:
        """The tier by which the severity of an alarm steps down."""
        return c.tiering.tier

    def severity(self, c: Customer, kind: Kind, finding: Finding, now: Micros, ctx: Context) -> Severity:
        """By the reported risk at this instant for the kinds about silence and risk (J4, J5); it is read for them if it is old."""
        if not kind.by_risk:
            return finding.severity or kind.severity
        return reviews.severity(reviews.current_risk(c, now, ctx), c, kind, finding.since, ctx)

    def outcome(self, c: Customer, kind: Kind) -> Outcome:
        """Lost if the customer has left, unless the alarm is about a case; false of staff; else the outcome of the kind."""
        if c.profile.party == STAFF and not kind.is_case:
            return "false"
        return "lost" if c.life.stage in LEFT and not kind.is_case else kind.outcome

    def closes(self, c: Customer, kind: Kind, now: Micros) -> bool:
        """Whether the customer has just left, which ends all alarms but `defected` and those about cases."""
        return c.life.stage in LEFT and c.life.since >= now - 1 and kind.name != "defected" and not kind.is_case

    def was_never_true(self, c: Customer, kind: Kind, episode: Episode, now: Micros, ctx: Context) -> bool:
        """Whether an alarm about silence ends although nothing happened since: its deadline lay in a closure (J3)."""
        if kind.name not in SILENCES or not ctx.closures.are_known or c.purchases.last > episode.at:
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
        at = episode.at // SECOND
        if c.risk.last >= 0.0 and not kind.is_case and at not in c.risk.said[::2]:
            c.risk.said = (*c.risk.said[-2:], at, round(RISK_SCALE * c.risk.last))

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
        if bought and after not in LEFT:
            loss_review.came_back(c, at, effects.counts)
        c.loss = None
    if after in LEFT:
        if c.profile.party != STAFF:
            loss_review.leave(c, at, before, effects.counts)
        c.risk.next_review, c.risk.last = 0, -1.0
        rises.forget(c)
        c.ties.cut, c.saved = (), None
        if c.costs is not None:
            c.costs.under = c.costs.over = None
    return until


def _judge_tier(c: Customer, at: Micros, now: Micros, ctx: Context, effects: Effects) -> None:
    """Judge the tier and note its change: a rise takes effect at once, a fall after the dwell time."""
    known, policy, tiering = ctx.figures(at).bounds, ctx.policy, c.tiering
    bounds = known.get(c.spending.currency) or known.get("")
    tiers.expire_purse(c.spending, now, policy)
    _count_year(c, at // DAY, effects.counts)
    if c.profile.party == STAFF:
        tiering.tier, tiering.ranked, tiering.low_since, tiering.drop_from = "none", False, 0, "none"
        return
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
    """Move the customer to the bucket of their yearly value in the histogram of their currency; distributors have their own, staff none."""
    spending, party = c.spending, c.profile.party
    bucket = value_bucket(spending.year_minor) if spending.days and party != STAFF else -1
    place = spending.currency if not party else TRADE + spending.currency
    if bucket != spending.year_bucket or spending.counted_in != place:
        if spending.year_bucket >= 0:  # after a change of the own currency still in that of the former one
            counts.append((day, _years(spending.counted_in), spending.year_bucket, -1))
        if bucket >= 0:
            counts.append((day, _years(place), bucket, 1))
        spending.year_bucket, spending.counted_in = bucket, place


def _years(counted_in: str) -> str:
    """The histogram of yearly values in which a customer is counted."""
    if counted_in.startswith(TRADE):
        return counted_in
    return YEARS + counted_in if counted_in else ALL_YEARS


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
