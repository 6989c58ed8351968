"""Intercom: conversations, replies, closings and ratings.

https://developers.intercom.com/docs/references/webhooks/webhook-models. The customer is the contact's `external_id`, the id that the
business itself gave, else Intercom's id.
"""

from msgspec import Struct

from streams.hooks import desk
from streams.hooks.delivery import Adapter, Delivery, Drafts, Id, Unusable, instant, parsed, text, text_id
from streams.hooks.desk import Case
from streams.hooks.signing import Scheme

SIGNATURE = Scheme("X-Hub-Signature", digest="sha1", encoding="hex", found=r"sha1=([0-9a-fA-F]+)")


class _Contact(Struct):
    id: Id | None = None
    external_id: Id | None = None


class _Contacts(Struct):
    contacts: list[_Contact] = []


class _Tag(Struct):
    name: str


class _Tags(Struct):
    tags: list[_Tag] = []


class _Part(Struct):
    id: Id
    created_at: int | None = None


class _Parts(Struct):
    conversation_parts: list[_Part] = []


class _Source(Struct):
    type: str | None = None


class _Rating(Struct):
    rating: int | None = None
    created_at: int | None = None


class _Conversation(Struct):
    id: Id
    created_at: int
    contacts: _Contacts | None = None
    user: _Contact | None = None
    tags: _Tags | None = None
    conversation_parts: _Parts | None = None
    source: _Source | None = None
    conversation_rating: _Rating | None = None
    priority: str | None = None


class _Data(Struct):
    item: _Conversation


class _Body(Struct):
    topic: str
    created_at: int
    data: _Data
    id: str | None = None


class _Topic(Struct):
    topic: str = ""


def read(delivery: Delivery) -> Drafts:
    """The events of a notification."""
    topic = parsed(delivery.body, _Topic).topic
    if topic not in _TOPICS:
        return f"{text(topic, 80) or 'a notification without topic'} is not used"
    body, rules = parsed(delivery.body, _Body), delivery.settings.complaint
    case = _case(body.data.item)
    id, time = _step(body, case)
    match _TOPICS[topic]:
        case "opened":
            return desk.opened(case, rules)
        case "changed":
            return desk.changed(case, rules)
        case "asked":
            return desk.asked(case, id, time)
        case "answered":
            return desk.answered(case, id, time, rules)
        case "closed":
            return desk.closed(case, id, time, rules)
        case "reopened":
            return desk.reopened(case, id, time, rules)
        case _:
            return _rated(body, case, delivery)


def _rated(body: _Body, case: Case, delivery: Delivery) -> Drafts:
    rating = body.data.item.conversation_rating
    if rating is None or rating.rating is None or not 1 <= rating.rating <= 5:
        raise Unusable("the conversation has no rating from 1 to 5")
    time = instant(rating.created_at or body.created_at)
    return desk.rated(case, rating.rating, f"{case.event_id}:rating:{time}", time, delivery.settings.complaint)


def _step(body: _Body, case: Case) -> tuple[str, str]:
    """The id and time of a step: those of the newest part of the conversation, else of the notification."""
    parts = body.data.item.conversation_parts
    if parts is not None and parts.conversation_parts:
        part = parts.conversation_parts[-1]
        return f"part:{part.id}", instant(part.created_at or body.created_at)
    return f"{case.event_id}:{body.id or body.created_at}", instant(body.created_at)


def _case(item: _Conversation) -> Case:
    contacts = item.contacts.contacts if item.contacts else []
    contact = contacts[0] if contacts else item.user or _Contact()
    return Case(
        str(item.id),
        text_id(contact.external_id) or text_id(contact.id),
        instant(item.created_at),
        (text(item.source.type) if item.source else None) or "chat",
        [one.name for one in item.tags.tags] if item.tags else (),
        priority="high" if item.priority == "priority" else "",
    )


_TOPICS = {
    "conversation.user.created": "opened",
    "conversation.user.replied": "asked",
    "conversation.admin.replied": "answered",
    "conversation.admin.closed": "closed",
    "conversation.admin.opened": "reopened",
    "conversation_part.tag.created": "changed",
    "conversation.priority.updated": "changed",
    "conversation.rating.added": "rated",
}
ADAPTER = Adapter(read, desk.TYPES, SIGNATURE, ("complaint",))
