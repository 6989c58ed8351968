"""Finds events that claim a time far ahead of their neighbours in a file: a wrong year would end everybody's silence.

What a file may say is not doubted: a long gap, late events, and a file that is sorted by customer, in which time begins
again with each of them.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from scorers.contract.events import DAY, Micros
from scorers.contract.wire import Rejection
from vigia.runtime.files.lines import Line, Timed

FAR = 30 * DAY
FAR_AT_FIRST = 3653 * DAY  # no event before the first ones says where time begins
IN_A_ROW = 10  # events; more of them are taken for a real gap in the file

WHY = "time is more than 30 days ahead of the events before and after it in the file; --trust-times takes it as it is"


def reject_far_ahead(lines: Iterable[Timed]) -> Iterator[Timed]:
    """The lines of one file, with each run of events that is far ahead of the events before and after it rejected.

    The last lines have no event after them: those before decide.
    """
    rest = _Rest(lines)
    newest: Micros | None = None
    previous: str | None = None  # whose event came last
    for _ in range(_far_at_first(rest.times(2 * IN_A_ROW))):
        yield from _rejected(rest.next_event(), 0)
    run: list[Timed] = []
    for one in rest:
        at, _, line = one
        if isinstance(line.event, Rejection):
            if run:
                run.append(one)
            else:
                yield one
            continue
        if newest is None or at <= newest + FAR:
            if run and newest is not None:
                before = min(_events(run)) - FAR
                if at < before and (
                    not _next_customer(previous, run, line) or _are_behind([at, *rest.times(IN_A_ROW - 1)], before)
                ):
                    run = list(_rejected(run, newest))
                yield from run
                newest = max(newest, *(known for known, _, _ in run))
                run = []
            yield one
            newest, previous = at if newest is None else max(newest, at), line.event.customer_id
            continue
        run.append(one)
        if len(_events(run)) > IN_A_ROW:
            yield from run
            newest, run, previous = max(_events(run)), [], line.event.customer_id
    if run and newest is not None:
        yield from _rejected(run, newest)


class _Rest:
    """The lines of a file that are still to come, some of which were looked at before."""

    def __init__(self, lines: Iterable[Timed]) -> None:
        self._lines = iter(lines)
        self._seen: deque[Timed] = deque()

    def __iter__(self) -> "_Rest":
        return self

    def __next__(self) -> Timed:
        return self._seen.popleft() if self._seen else next(self._lines)

    def times(self, count: int) -> list[Micros]:
        """The times of so many events to come, or of all."""
        found = _events(self._seen)
        while len(found) < count and (one := next(self._lines, None)) is not None:
            self._seen.append(one)
            found += _events([one])
        return found[:count]

    def next_event(self) -> Iterator[Timed]:
        """The lines up to the next event."""
        for one in self:
            yield one
            if not isinstance(one[2].event, Rejection):
                return


def _far_at_first(times: Sequence[Micros]) -> int:
    """How many events at the beginning are years ahead of those after them."""
    for count in range(1, min(IN_A_ROW, len(times) - 1) + 1):
        if _are_behind(times[count : count + IN_A_ROW], min(times[:count]) - FAR_AT_FIRST):
            return count
    return 0


def _next_customer(previous: str | None, run: Iterable[Timed], after: Line) -> bool:
    """Whether a run continues the events of one customer, and the event after it begins those of another."""
    whose = {line.event.customer_id for _, _, line in run if not isinstance(line.event, Rejection)}
    return (
        previous is not None
        and whose == {previous}
        and not isinstance(after.event, Rejection)
        and after.event.customer_id != previous
    )


def _are_behind(times: Sequence[Micros], before: Micros) -> bool:
    """Whether the first of these, and at least half of them, are before an instant."""
    return times[0] < before and 2 * sum(time < before for time in times) >= len(times)


def _events(lines: Iterable[Timed]) -> list[Micros]:
    return [at for at, _, line in lines if not isinstance(line.event, Rejection)]


def _rejected(run: Iterable[Timed], at: Micros) -> Iterator[Timed]:
    """These lines as rejected ones, which are due at the time of an event beside them."""
    for _, number, line in run:
        yield at, number, line if isinstance(line.event, Rejection) else replace(line, event=_rejection(line))


def _rejection(line: Line) -> Rejection:
    assert not isinstance(line.event, Rejection)
    return Rejection("bad_time", WHY, line.event.id, line.event.source)
