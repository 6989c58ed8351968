"""The places for groups: so many names of a type are watched, and no more, however many are invented.

A name belongs to one of `SLOTS` slots by its hash, and a slot has `NAMES` places for each type of group. A name takes a place
with its first fact and keeps it until its row is deleted. Facts of names that find no place are counted as the slot's
`other` (`other_store`, ... in `forgotten`), and watched no further.

A slot belongs to one partition, whatever the number of partitions, and all facts of its names are read there in one order.
So the bound is the same with any number of workers, and in a replay, which has one partition.
"""

import hashlib
from collections import Counter

SLOTS = 256
NAMES = 64


def slot_of(kind: str, name: str) -> str:
    """The slot of a name.

    >>> slot_of("store", "S1") == slot_of("store", "S1") != slot_of("site", "S1")
    True
    """
    number = int.from_bytes(hashlib.blake2b(f"{kind}:{name}".encode(), digest_size=2).digest()) % SLOTS
    return f"{kind}/{number}"


class Places:
    """How many places of each slot are taken; the changes of one record can be undone."""

    def __init__(self, names: int = NAMES) -> None:
        self._names = names
        self._taken: Counter[str] = Counter()
        self._changes: list[tuple[str, int]] = []

    def take(self, slot: str) -> bool:
        """Take a place for a new name; False if there is none."""
        if self._taken[slot] >= self._names:
            return False
        self._change(slot, 1)
        return True

    def recover(self, slot: str) -> None:
        """A name that was stored earlier has its place."""
        self._taken[slot] += 1

    def give_back(self, slot: str) -> None:
        """The row of a name was deleted."""
        self._change(slot, -1)

    def begin(self) -> None:
        """Begin a record: the changes of the last one are final."""
        self._changes.clear()

    def undo(self) -> None:
        """Take back the changes of the record."""
        for slot, change in self._changes:
            self._taken[slot] -= change
        self._changes.clear()

    def _change(self, slot: str, change: int) -> None:
        self._taken[slot] += change
        self._changes.append((slot, change))
