"""The rows of one partition while this process has it: decoded, fenced, undoable, and bounded in memory.

A stored row carries a *fence*: how far each source (a topic and its epoch) was folded when the row was written. A record
at or below it is already in the row, or was found not to concern it, and must not change it again; the row is only
written once more, as the process may have died before the changelog had it everywhere.

All that was folded here is in all rows at once, so the rows of a flush share one fence, which is made once and not for
each. Only what an earlier life has left can differ: a row that was written in a flush that the process did not survive
holds more than its neighbours. Such a fence is kept beside the row until what is folded here has come as far; as long
as records come that any stored row may hold, each row is asked. The last row of a complete flush is the `CHECKPOINT`, so all
rows hold whatever the mark's fence says.

A record may change the row of its key, rows of the kind that sum up others (their keys begin with a null byte), and, if
it has no key, any row that it asks for with `folded`: it is the row of the key that decides whether it is folded.

A row is encoded once for each flush, in `take_changed`, while nothing is folded. So it may change in place, and is put
again to say so; only what undoes such a change after a fault is then the fold's own affair.

It also carries the *form* of its bytes. A form is read by the release before the first that writes it; a row of a form
that this release does not know ends the process and stays as it is.

It refuses to know what a row means, who folds, and when rows are written.
"""

from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from typing import Generic, NamedTuple, TypeVar

from msgspec import json

from streams.engine.row_store import RowStore

Row = TypeVar("Row")

