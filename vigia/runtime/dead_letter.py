"""The form of a dead letter: a record that could not be used, as it came, with the reason and its origin as headers.

A letter that was sent back to its topic is answered by a replay mark: an empty record that names the same origin and no
code. Kafka clients are not known here.
"""

from typing import Any

from msgspec import Struct

from scorers.contract.inert import printable

TOPIC = "dead-letters"
REPLAYED = "replayed"
MAX_DETAIL = 240
MAX_KEY, MAX_VALUE = (
    4_096,
    900_000,
)  # bytes: a record may be as large as a broker accepts, and its letter has headers too

Headers = tuple[tuple[str, bytes], ...]
Origin = tuple[str, int, int]


class Letter(Struct, frozen=True, kw_only=True):
    """A dead letter as it is read; `topic`, `partition` and `offset` are those of the rejected record."""

    code: str
    detail: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    written: int  # milliseconds since 1970

    @property
    def origin(self) -> Origin:
        """The place of the record, which identifies the rejection however often it was sent."""
        return self.topic, self.partition, self.offset


def encode(record: Any, code: str, detail: str) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers of the dead letter that a record becomes.

    A record with neither key nor value gets an empty value, because aiokafka sends no other. A record larger than any
    valid one is cut: otherwise its letter would be rejected and end the process that writes it.
    """
    key, value = record.key, b"" if record.key is None and record.value is None else record.value
    if len(key or b"") > MAX_KEY or len(value or b"") > MAX_VALUE:
        detail = f"cut from {len(key or b'')} bytes of key and {len(value or b'')} of value: {detail}"
        key, value = key and key[:MAX_KEY], value and value[:MAX_VALUE]
    headers = (
        ("code", code.encode()),
        ("detail", printable(detail, MAX_DETAIL).encode()),
        *_origin((record.topic, record.partition, record.offset)),
    )
    return key, value, headers


def replay_headers(origin: Origin) -> Headers:
    """The headers of the replay mark: the letter of this origin was sent back."""
    return ((REPLAYED, b"1"), *_origin(origin))


def read(record: Any) -> Letter | Origin | None:
    """The letter in a record of `dead-letters`, or the origin that a replay mark names; None for anything else."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    try:
        origin = headers["topic"], int(headers["partition"]), int(headers["offset"])
    except (KeyError, ValueError):
        return None
    if REPLAYED in headers:
        return origin
    topic, partition, offset = origin
    return Letter(
        code=headers.get("code", ""),
        detail=headers.get("detail", ""),
        topic=topic,
        partition=partition,
        offset=offset,
        key=record.key,
        value=record.value,
        written=record.timestamp,
    )


def _origin(origin: Origin) -> Headers:
    topic, partition, offset = origin
    return ("topic", topic.encode()), ("partition", b"%d" % partition), ("offset", b"%d" % offset)
