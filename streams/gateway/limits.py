"""What each token uses: requests a second and bytes of bodies in hand. Too much is answered early, with when to come again."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from streams.gateway.settings import Limits


class TooMuch(Exception):
    """A token uses more than it may; `after` is in how many seconds it may try again."""

    def __init__(self, what: str, after: float) -> None:
        super().__init__(what)
        self.after = max(1, math.ceil(after))


class Use:
    """What one token uses at present."""

    def __init__(self, limits: Limits, now: Callable[[], float] = time.monotonic) -> None:
        self._limits, self._now = limits, now
        self._left, self._at = max(limits.requests_per_second, 1.0), now()  # a second's worth may come at once
        self._bytes = 0

    def request(self) -> None:
        """Count a request. Raises `TooMuch`."""
        rate, now = self._limits.requests_per_second, self._now()
        self._left = min(max(rate, 1.0), self._left + (now - self._at) * rate)
        self._at = now
        if self._left < 1:
            raise TooMuch(f"more than {rate:g} requests a second", (1 - self._left) / rate)
        self._left -= 1

    @contextmanager
    def body(self) -> Iterator[Callable[[int], None]]:
        """Count the bytes of one body, as they become known, until the block ends. What is called raises `TooMuch`."""
        held = 0

        def more(count: int) -> None:
            nonlocal held
            limit = self._limits.bytes_in_flight
            if self._bytes + count > limit:
                raise TooMuch(f"more than {limit} bytes in flight", 1)
            self._bytes += count
            held += count

        try:
            yield more
        finally:
            self._bytes -= held
