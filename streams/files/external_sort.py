"""Sorts files of events by time with bounded memory, however large they are.

Lines are read into memory up to a size, sorted and written to a temporary file; such runs are merged, at most `FAN_IN` at
once. Each line of a run begins with its time and its number in the order of reading, both with a fixed width, so that
comparing two lines compares their times, and equal times stay in the order of reading.
"""

import gzip
import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import IO, NamedTuple

from msgspec import Struct, field

from scorers.contract.events import Instant
from scorers.contract.wire import Rejection
from vigia.runtime.files.event_lines import Progress, read
from vigia.runtime.files.history_line import history_line
from vigia.runtime.files.lines import Line

MEMORY = 64 << 20  # bytes of lines that are sorted at once
FAN_IN = 64  # runs that are merged at once
KEY = 16 + 1 + 12 + 1  # bytes before the line: time and number, each with a blank


class Sorted(Struct):
    """What became of the lines."""

    events: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    runs: int = 0  # temporary files that were written


def sort_events(
    sources: Sequence[str],
    out: Path,
    reject: Callable[[Line, Rejection], object],
    progress: Progress | None = None,
    memory: int = MEMORY,
    history: Instant = Instant(0),  # noqa: B008  # a number
) -> Sorted:
    """Write the events of all files to one, by time, each line as it was; lines that are no events go to `reject`.

    The file appears when it is complete, and not without an event; it is packed if its name ends in `.gz`. Temporary files lie beside it.
    Alarms before `history`, or what a file says of it, are history for whoever reads the file.
    """
    done = Sorted()
    begins = [history]

    def events() -> Iterator[bytes]:
        for line in read(sources, progress, history=begins.append):
            event = line.event
            if isinstance(event, Rejection):
                done.rejected[event.code] += 1
                reject(line, event)
                continue
            done.events += 1
            yield b"%016d %012d %b\n" % (event.time, done.events, line.raw)

    with TemporaryDirectory(prefix=".vigia-", dir=out.parent, ignore_cleanup_errors=True) as folder:
        complete = Path(folder) / "complete"
        with (
            writer(complete, packed=out.suffix == ".gz") as file,
            sorted_lines(events(), Path(folder), memory) as found,
        ):
            if newest := max(begins):
                file.write(history_line(newest))
            file.writelines(line[KEY:] for line in found.lines)
        if done.events:
            complete.replace(out)
        done.runs = found.runs
    return done


class SortedLines(NamedTuple):
    """The lines in their order, and how many temporary files were written."""

    lines: Iterator[bytes]
    runs: int


@contextmanager
def sorted_lines(lines: Iterable[bytes], folder: Path, memory: int = MEMORY) -> Iterator[SortedLines]:
    """Sort lines, each with its line end, by their bytes; more than `memory` bytes of them go through files in a folder."""
    with TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as own:
        runs = _Runs(Path(own))
        chunk, size = list[bytes](), 0
        for line in lines:
            chunk.append(line)
            size += len(line)
            if size >= memory:
                runs.add(sorted(chunk))
                chunk, size = [], 0
        chunk.sort()
        with runs.merged(chunk) as merged:
            yield SortedLines(merged, runs.written)


def writer(path: Path, packed: bool) -> IO[bytes]:
    """The file to write lines to."""
    return gzip.GzipFile(path, "wb", mtime=0) if packed else path.open("wb")  # type: ignore[return-value]


class _Runs:
    """Sorted runs on disk by level: `FAN_IN` runs of a level are merged into one of the next."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._levels: list[list[Path]] = []
        self.written = 0

    def add(self, lines: Iterable[bytes], level: int = 0) -> None:
        """Write one run."""
        path = self._folder / f"run-{self.written}"
        self.written += 1
        with path.open("wb") as file:
            file.writelines(lines)
        if level == len(self._levels):
            self._levels.append([])
        runs = self._levels[level]
        runs.append(path)
        if len(runs) == FAN_IN:
            with _Merged(runs, ()) as merged:
                self.add(merged, level + 1)
            for run in runs:
                run.unlink()
            runs.clear()

    def merged(self, rest: Sequence[bytes]) -> "_Merged":
        """All runs together with what is still in memory, as a context manager."""
        return _Merged([run for runs in self._levels for run in runs], rest)


class _Merged:
    """The lines of several runs, merged, inside the block."""

    def __init__(self, runs: Sequence[Path], rest: Sequence[bytes]) -> None:
        self._runs, self._rest = runs, rest

    def __enter__(self) -> Iterator[bytes]:
        self._stack = ExitStack()
        files = [self._stack.enter_context(run.open("rb")) for run in self._runs]
        return heapq.merge(*files, self._rest)

    def __exit__(self, *_: object) -> None:
        self._stack.close()
