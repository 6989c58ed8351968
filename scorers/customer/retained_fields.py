"""What a row keeps of an event: what evolving reads, and no text longer than a row can carry.

Ids are kept as they are up to a length that no honest system exceeds; beyond it a prefix and a hash stand for them, the
same wherever they come up, so that facts still find each other. Who the customer is and which fact it was stands
elsewhere in the row.
"""

import hashlib
from typing import Any, get_args

from msgspec.structs import replace

from scorers.contract.events import (
    AnyEvent,
    CompetitorMentioned,
    Complaint,
    Contact,
    CustomerDescribed,
    Event,
    ExitExplained,
    Item,
    LeadCreated,
    OwnerJudged,
    Promise,
    Purchase,
    Refund,
)
from scorers.customer.state import Ref

MAX_BYTES = 64  # of a text that a row keeps
MAX_CATEGORIES = 24  # of one basket

_UNREAD: dict[type, dict[str, Any]] = {
    Event: {"id": "-", "source": "-", "customer_id": "-"},
    Purchase: {"channel": None, "staff_id": None},
    Refund: {"purchase_id": None, "sku": None, "reason": None},
    Contact: {"topic": None, "staff_id": None},
    Complaint: {"sku": None, "lot": None, "reason": None},
    OwnerJudged: {"by": None, "note": None},
    ExitExplained: {"competitor": None, "note": None},
    CompetitorMentioned: {"competitor": "-"},
    Promise: {"topic": None},
    LeadCreated: {"traits": None, "location": None, "affiliation": None, "campaign": None},
    CustomerDescribed: {"aliases": (), "consent": None, "attributes": None},
}
_READ = ("complaint_id", "request_id", "promise_id", "store_id", "channel", "name", "locale", "owner_id", "reason")


def _plan(event: type[Event]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What an event's fields become, and which are texts to be kept short."""
    unread = {
        name: value for kind, fields in _UNREAD.items() if issubclass(event, kind) for name, value in fields.items()
    }
    return unread, tuple(name for name in _READ if name in event.__struct_fields__ and name not in unread)


_PLANS = {event: _plan(event) for event in get_args(AnyEvent)}


def short(text: str) -> str:
    """The text, or what stands for it where it is too long.

    >>> short("K7"), short("K" * 500)
    ('K7', 'KKKKKKKKKKKK~750ba7728200581b')
    """
    if len(text) <= MAX_BYTES // 4 or len(text.encode()) <= MAX_BYTES:
        return text
    return f"{text[:12]}~{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"


def short_ref(ref: Ref) -> Ref:
    """The reference, with texts that a row can carry."""
    source, name, topic = short(ref.source), short(ref.id), short(ref.topic)
    if source is ref.source and name is ref.id and topic is ref.topic:
        return ref
    return Ref(source, name, topic, ref.partition, ref.offset)


def slim(event: AnyEvent) -> AnyEvent:
    """The event as a row keeps it: of a basket, one line per category."""
    unread, texts = _PLANS[type(event)]
    kept = unread.copy()
    kept["time"] = int(event.time)  # a plain number is told, and reckoned with, at half the cost of an `Instant`
    for name in texts:
        if text := getattr(event, name):
            kept[name] = short(text)
    if isinstance(event, Purchase) and event.items:
        categories = sorted({short(item.category) for item in event.items if item.category})[:MAX_CATEGORIES]
        kept["items"] = tuple(Item(sku="-", quantity=1, category=category) for category in categories)
    return replace(event, **kept)
