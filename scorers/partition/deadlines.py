"""A queue of deadlines with the names of their subjects, ordered by instant and then by name.

Most deadlines are days ahead, and an instant and a name as objects take 150 bytes or more. So only the hours up to the current one
are a heap; each later hour is packed as bytes, about 17 for a customer. Entries are never removed early: the caller checks whether
the subject is still due then.
"""

import struct
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from scorers.contract.events import HOUR, Micros

_entry = struct.Struct("<QH")  # the instant, and how many bytes of name follow


class Deadlines:
    """A priority queue of (instant, name).

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
        """Add the deadline of a subject."""
        if due < self._opened:
            heappush(self._near, (due, name))
            return
        hour = due // HOUR
        packed = self._far.get(hour)
        if packed is None:
            packed = self._far[hour] = bytearray()
            heappush(self._hours, hour)
        encoded = name.encode()
        packed += _entry.pack(due, len(encoded))
        packed += encoded

    def take(self, until: Micros) -> tuple[Micros, str] | None:
        """Remove and return the earliest deadline, if it is before an instant; else None."""
        near = self._near
        while not near:
            if not self._hours or self._hours[0] * HOUR >= until:
                return None
            self._open(heappop(self._hours))
        return heappop(near) if near[0][0] < until else None

    def names(self) -> set[str]:
        """The names of all subjects in the queue."""
        found = {name for _, name in self._near}
        for packed in self._far.values():
            found.update(name for _, name in _entries(packed))
        return found

    def _open(self, hour: int) -> None:
        self._near.extend(_entries(self._far.pop(hour)))
        heapify(self._near)
        self._opened = (hour + 1) * HOUR


def _entries(packed: bytearray) -> Iterator[tuple[Micros, str]]:
    unpack, size, end, at = _entry.unpack_from, _entry.size, len(packed), 0
    while at < end:
        due, length = unpack(packed, at)
        at += size + length
        yield due, packed[at - length : at].decode()
