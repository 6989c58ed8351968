"""Runs: what a feed reported, without the gaps. Events that follow each other within an hour are one run.

Silences are judged over hours, so a gap within an hour need only be counted, and the gaps between runs are exact. The runs of a
feed follow from its events alone, however these are spread over partitions and in whatever order they are read.
"""

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from msgspec import Struct

from scorers.contract.events import HOUR, Micros
from scorers.timeline.facts import Ref

MAX_RUNS = 1024  # of one feed and partition that are kept before they are folded


class Run(NamedTuple):
    """Events without a gap longer than an hour; `ref` is the last one, where it is known."""

    first: Micros
    last: Micros
    events: int
    ref: Ref | None = None


class Told(Struct, array_like=True, frozen=True, gc=False):
    """What a partition tells a feed: the runs that have changed, with all their events."""

    feed: str
    part: str
    runs: list[Run]


def merged(parts: Mapping[str, list[Run]]) -> list[Run]:
    """The runs of all partitions together, in ascending order.

    >>> merged({"0": [Run(0, 5, 2)], "1": [Run(3, 9, 4), Run(2 * HOUR, 2 * HOUR, 1)]})
    [Run(first=0, last=9, events=6, ref=None), Run(first=7200000000, last=7200000000, events=1, ref=None)]
    """
    if len(parts) == 1:
        return next(iter(parts.values()))
    found: list[Run] = []
    for run in sorted(chain.from_iterable(parts.values()), key=_place):
        if found and run.first - found[-1].last <= HOUR:
            found[-1] = _joined(found[-1], run)
        else:
            found.append(run)
    return found


def known(before: list[Run], told: list[Run]) -> list[Run]:
    """The runs of one partition after it has told some, again or for the first time, in whatever order.

    >>> known([Run(0, 5, 2)], [Run(0, 9, 4)]) == known([Run(0, 9, 4)], [Run(0, 5, 2)]) == [Run(0, 9, 4)]
    True
    """
    after: list[Run] = []
    counts: list[list[int]] = []  # of each run: the events by the runs before, and by those told now
    for run, now in sorted([*((run, False) for run in before), *((run, True) for run in told)], key=_first):
        if after and run.first - after[-1].last <= HOUR:
            after[-1] = _joined(after[-1], run)
        else:
            after.append(run)
            counts.append([0, 0])
        counts[-1][now] += run.events
    return [run._replace(events=max(count)) for run, count in zip(after, counts, strict=True)]


def added(runs: list[Run], at: Micros) -> None:
    """Add an event that is earlier than the last one to ascending runs."""
    place = next((n for n in range(len(runs) - 1, -1, -1) if runs[n].first <= at), -1)
    new = Run(at, at, 1)
    if place >= 0 and at - runs[place].last <= HOUR:
        new, runs[place : place + 1] = _joined(runs[place], new), []
    else:
        place += 1
    if place < len(runs) and runs[place].first - new.last <= HOUR:
        new, runs[place : place + 1] = _joined(new, runs[place]), []
    runs.insert(place, new)


def since(runs: Iterable[Run], at: Micros) -> list[Run]:
    """The runs that ended at an instant or later."""
    return [run for run in runs if run.last >= at]


def _joined(one: Run, other: Run) -> Run:
    later = max(one, other, key=_end)
    return Run(min(one.first, other.first), later.last, one.events + other.events, later.ref)


def _end(run: Run) -> tuple[Micros, str]:
    """Of runs that end in one instant, that of the last source counts, in whatever order they were told."""
    return run.last, "" if run.ref is None else run.ref.source


def _first(one: tuple[Run, bool]) -> tuple[Micros, Micros]:
    return _place(one[0])


def _place(run: Run) -> tuple[Micros, Micros]:
    return run.first, run.last
