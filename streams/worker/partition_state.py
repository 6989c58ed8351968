"""The state of a partition besides its subjects: its clock, and the sum of its customers' contributions.

It is one row of the same table, under a key that no subject can have, so the engine's fence covers it like any row. A record adds a few
counts to histograms of thousands of buckets; so a version of the row is a base and a linked list of counts, which versions share. A
version never changes, and putting one copies nothing.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import Micros
from scorers.in_force.figures import Contribution, FigureBook
from scorers.policy.tables import Policy

KEY = b"\x00state"
CONTROL = b"\x00control:"  # sorts before the state: if the state is on disk, its control records are too
GROUP = b"\x00group:"  # likewise
COMPACT = 1_000  # how many versions share one base

_encode = msgspec.msgpack.Encoder().encode


class Progress(Struct, array_like=True, frozen=True):
    """The progress of a partition."""

    clock: Micros = 0  # the newest tick
    follows: bool = False  # whether that tick follows the events and not the wall clock
    newest: Micros = 0  # the newest instant judged
    day: int = -1  # the newest day whose totals were reported
    late: int = 0  # how many control records came too late for their instant
    fact: Micros = 0  # the time of the newest fact, erasures excepted
    newest_adopted: dict[str, "Adopted"] = {}  # by type of control record, the newest that was adopted
    lists: tuple[int, int] = (-1, -1)  # the next dates whose worklists are to be closed: final and early editions
    judges_all: bool = False  # whether customers wait to be judged again under another policy


class Adopted(Struct, array_like=True, frozen=True):
    """The place of the newest control record of a type, and the versions that were adopted at this place."""

    order: int
    versions: tuple[str, ...]

    def then(self, order: int, version: str) -> "Adopted":
        """With one more record adopted."""
        return Adopted(order, (*self.versions, version) if order == self.order else (version,))

    def precedes(self, order: int, version: str) -> bool:
        """Whether a record is newer than all adopted ones, or another one at the same place."""
        return order > self.order or (order == self.order and version not in self.versions)


NOTHING_ADOPTED = Adopted(-1, ())


class Version(NamedTuple):
    """One version of the row."""

    progress: Progress
    base: bytes
    since: "tuple[Any, Sequence[Contribution]] | None"  # a linked list: (earlier cell, counts)

    def encode(self) -> bytes:
        counts: list[Contribution] = []
        cell = self.since
        while cell is not None:
            cell, more = cell
            counts += more
        return _encode((self.progress, self.base, counts))


class _Stored(Struct, array_like=True):
    progress: Progress
    base: bytes
    counts: list[Contribution]


class _Base(Struct, array_like=True):
    total: dict[str, dict[int, int]]
    pending: list[Contribution]


_stored = msgspec.msgpack.Decoder(_Stored).decode
_based = msgspec.msgpack.Decoder(_Base).decode


def progress_of(stored: bytes) -> Progress:
    """The progress in a stored row."""
    return _stored(stored).progress


def with_progress(stored: bytes | None, progress: Progress) -> bytes:
    """A stored row with another progress and the same counts; without a row there are none."""
    one = _Stored(progress, b"", []) if stored is None else _stored(stored)
    return _encode((progress, one.base, one.counts))


class PartitionState:
    """The current state of a partition, and the version of its row to put."""

    def __init__(self, policy: Policy) -> None:
        self.progress = Progress()
        self.book = FigureBook(policy)
        self._base = b""
        self._since: Any = None
        self._versions = 0

    def recover(self, stored: bytes) -> None:
        """Continue from the stored row."""
        stored_state = _stored(stored)
        self.progress = stored_state.progress
        if stored_state.base:
            base = _based(stored_state.base)
            for name, counts in base.total.items():
                self.book.total[name] = Counter(counts)
            self.book.add(base.pending)
        self.book.add(stored_state.counts)
        self.book.end_day(self.progress.day)
        self.compact()

    def add(self, counts: Sequence[Contribution]) -> None:
        """Add the contributions of a step."""
        if counts:
            self.book.add(list(counts))
            self._since = (self._since, tuple(counts))
            self._versions += 1
            if self._versions >= COMPACT:
                self.compact()

    def end_day(self, day: int) -> None:
        """End a day, whose facts are all in; `progress` must be put with that day, by which `recover` ends it again."""
        self.book.end_day(day)

    def compact(self) -> None:
        """Make the current state the base of later versions."""
        pending = [
            (day, name, bucket, count)
            for day, counts in self.book.pending.items()
            for (name, bucket), count in counts.items()
        ]
        self._base = _encode(_Base({name: dict(counts) for name, counts in self.book.total.items()}, pending))
        self._since, self._versions = None, 0

    def version(self) -> Version:
        """The current version of the row."""
        return Version(self.progress, self._base, self._since)
