"""`complaint-unacknowledged`: an open complaint has passed its acknowledgement deadline."""

from scorers.alarms.complaints import cases
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.parts.cases import Case
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, once_past
from scorers.timeline.kinds import Kind


def condition(c: Customer, case: Case, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True after the acknowledgement deadline, which depends on the tier; a core customer's minor complaint has none."""
    if case.acknowledged or case.exempt:
        return NEVER
    return once_past(case.acknowledge_by, case.opener, now)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The complaint and the missed deadline."""
    return cases.reason(c, e, "complaint_unacknowledged", now, ctx)


KIND = Kind(
    name="complaint-unacknowledged",
    rules=("X6",),
    matter="trouble",
    headline="Nobody has answered the complaint of {who}",
    example="Eva complained yesterday at noon, and nobody has told her that it is known.",
    severity="warning",
    treatment="faster_attention",
    remedy="One call that says the complaint is known settles this.",
    about="complaint",
    outcome="resolved",
    skill="service",
    when="complaints.open",
    case_condition=condition,
    reasons=reasons,
    deadline=cases.deadline,
)
