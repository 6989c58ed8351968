"""How far each source is folded into the rows of a partition, and how a fence is stored with its row.

A source is a topic and its incarnation. A *fence* says up to which offset each source was folded when the row was
written: a record at or below it is already in the row and must not change it again.

Everything that this run of the process folded is in all rows at once, so the rows of a flush share one fence, which is
encoded once. Only rows of an earlier run can differ: a flush that the process did not survive leaves rows that hold more
than their neighbours. Such a row keeps its own fence until the shared one has reached it.
"""

from collections.abc import Mapping

from msgspec import json

FORM = "form"  # beside the sources of a fence, which all contain an @

Fence = Mapping[str, int]
"""The last offset that was folded, by source."""

_decode = json.Decoder(dict[str, int]).decode
_encode = json.Encoder().encode
_EMPTY: Fence = {}


def pack(fence: Fence, row: bytes, form: int = 1) -> bytes:
    """The stored form: the fence as one line of JSON, then the row.

    >>> unpack(pack({"purchases@1": 41}, b"row"))
    ({'purchases@1': 41}, b'row')
    >>> pack({"purchases@1": 41}, b"row", form=2)
    b'{"purchases@1":41,"form":2}\\nrow'
    """
    return b"%b\n%b" % (_encode(fence if form == 1 else {**fence, FORM: form}), row)


def unpack(stored: bytes) -> tuple[dict[str, int], bytes]:
    """The fence (with the form, if it is not 1) and the row of a stored form."""
    fence, _, row = stored.partition(b"\n")
    return _decode(fence), row


class Fences:
    """The shared fence of a partition's rows, and the fences of rows that hold more.

    Invariants:

    - every row holds every record up to `shared`;
    - a row with a fence of its own holds every record up to that as well;
    - while `replaying`, some stored row may hold the record at hand, so each row has to be asked with `holds_current`.
    """

    def __init__(self) -> None:
        self.shared: dict[str, int] = {}
        self.replaying = True
        self._own: dict[bytes, Fence] = {}  # of rows that hold more than `shared`, by key
        self._furthest: Fence | None = None  # the maximum over all stored rows; None before they were read
        self._source, self._offset = "", -1  # the record at hand, while replaying

    def recover(self, shared: Fence | None, furthest: Fence) -> None:
        """All stored rows were read: what the checkpoint says of all of them, if there is one, and their maximum."""
        if shared is not None:
            self.shared = dict(shared)
        self._furthest = furthest

    def advance(self, source: str, offset: int) -> bool:
        """Take up the record at hand; False if all rows hold it already."""
        shared, furthest = self.shared, self._furthest
        if offset <= shared.get(source, -1):
            return False
        shared[source] = offset
        self.replaying = furthest is None or offset <= furthest.get(source, -1)
        if self.replaying:
            self._source, self._offset = source, offset
        return True

    def holds_current(self, key: bytes) -> bool:
        """Whether the row, which must have been loaded, holds the record at hand from an earlier run."""
        return self.replaying and self._own.get(key, _EMPTY).get(self._source, -1) >= self._offset

    def holds(self, key: bytes, source: str, offset: int) -> bool:
        """Whether the row, which must have been loaded, holds a record of an earlier run."""
        return max(self.shared.get(source, -1), self._own.get(key, _EMPTY).get(source, -1)) >= offset

    def loaded(self, key: bytes, fence: Fence) -> None:
        """A stored row was loaded; its fence is kept if it matters.

        `shared` contains the record at hand already, so while replaying only the row's own fence can tell.
        """
        if self.replaying or self._exceeds_shared(fence):
            self._own[key] = fence

    def forget(self, key: bytes) -> Fence | None:
        """Drop the own fence of a row that is deleted or evicted; returns it for `restore`."""
        return self._own.pop(key, None)

    def restore(self, key: bytes, fence: Fence | None) -> None:
        """Undo `forget`."""
        if fence is not None:
            self._own[key] = fence

    def of_changed(self, key: bytes) -> Fence | None:
        """The fence to store with a changed row; None for the shared one."""
        own = self._own.pop(key, None)
        if own is None or not self._exceeds_shared(own):
            return None
        shared = self.shared
        self._own[key] = {**shared, **{s: offset for s, offset in own.items() if offset > shared.get(s, -1)}}
        return self._own[key]

    def _exceeds_shared(self, fence: Fence) -> bool:
        shared = self.shared
        return any(offset > shared.get(source, -1) for source, offset in fence.items())
