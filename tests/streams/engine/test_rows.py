"""Rows are encoded once for each flush, may change in place, and say in which form they are stored."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.fences import pack, unpack
from streams.engine.rows import CHECKPOINT, Codec, NewerRow, Rows, Unreadable


class Record(NamedTuple):
    offset: int
    key: bytes | None


class RowStore:
    """Stored rows; `broken` is what reading them raises."""

    def __init__(self, **rows: bytes) -> None:
        self.rows = {key.encode(): row for key, row in rows.items()}
        self.broken: Exception | None = None

    def get(self, partition: int, key: bytes) -> bytes | None:
        if self.broken is not None:
            raise self.broken
        return self.rows.get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter(self.rows.items())

    def scrub(self, partition: int) -> int:
        return 0

    def write(self, partition: int, rows: Any, offset: int) -> None:
        self.rows.update((key, row) for key, row in rows if row is not None)


class Many:
    """A codec of lists of numbers that counts what it encodes."""

    def __init__(self) -> None:
        self.encoded = 0

    def encode(self, row: list[int]) -> bytes:
        self.encoded += 1
        return bytes(row)

    def codec(self, form: int = 1, reads: int = 1) -> Codec[list[int]]:
        return Codec(self.encode, list, form, reads)


def test_a_row_that_changes_in_place_is_encoded_once_for_each_flush() -> None:
    """However often it is put, its bytes are made when they are taken, with all that it holds by then."""
    many, store = Many(), RowStore()
    rows = Rows(0, store, many.codec())
    row: list[int] = []
    for offset in range(5):
        assert rows.begin("events@0", offset, b"a")
        row.append(offset)
        rows.put(b"a", row)
    assert many.encoded == 0
    assert list(rows.take_changed()) == [(b"a", pack({"events@0": 4}, bytes(range(5))))]
    assert many.encoded == 1
    assert list(rows.take_changed()) == []
    rows.begin("events@0", 5, b"a")
    row.append(5)
    rows.put(b"a", row)
    assert list(rows.take_changed()) == [(b"a", pack({"events@0": 5}, bytes(range(6))))]


def test_what_is_undone_is_the_row_that_was_there() -> None:
    """The record that failed is folded all the same: read again, it is not tried again, as its dead letter was sent."""
    store = RowStore(a=pack({"events@0": 3, "clock@0": 1}, b"\x01"))
    rows = Rows(0, store, Many().codec())
    rows.begin("events@0", 4, b"a")
    rows.put(b"a", [9])
    rows.put(b"b", [9])
    rows.delete(b"a")
    rows.put(b"a", [8])
    rows.undo()
    taken = dict(rows.take_changed())
    assert taken == {b"a": pack({"events@0": 4, "clock@0": 1}, b"\x01"), b"b": None}
    store.write(0, taken.items(), 0)
    again = Rows(0, store, Many().codec())
    assert not again.begin("events@0", 4, b"a")
    assert again.begin("events@0", 5, b"a")


def test_a_deleted_row_that_is_undone_has_its_fence_again() -> None:
    """What an earlier life had folded further than this one is not folded again."""
    rows = Rows(0, RowStore(a=pack({"events@0": 3, "clock@0": 7}, b"\x01")), Many().codec())
    assert rows.begin("events@0", 4, b"a")
    rows.delete(b"a")
    rows.undo()
    assert not rows.begin("clock@0", 7, b"a")


def test_rows_of_one_flush_share_a_fence() -> None:
    """What was folded here is in all rows, whichever of them it has changed."""
    rows = Rows(0, RowStore(), Many().codec())
    rows.begin("events@0", 4, b"a")
    rows.put(b"a", [1])
    rows.begin("clock@0", 2, b"b")
    rows.put(b"b", [2])
    fence = {"events@0": 4, "clock@0": 2}
    assert dict(rows.take_changed()) == {b"a": pack(fence, b"\x01"), b"b": pack(fence, b"\x02")}
    assert rows.fence == fence


def test_a_row_that_is_ahead_of_its_neighbours_stays_ahead() -> None:
    """One that a broken flush has left keeps its own fence until what is folded here has come as far."""
    ahead, behind = {"events@0": 9, "clock@0": 3}, {"events@0": 4, "clock@0": 3}
    store = RowStore(a=pack(ahead, b"\x01"), b=pack(behind, b"\x01"))
    rows = Rows(0, store, Many().codec())
    list(rows.recovered())
    assert not rows.begin("events@0", 5, b"a")
    assert rows.begin("events@0", 6, b"b")
    assert rows.begin("events@0", 7, None)
    assert (rows.folded(b"a"), rows.folded(b"b")) == (True, False)
    rows.put(b"a", [5])
    rows.put(b"b", [5])
    assert dict(rows.take_changed()) == {
        b"a": pack({"events@0": 9, "clock@0": 3}, b"\x01"),
        b"b": pack({"events@0": 7, "clock@0": 3}, b"\x05"),
    }
    assert not rows.begin("events@0", 9, b"a")
    assert rows.begin("events@0", 10, b"a")
    rows.put(b"a", [7])
    assert dict(rows.take_changed()) == {b"a": pack({"events@0": 10, "clock@0": 3}, b"\x07")}


def test_what_the_checkpoint_says_is_in_all_rows() -> None:
    """The checkpoint is the last row of a complete flush: rows that it found unchanged hold as much as those it has written."""
    store = RowStore(a=pack({"events@0": 1}, b"\x01"), b=pack({"events@0": 6}, b"\x01"))
    store.rows[CHECKPOINT] = pack({"events@0": 6}, b"")
    rows = Rows(0, store, Many().codec())
    assert len(list(rows.recovered())) == 2
    assert rows.holds(b"a", "events@0", 6)
    assert [rows.begin("events@0", 6, key) for key in (b"a", b"new", None)] == [False, False, False]
    assert [key for key, _ in rows.take_changed()] == [b"a"]
    assert rows.begin("events@0", 7, b"a")


def test_the_rows_that_are_idle_for_longest_go_first() -> None:
    """A row that was changed again since it came is the last to leave."""
    store = RowStore()
    rows = Rows(0, store, Many().codec())
    for offset, key in enumerate((b"a", b"b", b"c", b"a")):
        rows.begin("events@0", offset, key)
        rows.put(key, [offset])
        store.write(0, rows.take_changed(), 0)
    rows.evict(1)
    store.broken = Exception("read")
    assert rows.get(b"a") == [3]
    with pytest.raises(Unreadable):
        rows.get(b"c")


def test_a_row_of_the_form_before_is_read_and_written_in_its_own() -> None:
    """The release that writes form 2 opens rows of form 1, and tells its own on each row that it writes."""
    rows = Rows(0, RowStore(a=pack({"events@0": 3}, b"\x01")), Many().codec(form=2, reads=2))
    rows.begin("events@0", 4, b"a")
    rows.put(b"a", [*(rows.get(b"a") or []), 2])
    ((_, stored),) = rows.take_changed()
    assert stored == pack({"events@0": 4}, b"\x01\x02", form=2)
    assert unpack(stored or b"")[0]["form"] == 2


def test_a_row_of_a_form_that_is_not_known_is_no_fault_of_a_record() -> None:
    """It is not folded over, not sent to dead-letters by whoever catches faults, and its error tells the mend."""
    store = RowStore(a=pack({"events@0": 3}, b"\x01", form=3))
    rows = Rows(7, store, Many().codec(form=1, reads=2))
    with pytest.raises(Unreadable, match="partition 7 has form 3, this release reads up to 2") as caught:
        rows.begin("events@0", 4, b"a")
    assert isinstance(caught.value.__cause__, NewerRow)
    assert not isinstance(caught.value, Exception)
    with pytest.raises(NewerRow):
        list(rows.recovered())
    before = Rows(7, store, Many().codec(form=2, reads=3))
    assert before.get(b"a") == [1], "the release before the one that writes it reads it"


def test_a_store_that_cannot_be_read_is_no_fault_of_a_record() -> None:
    """Whatever a driver raises leaves the fold as an error that no fold catches."""
    store = RowStore()
    store.broken = Exception("Corruption: block checksum mismatch")
    with pytest.raises(Unreadable, match="partition 0: Exception: Corruption"):
        Rows(0, store, Many().codec()).get(b"a")


# --- the invariants together --------------------------------------------------------------------------------------

KEYS, SUM = (b"a", b"b", b"c"), b"\x00sum"
PARTS = ("events@0", "ticks@0")


class Run:
    """One run of a process over stored rows: it folds every record into the rows that it concerns, as a list."""

    def __init__(self, store: RowStore) -> None:
        self.store, self.rows = store, Rows(0, store, Many().codec())
        list(self.rows.recovered())

    def fold(self, source: str, offset: int, number: int, key: bytes | None, fails: bool) -> None:
        """Add the record's number to the row of its key, or of all keys, and to the row that sums up."""
        if not self.rows.begin(source, offset, key):
            return
        for one in (SUM, *((key,) if key else KEYS)):
            if not self.rows.folded(one):
                self.rows.put(one, [*(self.rows.get(one) or []), number])
        if fails:
            self.rows.undo()

    def flush(self, kept: int | None = None) -> None:
        """Write what has changed and the checkpoint; or only the first rows, and the process dies."""
        fence = self.rows.fence
        pairs = [*self.rows.take_changed(), (CHECKPOINT, pack(fence, b""))]
        self.store.write(0, pairs[:kept], 0)
        self.rows.evict(1)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.sampled_from([*KEYS, None]), st.booleans()), min_size=1, max_size=14), st.data())
