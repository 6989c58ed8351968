"""What the kinds about a complaint share: the list of complaints, their sentences and their deadline."""

from scorers.alarms.words import date
from scorers.contract.alarms import Reason
from scorers.contract.events import Instant
from scorers.customer.state import Case, Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Episode


def find(c: Customer, e: Episode) -> Case | None:
    """The complaint that an alarm is about; None if it is no longer in the state."""
    return next((case for case in (*c.complaints.open, *c.complaints.closed) if case.id == e.subject_id), None)


def reason(c: Customer, e: Episode, then: str, ctx: Context) -> list[Reason]:
    """One sentence about the complaint, and what the customer wrote; empty if it is no longer in the state."""
    case = find(c, e)
    if case is None:
        return []
    about = f" about a {case.subject}" if case.subject in ("product", "service") else ""
    text = f"A {case.severity} complaint{about}, opened on {date(case.opened, ctx)}{then}."
    return [Reason(e.kind.replace("-", "_"), 1.0, text), *says(case)]


def says(case: Case) -> list[Reason]:
    """What the customer wrote, in quotes that the text cannot end; empty if nothing is known of it."""
    quoted = case.says.replace('"', "'")
    return [Reason("complaint_says", 0.0, f'The complaint says: "{quoted}"')] if quoted else []


def deadline(c: Customer, e: Episode, ctx: Context) -> Instant | None:
    """The instant by which the complaint must be rectified."""
    case = find(c, e)
    return None if case is None else Instant(case.rectify_by)
