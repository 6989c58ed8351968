"""Remembers for a day what was accepted: identities with their payloads, and idempotency keys with their bodies.

The memory is bounded: when it is full the oldest is forgotten, and a repetition of it counts as new in the answer. The
worker knows duplicates by itself, so this decides nothing but the answer.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

REMEMBER = 24 * 3600.0  # seconds


def digest(*parts: bytes) -> bytes:
    """A short digest of several texts."""
    state = blake2b(digest_size=16)
    for part in parts:
        state.update(len(part).to_bytes(8))
        state.update(part)
    return state.digest()


class Seen:
    """Digests of what was accepted, by what identifies it.

    >>> seen = Seen(2)
    >>> seen.add(b"a", b"1")
    >>> seen.get(b"a"), seen.get(b"b")
    (b'1', None)
    """

    def __init__(self, most: int = 100_000, now: Callable[[], float] = time.monotonic) -> None:
        self._most, self._now = most, now
        self._kept: OrderedDict[bytes, tuple[bytes, float]] = OrderedDict()

    def get(self, key: bytes) -> bytes | None:
        """What was accepted under the key within a day."""
        kept = self._kept.get(key)
        return None if kept is None or self._now() - kept[1] > REMEMBER else kept[0]

    def add(self, key: bytes, value: bytes) -> None:
        """Remember; the first of two stands."""
        if self.get(key) is not None:
            return
        self._kept.pop(key, None)
        self._kept[key] = (value, self._now())
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)
