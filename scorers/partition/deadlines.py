"""Who falls due when, earliest first and by name where two fall due at once.

Of many customers most fall due days ahead, and a pair of an instant and a name weighs 150 bytes and more as an object. So
only the hour at hand is a heap; a later one is bytes, some 17 a customer, until its turn comes. An entry is never taken
out: whoever takes it asks whether it still holds.
"""

import struct
from heapq import heapify, heappop, heappush

from scorers.contract.events import HOUR, Micros

_entry = struct.Struct("<QH")  # the instant, and how many bytes of name follow


class Deadlines:
    """Instants and names.

    >>> d = Deadlines()
    >>> for due, name in ((5 * HOUR, "b"), (5 * HOUR, "a"), (3 * HOUR, "c")):
    ...     d.add(due, name)
    >>> d.take(4 * HOUR), d.take(4 * HOUR), d.take(6 * HOUR)
    ((10800000000, 'c'), None, (18000000000, 'a'))
    """

    def __init__(self) -> None:
        self._near: list[tuple[Micros, str]] = []  # a heap of all before `_opened`
        self._opened: Micros = 0
        self._far: dict[int, bytearray] = {}  # the others, by hour
        self._hours: list[int] = []  # a heap of these hours

    def add(self, due: Micros, name: str) -> None:
        """Somebody falls due."""
        if due < self._opened:
            heappush(self._near, (due, name))
            return
        hour = due // HOUR
        packed = self._far.get(hour)
        if packed is None:
            packed = self._far[hour] = bytearray()
            heappush(self._hours, hour)
        told = name.encode()
        packed += _entry.pack(due, len(told))
        packed += told

    def take(self, until: Micros) -> tuple[Micros, str] | None:
        """The next who falls due before an instant."""
        near = self._near
        while not near:
            if not self._hours or self._hours[0] * HOUR >= until:
                return None
            self._open(heappop(self._hours))
        return heappop(near) if near[0][0] < until else None

    def _open(self, hour: int) -> None:
        packed, near, at = self._far.pop(hour), self._near, 0
        while at < len(packed):
            due, length = _entry.unpack_from(packed, at)
            at += _entry.size + length
            near.append((due, packed[at - length : at].decode()))
        heapify(near)
        self._opened = (hour + 1) * HOUR
