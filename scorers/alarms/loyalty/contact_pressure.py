"""`contact-pressure`: more messages without an answer than the ceiling of the customer's tier (X8)."""

from scorers.alarms.words import told
from scorers.contract.alarms import Reason
from scorers.contract.events import Micros
from scorers.customer.parts.cases import MAX_OUTREACH
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import NEVER, Answer, Episode, Finding
from scorers.timeline.kinds import Kind


def condition(c: Customer, now: Micros, ctx: Context, episode: Episode | None) -> Answer:
    """True from the message beyond the ceiling until an answer, or until enough messages are older than the window."""
    rules, sent = ctx.policy.outreach, c.contacts.outreach
    ceiling = rules.ceiling.of(c.tiering.tier)
    if len(sent) <= ceiling:
        return NEVER
    ends = sent[-ceiling - 1] + rules.window
    if ends <= now:
        return NEVER
    if episode is not None:
        return episode.unchanged(ends)
    return Finding(sent[-1], c.contacts.outreach_ref, until=ends)


def reasons(c: Customer, e: Episode, now: Micros, ctx: Context) -> list[Reason]:
    """How many messages, over how long."""
    window = ctx.policy.outreach.window
    count = sum(at >= max(now, e.at) - window for at in c.contacts.outreach)
    sentence = "contact_pressure_at_least" if count == MAX_OUTREACH else "contact_pressure"
    return [told("contact_pressure", 1.0, sentence, now, ctx, {"sent": count, "within": int(window)})]


KIND = Kind(
    name="contact-pressure",
    rules=("X8",),
    headline="We contact {who} too often",
    example="We wrote to Mia seven times in a month, and she neither answered nor bought.",
    severity="warning",
    treatment="trust",
    remedy="No message of ours until the customer answers or buys settles this.",
    when="contacts.outreach",
    condition=condition,
    reasons=reasons,
)
