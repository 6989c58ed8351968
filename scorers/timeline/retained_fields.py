"""Which fields of an event a row keeps: those that folding reads, with long texts shortened.

The id of the subject and the identity of the fact are elsewhere in the row. Each subject states the fields that it never reads.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from scorers.contract.events import AnyEvent, Complaint, Contact, Event, Item, Promise, Purchase
from scorers.timeline.facts import excerpt, short

MARKETING = "marketing"
MAX_CATEGORIES = 24  # of one basket
MAX_TRAITS = 8  # of a lead

Unread = Mapping[type[Event], Mapping[str, Any]]
"""By event type (a base class covers its subclasses): the fields that are never read, and what replaces their value."""

More = Callable[[tuple[Item, ...]], tuple[Item, ...]]

_IDENTITY: Unread = {Event: {"id": "-", "source": "-", "customer_id": "-"}}
_TEXTS = (
    "complaint_id",
    "request_id",
    "promise_id",
    "store_id",
    "channel",
    "name",
    "locale",
    "owner_id",
    "reason",
    "topic",
    "sku",
    "alarm_id",
    "by",
    "staff_id",
    "location",
    "affiliation",
)
_PROSE = {
    Complaint: ("reason",),
    Contact: ("topic",),
    Promise: ("topic",),
}  # what a person wrote: its beginning is kept, to be shown


class RetainedFields:
    """Reduces events to the fields that one type of subject reads; `more` gives items to keep of a basket beside its categories."""

    def __init__(self, events: Iterable[type[Event]], unread: Unread, more: More = lambda _: ()) -> None:
        self._more = more
        self._plans = {event: _plan(event, {**_IDENTITY, **unread}) for event in events}

    def of(self, event: AnyEvent) -> AnyEvent:
        """The event as a row keeps it. A basket is reduced to one item for each category, and those of `more`."""
        unread, texts = self._plans[type(event)]
        kept = unread.copy()
        kept["time"] = int(event.time)  # encoding and computing with a plain int costs half of an `Instant`
        for name, shortened in texts:
            if text := getattr(event, name):
                kept[name] = shortened(text)
        if isinstance(event, Purchase) and event.items:
            categories = sorted({short(item.category) for item in event.items if item.category})
            kept["items"] = (*[_item(category) for category in categories[:MAX_CATEGORIES]], *self._more(event.items))
        return replace(event, **kept)


@lru_cache(maxsize=1024)
def _item(category: str) -> Item:
    """The same item for every basket with this category, which saves memory too."""
    return Item(sku="-", quantity=1, category=category)


def _plan(event: type[Event], unread: Unread) -> tuple[dict[str, Any], tuple[tuple[str, Callable[[Any], Any]], ...]]:
    """The replaced fields of an event with their values, and which of the others are texts, with what shortens them."""
    replaced = {
        name: value for kind, fields in unread.items() if issubclass(event, kind) for name, value in fields.items()
    }
    prose = {name for kind, names in _PROSE.items() if issubclass(event, kind) for name in names}
    texts = [name for name in _TEXTS if name in event.__struct_fields__ and name not in replaced]
    shortened: list[tuple[str, Callable[[Any], Any]]] = [(name, excerpt if name in prose else short) for name in texts]
    if "consent" in event.__struct_fields__:
        shortened.append(("consent", _to_marketing))
    if "traits" in event.__struct_fields__:
        shortened.append(("traits", _few))
    return replaced, tuple(shortened)


def _few(traits: dict[str, str]) -> dict[str, str]:
    """The first traits, in the order of their names."""
    return {short(name): short(value) for name, value in sorted(traits.items())[:MAX_TRAITS]}


def _to_marketing(consent: dict[str, bool]) -> dict[str, bool]:
    """The only consent that is read."""
    return {name: given for name, given in consent.items() if name == MARKETING}
