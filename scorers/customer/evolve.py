"""How facts change what is known of a customer: one function per event type, and `lapse` for time that passes.

Nothing is judged here. Each function trusts that facts come in order of (time, source, id); `monitor` sees to that.
The file is long because every event type of the contract has its function here, and the table at the end is the index.
"""

from collections.abc import Callable
from typing import Any

from scorers.contract.events import (
    DAY,
    SECOND,
    BondEnded,
    BondStarted,
    CompetitorMentioned,
    Complaint,
    ComplaintAcknowledged,
    ComplaintOpened,
    ComplaintReopened,
    ComplaintResolved,
    Contact,
    ContactMade,
    ContactReceived,
    CustomerDescribed,
    ExitExplained,
    LeadCreated,
    Micros,
    OwnerJudged,
    PromiseBroken,
    PromiseKept,
    PromiseMade,
    Purchase,
    ReferralMade,
    Refund,
    RewardGranted,
    SurveyAnswered,
)
from scorers.customer import ledger, tiers
from scorers.customer.rhythm import quiet_limit
from scorers.customer.state import (
    MAX_CLOSED_CASES,
    MAX_EVIDENCE,
    MAX_OPEN_CASES,
    MAX_OUTREACH,
    NOBODY,
    Case,
    Customer,
    Promise,
    Ref,
    Request,
    Trouble,
)
from scorers.in_force.base_rhythm import gap_bucket
from scorers.in_force.context import Context
from scorers.in_force.figures import FIRST_GAPS, GAPS, Contribution

_MOOD = 0.3  # weight of the newest answer in the mood
_FAST, _SLOW = 0.4, 0.1
_SEVERITY_RANK = {"minor": 0, "major": 1, "critical": 2}
_TONES = {None: 0, "calm": 0, "tense": 1, "rude": 2}


def _bad(c: Customer, at: Micros, ref: Ref, ctx: Context) -> None:
    """A negative experience: complaint, refund, satisfaction 1-2, broken promise."""
    c.bad_experiences += 1
    c.last_bad, c.last_bad_ref = at, ref
    ledger.bad(c, at, ctx.policy.ledger)
    if c.golden_by >= at:
        c.golden_by = 0
    if c.stage in ("first_time_buyer", "early_repeat_buyer"):
        if c.trouble is None:
            c.trouble = Trouble(c.stage, at, ref)
        else:
            c.trouble.count += 1
            if len(c.trouble.evidence) < MAX_EVIDENCE:
                c.trouble.evidence.append(ref)


def _answered_us(c: Customer, at: Micros, ctx: Context) -> None:
    if c.outreach:
        within = ctx.policy.outreach.answer_within
        c.answers += any(at - sent <= within for sent in c.outreach)
        c.outreach.clear()


def _met(c: Customer, at: Micros, ref: Ref) -> None:
    if not c.first_contact:
        c.first_contact, c.first_contact_ref = at, ref


def _takings(c: Customer, day: int, minor: int) -> None:
    c.year_minor += minor
    if c.days and c.days[-1] == day:
        c.takings[-1] += minor
    else:
        c.days.append(day)
        c.takings.append(minor)


