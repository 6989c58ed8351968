"""`complaint-overdue`: an open complaint has passed its rectification deadline."""

from scorers.alarms.complaints import cases
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.parts.cases import Case
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, case: Case, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True after the rectification deadline, which depends on the tier and the business calendar."""
    return Finding(case.rectify_by, case.opener) if case.breached else case.rectify_by


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The complaint and the missed deadline."""
    return cases.reason(c, e, "complaint_overdue", now, ctx)


KIND = Kind(
    name="complaint-overdue",
    rules=("X6", "L5", "L6"),
    matter="trouble",
    headline="The complaint of {who} is past its deadline",
    example="Eva's lamp was to be replaced within five days; it is the sixth.",
    severity="error",
    treatment="faster_attention",
    remedy="A solution accepted by the customer settles this.",
    about="complaint",
    outcome="resolved",
    skill="service",
    when="complaints.open",
    case_condition=condition,
    reasons=reasons,
)
