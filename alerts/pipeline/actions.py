"""The records of the topic `alarm-actions`: from bytes to an `Action` and back.

Whatever arrives becomes an action or a rejection that says why, never an exception. Whether an action fits the state of
its alarm is checked in `incident`.
"""

import msgspec

from alerts.pipeline.incident import Action
from scorers.contract.rejection import MAX_BYTES, MAX_DEPTH, Rejection, too_deep
from scorers.contract.rfc3339 import decode_instant


def read_action(raw: bytes) -> Action | Rejection | None:
    """The action in these bytes, or why there is none; None if it is about an entry of a worklist and not about an alarm.

    >>> read_action(b'{"alarm_id": "a1", "customer_id": "c1", "action": "ack"}')
    Rejection(code='bad_value', detail='Object missing required field `by`', event_id=None, source=None)
    """
    if len(raw) > MAX_BYTES:
        return Rejection("too_large", f"{len(raw)} bytes, allowed are {MAX_BYTES}")
    try:
        if (about := _decode_about(raw)).alarm_id is None and about.worklist_date is not None:
            return None
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


class _About(msgspec.Struct):
    """What an action is about."""

    alarm_id: object = None
    worklist_date: object = None


_decode = msgspec.json.Decoder(Action, dec_hook=decode_instant).decode
_decode_about = msgspec.json.Decoder(_About).decode
