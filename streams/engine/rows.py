"""The rows of one partition while this process owns it: decoded, fenced, undoable, and bounded in memory.

Invariants:

- **Fence.** A record changes no row that holds it already (`fences`). It may change the row of its key, rows that
  aggregate others (their keys begin with a control character, which the keys of records with a row of their own do
  not), and, if it has no key, any row that it asks for with `folded`.
- **Re-put.** A row that holds the record at hand is written once more, unchanged: the process may have died before
  the changelog had it. `put` and `begin` see to that.
- **Undo.** After a fault every row that the record has put or deleted is the one that was there, with its fence. A row
  that was changed in place has to be restored by the fold itself.
- **Encoding.** A row is encoded once per flush, by `take_changed`, while nothing is folded; so it may change in place,
  and is put again to say so.
- **Memory.** Only rows that a flush has written are evicted.

A stored row also carries the *form* of its bytes. A release reads a new form before the next one writes it; a row of an
unknown form ends the process and stays as it is.
"""

from collections.abc import Callable, Iterator
from itertools import chain, islice
from typing import Generic, NamedTuple, TypeVar

from streams.engine.fences import FORM, Fence, Fences, pack, unpack
from streams.engine.row_store import RowStore

Row = TypeVar("Row")

CHECKPOINT = b"\x00mark"  # the key of the engine's own row, the last of each flush


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
    """A row could not be read from the store. No fault of the record at hand, so no `Exception` that a fold may catch."""


class Rows(Generic[Row]):
    """The rows of one partition: a fold uses `get`, `put`, `delete` and `folded`, the engine all the rest."""

    def __init__(self, partition: int, store: RowStore, codec: Codec[Row]) -> None:
        self.partition = partition
        self._store = store
        self._codec = codec
        self.source = ""  # of the record at hand: its topic with the incarnation
        self._fences = Fences()
        self._cache: dict[bytes, Row | None] = {}  # idle rows first; None where there is no row
        self._changed: dict[bytes, None] = {}
        self._undo: list[tuple[bytes, Row | None, Fence | None]] = []  # what a change replaced; plain tuples, for speed
        self._last_line, self._last_fence = b"", dict[str, int]()  # of the row read last: neighbours have the same

    # --- for the fold -----------------------------------------------------------------------------------------

    def get(self, key: bytes) -> Row | None:
        """The row of this key, or None. Raises `Unreadable`."""
        try:
            return self._cache[key]
        except KeyError:
            return self._load(key)

    def put(self, key: bytes, row: Row) -> None:
        """Replace the row of this key; a row that holds the record at hand already stays and is only written again."""
        cache, fences = self._cache, self._fences
        before = cache[key] if key in cache else self._load(key)
        self._changed[key] = None
        if not fences.replaying or not fences.holds_current(key):
            self._undo.append((key, before, None))
            cache[key] = row

    def delete(self, key: bytes) -> None:
        """Delete the row and its fence: an older record that is repeated would create it again, unless a row fences it."""
        before = self.get(key)
        self._changed[key] = None
        if not self._fences.holds_current(key):
            self._undo.append((key, before, self._fences.forget(key)))
            self._cache[key] = None

    def folded(self, key: bytes) -> bool:
        """Whether the row holds the record at hand already; a fold that changes many rows asks for each."""
        if not self._fences.replaying:
            return False
        self.get(key)
        return self._fences.holds_current(key)

    # --- for the engine ---------------------------------------------------------------------------------------

    @property
    def fence(self) -> dict[str, int]:
        """How far each source is folded into all rows."""
        return dict(self._fences.shared)

    def recovered(self) -> Iterator[tuple[bytes, Row]]:
        """All stored rows, decoded and not cached; to be exhausted before the first record.

        The checkpoint is the last row of a complete flush, so all rows hold whatever its fence says.
        """
        shared: Fence | None = None
        furthest: dict[str, int] = {}
        line = b""
        for key, stored in self._store.items(self.partition):
            if key == CHECKPOINT:
                shared = unpack(stored)[0]
                continue
            row = self._decode(stored)
            if line != self._last_line:
                line = self._last_line
                furthest.update((s, o) for s, o in self._last_fence.items() if o > furthest.get(s, -1))
            yield key, row
        self._fences.recover(shared, furthest)

    def holds(self, key: bytes, source: str, offset: int) -> bool:
        """Whether a record of an earlier run is in a row; asked before the first record of this run."""
        self.get(key)
        return self._fences.holds(key, source, offset)

    def begin(self, source: str, offset: int, key: bytes | None) -> bool:
        """Set the record at hand; False if it must not be folded because the row of its key holds it already."""
        self._undo.clear()
        self.source = source
        fences = self._fences
        if fences.advance(source, offset) and (not fences.replaying or key is None or not self.folded(key)):
            return True
        if key is not None:
            self._put_again(key)
        return False

    def _put_again(self, key: bytes) -> None:
        if self.get(key) is not None:
            self._changed[key] = None

    def undo(self) -> None:
        """Take back what the record at hand has put or deleted."""
        for key, row, fence in reversed(self._undo):
            self._cache[key] = row
            self._fences.restore(key, fence)
        self._undo.clear()

    def take_changed(self) -> Iterator[tuple[bytes, bytes | None]]:
        """The stored forms of what has changed since the last call; nothing may be folded until all are taken.

        Keys that begin with a control character come first, in their order: if only the first of several batches reaches the
        changelog, it contains the rows that aggregate others, so no record that they miss is fenced off.
        """
        changed, self._changed = self._changed, {}
        cache, fences, (encode, _, form, _) = self._cache, self._fences, self._codec
        shared = pack(fences.shared, b"", form)
        aggregates = sorted(key for key in changed if key < b" ")
        for key in aggregates:
            del changed[key]
        for key in chain(aggregates, changed):
            row = cache[key] = cache.pop(key)  # to the end of the cache: it is idle from now on
            if row is None:
                yield key, None
            elif (own := fences.of_changed(key)) is None:
                yield key, shared + encode(row)
            else:
                yield key, pack(own, encode(row), form)

    def evict(self, limit: int) -> None:
        """Drop the longest idle rows beyond the limit; only right when all but changed rows are in the store."""
        surplus = len(self._cache) - limit
        if surplus > 0:
            idle = (key for key in self._cache if key not in self._changed)
            for key in list(islice(idle, surplus)):
                del self._cache[key]
                self._fences.forget(key)

    def _load(self, key: bytes) -> Row | None:
        try:
            stored = self._store.get(self.partition, key)
            row = None if stored is None else self._decode(stored)
        except Exception as error:
            raise Unreadable(f"partition {self.partition}: {type(error).__name__}: {error}") from error
        if stored is not None:
            self._fences.loaded(key, self._last_fence)
        self._cache[key] = row
        return row

    def _decode(self, stored: bytes) -> Row:
        """The row; its fence is in `_last_fence`."""
        line, _, row = stored.partition(b"\n")
        if line != self._last_line:
            fence, _ = unpack(line)
            form = fence.pop(FORM, 1)
            if form > self._codec.reads:
                raise NewerRow(
                    f"a row of partition {self.partition} has form {form}, this release reads up to "
                    f"{self._codec.reads}: start the release that wrote it, or the one before that"
                )
            self._last_line, self._last_fence = line, fence
        return self._codec.decode(row)