def test_each_record_counts_once_in_each_row_whatever_a_crash_keeps(
    written: list[tuple[bytes | None, bool]], data: Any
) -> None:
    """However two sources interleave when they are read again, and however many rows of a flush survive."""
    logs: dict[str, list[tuple[int, bytes | None, bool]]] = {part: [] for part in PARTS}
    for number, (key, fails) in enumerate(written):
        logs[PARTS[key is None]].append((number, key, fails))
    store, safe = RowStore(), dict.fromkeys(PARTS, 0)
    for life in range(4):
        run, at = Run(store), dict(safe)
        while any(at[part] < len(logs[part]) for part in PARTS):
            part = data.draw(st.sampled_from([part for part in PARTS if at[part] < len(logs[part])]))
            run.fold(part, at[part], *logs[part][at[part]])
            at[part] += 1
            if data.draw(st.booleans()):
                if life < 3 and data.draw(st.booleans()):
                    run.flush(data.draw(st.integers(0, 5)))
                    break
                run.flush()
                safe = dict(at)
    run.flush()
    for key in (SUM, *KEYS):
        row = unpack(store.rows[key])[1] if key in store.rows else b""
        wanted = [n for n, (of, fails) in enumerate(written) if not fails and (key == SUM or of in (key, None))]
        assert sorted(row) == wanted
