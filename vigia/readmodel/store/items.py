"""What the queries of the read model answer: pages of lists, customers, alarms, rejected records."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from scorers.contract.alarms import Alarm
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.store.people import People

PAGE = 100
DEEPEST = 1_000_000
"""The last page that is counted off; beyond it a list is empty."""
MOST_WORDS = 8  # of a search
CUSTOMER_SORTS = ("loss", "risk", "name", "silence", "recent")
ALARM_SORTS = ("urgent", "newest", "oldest")
STANDING = ("open", "acknowledged", "snoozed")
"""The states of an alarm whose condition still holds."""
STATES: Mapping[str, tuple[str, ...]] = {
    "open": ("open",),
    "acknowledged": ("acknowledged",),
    "snoozed": ("snoozed",),
    "settled": ("settled",),
    "withdrawn": ("withdrawn",),
    "all": (),
}
"""The states by which alarms are listed, and those of the tables that they stand for; empty is every state."""


class Page(NamedTuple):
    """One page of a list: its rows, and how many the whole list has."""

    items: Sequence[Any]
    total: int


class CustomerItem(Struct, frozen=True):
    """A customer of a list: the row, the raw facts, the expected loss in minor units, and how many alarms stand."""

    row: CustomerRow
    raw: bytes
    loss: int
    alarms: int


class Total(NamedTuple):
    """The customers of one group."""

    customers: int
    value: int
    loss: int


class StoreReport(Struct, frozen=True):
    """What a store has reported last (X2, P2), with the instant up to which it counts; and whether it was ever heard."""

    reported: int
    values: dict[str, int]
    was_heard: bool = False


class DeliveryRow(Struct, frozen=True):
    """What the notifier decided about one change of an alarm on one channel."""

    change: str
    channel: str
    state: str
    rule: str
    time: int
    detail: str = ""
    done: int | None = None


class AlarmItem(Struct, frozen=True):
    """An alarm of a list: its newest record, its state among people, and what kept it from being sent."""

    alarm: Alarm
    raw: bytes
    state: str
    raised: int
    loss: int
    people: People
    taken_by: str | None
    snoozed_until: int | None
    rule: str | None
    is_change: bool
    deliveries: tuple[DeliveryRow, ...] = ()


class Change(NamedTuple):
    """One record of `alarms`, with its number in the order in which it was read."""

    number: int
    alarm: Alarm
    raw: bytes


class LetterRow(NamedTuple):
    """A rejected record."""

    topic: str
    partition: int
    number: int
    code: str
    detail: str
    key: bytes | None
    value: bytes | None
    written: int
    sent_back: bool


def start_of(page: int, size: int, total: int) -> int | None:
    """How many rows stand before a page; None for a page behind the last."""
    start = (min(max(page, 1), DEEPEST) - 1) * size
    return start if start < total else None


def order_of(filters: Mapping[str, str], sort: str) -> str:
    """The order of alarms that is asked for; without one the most urgent first, of what is over the newest."""
    ended = filters.get("state") in ("settled", "withdrawn", "all")
    return sort if sort in ALARM_SORTS else "newest" if ended else "urgent"
