"""Which subjects a fact concerns, and the name under which a partition keeps each.

The name of a customer is its id. The name of a group begins with a control character, which ids cannot contain.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from scorers.contract.alarms import SubjectType as SubjectName
from scorers.contract.events import AnyEvent, ComplaintOpened, CustomerErased, CustomerMerged, StaffPulse
from scorers.partition.places import slot_of
from scorers.subjects.customer import CUSTOMER
from scorers.subjects.feed import FEED
from scorers.subjects.feed_timeline import FeedTimeline
from scorers.subjects.site import SITE
from scorers.subjects.store import STORE
from scorers.timeline.subjects import SubjectType
from scorers.timeline.timeline import AnyTimeline, Timeline

GROUP_PREFIX = "\x01"
GROUPS: dict[str, SubjectType[Any]] = {
    SITE.name: SITE,
    STORE.name: STORE,
    FEED.name: FEED,
}
"""The subjects that are no customers, by the name of their type."""


class Timelines(Protocol):
    """Timelines by name. A changed timeline is set again, so that an implementation can store it."""

    def get(self, name: str, /) -> AnyTimeline | None: ...

    def __setitem__(self, name: str, timeline: AnyTimeline, /) -> None: ...

    def __delitem__(self, name: str, /) -> None: ...


FEED_PREFIX = f"{GROUP_PREFIX}{FEED.name}:"


class Address(NamedTuple):
    """A subject by its type and id."""

    type: SubjectName
    id: str

    @property
    def name(self) -> str:
        """The name under which a partition keeps the subject.

        >>> Address("customer", "c1").name, Address("site", "s1").name
        ('c1', '\\x01site:s1')
        """
        return self.id if self.type == "customer" else f"{GROUP_PREFIX}{self.type}:{self.id}"

    @property
    def slot(self) -> str:
        """Where a group has its place, and by which it has its partition."""
        return slot_of(self.type, self.id)


def subject_type(name: str) -> SubjectType[Any]:
    """The type of the subject with this name."""
    if not name.startswith(GROUP_PREFIX):
        return CUSTOMER
    return GROUPS[name[1:].partition(":")[0]]


def timeline_of(subject: SubjectType[Any]) -> type[AnyTimeline]:
    """The machine that keeps a subject's facts in order."""
    return FeedTimeline if subject is FEED else Timeline


def address_of(key: bytes | None) -> Address | None:
    """The group named by the key of a forwarded record; None if the key is no name of a group.

    >>> address_of(b"\\x01store:s1"), address_of(b"c1")
    (Address(type='store', id='s1'), None)
    """
    prefix, _, name = (key or b"").decode(errors="replace").partition(GROUP_PREFIX)
    kind, _, subject_id = name.partition(":")
    return Address(GROUPS[kind].name, subject_id) if not prefix and kind in GROUPS and subject_id else None


_OF_NO_CUSTOMER = (CustomerMerged, StaffPulse)  # a union type would be made, and searched, for each event


def own_subject(event: AnyEvent) -> Address | None:
    """The customer with the key of the event's own record; None for anonymous facts, for merges and for facts about a site."""
    if event.customer_id is None or isinstance(event, _OF_NO_CUSTOMER):
        return None
    return Address("customer", event.customer_id)


def _store(event: AnyEvent) -> Address | None:
    if isinstance(event, ComplaintOpened) and event.store_id:
        return Address("store", event.store_id)
    return None


def _site(event: AnyEvent) -> Address | None:
    if isinstance(event, StaffPulse):
        return Address("site", event.store_id)
    return None


FORWARDS: tuple[Callable[[AnyEvent], Address | None], ...] = (
    _store,
    _site,
)
"""For each type of group: the address that a fact is forwarded to, or None."""


def other_subjects(event: AnyEvent) -> list[Address]:
    """The subjects with other keys that a fact concerns, to which it is forwarded."""
    return [address for forward in FORWARDS if (address := forward(event)) is not None]


def erases(event: AnyEvent) -> bool:
    """Whether the event asks to forget its customer."""
    return isinstance(event, CustomerErased)
