"""Decodes and encodes events and alarms; `decode` never raises, it returns an event or a `Rejection`.

A valid record costs one strict decode and a few scans of its bytes; only an invalid one goes through `rejection`. Three
rules go beyond the types:

- A record is I-JSON: UTF-8, no key twice in one object, no lone surrogate, in unknown fields too. (Numbers in unknown
  fields may have any size, as they are never used.)
- Ids that facts are joined on (`Key`) have no blank or invisible character around them, and are composed (NFC): " 42" and "42" would
  be two halves of a customer. Whole numbers may be written `1999.0` or `2e3`.
- Text has no control characters, except tabs and line ends in free text.

Topics and the keys of their records are not known here.
"""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Struct

from scorers.contract.alarms import Alarm, Change
from scorers.contract.events import (
    MAX_MINOR,
    AnyEvent,
    CustomerDescribed,
    CustomerMerged,
    Instant,
    Item,
    Key,
    Purchase,
    Text,
)
from scorers.contract.ids import canonical, is_trimmed
from scorers.contract.rejection import (
    LARGE,
    MAX_BYTES,
    MAX_DEPTH,
    TOO_DEEP,
    RejectCode,
    Rejection,
    document_rejection,
    has_unique_keys,
    rejection_of,
    too_deep,
)
from scorers.contract.rfc3339 import decode_any_instant, decode_instant, encode_instant, parse_instant, rfc3339
from scorers.contract.worklist import WorklistEntry

__all__ = [
    "MAX_BYTES",
    "MAX_DEPTH",
    "RejectCode",
    "Rejection",
    "decode",
    "decode_alarm",
    "encode_alarm",
    "encode_event",
    "encode_worklist_entry",
    "parse_instant",
    "rfc3339",
]

Record = TypeVar("Record", bound=Struct)

EVENT_TYPES = frozenset(str(event.__struct_config__.tag) for event in get_args(AnyEvent))
ALARM_TYPES = frozenset(get_args(Change))


def decode(raw: bytes) -> AnyEvent | Rejection:
    """The event in `raw`, or why there is none.

    >>> decode(b'{"type": "customer.erased", "id": "e1", "source": "crm", "time": "2024-05-06", "customer_id": "c1"}')
    ... # doctest: +NORMALIZE_WHITESPACE
    Rejection(code='bad_time', detail='time is not RFC 3339 with a zone, as in 2024-05-06T07:08:09Z',
             event_id='e1', source='crm')
    """
    if len(raw) > MAX_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    if len(raw) > 2 * MAX_DEPTH and too_deep(raw):
        return Rejection("too_deep", TOO_DEEP)
    try:
        event: AnyEvent = _decode_event(raw)
    except Exception as error:
        whole = _with_whole_numbers(raw, error)
        if whole is None:
            return rejection_of(raw, error, EVENT_TYPES)
        event = whole
    written = _skeleton(event)
    if event.schema_version != 1 or not _all_read(raw, written):
        rejection = document_rejection(raw, EVENT_TYPES)
        if rejection:
            return rejection
    plain = raw.isascii() and _BACKSLASH not in raw
    if not plain or _DELETE in raw or (_has_space_at_an_end(written) and not _is_trimmed(event)):
        rejection = _text_rejection(event) if _has_odd_bytes(raw) or not _is_trimmed(event) else None
        event = event if plain else _composed(event)
        if rejection is not None:
            return rejection
    if type(event) is CustomerMerged and event.into == event.customer_id:
        return _rejection("bad_value", MERGED_INTO_ITSELF, event)
    return event


def encode_event(event: AnyEvent) -> bytes:
    """The event as JSON for its topic; fields that have their default are left out."""
    return _encoder.encode(_with_instants(event, *_INSTANTS[type(event)]))


def decode_alarm(raw: bytes) -> Alarm | Rejection:
    """The alarm in `raw`, or why there is none."""
    if len(raw) > MAX_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        alarm: Alarm = _decode_alarm(raw)
    except Exception as error:
        return rejection_of(raw, error, ALARM_TYPES)
    return alarm if alarm.schema_version == 1 else document_rejection(raw, ALARM_TYPES) or alarm


def encode_alarm(alarm: Alarm) -> bytes:
    """The alarm as JSON for its topic, with every field."""
    return _encoder.encode(_with_instants(alarm, "time", "at", "deadline", "until"))


def encode_worklist_entry(entry: WorklistEntry) -> bytes:
    """The entry of a worklist as JSON, with every field."""
    return _encoder.encode(_with_instants(entry, "at"))


_decode_event = msgspec.json.Decoder(AnyEvent, dec_hook=decode_instant).decode
_decode_alarm = msgspec.json.Decoder(Alarm, dec_hook=decode_any_instant).decode
_encoder = msgspec.json.Encoder(enc_hook=encode_instant)
_skeleton = msgspec.json.Encoder(enc_hook=lambda _: "").encode


def _with_instants(record: Record, *names: str) -> Record:
    """The record with `Instant` in these fields: arithmetic yields plain integers, which would be encoded as numbers."""
    for name in names:
        if type(getattr(record, name)) is int:
            plain = {one: Instant(at) for one in names if type(at := getattr(record, one)) is int}
            return msgspec.structs.replace(record, **plain)
    return record


def _has_space_at_an_end(written: bytes) -> bool:
    """Whether a text of an event begins or ends with a space, by the event encoded again, where there are no spaces between texts."""
    return b'" ' in written or b' "' in written


