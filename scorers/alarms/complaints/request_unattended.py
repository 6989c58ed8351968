"""`request-unattended`: an open request has had no answer by its deadline."""

from scorers.alarms import words
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.parts.cases import Request
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, request: Request, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True after the deadline, which depends on the tier."""
    return Finding(request.answer_by, request.opener) if request.breached else request.answer_by


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What was asked for and when; empty once it is answered."""
    request = next((r for r in c.contacts.requests if r.id == e.subject_id), None)
    if request is None:
        return []
    return [words.request(request.opened, request.topic, "unattended_service", 1.0, now, ctx)]


KIND = Kind(
    name="request-unattended",
    rules=("X7", "L6"),
    matter="trouble",
    headline="{who} asked for something and got no answer",
    example="Finn asked on Monday when the bicycle will be ready; it is Friday.",
    severity="warning",
    treatment="faster_attention",
    remedy="One answer settles this.",
    about="request",
    outcome="resolved",
    skill="service",
    when="contacts.requests",
    case_condition=condition,
    reasons=reasons,
)