FORM = "form"  # beside the sources of a fence, which all have an @
CHECKPOINT = b"\x00mark"  # the key of what the engine itself keeps beside the rows


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

    def __init__(self, partition: int, store: RowStore, codec: Codec[Row]) -> None:
        self.partition = partition
        self._store = store
        self._codec = codec
        self._cache: dict[bytes, Row | None] = {}  # the idle first, None where there is no row
        self._changed: dict[bytes, None] = {}
        self._undo: list[tuple[bytes, Row | None, Mapping[str, int] | None]] = []  # what was there, and its fence
        self._folded: dict[str, int] = {}  # all rows hold so much of each source
        self._fences: dict[bytes, Mapping[str, int]] = {}  # of those that hold more
        self._furthest: dict[str, int] | None = None  # what any stored row holds, once all were read
        self._line, self._read = b"", dict[str, int]()  # the fence that was read last: neighbours have the same
        self._source, self._offset = "", -1
        self._again = True  # some stored row may hold the record at hand

    def get(self, key: bytes) -> Row | None:
        """The row of this key, or None."""
        try:
            return self._cache[key]
        except KeyError:
            return self._load(key)

    def put(self, key: bytes, row: Row) -> None:
        """The row of this key from now on; a row that holds the record at hand from an earlier life stays as it is."""
        cache = self._cache
        before = cache[key] if key in cache else self._load(key)
        self._changed[key] = None
        if not self._again or not self.folded(key):
            self._undo.append((key, before, None))
            cache[key] = row

    def delete(self, key: bytes) -> None:
        """Forget the row and its fence: a repeated older record would make it anew, unless a row says otherwise."""
        before = self.get(key)
        self._changed[key] = None
        if not self.folded(key):
            self._undo.append((key, before, self._fences.pop(key, None)))
            self._cache[key] = None

    def folded(self, key: bytes) -> bool:
        """Whether the row holds the record at hand from an earlier life (a fold that touches many rows asks)."""
        if not self._again:
            return False
        self.get(key)
        return self._fences.get(key, _NOTHING).get(self._source, -1) >= self._offset

    def _load(self, key: bytes) -> Row | None:
        try:
            stored = self._store.get(self.partition, key)
            row = None if stored is None else self._decode(stored)
        except Exception as error:
            raise Unreadable(f"partition {self.partition}: {type(error).__name__}: {error}") from error
        if stored is not None and (self._again or self._further(self._read)):
            self._fences[key] = self._read
        self._cache[key] = row
        return row

    def _further(self, fence: Mapping[str, int]) -> bool:
        """Whether a row with this fence holds what was not folded here."""
        folded = self._folded
        return any(offset > folded.get(source, -1) for source, offset in fence.items())

    def _decode(self, stored: bytes) -> Row:
        """The row; its fence is in `_read`."""
        line, _, row = stored.partition(b"\n")
        if line != self._line:
            fence = _fence.decode(line)
            form = fence.pop(FORM, 1)
            if form > self._codec.reads:
                raise NewerRow(
                    f"a row of partition {self.partition} has form {form}, this release reads up to "
                    f"{self._codec.reads}: start the release that wrote it, or the one before that"
                )
            self._line, self._read = line, fence
        return self._codec.decode(row)

    # What follows is for the engine.

    @property
    def fence(self) -> dict[str, int]:
        """How far each source is folded into all rows."""
        return dict(self._folded)

    def recovered(self) -> Iterator[tuple[bytes, Row]]:
        """All stored rows, decoded; they are not cached."""
        furthest: dict[str, int] = {}
        line = b""
        for key, stored in self._store.items(self.partition):
            if key == CHECKPOINT:
                self._folded = unpack(stored)[0]
                continue
            row = self._decode(stored)
            if line != self._line:
                line = self._line
                furthest.update((s, o) for s, o in self._read.items() if o > furthest.get(s, -1))
            yield key, row
        self._furthest = furthest

    def holds(self, key: bytes, source: str, offset: int) -> bool:
        """Whether a record of an earlier life is in a row; asked before the first record of this one."""
        self.get(key)
        return max(self._folded.get(source, -1), self._fences.get(key, _NOTHING).get(source, -1)) >= offset

    def begin(self, source: str, offset: int, key: bytes | None) -> bool:
        """Set the record at hand; False if the row of its key already holds it (then it is to be written again)."""
        self._undo.clear()
        folded, furthest = self._folded, self._furthest
        if offset > folded.get(source, -1):
            folded[source] = offset
            self._again = furthest is None or offset <= furthest.get(source, -1)
            if not self._again:
                return True
            self._source, self._offset = source, offset
            if key is None or not self.folded(key):
                return True
        if key is not None and self.get(key) is not None:
            self._changed[key] = None
        return False

    def undo(self) -> None:
        """Take back what the record at hand has changed: each row is the one that was there, with its fence."""
        for key, row, fence in reversed(self._undo):
            self._cache[key] = row
            if fence is not None:
                self._fences[key] = fence
        self._undo.clear()

    def take_changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """What has changed since the last call, as bytes; nothing may be folded until all of it is taken.

        Keys that begin with a null byte come first, in their order: should only the first of several batches reach the
        changelog, a row that sums up others is in it, and nothing it has missed can be fenced off.
        """
        changed, self._changed = self._changed, {}
        cache, fences, (encode, _, form, _) = self._cache, self._fences, self._codec
        fence = pack(self._folded, b"", form)
        sums = sorted(key for key in changed if key < b"\x01")
        for key in sums:
            del changed[key]
        for key in chain(sums, changed):
            row = cache[key] = cache.pop(key)  # it is idle from now on
            if row is None:
                yield key, None
            elif key in fences:
                yield key, pack(self._merged(key), encode(row), form)
            else:
                yield key, fence + encode(row)

    def _merged(self, key: bytes) -> Mapping[str, int]:
        """The fence of a row that has held more than what was folded here, and may still."""
        own, folded = self._fences.pop(key), self._folded
        if not self._further(own):
            return folded
        self._fences[key] = {**folded, **{s: o for s, o in own.items() if o > folded.get(s, -1)}}
        return self._fences[key]

    def evict(self, limit: int) -> None:
        """Drop the rows beyond the limit that are idle for longest; only right when all but `_changed` is in the store."""
        surplus = len(self._cache) - limit
        if surplus > 0:
            idle = (key for key in self._cache if key not in self._changed)
            for key in list(islice(idle, surplus)):
                del self._cache[key]
                self._fences.pop(key, None)


_NOTHING: Mapping[str, int] = {}
