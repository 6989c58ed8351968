"""What a dead letter is: a record that could not be used, as it came, with its reason and its origin as headers.

Whoever writes one (worker, notifier) and whoever reads them takes the form from here. A letter that was sent back to
its topic is answered by a mark: an empty record that names the same origin and no code. Clients of Kafka are
not known here.
"""

from typing import Any

from msgspec import Struct

from scorers.contract.inert import printable

TOPIC = "dead-letters"
REPLAYED = "replayed"
MAX_DETAIL = 240
MAX_KEY, MAX_VALUE = 4_096, 900_000  # bytes: a record may be as large as a broker takes, its letter has headers too

Headers = tuple[tuple[str, bytes], ...]
Origin = tuple[str, int, int]


class Letter(Struct, frozen=True, kw_only=True):
    """A dead letter as it is read: `topic`, `partition` and `offset` say where the record stood when it was refused."""

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
        """Where the record stood: one refusal, however often it was told."""
        return self.topic, self.partition, self.offset


def encode(record: Any, code: str, detail: str) -> tuple[bytes | None, bytes | None, Headers]:
    """Key, value and headers of the dead letter that a record becomes.

    A record of nothing at all has an empty value here, as aiokafka sends none that has neither key nor value. One that
    is larger than any valid record can be is cut: its letter would be refused, and whoever writes it ended.
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
    """The headers of the mark that the letter of this origin was sent back."""
    return ((REPLAYED, b"1"), *_origin(origin))


def read(record: Any) -> Letter | Origin | None:
    """The letter that a record of `dead-letters` is, or the origin that a mark names; None for anything else."""
    told = {name: value.decode("utf-8", "replace") for name, value in record.headers if value is not None}
    try:
        origin = told["topic"], int(told["partition"]), int(told["offset"])
    except (KeyError, ValueError):
        return None
    if REPLAYED in told:
        return origin
    topic, partition, offset = origin
    return Letter(
        code=told.get("code", ""),
        detail=told.get("detail", ""),
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
