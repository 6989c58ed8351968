"""The line before the events of a file that says from which instant on their alarms are sent; earlier ones are history.

`vigia import --alarms-from` writes it, so that a file that is replayed or published later is treated like events that go to Kafka at once.
It has the form of the control record that says so on Kafka.
"""

import msgspec
from msgspec import Struct

from scorers.contract.events import Instant
from scorers.contract.rfc3339 import decode_any_instant, encode_instant

MARK = b"history.in_force"
MOST = 1_000  # bytes of such a line


class _HistoryLine(Struct, tag_field="type", tag=MARK.decode()):
    before: Instant


_decode = msgspec.json.Decoder(_HistoryLine, dec_hook=decode_any_instant).decode
_encode = msgspec.json.Encoder(enc_hook=encode_instant).encode


def history_line(before: Instant) -> bytes:
    """The line, with its end.

    >>> history_line(Instant(1714953600000000))
    b'{"type":"history.in_force","before":"2024-05-06T00:00:00Z"}\\n'
    """
    return _encode(_HistoryLine(before)) + b"\n"


def before_of(line: bytes) -> Instant | None:
    """The instant that the line names; None if it is not such a line.

    >>> before_of(history_line(Instant(1714953600000000))), before_of(b'{"type": "purchase.completed"}')
    (1714953600000000, None)
    """
    if MARK not in line[:MOST]:
        return None
    try:
        return _decode(line).before
    except msgspec.DecodeError:
        return None
