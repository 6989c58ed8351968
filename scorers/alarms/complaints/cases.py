"""What the kinds about a complaint share: the list of complaints, their sentences and their deadline."""

from scorers.alarms.speech import Value
from scorers.alarms.words import date, says, told
from scorers.contract.alarms import Reason
from scorers.contract.events import Instant, Micros
from scorers.customer.parts.cases import Case
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Episode


def find(c: Customer, e: Episode) -> Case | None:
    """The complaint that an alarm is about; None if it is no longer in the state."""
    return next((case for case in (*c.complaints.open, *c.complaints.closed) if case.id == e.subject_id), None)


def reason(c: Customer, e: Episode, sentence: str, now: Micros, ctx: Context) -> list[Reason]:
    """The sentence about the complaint, and what the customer wrote; empty if it is no longer in the state."""
    case = find(c, e)
    if case is None:
        return []
    about = f"about_{case.subject}" if case.subject in ("product", "service") else ""
    values: dict[str, Value] = {"severity": case.severity, "about": about, "opened": date(case.opened, ctx)}
    return [told(e.kind.replace("-", "_"), 1.0, sentence, now, ctx, values), *says(case, now, ctx)]


def deadline(c: Customer, e: Episode, ctx: Context) -> Instant | None:
    """The instant by which the complaint must be rectified."""
    case = find(c, e)
    return None if case is None else Instant(case.rectify_by)