def _all_read(raw: bytes, written: bytes) -> bool:
    """Whether the decoder used every key of `raw` once; False means that a closer look is needed.

    The event, encoded again (`written`), then has as many quotes as `raw`; a key that was skipped or overwritten leaves fewer. If
    fields are unknown, all of `raw` is decoded untyped for the count, which a quote written as \\u0022 would distort. A large
    record always gets the closer look, which decodes less.
    """
    if _BACKSLASH in raw and b"\\u0022" in raw:
        return False
    quotes = raw.count(b'"')
    if quotes == written.count(b'"'):
        return True
    try:
        return len(raw) <= LARGE and has_unique_keys(raw)
    except Exception:
        return False


_ESCAPED_CONTROL = re.compile(rb"\\[bfnrt]|\\u00(?:[01][0-9a-fA-F]|7[fF]|[89][0-9a-fA-F])")
_C1_CONTROL = re.compile(rb"\xc2[\x80-\x9f]")
_DELETE, _BACKSLASH, _LEADS_C1 = 0x7F, 0x5C, 0xC2


def _with_whole_numbers(raw: bytes, error: Exception) -> AnyEvent | None:
    """The event of a record that writes whole numbers as `1999.0` or `2e3`; None if that was not what is wrong."""
    said = str(error)
    if "Expected `int" not in said or "got `float`" not in said:
        return None
    try:
        event: AnyEvent = _decode_event(_encoder.encode(_decode_whole(raw)))
    except Exception:
        return None
    return event


def _whole(number: str) -> int | float:
    """A number with a fraction or an exponent, as an integer if it is whole. Raises ValueError if it is out of range."""
    value = float(number)
    if not isfinite(value):
        raise ValueError(f"{number} is out of range")
    return int(value) if value.is_integer() and abs(value) <= MAX_MINOR else value


_decode_whole = msgspec.json.Decoder(float_hook=_whole).decode


def _has_odd_bytes(raw: bytes) -> bool:
    """Whether a text may contain a control character. Cheap; may be wrong only in saying yes."""
    if _DELETE in raw or (_BACKSLASH in raw and _ESCAPED_CONTROL.search(raw)):
        return True
    return _LEADS_C1 in raw and _C1_CONTROL.search(raw) is not None


MERGED_INTO_ITSELF = "into is the customer_id itself: name the id that goes on"
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_BUT_BREAKS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def _fields_of(kind: object) -> dict[type, frozenset[str]]:
    """By event type, the names of the fields whose declared type contains `kind`."""

    def holds(declared: object) -> bool:
        return declared == kind or any(holds(part) for part in get_args(declared) if part is not Ellipsis)

    return {
        event: frozenset(field.name for field in msgspec.structs.fields(event) if holds(field.type))
        for event in get_args(AnyEvent)
    }


_INSTANTS = _fields_of(Instant)
_FREE_TEXTS = _fields_of(Text)
_KEYS = _fields_of(Key)
_IDS = {event: tuple(sorted(keys - {"id", "source", "aliases"})) for event, keys in _KEYS.items()}
_ITEM_IDS = frozenset(field.name for field in msgspec.structs.fields(Item) if field.type in (Key, Key | None))


def _is_trimmed(event: AnyEvent) -> bool:
    """Whether the ids have nothing blank around them; False for rare fields means that a closer look is needed."""
    if not is_trimmed(event.id) or not is_trimmed(event.source):
        return False
    for name in _IDS[type(event)]:
        if (text := getattr(event, name)) is not None and not is_trimmed(text):
            return False
    if isinstance(event, Purchase) and event.items:
        return all(is_trimmed(i.sku) and (i.lot is None or is_trimmed(i.lot)) for i in event.items)
    return not (isinstance(event, CustomerDescribed) and event.aliases)


def _composed(event: AnyEvent) -> AnyEvent:
    """The event with its ids in composed form."""
    changed: dict[str, Any] = {}
    for name in _IDS[type(event)]:
        if (text := getattr(event, name)) is not None and (composed := canonical(text)) is not text:
            changed[name] = composed
    if isinstance(event, Purchase) and event.items:
        items = tuple([_composed_item(item) for item in event.items])
        if items != event.items:
            changed["items"] = items
    return msgspec.structs.replace(event, **changed) if changed else event


def _composed_item(item: Item) -> Item:
    lot = item.lot if item.lot is None else canonical(item.lot)
    return msgspec.structs.replace(item, sku=canonical(item.sku), lot=lot)


def _text_rejection(event: AnyEvent) -> Rejection | None:
    """Why a text of a decoded event breaks the rules; None if none does."""
    kind = type(event)
    for name, text in _texts(msgspec.structs.asdict(event)):
        if (name in _KEYS[kind] or (name in _ITEM_IDS and kind is Purchase)) and not is_trimmed(text):
            return _rejection("bad_value", f"{name} has white space or an invisible character around it", event)
        free = name in _FREE_TEXTS[kind] or name in ("traits", "attributes")
        if (_CONTROL_BUT_BREAKS if free else _CONTROL).search(text):
            return _rejection("bad_text", f"{name} holds a control character", event)
    return None


def _texts(fields: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Every text of an event, with the name of the innermost field that holds it."""
    for name, value in fields.items():
        if isinstance(value, str):
            yield name, value
        elif isinstance(value, dict):
            yield from ((name, text) for pair in value.items() for text in pair if isinstance(text, str))
        elif isinstance(value, tuple):
            for part in value:
                yield from [(name, part)] if isinstance(part, str) else _texts(msgspec.structs.asdict(part))


def _rejection(code: RejectCode, detail: str, event: AnyEvent) -> Rejection:
    readable = [text if text.isprintable() else None for text in (event.id, event.source)]
    return Rejection(code, detail, *readable)
