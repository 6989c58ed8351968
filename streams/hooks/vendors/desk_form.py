"""A body that the desk's user writes with the desk's own placeholders: the form that docs/connect gives to paste.

Freshdesk sends nothing else, and neither do triggers of Zendesk. `happened` says what the rule is about. Keys of Freshdesk's own
simple form are read too. A time that is left out, or written for people, is the delivery's.
"""

from typing import Any

from msgspec import Struct, field

from scorers.contract.rfc3339 import rfc3339
from streams.hooks import desk
from streams.hooks.delivery import Delivery, Drafts, Id, Unusable, instant, parsed, text, text_id
from streams.hooks.desk import Case

OPENED = ("created", "opened", "open")
DONE = ("resolved", "solved", "closed")


class _Form(Struct):
    ticket_id: Id
    happened: str | None = None
    triggered_event: str | None = None
    customer_id: Id | None = None
    requester_id: Id | None = None
    requester_email: str | None = field(default=None, name="ticket_requester_email")
    tags: Any = field(default=None, name="ticket_tags")
    type: str | None = field(default=None, name="ticket_type")
    priority: str | None = field(default=None, name="ticket_priority")
    status: str | None = field(default=None, name="ticket_status")
    channel: str | None = field(default=None, name="ticket_source")
    created_at: str | None = None
    happened_at: str | None = None
    rating: int | None = None


class _Wrapped(Struct):
    freshdesk_webhook: _Form


class _Either(Struct):
    freshdesk_webhook: Any = None


def read(delivery: Delivery) -> Drafts:
    """The events of a form."""
    if parsed(delivery.body, _Either).freshdesk_webhook is not None:
        form = parsed(delivery.body, _Wrapped).freshdesk_webhook
    else:
        form = parsed(delivery.body, _Form)
    happened, rules = _happened(form), delivery.settings.complaint
    time = _time(form.happened_at, delivery) if form.happened_at else rfc3339(delivery.now)
    case = _case(form, delivery, time)
    id = f"{case.event_id}:{happened}" + (f":{text(form.happened_at, 60)}" if form.happened_at else "")
    if happened in OPENED:
        return desk.opened(case, rules)
    if happened == "changed":
        return desk.changed(case, rules)
    if happened == "asked":
        return desk.asked(case, id, time)
    if happened == "answered":
        return desk.answered(case, id, time, rules)
    if happened in DONE:
        return desk.closed(case, id, time, rules)
    if happened == "reopened":
        return desk.reopened(case, id, time, rules)
    if happened == "rated":
        if form.rating is None or not 1 <= form.rating <= 5:
            raise Unusable("rating is not 1 to 5")
        return desk.rated(case, form.rating, id, time, rules)
    return f"{text(happened, 60) or 'a form without happened'} is not used"


def _happened(form: _Form) -> str:
    """What happened: what the form says, else what Freshdesk adds of itself, else the status."""
    if form.happened:
        return form.happened.strip().lower()
    if "ticket_action:created" in (form.triggered_event or ""):
        return "created"
    return (form.status or "").strip().lower()


def _case(form: _Form, delivery: Delivery, time: str) -> Case:
    customer = text_id(form.customer_id) or text_id(form.requester_id) or text(form.requester_email)
    tags = form.tags if isinstance(form.tags, list) else str(form.tags or "").split(",")
    opened = _time(form.created_at, delivery) if form.created_at else time
    return Case(
        str(form.ticket_id),
        customer,
        opened,
        text(form.channel) or "desk",
        [str(one) for one in tags],
        form.type or "",
        form.priority or "",
    )


def _time(written: str, delivery: Delivery) -> str:
    try:
        return instant(written)
    except Unusable:
        return rfc3339(delivery.now)
