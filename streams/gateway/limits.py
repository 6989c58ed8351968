"""What each token uses: requests a second and bytes of bodies in hand. Too much is answered early, with when to come again."""

import math
import time
from collections.abc import Callable
from typing import Self

from streams.gateway.settings import Limits


class TooMuch(Exception):
    """A token uses more than it may; `after` is in how many seconds it may try again."""

    def __init__(self, what: str, after: float) -> None:
        super().__init__(what)
        self.after = max(1, math.ceil(after))


class Use:
    """What one token uses at present."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self.limits, self._now = limits, now
        self._left, self._at = max(limits.requests_per_second, 1.0), now()  # a second's worth may come at once
        self.bytes_in_flight = 0

    def request(self) -> None:
        """Count a request. Raises `TooMuch`."""
        rate, now = self.limits.requests_per_second, self._now()
        self._left = min(max(rate, 1.0), self._left + (now - self._at) * rate)
        self._at = now
        if self._left < 1:
            raise TooMuch(f"more than {rate:g} requests a second", (1 - self._left) / rate)
        self._left -= 1

    def body(self) -> "Body":
        """A body that is read and taken while its block runs."""
        return Body(self)


class Body:
    """The bytes of one body, counted as they become known, until its block ends."""

    __slots__ = ("_held", "_use")

    def __init__(self, use: Use) -> None:
        self._use, self._held = use, 0

    def more(self, count: int) -> None:
        """Count bytes. Raises `TooMuch`."""
        limit = self._use.limits.bytes_in_flight
        if self._use.bytes_in_flight + count > limit:
            raise TooMuch(f"more than {limit} bytes in flight", 1)
        self._use.bytes_in_flight += count
        self._held += count

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._use.bytes_in_flight -= self._held
