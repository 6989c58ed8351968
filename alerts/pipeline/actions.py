"""The records of the topic `alarm-actions`: from bytes to an `Action` and back.

Whatever arrives becomes an action or a rejection that says why, never an exception. Whether an action fits the state of
its alarm is checked in `incident`.
"""

from typing import Any

import msgspec

from alerts.pipeline.incident import Action
from scorers.contract.events import Instant
from scorers.contract.rejection import MAX_BYTES, MAX_DEPTH, Rejection, too_deep
from scorers.contract.rfc3339 import parse_instant, rfc3339


def read_action(raw: bytes) -> Action | Rejection:
    """The action in these bytes, or why there is none.

    >>> read_action(b'{"alarm_id": "a1", "customer_id": "c1", "action": "ack"}')
    Rejection(code='bad_value', detail='Object missing required field `by`', event_id=None, source=None)
    """
    if len(raw) > MAX_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        return _decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        return _refused(raw, fault)


def _refused(raw: bytes, fault: Exception) -> Rejection:
    try:
        raw.decode()
    except UnicodeDecodeError as wrong:
        return Rejection("bad_text", f"byte {wrong.start} is not UTF-8")
    if too_deep(raw):
        return Rejection("too_deep", f"brackets nest deeper than {MAX_DEPTH}")
    return Rejection("bad_value" if isinstance(fault, msgspec.ValidationError) else "not_json", str(fault))


def encode_action(action: Action) -> bytes:
    """The action as a record of its topic."""
    return _encode(action)


def _read(_: type, value: Any) -> Instant:
    if not isinstance(value, str):
        raise TypeError("is RFC 3339 text")
    return parse_instant(value)


def _write(value: object) -> str:
    if isinstance(value, Instant):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} is not of the contract")


_decode = msgspec.json.Decoder(Action, dec_hook=_read).decode
_encode = msgspec.json.Encoder(enc_hook=_write).encode
