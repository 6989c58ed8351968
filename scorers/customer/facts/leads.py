"""Prospects (L2): their marks, and whether they have bought within the conversion window."""

from scorers.contract.events import DAY, LeadCreated, Micros
from scorers.customer.parts.lead import Lead
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.counted import conversions
from scorers.in_force.figures import Contribution
from scorers.timeline.episodes import NEVER
from scorers.timeline.retained_fields import MAX_TRAITS


def created(c: Customer, e: LeadCreated) -> None:
    """Take the marks of a lead; the newest that has some counts until the prospect has an answer."""
    if c.rhythm.occasions or (c.lead is not None and c.lead.answered):
        return
    marks = [*map(_trait, sorted((e.traits or {}).items())[:MAX_TRAITS])]
    if e.location:
        marks.append(conversions.place("location", e.location))
    if e.affiliation:
        marks.append(conversions.place("affiliation", e.affiliation))
    if e.value_minor:
        marks.append(conversions.value_place(e.value_minor))
    held = c.lead or Lead()
    c.lead = Lead(tuple(sorted(set(marks))) or held.places, e.value_minor or held.value_minor)


def follow(c: Customer, now: Micros, ctx: Context, counts: list[Contribution]) -> Micros:
    """Count a prospect who has bought, or whose window has passed; return the next instant at which that may happen."""
    lead = c.lead
    if lead is None or lead.answered:
        return NEVER
    ends = c.contacts.first + ctx.policy.prospects.conversion_window
    if c.rhythm.occasions or ends < now:
        bought = 0 < c.rhythm.first <= ends
        counts += conversions.answered((c.rhythm.first if bought else ends) // DAY, lead.places, bought)
        lead.answered = True
        return NEVER
    return ends


def chance(c: Customer, now: Micros, ctx: Context) -> tuple[float, float] | None:
    """The chance that a prospect buys within the window, and that of all prospects; None where it is not known, or of a buyer."""
    if c.rhythm.occasions:
        return None
    return conversions.chance(ctx.figures(now).conversions, c.lead.places if c.lead else ())


def _trait(item: tuple[str, str]) -> int:
    return conversions.place("trait", "=".join(item))
