"""`major-problem`: a major or critical complaint is open."""

from scorers.alarms.complaints import cases
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.parts.cases import Case
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, case: Case, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the opening, or from the fact that made a minor complaint grave; `critical` holds for every tier."""
    if case.severity == "minor":
        return NEVER
    since, fact = (case.grave_since, case.grave_ref) if case.grave_since else (case.opened, case.opener)
    return Finding(since, fact, "error" if case.severity == "major" else "critical")


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """The complaint."""
    return cases.reason(c, e, "complaint", now, ctx)


KIND = Kind(
    name="major-problem",
    rules=("L5",),
    matter="trouble",
    headline="{who} has a serious complaint",
    example="Dora's delivery ruined her floor; the complaint is major.",
    severity="error",
    treatment="faster_attention",
    remedy="A solution accepted by the customer settles this.",
    about="complaint",
    outcome="resolved",
    skill="service",
    when="complaints.open",
    case_condition=condition,
    reasons=reasons,
    deadline=cases.deadline,
)
