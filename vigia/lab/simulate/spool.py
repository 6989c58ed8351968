"""Sort lines that are written customer by customer into the order of time, in bounded memory.

The lines of a week share a file; at the end one week at a time is sorted, so memory holds 40,000 lines and one week.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from vigia.lab.simulate.hours import DAY

WEEK = 7 * DAY
LINES_IN_MEMORY = 40_000


class Spool:
    """Takes (instant, type, line) in any order; returns the lines sorted, week by week."""

    def __init__(self, folder: Path) -> None:
        self.by_type: Counter[str] = Counter()
        self._folder = folder
        self._held: dict[int, list[str]] = {}
        self._count = 0
        self._weeks: set[int] = set()

    def put(self, at: int, kind: str, line: str) -> None:
        """Add one line."""
        self.by_type[kind] += 1
        self._held.setdefault(at // WEEK, []).append(line)
        self._count += 1
        if self._count >= LINES_IN_MEMORY:
            self._flush()

    def weeks(self) -> Iterator[list[bytes]]:
        """Yield the sorted lines of each week."""
        self._flush()
        for week in sorted(self._weeks):
            part = self._folder / str(week)
            yield sorted(part.read_bytes().splitlines(keepends=True))
            part.unlink()

    def _flush(self) -> None:
        for week, lines in self._held.items():
            with (self._folder / str(week)).open("ab") as part:
                part.write("".join(lines).encode())
        self._weeks.update(self._held)
        self._held = {}
        self._count = 0
