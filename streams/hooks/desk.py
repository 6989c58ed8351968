"""What support desks have in common: a case is a contact or, by the rules of the hook, a complaint.

The rules look at tags, type, priority and the rating of a case. The words of messages are never read.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from streams.hooks.delivery import Draft, Drafts, draft
from streams.hooks.settings import ComplaintRules

SEVERITIES = {"urgent": "critical", "high": "major"}
"""The severity of a complaint by the desk's priority; others are minor."""


class Case(NamedTuple):
    """A ticket or conversation, as of a delivery."""

    id: str
    customer: str | None
    opened: str
    """When it was opened, as RFC 3339."""
    channel: str
    tags: Sequence[str] = ()
    type: str = ""
    priority: str = ""

    @property
    def event_id(self) -> str:
        """The id of the event that it was opened."""
        return f"ticket:{self.id}"

    def is_complaint(self, rules: ComplaintRules) -> bool:
        """Whether the rules make it a complaint.

        >>> Case("1", "C1", "", "email", tags=["Complaint"]).is_complaint(ComplaintRules())
        True
        """
        listed = ((self.tags, rules.tags), ((self.type,), rules.types), ((self.priority,), rules.priorities))
        return any(_words(given) & _words(named) for given, named in listed)


def opened(case: Case, rules: ComplaintRules) -> Drafts:
    """A case that was opened."""
    if case.is_complaint(rules):
        return [complaint(case)]
    return _of_customer(case, case.event_id, case.opened, "open")


def complaint(case: Case) -> Draft:
    """A case that is a complaint, from its opening on, whenever that was found out."""
    return draft(
        "complaint.opened",
        f"{case.event_id}:complaint",
        case.opened,
        complaint_id=case.id,
        customer_id=case.customer,
        severity=SEVERITIES.get(case.priority.lower()),
    )


def changed(case: Case, rules: ComplaintRules) -> Drafts:
    """A case whose tags, type or priority changed."""
    return [complaint(case)] if case.is_complaint(rules) else "what changed makes the case no complaint"


def asked(case: Case, id: str, time: str) -> Drafts:
    """The customer wrote again."""
    return _of_customer(case, id, time, "open")


def answered(case: Case, id: str, time: str, rules: ComplaintRules) -> Drafts:
    """The business answered, which acknowledges a complaint."""
    if case.is_complaint(rules):
        return [_step("complaint.acknowledged", case, id, time)]
    return _of_business(case, id, time, "answered")


def closed(case: Case, id: str, time: str, rules: ComplaintRules) -> Drafts:
    """The case was solved or closed."""
    if case.is_complaint(rules):
        return [_step("complaint.resolved", case, id, time)]
    return _of_business(case, id, time, "closed")


def reopened(case: Case, id: str, time: str, rules: ComplaintRules) -> Drafts:
    """The case was opened again."""
    if case.is_complaint(rules):
        return [_step("complaint.reopened", case, id, time)]
    return _of_customer(case, id, time, "open")


def rated(case: Case, stars: int, id: str, time: str, rules: ComplaintRules) -> Drafts:
    """The customer rated how the case was handled, with 1 to 5."""
    if case.customer is None:
        return "a rating of nobody"
    survey = draft("survey.answered", id, time, customer_id=case.customer, satisfaction=stars)
    bad = rules.csat_at_most is not None and stars <= rules.csat_at_most
    return [survey, complaint(case)] if bad else [survey]


def _of_customer(case: Case, id: str, time: str, status: str) -> Drafts:
    return _contact("contact.received", case, id, time, status)


def _of_business(case: Case, id: str, time: str, status: str) -> Drafts:
    return _contact("contact.made", case, id, time, status)


def _contact(kind: str, case: Case, id: str, time: str, status: str) -> Drafts:
    if case.customer is None:
        return "a contact of nobody"
    about: dict[str, Any] = {"request_id": case.id, "request_status": status, "purpose": "service"}
    return [draft(kind, id, time, customer_id=case.customer, channel=case.channel, **about)]


def _step(kind: str, case: Case, id: str, time: str) -> Draft:
    return draft(kind, id, time, complaint_id=case.id, customer_id=case.customer)


def _words(texts: Sequence[str]) -> set[str]:
    return {one.strip().casefold() for one in texts} - {""}


TYPES = (
    "contact.received",
    "contact.made",
    "complaint.opened",
    "complaint.acknowledged",
    "complaint.resolved",
    "complaint.reopened",
    "survey.answered",
)
"""What a desk can give."""
