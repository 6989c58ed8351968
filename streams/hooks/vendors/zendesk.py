"""Zendesk: tickets, their comments, and what becomes of them.

https://developer.zendesk.com/documentation/webhooks/verifying/ and .../api-reference/webhooks/event-types/ticket-events/. A webhook
that is connected to a trigger has a body that its user writes: the one of docs/connect/zendesk.md is read by `desk_form`.
"""

from typing import Any

from msgspec import Struct

from streams.hooks import desk
from streams.hooks.delivery import Adapter, Delivery, Drafts, Id, instant, parsed, text, text_id
from streams.hooks.desk import Case
from streams.hooks.signing import Scheme, Signed, header_of
from streams.hooks.vendors.desk_form import read as read_form

STAMP = "X-Zendesk-Webhook-Signature-Timestamp"
KIND = "zen:event-type:ticket."
DONE = ("solved", "closed")


def _message(signed: Signed) -> bytes:
    return signed.headers.get(STAMP, "").encode(errors="replace") + signed.body


SIGNATURE = Scheme("X-Zendesk-Webhook-Signature", _message, time=header_of(STAMP))


class _Via(Struct):
    channel: str | None = None


class _Ticket(Struct):
    id: Id
    created_at: str
    requester_id: Id | None = None
    tags: list[str] | None = None
    type: str | None = None
    priority: str | None = None
    via: _Via | None = None


class _Author(Struct):
    is_staff: bool = False


class _Comment(Struct):
    id: Id
    is_public: bool = True
    author: _Author | None = None


class _Change(Struct):
    current: Any = None
    previous: Any = None
    comment: _Comment | None = None


class _Body(Struct):
    type: str
    id: str
    time: str
    detail: _Ticket
    event: _Change


class _Kind(Struct):
    type: str = ""


def read(delivery: Delivery) -> Drafts:
    """The events of a delivery."""
    kind = parsed(delivery.body, _Kind).type
    if not kind.startswith("zen:"):
        return read_form(delivery)
    step = kind.removeprefix(KIND)
    if step not in ("created", "comment_added", "status_changed", *_CHANGES):
        return f"{text(kind, 80)} is not used"
    body, rules = parsed(delivery.body, _Body), delivery.settings.complaint
    case = _case(body.detail)
    if step == "created":
        return desk.opened(case, rules)
    if step in _CHANGES:
        return desk.changed(case, rules)
    if step == "comment_added":
        return _comment(delivery, body, case)
    before, after = (str(one or "").lower() for one in (body.event.previous, body.event.current))
    id, time = f"{case.event_id}:{body.id}", instant(body.time)
    if after in DONE:
        return "it was solved before" if before in DONE else desk.closed(case, id, time, rules)
    return desk.reopened(case, id, time, rules) if before in DONE else f"the status {text(after, 20)} is not used"


def _comment(delivery: Delivery, body: _Body, case: Case) -> Drafts:
    comment = body.event.comment
    if comment is None or not comment.is_public:
        return "a comment that the customer does not see is not used"
    id, time = f"comment:{comment.id}", instant(body.time)
    if comment.author is not None and comment.author.is_staff:
        return desk.answered(case, id, time, delivery.settings.complaint)
    return desk.asked(case, id, time)


def _case(ticket: _Ticket) -> Case:
    channel = text(ticket.via.channel) if ticket.via else None
    return Case(
        str(ticket.id),
        text_id(ticket.requester_id),
        instant(ticket.created_at),
        channel or "desk",
        ticket.tags or (),
        ticket.type or "",
        ticket.priority or "",
    )


_CHANGES = ("tags_changed", "type_changed", "priority_changed")
ADAPTER = Adapter(read, desk.TYPES, SIGNATURE, ("complaint",))
