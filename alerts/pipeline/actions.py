"""The records of the topic `alarm-actions`: from bytes to an `Action` and back.

Whatever arrives becomes an action or a rejection that says why, never an exception. Whether an action fits the state of
its alarm is checked in `incident`.
"""

import msgspec

from alerts.pipeline.incident import Action
from scorers.contract.rejection import MAX_BYTES, MAX_DEPTH, Rejection, too_deep
from scorers.contract.rfc3339 import decode_instant, encode_instant


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


_decode = msgspec.json.Decoder(Action, dec_hook=decode_instant).decode
_encode = msgspec.json.Encoder(enc_hook=encode_instant).encode
