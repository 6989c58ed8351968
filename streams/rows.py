"""The rows of one partition while this process has it: decoded, fenced, undoable, and bounded in memory.

A stored row carries a *fence*: the last offset folded into it, by topic and topic epoch. A record at or below the fence
is already in the row and must not change it again; the row is only written once more, as the process may have died
before the changelog had it everywhere.

It refuses to know what a row means, who folds, and when rows are written.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any, Generic, NamedTuple, TypeVar

from msgspec import Struct, json

from streams.shelf import Shelf

Row = TypeVar("Row")


class Codec(NamedTuple, Generic[Row]):
    """How a row becomes bytes and a row again."""

    encode: Callable[[Row], bytes]
    decode: Callable[[bytes], Row]


class Fenced(Struct, Generic[Row]):
    """A row and the last offset of each source that is folded into it; never changed, only replaced."""

    row: Row
    fence: dict[str, int]


_fence = json.Decoder(dict[str, int])


def pack(fence: Mapping[str, int], row: bytes) -> bytes:
    """The stored form: the fence as one line of JSON, then the row.

    >>> unpack(pack({"purchases@1": 41}, b"row"))
    ({'purchases@1': 41}, b'row')
    """
    return json.encode(fence) + b"\n" + row


def unpack(stored: bytes) -> tuple[dict[str, int], bytes]:
    """The fence and the row of a stored form."""
    fence, _, row = stored.partition(b"\n")
    return _fence.decode(fence), row


class Rows(Generic[Row]):
    """The rows of one partition as the fold sees them: `get`, `put`, `delete` and `folded`, by key."""

    def __init__(self, partition: int, shelf: Shelf, codec: Codec[Row]) -> None:
        self.partition = partition
        self._shelf = shelf
        self._codec = codec
        self._cache: dict[bytes, Fenced[Row] | None] = {}
        self._changed: set[bytes] = set()
        self._undo: list[tuple[bytes, Fenced[Row] | None]] = []
        self._source, self._offset = "", -1

    def get(self, key: bytes) -> Row | None:
        """The row of this key, or None."""
        try:
            held = self._cache[key]
        except KeyError:
            held = self._load(key)
        return None if held is None else held.row

    def put(self, key: bytes, row: Row) -> None:
        """The row of this key from now on; a row that holds the record at hand from an earlier life stays as it is."""
        try:
            held = self._cache[key]
        except KeyError:
            held = self._load(key)
        self._changed.add(key)
        if held is None:
            fence = {self._source: self._offset}
        elif held.fence.get(self._source, -1) < self._offset or self._mine(key):
            fence = {**held.fence, self._source: self._offset}
        else:
            return
        self._undo.append((key, held))
        self._cache[key] = Fenced(row, fence)

    def delete(self, key: bytes) -> None:
        """Forget the row and its fence: a repeated older record would make it anew, unless a row says otherwise."""
        if not self.folded(key):
            self._undo.append((key, self._cache[key]))
            self._cache[key] = None
        self._changed.add(key)

    def folded(self, key: bytes) -> bool:
        """Whether the row holds the record at hand from an earlier life (a fold that touches many rows asks)."""
        try:
            held = self._cache[key]
        except KeyError:
            held = self._load(key)
        return held is not None and held.fence.get(self._source, -1) >= self._offset and not self._mine(key)

    def _mine(self, key: bytes) -> bool:
        """Whether the record at hand has itself changed the row just now."""
        return any(key == changed for changed, _ in self._undo)

    def _load(self, key: bytes) -> Fenced[Row] | None:
        stored = self._shelf.get(self.partition, key)
        held = self._cache[key] = None if stored is None else self._decode(stored)
        return held

    def _decode(self, stored: bytes) -> Fenced[Row]:
        fence, row = unpack(stored)
        return Fenced(self._codec.decode(row), fence)

    # What follows is for the engine.

    def recovered(self) -> Iterator[tuple[bytes, Row]]:
        """All stored rows, decoded; they are not cached."""
        for key, stored in self._shelf.items(self.partition):
            yield key, self._decode(stored).row

    def begin(self, source: str, record: Any) -> bool:
        """Set the record at hand; False if the row of its key already holds it (then it is to be written again)."""
        self._source, self._offset = source, record.offset
        self._undo.clear()
        key = record.key
        if key is None or not self.folded(key):
            return True
        self._changed.add(key)
        return False

    def undo(self) -> None:
        """Take back what the record at hand has changed."""
        for key, held in reversed(self._undo):
            self._cache[key] = held
        self._undo.clear()

    def take_changed(self) -> list[tuple[bytes, Fenced[Row] | None]]:
        """What has changed since the last call, as it is now; later changes do not reach into it.

        In the order of the keys: should only the first of several batches reach the changelog, a row that sums up
        others, under a key before theirs, is in it, and nothing it has missed can be fenced off.
        """
        changed = [(key, self._cache[key]) for key in sorted(self._changed)]
        self._changed.clear()
        return changed

    def encode(self, held: Fenced[Row] | None) -> bytes | None:
        return None if held is None else pack(held.fence, self._codec.encode(held.row))

    def evict(self, limit: int) -> None:
        """Drop the rows beyond the limit that came first; only right when all but `_changed` is in the store."""
        surplus = len(self._cache) - limit
        if surplus > 0:
            idle = (key for key in self._cache if key not in self._changed)
            for key in list(islice(idle, surplus)):
                del self._cache[key]
