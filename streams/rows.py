"""The rows of one partition while this process has it: decoded, fenced, undoable, and bounded in memory.

A stored row carries a *fence*: the last offset folded into it, by topic and topic epoch. A record at or below the fence
is already in the row and must not change it again; the row is only written once more, as the process may have died
before the changelog had it everywhere.

A row is encoded once for each flush, in `take_changed`, while nothing is folded. So it may change in place, and is put
again to say so; only what undoes such a change after a fault is then the fold's own affair.

It also carries the *form* of its bytes. A form is read by the release before the first that writes it; a row of a form
that this release does not know ends the process and stays as it is.

It refuses to know what a row means, who folds, and when rows are written.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Generic, NamedTuple, TypeVar

from msgspec import Struct, json

from streams.shelf import Shelf

Row = TypeVar("Row")

FORM = "form"  # beside the sources of a fence, which all have an @
MARK = b"\x00mark"  # the key of what the engine itself keeps beside the rows


class Codec(NamedTuple, Generic[Row]):
    """How a row becomes bytes and a row again; `form` is raised when an older release could not read the bytes.

    Forms up to `reads` are decoded: a release that learns a new form reads it first, and the next one writes it.
    """

    encode: Callable[[Row], bytes]
    decode: Callable[[bytes], Row]
    form: int = 1
    reads: int = 1


class NewerRow(RuntimeError):
    """A stored row has a form that a later release wrote and this one cannot read."""


class Unreadable(BaseException):
    """A row could not be had from the store: no fault of the record at hand, so nothing that a fold may catch."""


class _Held(Struct, Generic[Row], gc=False):
    """A row, what is folded into it, and the record that changed it last; no row if it was deleted or never was."""

    row: Row | None
    fence: dict[str, int]
    turn: int = -1


_Before = tuple[_Held[Row], Row | None, dict[str, int], int, int]
"""What a record found when it first changed a row: the row, its fence, its offset there, and who had changed it."""


_fence = json.Decoder(dict[str, int])
_encode = json.Encoder().encode


def pack(fence: Mapping[str, int], row: bytes, form: int = 1) -> bytes:
    """The stored form: the fence as one line of JSON, then the row.

    >>> unpack(pack({"purchases@1": 41}, b"row"))
    ({'purchases@1': 41}, b'row')
    >>> pack({"purchases@1": 41}, b"row", form=2)
    b'{"purchases@1":41,"form":2}\\nrow'
    """
    return b"%b\n%b" % (_encode(fence if form == 1 else {**fence, FORM: form}), row)


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
        self._cache: dict[bytes, _Held[Row]] = {}
        self._changed: dict[bytes, _Held[Row]] = {}
        self._undo: list[_Before[Row]] = []
        self._source, self._offset, self._turn = "", -1, 0

    def get(self, key: bytes) -> Row | None:
        """The row of this key, or None."""
        return (self._cache.get(key) or self._load(key)).row

    def put(self, key: bytes, row: Row) -> None:
        """The row of this key from now on; a row that holds the record at hand from an earlier life stays as it is."""
        held = self._cache.get(key) or self._load(key)
        if held.turn == self._turn or self._change(key, held):
            held.row = row

    def delete(self, key: bytes) -> None:
        """Forget the row and its fence: a repeated older record would make it anew, unless a row says otherwise."""
        held = self._cache.get(key) or self._load(key)
        if held.turn == self._turn or self._change(key, held):
            held.row, held.fence = None, {self._source: self._offset}

    def folded(self, key: bytes) -> bool:
        """Whether the row holds the record at hand from an earlier life (a fold that touches many rows asks)."""
        held = self._cache.get(key) or self._load(key)
        return held.fence.get(self._source, -1) >= self._offset and held.turn != self._turn

    def _change(self, key: bytes, held: _Held[Row]) -> bool:
        """The record at hand is about to change a row; False if the row holds that record already."""
        self._changed[key] = held
        fence, source, offset = held.fence, self._source, self._offset
        before = fence.get(source, -1)
        if before >= offset:
            return False
        self._undo.append((held, held.row, fence, before, held.turn))
        held.turn = self._turn
        fence[source] = offset
        return True

    def _load(self, key: bytes) -> _Held[Row]:
        try:
            stored = self._shelf.get(self.partition, key)
            held: _Held[Row] = _Held(None, {}) if stored is None else self._decode(stored)
        except Exception as error:
            raise Unreadable(f"partition {self.partition}: {type(error).__name__}: {error}") from error
        self._cache[key] = held
        return held

    def _decode(self, stored: bytes) -> _Held[Row]:
        fence, row = unpack(stored)
        form = fence.pop(FORM, 1)
        if form > self._codec.reads:
            raise NewerRow(
                f"a row of partition {self.partition} has form {form}, this release reads up to {self._codec.reads}: "
                "start the release that wrote it, or the one before that"
            )
        return _Held(self._codec.decode(row), fence)

    # What follows is for the engine.

    def recovered(self) -> Iterator[tuple[bytes, Row]]:
        """All stored rows, decoded; they are not cached."""
        for key, stored in self._shelf.items(self.partition):
            if key == MARK:
                continue
            row = self._decode(stored).row
            assert row is not None
            yield key, row

    def holds(self, key: bytes, source: str, offset: int) -> bool:
        """Whether a record is in a row."""
        return (self._cache.get(key) or self._load(key)).fence.get(source, -1) >= offset

    def begin(self, source: str, offset: int, key: bytes | None) -> bool:
        """Set the record at hand; False if the row of its key already holds it (then it is to be written again)."""
        self._source, self._offset = source, offset
        self._turn += 1
        self._undo.clear()
        if key is None:
            return True
        held = self._cache.get(key) or self._load(key)
        if held.fence.get(source, -1) < offset:
            return True
        self._changed[key] = held
        return False

    def undo(self) -> None:
        """Take back what the record at hand has changed: each row is the one that was there, with its fence."""
        for held, row, fence, offset, turn in self._undo:
            held.row, held.fence, held.turn = row, fence, turn
            if offset < 0:
                del fence[self._source]
            else:
                fence[self._source] = offset
        self._undo.clear()

    def take_changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What has changed since the last call, as bytes; nothing may be folded until all of it is taken.

        Keys that begin with a null byte come first, in their order: should only the first of several batches reach the
        changelog, a row that sums up others is in it, and nothing it has missed can be fenced off.
        """
        changed, self._changed = self._changed, {}
        encode, _, form, _ = self._codec
        sums = {key: changed.pop(key) for key in sorted(key for key in changed if key < b"\x01")}
        for several in (sums, changed):
            for key, held in several.items():
                yield key, None if held.row is None else pack(held.fence, encode(held.row), form)

    def evict(self, limit: int) -> None:
        """Drop the rows beyond the limit that came first; only right when all but `_changed` is in the store."""
        surplus = len(self._cache) - limit
        if surplus > 0:
            idle = (key for key in self._cache if key not in self._changed)
            for key in list(islice(idle, surplus)):
                del self._cache[key]
