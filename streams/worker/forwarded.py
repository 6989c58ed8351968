"""Facts on their way to a subject with another key: the topic `groups`.

A forwarded record has the subject's name as its key and the event as its value. Its header names its origin: the record that the fact
was read from. A worker that died may have forwarded a fact that its successor forwards again; the subject's row knows how far each
origin was folded, and records of one origin arrive in the order of its offsets.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import AnyEvent
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode, encode_event
from scorers.groups.runs import Told
from scorers.partition.routing import Address, address_of
from scorers.timeline.facts import Ref
from streams.engine.batching_producer import Output, partition_of

HEADER = "origin"


class Origin(Struct, array_like=True, frozen=True):
    """The record that a forwarded fact was read from; `source` is its topic with its incarnation."""

    topic: str
    partition: int
    offset: int
    source: str


class Forwarded(NamedTuple):
    """A fact for a subject of this partition, and the log and offset that it was read from."""

    address: Address
    event: AnyEvent
    ref: Ref
    origin: tuple[str, int]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Origin).decode
_decode_told = msgspec.json.Decoder(Told).decode


def forward(topic: str, partitions: int, address: Address, event: AnyEvent, record: Any, source: str) -> Output:
    """The record that forwards a fact to a subject with another key.

    A customer belongs to the partition of its id, a group to that of its slot.
    """
    origin = _encode(Origin(record.topic, record.partition, record.offset, source))
    key = address.name.encode()
    return Output(topic, key, encode_event(event), ((HEADER, origin),), partition_of(partitions, home_key(key)))


def tell(topic: str, partitions: int, told: Told) -> Output:
    """The record that tells a feed what was noted. It needs no origin: what is told twice changes nothing."""
    key = Address("feed", told.feed).name.encode()
    return Output(topic, key, _encode(told), (), partition_of(partitions, home_key(key)))


def is_for_feed(record: Any) -> bool:
    """Whether a record of `groups` tells a feed something, and is no fact for another group."""
    address = address_of(record.key)
    return address is not None and address.type == "feed"


def read_told(record: Any) -> Told:
    """What a record tells a feed; ValueError if it tells nothing."""
    try:
        told = _decode_told(record.value or b"")
    except msgspec.DecodeError as error:
        raise ValueError(f"what is told to a feed cannot be read: {error}") from None
    if not told.runs or not all(run.first <= run.last and run.events > 0 for run in told.runs):
        raise ValueError("runs need a first and a last instant in order, and a count")
    return told


def home_key(key: bytes) -> bytes:
    """The key whose partition the row of a subject belongs to.

    >>> home_key(b"c1"), home_key(b"\x01store:s1")[:6]
    (b'c1', b'store/')
    """
    address = address_of(key)
    return key if address is None else address.slot.encode()


def read_forwarded(record: Any) -> Forwarded:
    """The fact of a record of `groups`; ValueError if it holds none."""
    address = address_of(record.key)
    header = dict(record.headers or ()).get(HEADER)
    event = decode(record.value or b"")
    if address is None or header is None:
        raise ValueError("a record of groups needs the name of a group as its key and its origin as a header")
    if isinstance(event, Rejection):
        raise ValueError(f"{event.code}: {event.detail}")
    try:
        origin = _decode(header)
    except msgspec.DecodeError as error:
        raise ValueError(f"the origin cannot be read: {error}") from None
    ref = Ref(event.source, event.id, origin.topic, origin.partition, origin.offset)
    return Forwarded(address, event, ref, (f"{origin.source} {origin.partition}", origin.offset))
