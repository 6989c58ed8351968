"""The time of an event without decoding the rest of it: readers that order records need no more."""

import msgspec
from msgspec import Struct

from scorers.contract.events import Micros
from scorers.contract.rfc3339 import parse_instant


class _Timed(Struct):
    time: str


_decode = msgspec.json.Decoder(_Timed).decode


def event_time(raw: bytes | None) -> Micros:
    """The time that an event gives itself, in microseconds since 1970; 0 if these bytes are no event with a time.

    >>> event_time(b'{"type": "purchase.completed", "time": "2024-05-01T00:00:02Z"}')
    1714521602000000
    >>> event_time(b"till 3"), event_time(None)
    (0, 0)
    """
    try:  # not `suppress`, which costs a third of this
        return int(parse_instant(_decode(raw or b"").time))
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return 0
