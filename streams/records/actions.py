"""Reads the records of `alarm-actions` for the core; what cannot be read has its dead letter from the notifier, which reads them too."""

from typing import Any

import msgspec

from scorers.contract.events import AlarmAction
from scorers.contract.rejection import Rejection
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import decode
from streams.records.written import written_at

UNTYPED = "alarm-actions"
"""The source of a record without `type`, as older tools write them."""
_UNREADABLE = frozenset({"not_json", "too_large", "too_deep", "bad_text", "not_object"})


def read_action(record: Any) -> AlarmAction | None:
    """The action of a record; None if there is none. A record without `type` has its Kafka timestamp as time, and its place as id."""
    if record.value is None:
        return None
    event = decode(record.value)
    if isinstance(event, Rejection) and event.code not in _UNREADABLE:
        fields = msgspec.json.decode(record.value)
        if "type" not in fields:
            own = {"id": fields.get("id") or f"{record.partition}/{record.offset}", "source": UNTYPED}
            known = {**fields, **own, "type": "alarm.action", "time": rfc3339(written_at(record))}
            event = decode(msgspec.json.encode(known))
    return event if isinstance(event, AlarmAction) else None
