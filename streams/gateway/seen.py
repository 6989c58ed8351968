"""Remembers for a day what was accepted: identities with their payloads, and idempotency keys with their bodies.

The memory is bounded: when it is full the oldest is forgotten, and a repetition of it counts as new in the answer. What is known
is sent to Kafka all the same, and the worker counts it once: so no memory can make an event disappear, even one that is older than the topics.
"""

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple, Protocol

REMEMBER = 24 * 3600.0  # seconds
MAX_KEYS = 10_000  # idempotency keys that a process remembers


def digest(*parts: bytes) -> bytes:
    """A short digest of several texts."""
    return blake2b(
        b"".join([some for part in parts for some in (len(part).to_bytes(8), part)]), digest_size=16
    ).digest()


Pair = tuple[bytes, bytes]
"""The digest of what identifies something, and that of its content."""


class Memory(Protocol):
    """Digests of what was accepted, by what identifies it."""

    async def get(self, key: bytes) -> bytes | None:
        """What was accepted under the key within a day."""

    async def first(self, pairs: Sequence[Pair]) -> list[bytes | None]:
        """Remember the content under each key, if it is the first; what was accepted under each before."""


class Seen:
    """The memory of this process.

    >>> seen = Seen(2)
    >>> import asyncio
    >>> asyncio.run(seen.first([(b"a", b"1"), (b"a", b"2")]))
    [None, b'1']
    >>> asyncio.run(seen.get(b"a")), asyncio.run(seen.get(b"b"))
    (b'1', None)
    """

    def __init__(self, most: int = 100_000, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._now = most, now
        self._kept: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    async def get(self, key: bytes) -> bytes | None:
        """As `Memory.get`."""
        return self._get(key)

    async def first(self, pairs: Sequence[Pair]) -> list[bytes | None]:
        """As `Memory.first`."""
        return [self._first(key, content) for key, content in pairs]

    def _get(self, key: bytes) -> bytes | None:
        kept = self._kept.get(key)
        return None if kept is None or self._now() - kept[1] > REMEMBER else kept[0]

    def _first(self, key: bytes, content: bytes) -> bytes | None:
        if (stood := self._get(key)) is not None:
            return stood
        self._kept.pop(key, None)
        self._kept[key] = (content, self._now())
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return None


class Memories(NamedTuple):
    """What a gateway remembers: events by their identity, and bodies by the idempotency key of their token."""

    events: Memory
    bodies: Memory


def embedded() -> Memories:
    """Memories that end with this process."""
    return Memories(Seen(), Seen(MAX_KEYS))
