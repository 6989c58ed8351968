"""Parts of the sentences of reasons. None contains text that a customer wrote; only `complaints.cases.says` quotes some."""

from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, HOUR, Duration, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.customer.open_time import closed_for, closed_time
from scorers.customer.state import Customer
from scorers.in_force.context import Context


def span(duration: Duration) -> str:
    """A length of time in words.

    >>> span(3 * HOUR), span(5 * DAY)
    ('3 hours', '5 days')
    """
    if duration < 2 * HOUR:
        return f"{max(1, round(duration / (HOUR / 60)))} minutes"
    if duration < 2 * DAY:
        return f"{round(duration / HOUR)} hours"
    return f"{round(duration / DAY)} days"


def days(n: float) -> str:
    """A number of days in words."""
    return "1 day" if round(n) == 1 else f"{round(n)} days"


def every(n: float) -> str:
    """An interval in days in words.

    >>> every(0.4), every(7)
    ('every day', 'every 7 days')
    """
    return "every day" if round(n) <= 1 else f"every {days(n)}"


def date(at: Micros, ctx: Context) -> str:
    """The date of an instant, as the calendar of the business has it (`time.zone`)."""
    return rfc3339(at + ctx.zone.offset(at))[:10]


def times(n: int, what: str) -> str:
    """A count with its noun.

    >>> times(1, "complaint"), times(2, "complaint")
    ('1 complaint', '2 complaints')
    """
    return f"1 {what}" if n == 1 else f"{n:,} {what}s"


def rhythm(c: Customer, ctx: Context) -> str:
    """How often the customer usually comes."""
    gap, renewed = c.rhythm.mean_gap(), c.rhythm.renewed
    if renewed is not None and not gap:
        return f"came back once, on {date(renewed.since, ctx)}"
    return f"usually comes {every(gap)}" if gap else "bought once"


def silence(c: Customer, now: Micros, ctx: Context) -> str:
    """How long the customer has not bought, compared with the usual gap."""
    closed = closed_time(closed_for(c, ctx), c.purchases.last, now) / DAY
    shut = f", {round(closed)} of them closed" if closed >= 0.5 else ""
    return f"No purchase for {days((now - c.purchases.last) / DAY)}{shut}; {rhythm(c, ctx)}."


def background(c: Customer, now: Micros, ctx: Context) -> list[Reason]:
    """Reasons that may explain a silence: open complaints and requests, low satisfaction, competitors, complaints about the store."""
    found = []
    if c.complaints.open:
        found.append(Reason("unrectified_defect", 0.5, f"{times(len(c.complaints.open), 'complaint')} still open."))
    if c.contacts.requests:
        found.append(
            Reason("unattended_service", 0.4, f"{times(len(c.contacts.requests), 'request')} without an answer.")
        )
    if c.opinion.mark and c.opinion.mark <= 2:
        found.append(Reason("service_quality", 0.3, f"Last satisfaction was {c.opinion.mark} of 5."))
    if c.opinion.competitors and c.opinion.competitor_at > c.purchases.last - 60 * DAY:
        found.append(Reason("competitor", 0.3, "Spoke of a competitor lately."))
    rules = ctx.policy.stores
    complaints = ctx.group("store", c.profile.store_id, now).get("complaints", 0)
    if complaints >= rules.mention_from:
        text = f"{times(complaints, 'complaint')} about their store in {span(rules.complaint_window)}."
        found.append(Reason("store_complaints", 0.2, text))
    return found
