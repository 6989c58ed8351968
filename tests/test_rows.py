"""Rows are encoded once for each flush, may change in place, and say in which form they are stored."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from streams.rows import Codec, NewerRow, Rows, Unreadable, pack, unpack


class Record(NamedTuple):
    offset: int
    key: bytes | None


class Shelf:
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
    many, shelf = Many(), Shelf()
    rows = Rows(0, shelf, many.codec())
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


def test_what_is_undone_has_the_fence_that_it_had() -> None:
    """A record that failed is not in the fence: read again, it is folded."""
    rows = Rows(0, Shelf(a=pack({"events@0": 3, "clock@0": 1}, b"\x01")), Many().codec())
    rows.begin("events@0", 4, b"a")
    rows.put(b"a", [9])
    rows.put(b"b", [9])
    rows.delete(b"a")
    rows.undo()
    assert dict(rows.take_changed()) == {b"a": pack({"events@0": 3, "clock@0": 1}, b"\x01"), b"b": None}
    assert rows.begin("events@0", 4, b"a")
    rows.put(b"b", [2])
    assert dict(rows.take_changed()) == {b"b": pack({"events@0": 4}, b"\x02")}


def test_a_row_of_the_form_before_is_read_and_written_in_its_own() -> None:
    """The release that writes form 2 opens rows of form 1, and tells its own on each row that it writes."""
    rows = Rows(0, Shelf(a=pack({"events@0": 3}, b"\x01")), Many().codec(form=2, reads=2))
    rows.begin("events@0", 4, b"a")
    rows.put(b"a", [*(rows.get(b"a") or []), 2])
    ((_, stored),) = rows.take_changed()
    assert stored == pack({"events@0": 4}, b"\x01\x02", form=2)
    assert unpack(stored or b"")[0]["form"] == 2


def test_a_row_of_a_form_that_is_not_known_is_no_fault_of_a_record() -> None:
    """It is not folded over, not sent to dead-letters by whoever catches faults, and its error tells the mend."""
    shelf = Shelf(a=pack({"events@0": 3}, b"\x01", form=3))
    rows = Rows(7, shelf, Many().codec(form=1, reads=2))
    with pytest.raises(Unreadable, match="partition 7 has form 3, this release reads up to 2") as caught:
        rows.begin("events@0", 4, b"a")
    assert isinstance(caught.value.__cause__, NewerRow)
    assert not isinstance(caught.value, Exception)
    with pytest.raises(NewerRow):
        list(rows.recovered())
    before = Rows(7, shelf, Many().codec(form=2, reads=3))
    assert before.get(b"a") == [1], "the release before the one that writes it reads it"


def test_a_store_that_cannot_be_read_is_no_fault_of_a_record() -> None:
    """Whatever a driver raises leaves the fold as an error that no fold catches."""
    shelf = Shelf()
    shelf.broken = Exception("Corruption: block checksum mismatch")
    with pytest.raises(Unreadable, match="partition 0: Exception: Corruption"):
        Rows(0, shelf, Many().codec()).get(b"a")
