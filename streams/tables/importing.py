"""Imports tables with bounded memory: rows to events, groups of rows to one event, in the order of the files or of time.

Rows of a group need not be neighbours. They are put together as far as memory is meant to hold them, then sorted by their group, and the
events back into order afterwards; both sorts go through files if there is more.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from scorers.contract.event_time import event_time
from scorers.contract.events import Micros
from scorers.contract.wire import RejectCode, Rejection, decode
from streams.files.external_sort import MEMORY, sorted_lines
from streams.tables.map_file import FileMap
from streams.tables.mapping import Made, Mapped, Mapping
from streams.tables.pieces import encode
from streams.tables.rows import read_rows
from vigia.runtime.files.event_lines import Progress, distinct_names
from vigia.runtime.files.lines import Line

KEY = 16 + 1 + 18 + 1  # bytes before an event: time and place, each with a blank
GROUP_SIZE, ROW_SIZE = 1_000, 250  # about the bytes that a group, and each row of it, takes in memory
ROWS = 10**12  # more than a file has

Reject = Callable[[Line], object]

_Place = int
"""Of a row: the number of its file times `ROWS`, and its own number."""


_Made = tuple[_Place, Made]


class _Part(Struct):
    """Rows of one group, put together; `faults` are those of its rows that were rejected."""

    places: list[_Place]
    mapped: Mapped | None
    faults: list[tuple[_Place, RejectCode, str]]


class _Stored(Struct, array_like=True, gc=False):
    """A part as it is written to a file, without its items."""

    places: list[_Place]
    faults: list[tuple[_Place, RejectCode, str]]
    type: str  # empty if no row could be converted
    fields: dict[str, Any]
    has_sound_items: bool


_decode = msgspec.json.Decoder(_Stored).decode


class Import:
    """One import of files by a map; `reject` is called with each row that is left out.

    `rows` counts what was read, `types` the events by their type.
    """

    def __init__(self, sources: Sequence[str], form: FileMap, reject: Reject, progress: Progress | None = None) -> None:
        self.rows = 0
        self.types = Counter[str]()
        self._sources, self._form, self._mapping = sources, form, Mapping(form)
        self._names = distinct_names(sources)
        self._told, self._progress = reject, progress

    def lines(self, folder: Path, by_time: bool, memory: int = MEMORY) -> Iterator[Line]:
        """The events, decoded, with their bytes. Temporary files lie in the folder."""
        for place, raw in self._placed(folder, by_time, memory):
            file, number = divmod(place, ROWS)
            yield Line(self._names[file], number, decode(raw), raw)

    def raw_lines(self, folder: Path, by_time: bool, memory: int = MEMORY) -> Iterator[bytes]:
        """The bytes of the events, each with a line end."""
        return (raw + b"\n" for _, raw in self._placed(folder, by_time, memory))

    def _placed(self, folder: Path, by_time: bool, memory: int) -> Iterator[tuple[_Place, bytes]]:
        made = self._grouped(folder, memory) if self._form.group else self._single()
        if not self._form.group and not by_time:
            yield from ((place, one.raw) for place, one in made)
            return
        keyed = (b"%016d %018d %b\n" % (_time(one) if by_time else 0, place, one.raw) for place, one in made)
        with sorted_lines(keyed, folder, memory) as found:
            for line in found.lines:
                yield int(line[17:35]), line[KEY:-1]

    def _rows(self) -> Iterator[tuple[_Place, Sequence[Any] | Rejection]]:
        columns = self._form.columns()
        for number, source in enumerate(self._sources):
            before = number * ROWS
            count = 0
            for row, values in read_rows(source, columns, self._form.csv, self._progress):
                count += 1
                yield before + row, values
            self.rows += count

    def _single(self) -> Iterator[_Made]:
        single, types = self._mapping.single, self.types
        for place, values in self._rows():
            made = values if isinstance(values, Rejection) else single(values)
            if isinstance(made, Rejection):
                self._reject(place, made)
            elif made.fault is not None:
                self._reject(place, made.fault)
            else:
                types[made.type] += 1
                yield place, made

    def _grouped(self, folder: Path, memory: int) -> Iterator[_Made]:
        with sorted_lines(self._parts(memory // 2), folder, memory // 2) as found:
            for _, lines in groupby((line.split(b"\t", 3) for line in found.lines), key=itemgetter(0)):
                yield from self._group([_part(stored, items) for _, _, stored, items in lines])

    def _parts(self, memory: int) -> Iterator[bytes]:
        """The groups as lines that can be sorted, by group and row. Of a group that memory could not hold to its end there are several."""
        parts: dict[str, _Part] = {}
        known: dict[Any, _Part] = {}  # by the texts of the columns that name the group, of CSV
        size, mapping = 0, self._mapping
        add_alike, texts_of = mapping.add_alike, mapping.group_texts
        for place, values in self._rows():
            texts = texts_of(values) if values.__class__ is tuple else None
            part = known.get(texts)
            if part is None or part.mapped is None or not add_alike(part.mapped, values):  # type: ignore[arg-type]  # a tuple
                part, new_size = self._add(parts, place, values)
                size += new_size
                if texts is not None:
                    known[texts] = part
            part.places.append(place)
            size += ROW_SIZE
            if size >= memory:
                yield from map(_line, parts.items())
                parts, known, size = {}, {}, 0
        yield from map(_line, parts.items())

    def _add(self, parts: dict[str, _Part], place: _Place, values: Sequence[Any] | Rejection) -> tuple[_Part, int]:
        """Convert a row and add it to its part; one whose group is unknown is a group of its own. With the bytes that this takes."""
        row: Mapped | Rejection
        found = values if isinstance(values, Rejection) else self._mapping.group(values)
        if isinstance(found, Rejection):
            file, number = divmod(place, ROWS)
            group, row = f"\x00{file}-{number}", found
        else:
            group, row = found, self._mapping.row(values)  # type: ignore[arg-type]  # a rejection has no group
        part, size = parts.get(group), 0
        if part is None:
            part, size = parts.setdefault(group, _Part([], None, [])), GROUP_SIZE
        if isinstance(row, Rejection):
            part.faults.append((place, row.code, row.detail))
            size += len(row.detail)
        elif part.mapped is None:
            part.mapped = row
        else:
            self._mapping.add(part.mapped, row)
        return part, size

    def _group(self, parts: list[_Part]) -> Iterator[_Made]:
        """The event of a group; if a row is rejected, or there is no event, all rows are."""
        places = [place for part in parts for place in part.places]
        first = places[0]
        bad = {place: Rejection(code, detail) for part in parts for place, code, detail in part.faults}
        if not bad:
            mapped, *rest = [part.mapped for part in parts if part.mapped is not None]
            for more in rest:
                self._mapping.add(mapped, more)
            made = self._mapping.event(mapped)
            if made.fault is None:
                self.types[made.type] += 1
                yield first, made
                return
            bad = {first: made.fault}
        at, fault = next(iter(bad.items()))
        file, number = divmod(at, ROWS)
        whose = f"line {number}" if len(self._names) == 1 else f"{self._names[file]}:{number}"
        with_it = Rejection(fault.code, f"is left out with {whose}, which belongs to the same event")
        for place in places:
            self._reject(place, bad.get(place, with_it))

    def _reject(self, place: _Place, fault: Rejection) -> None:
        file, number = divmod(place, ROWS)
        self._told(Line(self._names[file], number, fault))


def _time(made: Made) -> Micros:
    return event_time(made.raw) if made.time is None else made.time


def _line(entry: tuple[str, _Part]) -> bytes:
    group, part = entry
    mapped = part.mapped or Mapped("", {}, [], has_sound_items=True)
    stored = _Stored(part.places, part.faults, mapped.type, mapped.fields, mapped.has_sound_items)
    return b"%b\t%018d\t%b\t%b\n" % (encode(group), part.places[0], encode(stored), b",".join(mapped.items))


def _part(stored: bytes, items: bytes) -> _Part:
    part = _decode(stored)
    items = items[:-1]  # without the line end
    mapped = Mapped(part.type, part.fields, [items] if items else [], part.has_sound_items) if part.type else None
    return _Part(part.places, mapped, part.faults)
