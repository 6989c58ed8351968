"""Which subjects a fact concerns, and the name under which a partition keeps each.

The name of a customer is its id. The name of a group begins with a control character, which ids cannot contain.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol, TypeGuard

from scorers.contract.events import (
    AnyEvent,
    ComplaintOpened,
    Contact,
    ContactMade,
    ContactReceived,
    CustomerErased,
    Event,
    StaffPulse,
    SurveyAnswered,
)
from scorers.groups.store import things_of
from scorers.groups.theme import of as themes_of
from scorers.in_force.control import GroupName
from scorers.partition.places import slot_of
from scorers.subjects.customer import CUSTOMER
from scorers.subjects.feed import FEED
from scorers.subjects.feed_timeline import FeedTimeline
from scorers.subjects.flows.flow import FLOW
from scorers.subjects.flows.flow_timeline import FlowTimeline
from scorers.subjects.site import SITE
from scorers.subjects.store import STORE, THING
from scorers.subjects.theme import THEME
from scorers.timeline.subjects import SubjectType
from scorers.timeline.timeline import AnyTimeline, Timeline

GROUP_PREFIX = "\x01"
GROUPS: dict[str, SubjectType[Any]] = {
    SITE.name: SITE,
    STORE.name: STORE,
    FEED.name: FEED,
    THEME.name: THEME,
    FLOW.name: FLOW,
    THING.name: THING,
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

    type: GroupName
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
    return FeedTimeline if subject is FEED else FlowTimeline if subject is FLOW else Timeline


def address_of(key: bytes | None) -> Address | None:
    """The group named by the key of a forwarded record; None if the key is no name of a group.

    >>> address_of(b"\\x01store:s1"), address_of(b"c1")
    (Address(type='store', id='s1'), None)
    """
    prefix, _, name = (key or b"").decode(errors="replace").partition(GROUP_PREFIX)
    kind, _, subject_id = name.partition(":")
    return Address(GROUPS[kind].name, subject_id) if not prefix and kind in GROUPS and subject_id else None


def own_subject(event: AnyEvent) -> Address | None:
    """The customer with the key of the event's own record; None for anonymous facts and for facts about a site."""
    if event.customer_id is None or isinstance(event, StaffPulse):
        return None
    return Address("customer", event.customer_id)


def _store(e: ComplaintOpened) -> Iterator[Address]:
    if e.store_id:
        yield Address("store", e.store_id)


def _marked_store(e: Contact) -> Iterator[Address]:
    if e.store_id and e.satisfaction is not None:
        yield Address("store", e.store_id)


def _surveyed_store(e: SurveyAnswered) -> Iterator[Address]:
    if e.store_id:
        yield Address("store", e.store_id)


def _staff_of_store(e: StaffPulse) -> Iterator[Address]:
    yield Address("store", e.store_id)


def _things(e: ComplaintOpened) -> Iterator[Address]:
    for thing in things_of(e):
        yield Address("thing", thing)


def _themes(e: ComplaintOpened) -> Iterator[Address]:
    for theme in themes_of(e):
        yield Address("theme", theme.id)


def _site(e: StaffPulse) -> Iterator[Address]:
    yield Address("site", e.store_id)


FORWARDS: dict[type[Event], tuple[Callable[[Any], Iterator[Address]], ...]] = {
    ComplaintOpened: (
        _store,
        _things,
        _themes,
    ),
    ContactMade: (_marked_store,),
    ContactReceived: (_marked_store,),
    StaffPulse: (
        _site,
        _staff_of_store,
    ),
    SurveyAnswered: (_surveyed_store,),
}
"""By type of event: the addresses that a fact is forwarded to, for each type of group."""


def other_subjects(event: AnyEvent) -> list[Address]:
    """The subjects with other keys that a fact concerns, to which it is forwarded."""
    forwards = FORWARDS.get(type(event))
    return [] if forwards is None else [address for forward in forwards for address in forward(event)]


def erases(event: AnyEvent) -> TypeGuard[CustomerErased]:
    """Whether the event asks to forget its customer."""
    return isinstance(event, CustomerErased)
