"""Imports tables with bounded memory: rows to events, groups of rows to one event, in the order of the files or of time.

Rows of a group need not be neighbours. They are put together as far as memory is meant to hold them, then sorted by their group, and the
events back into order afterwards; both sorts go through files if there is more.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path

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
GROUP_SIZE, ROW_SIZE = 1_000, 300  # about the bytes that a group, and each row of it, takes in memory

Reject = Callable[[Line], object]


_Place = tuple[int, int]
"""Of a row: the number of its file, and its own."""


class _Part(Struct, array_like=True, gc=False):
    """Rows of one group that were read one after the other, put together; `faults` are those of its rows that were rejected."""

    places: list[_Place]
    mapped: Mapped | None
    faults: list[tuple[_Place, RejectCode, str]]


_Made = tuple[_Place, bytes, AnyEvent]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Part).decode


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
            for (file, number), raw, event in made:
                yield Line(self._names[file], number, event, raw)
            return
        keyed = (b"%016d %06d %012d %b\n" % (event.time if by_time else 0, *place, raw) for place, raw, event in made)
        with sorted_lines(keyed, folder, memory) as found:
            for line in found.lines:
                raw = line[KEY:-1]
                yield Line(self._names[int(line[17:23])], int(line[24:36]), decode(raw), raw)

    def _rows(self) -> Iterator[tuple[_Place, str, Mapped | Rejection]]:
        """Each row with its group: converted, or why it is left out. A row whose group is unknown is a group of its own."""
        columns, mapping = self._form.columns(), self._mapping
        for number, source in enumerate(self._sources):
            for row, values in read_rows(source, columns, self._form.csv, self._progress):
                self.rows += 1
                group = values if isinstance(values, Rejection) else mapping.group(values)
                if isinstance(group, Rejection):
                    yield (number, row), f"\x00{number}-{row}", group
                else:
                    yield (number, row), group, mapping.row(values)  # type: ignore[arg-type]  # a rejection has no group

    def _single(self) -> Iterator[_Made]:
        for place, _, mapped in self._rows():
            if isinstance(mapped, Rejection):
                self._reject(place, mapped)
                continue
            raw, event = self._mapping.event(mapped)
            if isinstance(event, Rejection):
                self._reject(place, event)
            else:
                yield place, raw, event

    def _grouped(self, folder: Path, memory: int) -> Iterator[_Made]:
        with sorted_lines(self._parts(memory // 2), folder, memory // 2) as found:
            for _, lines in groupby((line.split(b"\t", 3) for line in found.lines), key=itemgetter(0)):
                yield from self._group([_decode(part) for *_, part in lines])

    def _parts(self, memory: int) -> Iterator[bytes]:
        """The groups as lines that can be sorted, by group and row. Of a group that memory could not hold to its end there are several."""
        parts: dict[str, _Part] = {}
        size, add = 0, self._mapping.add
        for place, group, row in self._rows():
            part = parts.get(group)
            if part is None:
                part = parts[group] = _Part([], None, [])
                size += GROUP_SIZE
            part.places.append(place)
            size += ROW_SIZE
            if isinstance(row, Rejection):
                part.faults.append((place, row.code, row.detail))
                size += len(row.detail)
            elif part.mapped is None:
                part.mapped = row
            else:
                add(part.mapped, row)
            if size >= memory:
                yield from map(_line, parts.items())
                parts, size = {}, 0
        yield from map(_line, parts.items())

    def _group(self, parts: list[_Part]) -> Iterator[_Made]:
        """The event of a group; if a row is rejected, or there is no event, all rows are."""
        places = [place for part in parts for place in part.places]
        first = places[0]
        bad = {place: Rejection(code, detail) for part in parts for place, code, detail in part.faults}
        if not bad:
            mapped, *rest = [part.mapped for part in parts if part.mapped is not None]
            for more in rest:
                self._mapping.add(mapped, more)
            raw, event = self._mapping.event(mapped)
            if not isinstance(event, Rejection):
                yield first, raw, event
                return
            bad = {first: event}
        (file, number), fault = next(iter(bad.items()))
        whose = f"line {number}" if len(self._names) == 1 else f"{self._names[file]}:{number}"
        with_it = Rejection(fault.code, f"is left out with {whose}, which belongs to the same event")
        for place in places:
            self._reject(place, bad.get(place, with_it))

    def _reject(self, place: _Place, fault: Rejection) -> None:
        file, number = place
        self._told(Line(self._names[file], number, fault))


def _line(entry: tuple[str, _Part]) -> bytes:
    group, part = entry
    return b"%b\t%06d\t%012d\t%b\n" % (_encode(group), *part.places[0], _encode(part))
