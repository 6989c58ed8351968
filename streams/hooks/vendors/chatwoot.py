"""Chatwoot: conversations, messages, closings and ratings.

https://www.chatwoot.com/docs/product/others/webhook-events. Signed from version 4.11.2 on; older ones sign nothing (verify = "none", behind
an address that nobody guesses). The customer is the contact's `identifier`, the id that the business itself gave, else Chatwoot's id.
"""

from typing import Any

from msgspec import Struct

from streams.hooks import desk
from streams.hooks.delivery import Adapter, Delivery, Drafts, Id, instant, parsed, text, text_id
from streams.hooks.desk import Case
from streams.hooks.signing import Scheme, Signed, header_of

STAMP, DELIVERY = "X-Chatwoot-Timestamp", "X-Chatwoot-Delivery"
INCOMING, OUTGOING = ("incoming", "0", 0), ("outgoing", "1", 1)


def _message(signed: Signed) -> bytes:
    return f"{signed.headers.get(STAMP, '')}.".encode(errors="replace") + signed.body


SIGNATURE = Scheme(
    "X-Chatwoot-Signature", _message, encoding="hex", found=r"sha256=([0-9a-fA-F]+)", time=header_of(STAMP)
)


class _Contact(Struct):
    id: Id | None = None
    identifier: Id | None = None


class _Meta(Struct):
    sender: _Contact | None = None


class _Inbox(Struct):
    contact_id: Id | None = None


class _Conversation(Struct):
    id: Id
    created_at: int | float | str | None = None
    updated_at: int | float | str | None = None
    timestamp: int | float | str | None = None
    status: str | None = None
    labels: list[str] | None = None
    priority: str | None = None
    channel: str | None = None
    meta: _Meta | None = None
    contact_inbox: _Inbox | None = None


class _Message(Struct):
    id: Id
    created_at: int | float | str
    conversation: _Conversation
    message_type: Any = None
    private: bool | None = None
    content_attributes: Any = None


class _Event(Struct):
    event: str = ""


def read(delivery: Delivery) -> Drafts:
    """The events of a delivery."""
    kind, rules = parsed(delivery.body, _Event).event, delivery.settings.complaint
    if kind in ("message_created", "message_updated"):
        return _of_message(delivery, kind)
    if kind not in ("conversation_created", "conversation_updated", "conversation_status_changed"):
        return f"{text(kind, 60) or 'a body without event'} is not used"
    found = parsed(delivery.body, _Conversation)
    at = found.updated_at or found.timestamp or found.created_at
    time = instant(at if at is not None else delivery.now // 1_000_000)
    case = _case(found, time)
    if kind == "conversation_created":
        return desk.opened(case, rules)
    if kind == "conversation_updated":
        return desk.changed(case, rules)
    id = f"{case.event_id}:{found.status}:{text(delivery.headers.get(DELIVERY, ''), 80) or time}"
    if found.status == "resolved":
        return desk.closed(case, id, time, rules)
    return desk.reopened(case, id, time, rules) if found.status == "open" else f"the status {found.status} is not used"


def _of_message(delivery: Delivery, kind: str) -> Drafts:
    message, rules = parsed(delivery.body, _Message), delivery.settings.complaint
    time = instant(message.created_at)
    case = _case(message.conversation, time)
    if kind == "message_updated":
        stars = _stars(message.content_attributes)
        id = f"message:{message.id}:rating"
        return "a message that changes is not used" if stars is None else desk.rated(case, stars, id, time, rules)
    if message.private:
        return "a private note is not used"
    id = f"message:{message.id}"
    if message.message_type in INCOMING:
        return desk.asked(case, id, time)
    return desk.answered(case, id, time, rules) if message.message_type in OUTGOING else "a message of the system"


def _stars(attributes: object) -> int | None:
    """The rating in the answer to a survey."""
    for name in ("submitted_values", "csat_survey_response"):
        attributes = attributes.get(name) if isinstance(attributes, dict) else None
    stars = attributes.get("rating") if isinstance(attributes, dict) else None
    return stars if isinstance(stars, int) and 1 <= stars <= 5 else None


def _case(found: _Conversation, time: str) -> Case:
    contact = (found.meta.sender if found.meta else None) or _Contact()
    inbox = found.contact_inbox or _Inbox()
    return Case(
        str(found.id),
        text_id(contact.identifier) or text_id(contact.id) or text_id(inbox.contact_id),
        time if found.created_at is None else instant(found.created_at),
        (text(found.channel) or "chat").removeprefix("Channel::").lower(),
        found.labels or (),
        priority=found.priority or "",
    )


ADAPTER = Adapter(read, desk.TYPES, SIGNATURE, ("complaint",))
