"""What a partition remembers beside its customers: how far time has come, and what its customers add up to.

It lies in one row of the same table, under a key that no customer can have, so that the fence of the engine holds for
it as for any row. A record adds a few counts to histograms of thousands: the row is kept as a base and the counts since,
each version sharing what is before it, so that a version once put never changes and putting one costs nothing.

It refuses to know records, topics and customers.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import Micros
from scorers.in_force.figures import Contribution, FigureBook
from scorers.policy.tables import Policy

KEY = b"\x00story"
CONTROL = b"\x00control:"  # sorts before the story: a story that is on disk has its control records there too
COMPACT = 1_000  # versions over one base

_encode = msgspec.msgpack.Encoder().encode


class Progress(Struct, array_like=True, frozen=True):
    """Where a partition stands."""

    clock: Micros = 0  # the newest tick
    follows: bool = False  # it told the time of events
    newest: Micros = 0  # nothing was judged at a later instant
    day: int = -1  # the newest whose totals were told
    late: int = 0  # control records that would have reached back


class Version(NamedTuple):
    """One version of the story's row."""

    point: Progress
    base: bytes
    since: "tuple[Any, Sequence[Contribution]] | None"  # (what was before, counts)

    def encode(self) -> bytes:
        counts: list[Contribution] = []
        cell = self.since
        while cell is not None:
            cell, more = cell
            counts += more
        return _encode((self.point, self.base, counts))


class _Stored(Struct, array_like=True):
    point: Progress
    base: bytes
    counts: list[Contribution]


class _Base(Struct, array_like=True):
    total: dict[str, dict[int, int]]
    pending: list[Contribution]


_stored = msgspec.msgpack.Decoder(_Stored).decode
_based = msgspec.msgpack.Decoder(_Base).decode


class PartitionState:
    """The story as it is now, and the version to put."""

    def __init__(self, policy: Policy) -> None:
        self.point = Progress()
        self.book = FigureBook(policy)
        self._base = b""
        self._since: Any = None
        self._versions = 0

    def recover(self, stored: bytes) -> None:
        """Go on where an earlier life of the process was."""
        told = _stored(stored)
        self.point = told.point
        if told.base:
            base = _based(told.base)
            for name, counts in base.total.items():
                self.book.total[name] = Counter(counts)
            self.book.add(base.pending)
        self.book.add(told.counts)
        self.compact()

    def add(self, counts: Sequence[Contribution]) -> None:
        """Take in what a step contributes."""
        if counts:
            self.book.add(list(counts))
            self._since = (self._since, tuple(counts))
            self._versions += 1
            if self._versions >= COMPACT:
                self.compact()

    def settle(self, day: int) -> None:
        """The facts of a day are all in."""
        self.book.settle(day)
        self.compact()

    def compact(self) -> None:
        """Make what there is the base of the versions to come."""
        pending = [
            (day, name, bucket, count)
            for day, counts in self.book.pending.items()
            for (name, bucket), count in counts.items()
        ]
        self._base = _encode(_Base({name: dict(counts) for name, counts in self.book.total.items()}, pending))
        self._since, self._versions = None, 0

    def version(self) -> Version:
        """The row of the story from now on."""
        return Version(self.point, self._base, self._since)
