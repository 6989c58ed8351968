"""Complaints and their two deadlines (X6), for the acknowledgement and for the rectification."""

from scorers.contract.events import (
    SECOND,
    Complaint,
    ComplaintAcknowledged,
    ComplaintOpened,
    ComplaintReopened,
    ComplaintResolved,
    Micros,
)
from scorers.customer import exposed, ledger
from scorers.customer.facts import contradictions
from scorers.customer.facts.experiences import breach, count_about, negative
from scorers.customer.parts.cases import MAX_CLOSED_CASES, MAX_OPEN_CASES, Case
from scorers.customer.parts.experience import Cause
from scorers.customer.state import Customer, keep_newest
from scorers.in_force.context import Context
from scorers.in_force.counted.base_counts import deadline
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import NO_FACT, Ref


def opened(c: Customer, e: ComplaintOpened, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Set both deadlines. Opening an open case again only describes it; opening a closed one reopens it."""
    _open(c, e, ref, ctx, counts)


def acknowledged(c: Customer, e: ComplaintAcknowledged, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Note the acknowledgement."""
    case = _find(c.complaints.open, e.complaint_id)
    if case is None:
        return _is_unknown(c, e, counts)
    _describe(c, case, e, ref, ctx)
    _acknowledge(c, case, e.time, counts)


def resolved(c: Customer, e: ComplaintResolved, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Close the case and note the business time that was left; in time it is a good experience."""
    case = _find(c.complaints.open, e.complaint_id)
    if case is None:
        return _is_unknown(c, e, counts)
    _describe(c, case, e, ref, ctx)
    c.complaints.open.remove(case)
    case.resolved = e.time
    _acknowledge(c, case, e.time, counts)
    case.left = ctx.calendar_of(case.store_id).between(e.time, case.rectify_by)
    if not case.breached:
        counts.append(deadline(e.time, "rectify", c.tiering.tier, True))
        ledger.good(c, e.time, ctx.policy.ledger)
    c.complaints.closed.append(case)
    keep_newest(c, "closed_complaint", c.complaints.closed, MAX_CLOSED_CASES)


def reopened(c: Customer, e: ComplaintReopened, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Open the case again, with the business time that was left as its deadline."""
    if _find(c.complaints.open, e.complaint_id) is None:
        _is_unknown(c, e, counts)
    _reopen(c, e, ref, ctx, counts)


def lapse(c: Customer, now: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """Mark complaints whose deadlines have passed, and count these as missed (X6)."""
    for case in c.complaints.open:
        if not (case.acknowledged or case.exempt or case.unacknowledged) and case.acknowledge_by < now:
            case.unacknowledged = True
            counts.append(deadline(case.acknowledge_by, "acknowledge", c.tiering.tier, False))
        if not case.breached and case.rectify_by < now:
            case.breached = True
            counts.append(deadline(case.rectify_by, "rectify", c.tiering.tier, False))
            breach(c, case.rectify_by, case.opener, Cause("complaint", case.opened, case.id), ctx)


def _acknowledge(c: Customer, case: Case, at: Micros, counts: list[Contribution]) -> None:
    """Note the first acknowledgement, and count that its deadline was met."""
    if case.acknowledged:
        return
    case.acknowledged = at
    if not (case.exempt or case.unacknowledged):
        counts.append(deadline(at, "acknowledge", c.tiering.tier, True))


def _find(cases: list[Case], complaint_id: str) -> Case | None:
    return next((case for case in cases if case.id == complaint_id), None)


def _is_unknown(c: Customer, e: Complaint, counts: list[Contribution]) -> None:
    """Count a step of a complaint that was never opened; a closed one is known as long as it is kept."""
    if _find(c.complaints.closed, e.complaint_id) is None:
        contradictions.note(c, "unknown_complaint", e.time, counts)


def _open(c: Customer, e: Complaint, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    complaints = c.complaints
    if (known := _find(complaints.open, e.complaint_id)) is not None:
        return _describe(c, known, e, ref, ctx)
    if _find(complaints.closed, e.complaint_id) is not None:
        return _reopen(c, e, ref, ctx, counts)
    clocks, calendar, tier = ctx.policy.clocks, ctx.calendar_of(e.store_id), c.tiering.tier
    severity, public = e.severity or "minor", bool(e.public)
    case = Case(
        e.complaint_id,
        e.time,
        ref,
        severity,
        calendar.add(e.time, clocks.acknowledge.of(tier)),
        calendar.add(e.time, clocks.rectify.of(tier)),
        exempt=c.life.stage == "core_customer" and severity == "minor",
        public=public,
        subject=e.subject or "",
        store_id=e.store_id or "",
        says=e.reason or "",
    )
    complaints.open.append(case)
    keep_newest(c, "complaint", complaints.open, MAX_OPEN_CASES)
    complaints.count += 1
    complaints.last = e.time
    exposed.told(c, e.time)
    complaints.public += public
    if public:
        c.opinion.told = e.time // SECOND
    negative(c, e.time, ref, Cause("complaint", e.time, e.complaint_id), ctx, case.subject)


def _reopen(c: Customer, e: Complaint, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    complaints = c.complaints
    if (case := _find(complaints.open, e.complaint_id)) is not None:
        return _describe(c, case, e, ref, ctx)
    case = _find(complaints.closed, e.complaint_id)
    if case is None:
        return _open(c, e, ref, ctx, counts)  # its opening was never reported
    complaints.closed.remove(case)
    if not case.breached:
        counts.append(deadline(case.resolved, "rectify", c.tiering.tier, True, -1))
    case.opened, case.opener, case.resolved, case.grave_since, case.grave_ref = e.time, ref, 0, 0, NO_FACT
    case.rectify_by = ctx.calendar_of(case.store_id).add(e.time, case.left)
    case.breached, case.occasions_since_breach, case.hostage_at = False, 0, 0
    complaints.open.append(case)
    keep_newest(c, "complaint", complaints.open, MAX_OPEN_CASES)
    _describe(c, case, e, ref, ctx)


def _describe(c: Customer, case: Case, e: Complaint, ref: Ref, ctx: Context) -> None:
    """What a step says of the case: the newest that says something counts, whichever step it is."""
    if e.severity is not None and e.severity != case.severity:
        if case.severity == "minor":
            case.grave_since, case.grave_ref = e.time, ref
        if case.exempt:  # it had no acknowledgement deadline; that runs from now on
            allowed = ctx.policy.clocks.acknowledge.of(c.tiering.tier)
            case.exempt, case.acknowledge_by = False, ctx.calendar_of(case.store_id).add(e.time, allowed)
        case.severity = e.severity
        if e.severity == "minor":
            case.grave_since, case.grave_ref = 0, NO_FACT
            c.end_as("false", "major-problem", case.id)  # it was no serious problem after all
    if e.public is not None and e.public != case.public:
        case.public = e.public
        c.complaints.public += 1 if e.public else -1
        if e.public:
            c.opinion.told = e.time // SECOND
    if e.subject and e.subject != case.subject:
        count_about(c, case.subject, -1)
        count_about(c, e.subject, 1)
        case.subject = e.subject
    case.store_id = e.store_id or case.store_id
    case.says = e.reason or case.says
