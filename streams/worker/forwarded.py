"""Facts on their way to a subject with another key, and what merged ids send each other: the topic `groups`.

A forwarded record has the subject's name as its key and the event as its value. Its header names its origin: the record that the fact
was read from. A worker that died may have forwarded a fact that its successor forwards again; the subject's row knows how far each
origin was folded, and records of one origin arrive in the order of its offsets.

What is for a customer has the customer's id as its key and a header more, the way that it has come. The row of an old id is a header
too, so that the value of every record is an event with its time, by which the topics of a partition are merged.
"""

from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import AnyEvent, CustomerMerged
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode, encode_event
from scorers.groups.runs import Told
from scorers.in_force.counted.flows import Told as Flow
from scorers.partition.routing import Address, address_of
from scorers.timeline.facts import Ref
from scorers.timeline.merging.parcels import Content, Far, Hop, Parcel
from streams.engine.batching_producer import Output, partition_of

HEADER, WAY, KNOWN = "origin", "way", "known"


class Origin(Struct, array_like=True, frozen=True):
    """The record that a forwarded fact was read from; `source` is its topic with its incarnation."""

    topic: str
    partition: int
    offset: int
    source: str


class Way(Struct, array_like=True, frozen=True):
    """How a parcel has come: what it is, where its fact was read first, and the ids that it has passed."""

    content: Content
    topic: str
    partition: int
    offset: int
    path: tuple[Hop, ...] = ()
    refused: Hop | None = None
    far: Far | None = None


class Forwarded(NamedTuple):
    """A fact for a subject of this partition, and the log and offset that it was read from."""

    address: Address
    event: AnyEvent
    ref: Ref
    origin: tuple[str, int]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Origin).decode
_decode_way = msgspec.json.Decoder(Way).decode
_decode_told = msgspec.json.Decoder(Told).decode
_decode_flow = msgspec.json.Decoder(Flow).decode


def forward(topic: str, partitions: int, address: Address, event: AnyEvent, record: Any, source: str) -> Output:
    """The record that forwards a fact to a subject with another key.

    A customer belongs to the partition of its id, a group to that of its slot.
    """
    key = address.name.encode()
    origin = _origin(record, source)
    return Output(topic, key, encode_event(event), (origin,), partition_of(partitions, home_key(key)))


def send(topic: str, partitions: int, parcel: Parcel, record: Any, source: str) -> Output:
    """The record that brings a parcel to its customer; `record` is the one at hand, from which it follows."""
    key, ref = parcel.to.encode(), parcel.ref
    way = Way(parcel.content, ref.topic, ref.partition, ref.offset, parcel.path, parcel.refused, parcel.far)
    headers = _origin(record, source), (WAY, _encode(way)), *([(KNOWN, parcel.known)] if parcel.known else [])
    return Output(topic, key, encode_event(parcel.event), headers, partition_of(partitions, key))


def _origin(record: Any, source: str) -> tuple[str, bytes]:
    return HEADER, _encode(Origin(record.topic, record.partition, record.offset, source))


def tell(topic: str, partitions: int, told: Told) -> Output:
    """The record that tells a feed what was noted. It needs no origin: what is told twice changes nothing."""
    key = Address("feed", told.feed).name.encode()
    return Output(topic, key, _encode(told), (), partition_of(partitions, home_key(key)))


def tell_flow(topic: str, partitions: int, told: Flow) -> Output:
    """The record that tells a flow the counts of a day. It needs no origin: a day that is told twice changes nothing."""
    key = Address("base", told.flow).name.encode()
    return Output(topic, key, _encode(told), (), partition_of(partitions, home_key(key)))


def is_for_flow(record: Any) -> bool:
    """Whether a record of `groups` tells a flow something."""
    address = address_of(record.key)
    return address is not None and address.type == "base"


def read_flow(record: Any) -> Flow:
    """What a record tells a flow; ValueError if it tells nothing."""
    try:
        told = _decode_flow(record.value or b"")
    except msgspec.DecodeError as error:
        raise ValueError(f"what is told to a flow cannot be read: {error}") from None
    if record.key != Address("base", told.flow).name.encode():
        raise ValueError("the key is not the name of the flow that is told")
    return told


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
    if address is None:
        raise ValueError("a record of groups needs the name of a group or customer as its key")
    event, origin = _event(record), _read_origin(record)
    ref = Ref(event.source, event.id, origin.topic, origin.partition, origin.offset)
    return Forwarded(address, event, ref, (f"{origin.source} {origin.partition}", origin.offset))


def is_parcel(record: Any) -> bool:
    """Whether a record of `groups` is for a customer, because ids were merged."""
    return any(name == WAY for name, _ in record.headers or ())


def read_parcel(record: Any) -> tuple[Parcel, tuple[str, int]]:
    """The parcel of a record of `groups`, and the log and offset that it follows from; ValueError if it holds none."""
    event, origin, headers = _event(record), _read_origin(record), dict(record.headers)
    try:
        way, to = _decode_way(headers[WAY]), (record.key or b"").decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"the way of what merged ids send cannot be read: {error}") from None
    if not to or (way.content != "fact" and not isinstance(event, CustomerMerged)):
        raise ValueError("what merged ids send needs the id of a customer as its key, and a merge unless it is a fact")
    ref = Ref(event.source, event.id, way.topic, way.partition, way.offset)
    parcel = Parcel(to, event, ref, way.content, headers.get(KNOWN, b""), way.path, way.refused, way.far)
    return parcel, (f"{origin.source} {origin.partition}", origin.offset)


class Refused(NamedTuple):
    """The record of a merge that was refused after it had been carried out, for its dead letter."""

    topic: str
    partition: int
    offset: int
    key: bytes
    value: bytes


def refused_merge(refused: Parcel) -> Refused:
    """The record of a merge that closes a circle, made again of what the row of its id kept."""
    ref = refused.ref
    return Refused(ref.topic, ref.partition, ref.offset, refused.to.encode(), encode_event(refused.event))


def _event(record: Any) -> AnyEvent:
    event = decode(record.value or b"")
    if isinstance(event, Rejection):
        raise ValueError(f"{event.code}: {event.detail}")
    return event


def _read_origin(record: Any) -> Origin:
    header = dict(record.headers or ()).get(HEADER)
    if header is None:
        raise ValueError("a record of groups needs its origin as a header")
    try:
        return _decode(header)
    except msgspec.DecodeError as error:
        raise ValueError(f"the origin cannot be read: {error}") from None