def purchase(c: Customer, e: Purchase, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A sale: money always, an occasion if it is the first of its UTC date."""
    at = e.time
    day = at // DAY
    policy = ctx.policy
    rhythm = c.rhythm
    if not rhythm.occasions:
        c.first_purchase_ref = ref
        if c.first_contact and at <= c.first_contact + policy.prospects.conversion_window:
            c.golden_by = at + policy.prospects.golden_quiet
    occasion = not rhythm.occasions or day > rhythm.last // DAY
    if occasion:
        figures = ctx.figures(at)
        gap = at - rhythm.last
        rhythm.visit(at)
        if rhythm.occasions == 1:
            c.second_limit = figures.second_limit
        else:
            bucket = gap_bucket(gap)
            counts.append((day, GAPS, bucket, 1))
            if rhythm.occasions == 2:
                counts.append((day, FIRST_GAPS, bucket, 1))
            limit = quiet_limit(rhythm, figures.base, policy.silence.quiet_quantile)
            c.quiet_limit = limit // SECOND * SECOND
        c.trouble = None
        for case in c.cases:
            if case.breached:
                case.occasions_since_breach += 1
                if case.occasions_since_breach == policy.loyalty.hostage_occasions:
                    case.hostage_at = at
        breadth = len({item.category for item in e.items}) if e.items else 0
        if breadth:
            c.breadth_fast += (breadth - c.breadth_fast) * (_FAST if c.breadth_fast else 1.0)
            c.breadth_slow += (breadth - c.breadth_slow) * (_SLOW if c.breadth_slow else 1.0)
        spent = float(e.amount_minor)
        c.spend_fast += (spent - c.spend_fast) * (_FAST if c.spend_fast else 1.0)
        c.spend_slow += (spent - c.spend_slow) * (_SLOW if c.spend_slow else 1.0)
    for item in e.items:
        if item.category:
            c.variety |= 1 << (_hash(item.category) & 63)
    c.purchases += 1
    c.last_purchase, c.last_purchase_ref = at, ref
    if not c.currency:
        c.currency = e.currency
    c.amount_minor += e.amount_minor
    if e.margin_minor is not None:
        c.margin_minor += e.margin_minor
        c.margin_of_minor += e.amount_minor
    if e.discount_minor:
        c.discount_minor += e.discount_minor
        c.discounted += 1
    if e.store_id:
        c.store_id = e.store_id
    tiers.expire(c, at, policy)
    _takings(c, day, e.amount_minor if e.margin_minor is None else e.margin_minor)
    ledger.bought(c, at, policy.ledger)
    c.exit_at, c.exit_ref, c.exit_reason = 0, NOBODY, ""
    for question in c.questions:
        if not question.answered and question.asked < at:
            question.answered = at
    _answered_us(c, at, ctx)


def _hash(text: str) -> int:
    """A stable small hash; Python's own differs from run to run."""
    h = 0
    for letter in text.encode():
        h = (h * 31 + letter) & 0xFFFFFFFF
    return h ^ (h >> 15)


def refund(c: Customer, e: Refund, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Money given back is a negative experience and no move of the stage."""
    c.refunds += 1
    c.refund_minor += e.amount_minor
    c.last_refund = e.time
    known = c.margin_of_minor
    lost = e.amount_minor * c.margin_minor // known if known else e.amount_minor
    tiers.expire(c, e.time, ctx.policy)
    if c.days:  # it is taken from the last purchase: the day of a refund is no day of a purchase
        c.takings[-1] -= lost
        c.year_minor -= lost
    _bad(c, e.time, ref, ctx)


def _contact(c: Customer, e: Contact, ref: Ref, ctx: Context) -> None:
    _met(c, e.time, ref)
    c.cost_minor += e.cost_minor or 0
    if e.tone is not None:
        c.tone = _TONES[e.tone]
    if e.store_id and not c.store_id:
        c.store_id = e.store_id
    if e.request_id is not None:
        known = next((r for r in c.requests if r.id == e.request_id), None)
        if e.request_status == "open" and known is None:
            if len(c.requests) == MAX_OPEN_CASES:
                del c.requests[0]
            deadline = ctx.calendar.add(e.time, ctx.policy.clocks.answer.of(c.tier))
            c.requests.append(Request(e.request_id, e.time, ref, deadline))
        elif known is not None and (
            e.request_status in ("answered", "closed") or (e.request_status is None and isinstance(e, ContactMade))
        ):
            c.requests.remove(known)
    if e.satisfaction is not None:
        _satisfied(c, e.time, e.satisfaction, ref, ctx)


def contact_received(c: Customer, e: ContactReceived, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """The customer came to us, which also answers our outreach."""
    c.contacts_in += 1
    c.last_contact_in = e.time
    _answered_us(c, e.time, ctx)
    _contact(c, e, ref, ctx)


def contact_made(c: Customer, e: ContactMade, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """We went to the customer; without a request it is outreach."""
    c.contacts_out += 1
    c.last_contact_out = e.time
    if e.purpose in ("marketing", "sales") or (e.purpose is None and e.request_id is None):
        if len(c.outreach) == MAX_OUTREACH:
            del c.outreach[0]
        c.outreach.append(e.time)
    _contact(c, e, ref, ctx)


def _satisfied(c: Customer, at: Micros, stars: int, ref: Ref, ctx: Context) -> None:
    c.satisfaction_mood += (stars - c.satisfaction_mood) * (_MOOD if c.satisfaction_count else 1.0)
    c.satisfaction_count += 1
    c.satisfaction_sum += stars
    c.satisfaction_last, c.satisfaction_at = stars, at
    if stars <= 2:
        _bad(c, at, ref, ctx)
    elif stars >= 4:
        ledger.good(c, at, ctx.policy.ledger)


def survey(c: Customer, e: SurveyAnswered, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """An answer moves the mood; 1 or 2 is a negative experience, 4 or 5 a good one."""
    c.survey_last, c.survey_at = e.satisfaction, e.time
    if e.would_recommend is not None:
        c.recommend_last = e.would_recommend
    _satisfied(c, e.time, e.satisfaction, ref, ctx)


def _case(c: Customer, complaint_id: str) -> Case | None:
    return next((case for case in c.cases if case.id == complaint_id), None)


def complaint_opened(c: Customer, e: Complaint, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Both clocks start; a second opening of an open case only makes it graver, of a closed one reopens it."""
    known = _case(c, e.complaint_id)
    if known is not None:
        return _graver(c, known, e, ref, ctx)
    if any(case.id == e.complaint_id for case in c.closed):
        return complaint_reopened(c, e, ref, ctx, counts)
    clocks, calendar = ctx.policy.clocks, ctx.calendar
    case = Case(
        e.complaint_id,
        e.time,
        ref,
        e.severity,
        calendar.add(e.time, clocks.acknowledge.of(c.tier)),
        calendar.add(e.time, clocks.rectify.of(c.tier)),
        exempt=c.stage == "core_customer" and e.severity == "minor",
        public=e.public,
        subject=e.subject or "",
        store_id=e.store_id or "",
    )
    if len(c.cases) == MAX_OPEN_CASES:
        del c.cases[0]
    c.cases.append(case)
    c.complaints += 1
    c.last_complaint = e.time
    if e.public:
        c.complaints_public += 1
        c.last_public = e.time
    _bad(c, e.time, ref, ctx)


def _graver(c: Customer, case: Case, e: Complaint, ref: Ref, ctx: Context) -> None:
    """A complaint may turn out worse than first said, never better."""
    if _SEVERITY_RANK[e.severity] > _SEVERITY_RANK[case.severity]:
        if case.severity == "minor":
            case.grave_since, case.grave_ref = e.time, ref
        if case.exempt:  # the clock that did not run starts now
            allowed = ctx.policy.clocks.acknowledge.of(c.tier)
            case.exempt, case.acknowledge_by = False, ctx.calendar.add(e.time, allowed)
        case.severity = e.severity
    if e.public and not case.public:
        case.public = True
        c.complaints_public += 1
        c.last_public = e.time


def complaint_acknowledged(
    c: Customer, e: ComplaintAcknowledged, ref: Ref, ctx: Context, counts: list[Contribution]
) -> None:
    """The first clock stops."""
    case = _case(c, e.complaint_id)
    if case is not None and not case.acknowledged:
        case.acknowledged = e.time


def complaint_resolved(c: Customer, e: ComplaintResolved, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Both clocks stop; in time it is a good experience."""
    case = _case(c, e.complaint_id)
    if case is None:
        return
    c.cases.remove(case)
    case.resolved = e.time
    case.acknowledged = case.acknowledged or e.time
    case.left = ctx.calendar.between(e.time, case.rectify_by)
    if not case.breached:
        c.resolutions_in_time += 1
        ledger.good(c, e.time, ctx.policy.ledger)
    c.closed.append(case)
    del c.closed[:-MAX_CLOSED_CASES]


def complaint_reopened(c: Customer, e: Complaint, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """The clock counts on from where it stopped."""
    case = _case(c, e.complaint_id)
    if case is not None:
        return _graver(c, case, e, ref, ctx)
    case = next((case for case in c.closed if case.id == e.complaint_id), None)
    if case is None:
        return complaint_opened(c, e, ref, ctx, counts)  # its opening was never told
    c.closed.remove(case)
    case.opened, case.opener, case.resolved, case.grave_since, case.grave_ref = e.time, ref, 0, 0, NOBODY
    case.rectify_by = ctx.calendar.add(e.time, case.left)
    case.breached, case.occasions_since_breach, case.hostage_at = False, 0, 0
    c.cases.append(case)
    _graver(c, case, e, ref, ctx)


def referral(c: Customer, e: ReferralMade, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Word of mouth."""
    if e.positive:
        c.referrals_good += 1
    else:
        c.referrals_bad += 1
    c.referral_last, c.referral_at = (1 if e.positive else -1), e.time


def owner_judged(c: Customer, e: OwnerJudged, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A person's own view, kept beside the model's."""
    c.owner_good = 1 if e.good else -1


def exit_explained(c: Customer, e: ExitExplained, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A goodbye holds until the next purchase; the first one tells when."""
    if not c.exit_at:
        c.exit_at, c.exit_ref = e.time, ref
    c.exit_reason = e.reason


def competitor(c: Customer, e: CompetitorMentioned, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Another shop was named."""
    c.competitor_mentions += 1
    c.last_competitor = e.time


def promise_made(c: Customer, e: PromiseMade, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A promise with a date is watched."""
    known = next((p for p in c.promises if p.id == e.promise_id), None)
    if known is None:
        if len(c.promises) == MAX_OPEN_CASES:
            del c.promises[0]
        c.promises.append(Promise(e.promise_id, e.time, ref, max(e.due, e.time) if e.due else 0))
    elif e.due and not known.broken:
        known.due = max(e.due, e.time)


def promise_kept(c: Customer, e: PromiseKept, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Kept, be it late."""
    c.promises = [p for p in c.promises if p.id != e.promise_id]


def promise_broken(c: Customer, e: PromiseBroken, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Broken, and known to be."""
    known = next((p for p in c.promises if p.id == e.promise_id), None)
    if known is None:
        known = Promise(e.promise_id, e.time, ref)
        c.promises.append(known)
    if not known.broken:
        _break(c, known, e.time, ref, ctx)


def _break(c: Customer, promise: Promise, at: Micros, ref: Ref, ctx: Context) -> None:
    promise.broken, promise.breaker = at, ref
    c.promises_broken += 1
    _bad(c, at, ref, ctx)


def reward(c: Customer, e: RewardGranted, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A coupon or a gift."""
    c.rewards += 1
    c.last_reward = e.time


def bond_started(c: Customer, e: BondStarted, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A tie."""
    if e.bond not in c.bonds:
        c.bonds.append(e.bond)


def bond_ended(c: Customer, e: BondEnded, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A tie less."""
    if e.bond in c.bonds:
        c.bonds.remove(e.bond)


def lead(c: Customer, e: LeadCreated, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A prospect's window opens."""
    _met(c, e.time, ref)


def described(c: Customer, e: CustomerDescribed, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Who the customer is."""
    c.name = e.name or c.name
    c.party_type = e.party_type or c.party_type
    c.locale = e.locale or c.locale
    c.owner_id = e.owner_id or c.owner_id


Evolution = Callable[[Customer, Any, Ref, Context, list[Contribution]], None]

EVOLVE: dict[type, Evolution] = {
    Purchase: purchase,
    Refund: refund,
    ContactReceived: contact_received,
    ContactMade: contact_made,
    ComplaintOpened: complaint_opened,
    ComplaintAcknowledged: complaint_acknowledged,
    ComplaintResolved: complaint_resolved,
    ComplaintReopened: complaint_reopened,
    SurveyAnswered: survey,
    ReferralMade: referral,
    OwnerJudged: owner_judged,
    ExitExplained: exit_explained,
    CompetitorMentioned: competitor,
    PromiseMade: promise_made,
    PromiseKept: promise_kept,
    PromiseBroken: promise_broken,
    RewardGranted: reward,
    BondStarted: bond_started,
    BondEnded: bond_ended,
    LeadCreated: lead,
    CustomerDescribed: described,
}
"""What each type of event does to the customer. Merging and erasing concern rows, not facts: see `monitor`."""


def lapse(c: Customer, now: Micros, ctx: Context) -> None:
    """What time alone changes: promises past their date, requests and complaints past their deadline."""
    rules = ctx.policy.ledger
    for promise in c.promises:
        if not promise.broken and promise.due and promise.due < now:
            _break(c, promise, promise.due, promise.opener, ctx)
    for request in c.requests:
        if not request.breached and request.answer_by < now:
            request.breached = True
            c.breaches += 1
            ledger.bad(c, request.answer_by, rules)
            c.last_bad, c.last_bad_ref = request.answer_by, request.opener
    for case in c.cases:
        if not case.breached and case.rectify_by < now:
            case.breached = True
            c.breaches += 1
            ledger.bad(c, case.rectify_by, rules)
            c.last_bad, c.last_bad_ref = case.rectify_by, case.opener
    if c.pending:
        ledger.mature(c, now, rules)
