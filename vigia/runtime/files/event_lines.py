"""The lines of event files: read, decoded, put in order where a file is in the wrong order, and merged by time.

Replay, publish and import read files through this module alone, so that they agree on what a file says.
"""

import gzip
import heapq
import io
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import IO

from msgspec import Struct

from scorers.contract.events import AlarmAction, AnyEvent, Duration, Instant, Micros
from scorers.contract.wire import Rejection, decode
from vigia.runtime.files.doubtful_times import reject_far_ahead
from vigia.runtime.files.history_line import before_of
from vigia.runtime.files.lines import Line, Timed

WINDOW = 100_000  # lines of a file that are put in order, if it is in the wrong order
MANY_LATE, LATE_SHARE = (
    20,
    0.01,
)  # a file is in the wrong order with at least so many late facts, and more than this share

GZIP, BOM = b"\x1f\x8b", b"\xef\xbb\xbf"

Progress = Callable[[int], None]
"""Called with the number of input bytes read since the last call."""

History = Callable[[Instant], object]
"""Called, before the events of a file, with the instant before which its alarms are history, if its first line names one."""


class Order(Struct, frozen=True):
    """How to read files: lines to put in order (0 for none), how late a fact may be, and whether all times are taken as they are."""

    window: int = 0
    lateness: Duration = 0
    trust_times: bool = True


def wrong_order(late: int, facts: int) -> bool:
    """Whether so many late facts among all facts of customers mean that files are in the wrong order.

    >>> wrong_order(19, 100), wrong_order(20, 2000), wrong_order(21, 2000)
    (False, False, True)
    """
    return late >= MANY_LATE and late > LATE_SHARE * facts


class Lateness:
    """Counts facts that are later than allowed: older than the newest fact of their customer by more than `allowed`."""

    def __init__(self, allowed: Duration) -> None:
        self._allowed = allowed
        self._newest: dict[str, Micros] = {}
        self.facts = self.late = 0
        self.newest: Micros = 0
        self.history: Instant = Instant(0)  # the newest that the files name

    def begin(self, history: Instant) -> None:
        """Note what a file says before its events."""
        self.history = max(self.history, history)

    def look(self, event: AnyEvent) -> None:
        """Count one event."""
        self.newest = max(self.newest, event.time)
        if event.customer_id is None or isinstance(event, AlarmAction):
            return
        self.facts += 1
        newest = self._newest.get(event.customer_id, 0)
        if event.time > newest:
            self._newest[event.customer_id] = event.time
        elif event.time < newest - self._allowed:
            self.late += 1


def read(
    sources: Sequence[str],
    progress: Progress | None = None,
    order: Order | None = None,
    names: Sequence[str] | None = None,
    history: History | None = None,
) -> Iterator[Line]:
    """The lines of all files, merged by the time of each file's next line; a rejected one follows the event before it.

    `-` is standard input; gzip is known by its first bytes; a byte order mark is skipped. A file is read in its own
    order. With a window, a file whose first lines are in the wrong order is sorted within that window. Where times are not trusted,
    events far ahead of their neighbours are rejected. `names` are what lines call their
    files, by default short ones. A first line about history goes to `history` and is no event; without that it is rejected. Raises OSError.
    """
    order = order or Order()
    with ExitStack() as stack:
        names = names or distinct_names(sources)
        files = [_lines(source, name, stack, progress, history) for source, name in zip(sources, names, strict=True)]
        if len(files) == 1 and not order.window and order.trust_times:
            yield from files[0]
            return
        timed = [_in_order(file, order) if order.window else _timed(file) for file in files]
        if not order.trust_times:
            timed = [reject_far_ahead(file) for file in timed]
        yield from (line for _, _, line in heapq.merge(*timed, key=itemgetter(0)))


def lateness_of(sources: Sequence[str], order: Order, progress: Progress | None = None) -> Lateness:
    """How many facts come too late if these files are read so."""
    found = Lateness(order.lateness)
    for line in read(sources, progress, order, history=found.begin):
        if not isinstance(line.event, Rejection):
            found.look(line.event)
    return found


