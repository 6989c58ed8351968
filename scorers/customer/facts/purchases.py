"""Purchases and refunds: every purchase counts in money, the first of an occasion in rhythm and limits too."""

from scorers.contract.events import DAY, HOUR, SECOND, Duration, Micros, Purchase, Refund
from scorers.contract.inert import inert
from scorers.customer import exposed, ledger, silences
from scorers.customer.facts import baskets, bundles, contacts, money, wallet
from scorers.customer.facts.experiences import negative
from scorers.customer.lifecycle import gone_after
from scorers.customer.open_time import change_store, closed_for, closed_time
from scorers.customer.parties import STAFF
from scorers.customer.parts.experience import Cause, Exit
from scorers.customer.rhythm import silence_limit
from scorers.customer.state import Customer
from scorers.in_force.base_rhythm import gap_bucket
from scorers.in_force.closures import open_between, open_until
from scorers.in_force.context import Context
from scorers.in_force.figures import COHORT_GAPS, FIRST_GAPS, GAPS, Contribution
from scorers.timeline.facts import Ref

SAME_VISIT: Duration = 4 * HOUR
LONGEST_REASON = 40  # characters, of a refund and of what was bought
LONGEST_DATE: Duration = 2 * DAY  # no date lasts longer in any zone, whatever its clocks were set back by


def purchase(c: Customer, e: Purchase, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A purchase; it begins an occasion, or belongs to the last one."""
    at = e.time
    rhythm, bought = c.rhythm, c.purchases
    if not rhythm.occasions:
        bought.first_ref = ref
        if c.contacts.first and at <= c.contacts.first + ctx.policy.prospects.conversion_window:
            c.life.golden_by = at + ctx.policy.prospects.golden_quiet
    begins = not rhythm.occasions or not _same_visit(c, at, ctx)
    if begins:
        _occasion(c, e, ref, ctx, counts)
    if e.store_id and e.store_id != c.profile.store_id:
        change_store(c, e.store_id)
    exposed.bought(c, e)
    new_block = baskets.add(c.baskets, e, (at - rhythm.first) // baskets.BLOCK)
    if c.ties.cut:
        bundles.back(c)
    bought.count += 1
    bought.last, bought.last_ref = at, ref
    silences.watch(c, ctx)
    money.spend(c, e, rhythm.last // DAY, begins, ctx)
    money.count_discounts(c, at // DAY, counts)
    wallet.judge(c, at, ref, begins, new_block, ctx.policy.wallet)
    ledger.bought(c, at, ctx.policy.ledger)
    if c.exit.at:
        c.exit = Exit()
    for question in c.risk.questions:
        if not question.answered and question.asked < at:
            question.answered = at
    contacts.answer_outreach(c, at, ctx, counts)


def lapse(c: Customer, now: Micros, ctx: Context) -> None:
    """Move the limit of the second purchase to the one in force when it falls due, if that is later.

    Until then the base may have shown that most who return take longer. Asked at the deadline itself, a microsecond after it.
    """
    due = open_until(closed_for(c, ctx), c.rhythm.first, c.purchases.second_limit)
    if due == now - 1:
        c.purchases.second_limit = max(c.purchases.second_limit, ctx.figures(due).second_limit)
        silences.watch(c, ctx)


def refund(c: Customer, e: Refund, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A refund is a negative experience only for a bad reason, and not of nothing (J10). It never moves the stage back."""
    money.refund(c, e, ctx, counts)
    if e.amount_minor and ctx.policy.refunds.is_bad(e.reason):
        cause = Cause("refund", e.time, inert(e.reason or "", LONGEST_REASON), inert(e.sku or "", LONGEST_REASON))
        negative(c, e.time, ref, cause, ctx, "product")


def recognise(c: Customer, at: Micros, ctx: Context) -> None:
    """Take a customer who was one long before the first purchase that was seen for a repeat buyer (J5); that is never taken back."""
    life = c.life
    if life.known or not 0 < life.customer_since <= c.rhythm.first - ctx.policy.lifecycle.known_before:
        return
    life.known = True
    if c.rhythm.occasions == 1:
        _limit_silence(c, at, ctx)
        if c.purchases.last:  # said of a silence that lasts already: no alarm is about the past
            c.purchases.quiet_limit = max(c.purchases.quiet_limit, at - c.purchases.last + SECOND)
        c.purchases.reached = c.purchases.gone = 0


def _limit_silence(c: Customer, at: Micros, ctx: Context) -> None:
    figures = ctx.figures(at)
    limit = silence_limit(c.rhythm, figures.base, ctx.policy.silence.false_a_year, figures.second_limit)
    c.purchases.quiet_limit = limit // SECOND * SECOND


def _same_visit(c: Customer, at: Micros, ctx: Context) -> bool:
    """Whether a purchase belongs to the last occasion: one date of the business, or a few hours after its last purchase; two dates at most."""
    zone, last = ctx.zone, c.purchases.last
    if at - last > LONGEST_DATE:
        return False
    day = zone.day(at)
    return (at - last <= SAME_VISIT or day == zone.day(last)) and day <= zone.day(c.rhythm.last) + 1


def _was_given_up(c: Customer, at: Micros, ctx: Context) -> bool:
    """Whether `defected` was said of the silence that a purchase ends, in whatever words."""
    if not c.open or not any(e.kind == "defected" for e in c.open):
        return False
    return (
        0 < c.purchases.gone < at or gone_after(c, ctx.policy, closed_for(c, ctx)) < at
    )  # not a purchase soon after a goodbye


def _occasion(c: Customer, e: Purchase, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Begin an occasion: update the rhythm and the limits of silence, and end earlier troubles."""
    at, rhythm = e.time, c.rhythm
    closed = closed_for(c, ctx)
    away = closed_time(closed, rhythm.last, at) if rhythm.occasions else 0
    gap, silence = at - rhythm.last - away, open_between(closed, c.purchases.last, at)
    if c.ties.bonds:
        bundles.judge(c, at, ref)
    if c.ties.rewards_since:
        bundles.rewarded_visit(c, at, ctx.policy.bonds)
    baskets.occasion(c, at, ref, ctx.policy.boredom)
    came_back = _was_given_up(c, at, ctx)
    if c.purchases.reached:
        silences.end(c, at, ctx, counts)
    rhythm.visit(at, came_back, away)
    figures = ctx.figures(at)
    if rhythm.occasions == 1:
        c.purchases.second_limit = figures.second_limit
        if c.life.customer_since:
            recognise(c, at, ctx)
    else:
        day, bucket = at // DAY, gap_bucket(gap)
        if c.profile.party != STAFF:
            counts.append((day, GAPS, bucket, 1))
        if rhythm.occasions == 2 and not c.life.known and c.profile.party != STAFF:
            ripe = (rhythm.first + ctx.policy.lifecycle.second_purchase_cohort) // DAY
            counts += (day, FIRST_GAPS, bucket, 1), (max(day, ripe), COHORT_GAPS, bucket, 1)
        rhythm.survive(silence, at)
        _limit_silence(c, at, ctx)
    c.account.trouble = None
    for case in c.complaints.open:
        if case.breached:
            case.occasions_since_breach += 1
            if case.occasions_since_breach == ctx.policy.loyalty.hostage_occasions:
                case.hostage_at = at
    baskets.breadth(c.baskets, e)
