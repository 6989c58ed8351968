"""Contacts in both directions, requests (X7), outreach and its answers (X8)."""

from scorers.contract.events import SECOND, Contact, ContactMade, ContactReceived, LeadCreated, Micros
from scorers.customer import serving
from scorers.customer.facts import leads, opinion
from scorers.customer.facts.experiences import breach
from scorers.customer.parts.cases import MAX_OPEN_CASES, MAX_OUTREACH, Request
from scorers.customer.parts.experience import Cause
from scorers.customer.parts.lead import Lead
from scorers.customer.state import Customer, keep_newest
from scorers.in_force.context import Context
from scorers.in_force.counted import base_counts, outreach
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import Ref

_TONES = {None: 0, "calm": 0, "tense": 1, "rude": 2}


def received(c: Customer, e: ContactReceived, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A contact by the customer, which also answers earlier outreach."""
    c.contacts.received += 1
    c.contacts.last_received = e.time
    answer_outreach(c, e.time, ctx, counts)
    _contact(c, e, ref, ctx, counts)
    serving.spend(c, e.cost_minor, e.time, ref, ctx.policy, counts)


def made(c: Customer, e: ContactMade, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """A contact with the customer; for marketing or sales, or without purpose and request, it is outreach.

    For service or sales it is an effort about every alarm that stands: a comeback after it is `saved` (J6).
    """
    c.contacts.made += 1
    c.contacts.last_made = e.time
    if e.purpose in ("service", "sales"):
        c.contacts.acted = e.time // SECOND
    if e.purpose in ("marketing", "sales") or (e.purpose is None and e.request_id is None):
        if len(c.contacts.outreach) == MAX_OUTREACH:
            del c.contacts.outreach[0]
            c.forget("outreach")
        c.contacts.outreach.append(e.time)
        c.contacts.outreach_ref = ref
        counts.append(outreach.sent(e.time))
    if e.purpose in ("service", "sales"):
        for alarm in c.open:
            if not alarm.was_acted_on:
                alarm.actor = e.staff_id or ""
            alarm.acted = alarm.acted or int(e.time)
    _contact(c, e, ref, ctx, counts)
    serving.spend(c, e.cost_minor, e.time, ref, ctx.policy, counts)


def lead(c: Customer, e: LeadCreated, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Start the conversion window of a prospect, and take what is known of them."""
    _first(c, e.time, ref)
    leads.created(c, e)


def answer_outreach(c: Customer, at: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """Count earlier outreach as answered, if the answer came within the window, and forget it."""
    if c.contacts.outreach:
        within = ctx.policy.outreach.answer_within
        if messages := sum(at - sent <= within for sent in c.contacts.outreach):
            c.contacts.answered += 1
            counts.append(outreach.answered(at, messages))
        c.contacts.outreach.clear()


def lapse(c: Customer, now: Micros, ctx: Context, counts: list[Contribution]) -> None:
    """Mark requests whose deadline has passed as breached, and count these as missed."""
    for request in c.contacts.requests:
        if not request.breached and request.answer_by < now:
            request.breached = True
            counts.append(base_counts.deadline(request.answer_by, "answer", c.tiering.tier, False))
            breach(c, request.answer_by, request.opener, Cause("request", request.opened, request.topic), ctx)


def _first(c: Customer, at: Micros, ref: Ref) -> None:
    if not c.contacts.first:
        c.contacts.first, c.contacts.first_ref = at, ref
        if not c.rhythm.occasions:
            c.lead = Lead()


def _contact(c: Customer, e: Contact, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    _first(c, e.time, ref)
    if e.tone is not None:
        c.contacts.tone = _TONES[e.tone]
    if e.store_id and not c.profile.store_id:
        c.profile.store_id = e.store_id
    if e.request_id is not None:
        _request(c, e, e.request_id, ref, ctx, counts)
    if e.satisfaction is not None:
        opinion.mark(c, e.time, e.satisfaction, ref, ctx, "service")


def _request(c: Customer, e: Contact, request_id: str, ref: Ref, ctx: Context, counts: list[Contribution]) -> None:
    """Open a request or remove an answered one; a contact to the customer that names it without a status answers it too."""
    requests = c.contacts.requests
    known = next((r for r in requests if r.id == request_id), None)
    if e.request_status == "open" and known is None:
        deadline = ctx.calendar_of(e.store_id).add(e.time, ctx.policy.clocks.answer.of(c.tiering.tier))
        requests.append(Request(request_id, e.time, ref, deadline, topic=e.topic or ""))
        keep_newest(c, "request", requests, MAX_OPEN_CASES)
    elif known is not None and (
        e.request_status in ("answered", "closed") or (e.request_status is None and isinstance(e, ContactMade))
    ):
        requests.remove(known)
        if not known.breached:
            counts.append(base_counts.deadline(e.time, "answer", c.tiering.tier, True))
