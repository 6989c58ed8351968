"""Imports tables with bounded memory: rows to events, groups of rows to one event, in the order of the files or of time.

Rows of a group need not be neighbours. They are sorted by their group first, and the events back into order afterwards; both sorts go
through files if there is more than memory is meant to hold.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import AnyEvent
from scorers.contract.wire import RejectCode, Rejection, decode
from streams.files.external_sort import MEMORY, sorted_lines
from streams.tables.map_file import FileMap
from streams.tables.mapping import Mapped, Mapping
from streams.tables.rows import read_rows
from vigia.runtime.files.event_lines import Progress, distinct_names
from vigia.runtime.files.lines import Line

KEY = 16 + 1 + 6 + 1 + 12 + 1  # bytes before an event: time, number of the file, number of the row, each with a blank

Reject = Callable[[Line], object]


class _Place(NamedTuple):
    file: int
    number: int


class _Kept(Struct, array_like=True):
    """A row as it lies between two sorts: converted, or rejected with its code and detail."""

    mapped: Mapped | None
    code: RejectCode | None = None
    detail: str = ""


class _Made(NamedTuple):
    place: _Place
    raw: bytes
    event: AnyEvent


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Kept).decode


class Import:
    """One import of files by a map; `rows` counts what was read, `reject` is called with each row that is left out."""

    def __init__(self, sources: Sequence[str], form: FileMap, reject: Reject, progress: Progress | None = None) -> None:
        self.rows = 0
        self._sources, self._form, self._mapping = sources, form, Mapping(form)
        self._names = distinct_names(sources)
        self._told, self._progress = reject, progress

    def lines(self, folder: Path, by_time: bool, memory: int = MEMORY) -> Iterator[Line]:
        """The events with their bytes. Temporary files lie in the folder."""
        made = self._grouped(folder, memory) if self._form.group else self._single()
        if not self._form.group and not by_time:
            for one in made:
                yield Line(self._names[one.place.file], one.place.number, one.event, one.raw)
            return
        keyed = (b"%016d %06d %012d %b\n" % (one.event.time if by_time else 0, *one.place, one.raw) for one in made)
        with sorted_lines(keyed, folder, memory) as found:
            for line in found.lines:
                raw = line[KEY:-1]
                yield Line(self._names[int(line[17:23])], int(line[24:36]), decode(raw), raw)

    def _rows(self) -> Iterator[tuple[_Place, str, Mapped | Rejection]]:
        """Each row with its group: converted, or why it is left out. A row whose group is unknown is a group of its own."""
        columns, mapping = self._form.columns(), self._mapping
        for number, source in enumerate(self._sources):
            for row in read_rows(source, columns, self._form.csv, self._progress):
                place = _Place(number, row.number)
                self.rows += 1
                if isinstance(row.cells, Rejection):
                    yield place, f"\x00{number}-{row.number}", row.cells
                    continue
                group = mapping.group(row.cells)
                if isinstance(group, Rejection):
                    yield place, f"\x00{number}-{row.number}", group
                else:
                    yield place, group, mapping.row(row.cells)

    def _single(self) -> Iterator[_Made]:
        for place, _, mapped in self._rows():
            if isinstance(mapped, Rejection):
                self._reject(place, mapped)
                continue
            raw, event = self._mapping.event([mapped])
            if isinstance(event, Rejection):
                self._reject(place, event)
            else:
                yield _Made(place, raw, event)

    def _grouped(self, folder: Path, memory: int) -> Iterator[_Made]:
        def keyed() -> Iterable[bytes]:
            for place, group, row in self._rows():
                kept = _Kept(None, row.code, row.detail) if isinstance(row, Rejection) else _Kept(row)
                yield b"%b\t%06d\t%012d\t%b\n" % (_encode(group), *place, _encode(kept))

        with sorted_lines(keyed(), folder, memory) as found:
            for _, lines in groupby((line.split(b"\t", 3) for line in found.lines), key=lambda parts: parts[0]):
                yield from self._group([(_Place(int(file), int(row)), _decode(kept)) for _, file, row, kept in lines])

    def _group(self, rows: list[tuple[_Place, _Kept]]) -> Iterator[_Made]:
        """The event of a group; if a row is rejected, or there is no event, all rows are."""
        bad = {place: Rejection(one.code, one.detail) for place, one in rows if one.code is not None}
        if not bad:
            first = rows[0][0]
            raw, event = self._mapping.event([one.mapped for _, one in rows if one.mapped is not None])
            if not isinstance(event, Rejection):
                yield _Made(first, raw, event)
                return
            bad = {first: event}
        (file, number), fault = next(iter(bad.items()))
        whose = f"line {number}" if len(self._names) == 1 else f"{self._names[file]}:{number}"
        with_it = Rejection(fault.code, f"is left out with {whose}, which belongs to the same event")
        for place, _ in rows:
            self._reject(place, bad.get(place, with_it))

    def _reject(self, place: _Place, fault: Rejection) -> None:
        self._told(Line(self._names[place.file], place.number, fault))