def distinct_names(sources: Sequence[str]) -> list[str]:
    """A short name for each file: its own, with as many of its folders as tell it from the others.

    >>> distinct_names(["a/till.jsonl", "b/till.jsonl", "desk.jsonl", "-"])
    ['a/till.jsonl', 'b/till.jsonl', 'desk.jsonl', 'stdin']
    """
    parts = [("stdin",) if source == "-" else Path(source).parts for source in sources]
    sizes = dict.fromkeys(parts, 1)
    while True:
        named = {path: "/".join(path[-size:]) for path, size in sizes.items()}
        count = Counter(named.values())
        longer = [path for path, name in named.items() if count[name] > 1 and sizes[path] < len(path)]
        if not longer:
            break
        for path in longer:
            sizes[path] += 1
    given = Counter[str]()
    names = []
    for path in parts:
        given[named[path]] += 1
        times = given[named[path]]
        names.append(named[path] if times == 1 else f"{named[path]}#{times}")  # one file that is given twice
    return names


def open_unpacked(source: str, stack: ExitStack) -> tuple[IO[bytes], IO[bytes] | None]:
    """The unpacked bytes of a source, and the file whose position shows the progress; none for a pipe, which has none."""
    with ExitStack() as opened:  # closed at once if it cannot be read
        if source == "-":
            standard = sys.stdin.buffer
            file: IO[bytes] = standard if hasattr(standard, "peek") else io.BufferedReader(standard)  # type: ignore[type-var]
        else:
            file = opened.enter_context(Path(source).open("rb"))
        packed = file.peek(2)[:2] == GZIP  # type: ignore[attr-defined]
        lines = opened.enter_context(io.BufferedReader(gzip.GzipFile(fileobj=file))) if packed else file
        stack.push(opened.pop_all())
    return lines, file if source != "-" and Path(source).is_file() else None


def _lines(
    source: str, name: str, stack: ExitStack, progress: Progress | None, history: History | None
) -> Iterator[Line]:
    lines, file = open_unpacked(source, stack)
    reported = 0
    for number, raw in enumerate(lines, 1):
        if progress is not None and file is not None and number % 1000 == 0:
            at = file.tell()
            progress(at - reported)
            reported = at
        if number == 1:
            raw = raw.removeprefix(BOM)
            if history is not None and (before := before_of(raw)) is not None:
                history(before)
                continue
        if bare := raw.strip():
            yield Line(name, number, decode(bare), bare)


def _timed(lines: Iterable[Line]) -> Iterator[Timed]:
    """Each line with its time; one that is no event has the time of the event before it."""
    last = 0
    for number, line in enumerate(lines):
        if not isinstance(line.event, Rejection):
            last = int(line.event.time)
        yield last, number, line


def _in_order(lines: Iterator[Line], order: Order) -> Iterator[Timed]:
    """The lines of one file in its own order, or sorted within a window if its first lines are in the wrong order."""
    ahead, lateness = deque(islice(lines, order.window)), Lateness(order.lateness)
    for line in ahead:
        if not isinstance(line.event, Rejection):
            lateness.look(line.event)
    wrong = wrong_order(lateness.late, lateness.facts)
    del lateness
    rest = chain((ahead.popleft() for _ in range(len(ahead))), lines)
    yield from _sorted(rest, order.window) if wrong else _timed(rest)


def _sorted(lines: Iterable[Line], window: int) -> Iterator[Timed]:
    """The lines by time within a window; of two under one identity, that which was read first stays first."""
    heap: list[Timed] = []
    standing: dict[tuple[str, str], Micros] = {}
    for at, number, line in _timed(lines):
        if not isinstance(line.event, Rejection):
            identity = (line.event.source, line.event.id)
            at = standing[identity] = max(at, standing.get(identity, 0))
        if len(heap) < window:
            heapq.heappush(heap, (at, number, line))
            continue
        yield _taken(heapq.heappushpop(heap, (at, number, line)), standing)
    while heap:
        yield heapq.heappop(heap)


def _taken(one: Timed, standing: dict[tuple[str, str], Micros]) -> Timed:
    event = one[2].event
    if not isinstance(event, Rejection) and standing.get((event.source, event.id)) == one[0]:
        del standing[event.source, event.id]
    return one
