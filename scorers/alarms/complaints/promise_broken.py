"""`promise-broken`: a promise is reported broken, or its due date has passed and it is not kept."""

from scorers.alarms.words import named
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.parts.cases import Promise
from scorers.customer.parts.experience import Cause
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, promise: Promise, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the report, or after the due date."""
    if promise.broken:
        evidence = () if promise.breaker == promise.opener else (promise.breaker,)
        return Finding(promise.broken, promise.opener, evidence=evidence)
    return promise.due or NEVER


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """What was promised, where that is known, and by when it should have been kept."""
    topic = next((promise.topic for promise in c.promises.open if promise.id == e.subject_id), "")
    return named(c, Cause("promise", e.at, topic), "broken_promise", 1.0, now, ctx)


KIND = Kind(
    name="promise-broken",
    rules=("X11",),
    matter="trouble",
    headline="We broke a promise to {who}",
    example="Gil was promised a call by 5 May; it is the 6th.",
    severity="warning",
    treatment="trust",
    remedy="Keeping the promise settles this, also after its date.",
    about="promise",
    outcome="resolved",
    skill="service",
    when="promises.open",
    case_condition=condition,
    reasons=reasons,
)
