"""When the business was closed (J3): holidays of the calendar, and closures found because a feed fell silent.

A closure has a scope: the whole base, a store, or a source of events. Holidays are those of the business, or a store's own.
Found closures come as reports of groups of type `feed`: a report states all closures of its feed that stand, so one that is
missing in the next report is withdrawn. They have no history: as soon as a closure is known it counts at every instant,
and the customers concerned are judged again. Weekly closing days are part of each rhythm and are no closures.
"""

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence, Set
from typing import NamedTuple

from scorers.contract.events import DAY, Duration, Micros
from scorers.policy.business_calendar import Calendar

FEED = "feed"
"""The type of the groups whose reports are closures."""
BASE = "base"
MAX_FOUND = 16  # closures of one feed; of more, the newest stand
HELD: Micros = 1 << 62
"""Never, as far as is known: open time stands still since the start of a closure whose end is not known."""
_MAX_CACHED = 4096  # scopes whose closures are kept merged
_STILL_CLOSED = -1  # in a report: the end is not known


class Span(NamedTuple):
    """A closure from `start` on, until `end`; `HELD` while its end is not known."""

    start: Micros
    end: Micros


def feed_of_store(store_id: str) -> str:
    """The id of the feed of a store, given the store's id as customers keep it (`timeline.facts.short`)."""
    return f"store:{store_id}"


def feed_of_source(source: str) -> str:
    """The id of the feed of a source, given its name as customers keep it (`timeline.facts.short`)."""
    return f"source:{source}"


def report_values(found: Iterable[Span]) -> dict[str, int]:
    """The values of a feed's report: the closures of the feed that stand, the newest `MAX_FOUND` of them.

    The feed's id is that of a store or source, or `BASE`.

    >>> report_values([Span(5 * DAY, 6 * DAY), Span(8 * DAY, HELD)])
    {'432000000000': 518400000000, '691200000000': -1}
    """
    newest = sorted(found)[-MAX_FOUND:]
    return {str(start): _STILL_CLOSED if end >= HELD else end for start, end in newest}


def spans_of(values: Mapping[str, int]) -> tuple[Span, ...]:
    """The closures that `report_values` was given."""
    return tuple(sorted(Span(int(start), HELD if end == _STILL_CLOSED else end) for start, end in values.items()))


class Closed:
    """The closed times of one scope: disjoint, in ascending order.

    >>> closed = Closed([Span(10 * DAY, 13 * DAY), Span(12 * DAY, 20 * DAY)])
    >>> closed.open_between(8 * DAY, 25 * DAY) // DAY, closed.until(8 * DAY, 7 * DAY) // DAY
    (7, 25)
    """

    __slots__ = ("_before", "_ends", "_open_starts", "_starts")

    def __init__(self, spans: Iterable[Span]) -> None:
        merged = _merged(spans)
        self._starts, self._ends = [one.start for one in merged], [one.end for one in merged]
        self._before: list[Duration] = []  # closed time before each span
        total = 0
        for start, end in merged:
            self._before.append(total)
            total += end - start
        self._open_starts = [start - before for start, before in zip(self._starts, self._before, strict=True)]

    def open_between(self, start: Micros, end: Micros) -> Duration:
        """Open time from start to end; 0 if the end comes first."""
        if self._is_open(start, end):
            return end - start
        return self._opened(end) - self._opened(start) if end > start else 0

    def until(self, start: Micros, span: Duration) -> Micros:
        """The first instant at which so much open time has passed since the start; `HELD` while nobody knows."""
        if self._is_open(start, start + span):
            return start + span
        opened = self._opened(start) + span
        number = bisect_left(self._open_starts, opened)
        closed = self._before[number - 1] + self._ends[number - 1] - self._starts[number - 1] if number else 0
        return max(start, min(opened + closed, HELD))

    def since(self, end: Micros, span: Duration) -> Micros:
        """The last instant since which so much open time has passed until the end."""
        if self._is_open(end - span, end):
            return end - span
        opened = self._opened(end) - span
        number = bisect_right(self._open_starts, opened)
        closed = self._before[number - 1] + self._ends[number - 1] - self._starts[number - 1] if number else 0
        return min(end, opened + closed)

    def _is_open(self, start: Micros, end: Micros) -> bool:
        """Whether no closure touches a time; holidays are few, so this is the usual answer, found by one search."""
        if end < start:
            return False
        number = bisect_left(self._ends, start)
        return number == len(self._starts) or self._starts[number] > end

    def _opened(self, at: Micros) -> Duration:
        """Open time before an instant."""
        number = bisect_right(self._starts, at)
        if not number:
            return at
        return at - self._before[number - 1] - min(at, self._ends[number - 1]) + self._starts[number - 1]


def open_between(closed: Closed | None, start: Micros, end: Micros) -> Duration:
    """Open time from start to end, which is all of it without closures; 0 if the end comes first."""
    if closed is not None:
        return closed.open_between(start, end)
    return end - start if end > start else 0


def open_until(closed: Closed | None, start: Micros, span: Duration) -> Micros:
    """The instant at which so much open time has passed since the start."""
    return start + span if closed is None else closed.until(start, span)


class Closures:
    """All closures that are known, by scope; merged for each combination of stores and source that is asked for.

    >>> closures = Closures()
    >>> closures.adopt("store:S1", report_values([Span(10 * DAY, 13 * DAY)]))
    True
    >>> closures.of(("S1",), "till") is not None, closures.of(("S1", "S2"), "till"), closures.of((), "till")
    (True, None, None)
    """

    def __init__(self) -> None:
        self.are_known = False  # whether there is any: without, nobody need ask
        self.changed: set[str] = (
            set()
        )  # the feeds whose customers have to be judged again; the partition takes them out
        self._is_begun = False  # a policy is in force
        self._holidays: tuple[Span, ...] = ()
        self._of_stores: dict[str, tuple[Span, ...]] = {}
        self._found: dict[str, tuple[Span, ...]] = {}  # by feed
        self._merged: dict[tuple[tuple[str, ...] | str, str], Closed | None] = {}

    def adopt_holidays(self, calendar: Calendar, of_stores: Mapping[str, Calendar]) -> None:
        """Put the holidays of the business, and those of stores with hours of their own, in force.

        If others were in force before, everybody is judged again: a break may be told after it has begun.
        """
        before = self._holidays, self._of_stores
        self._holidays = _holidays(calendar)
        self._of_stores = {store: _holidays(own) for store, own in of_stores.items()}
        if self._is_begun and before != (self._holidays, self._of_stores):
            self.changed.add(BASE)
        self._is_begun = True
        self._changed()

    def adopt(self, feed: str, values: Mapping[str, int]) -> bool:
        """Put a feed's report in force; False if it changes nothing."""
        spans = spans_of(values)
        if spans == self._found.get(feed, ()):
            return False
        if spans:
            self._found[feed] = spans
        else:
            del self._found[feed]
        self.changed.add(feed)
        self._changed()
        return True

    def digest(self) -> str:
        """A short hash of the found closures; empty if there are none."""
        if not self._found:
            return ""
        return hashlib.sha256(repr(sorted(self._found.items())).encode()).hexdigest()[:12]

    def of(self, stores: tuple[str, ...], source: str) -> Closed | None:
        """When customers of some stores, whose purchases a source reports, could not buy or could not be seen; None for never.

        Of several stores all have to be closed; of the base or the source, one.
        """
        key = stores, source
        try:
            return self._merged[key]
        except KeyError:
            if len(self._merged) >= _MAX_CACHED:
                self._merged.clear()
            spans = [*self._found.get(BASE, ()), *self._found.get(feed_of_source(source), ()), *self._of(stores)]
            found = self._merged[key] = Closed(spans) if spans else None
            return found

    def of_store(self, store: str, source: str) -> Closed | None:
        """As `of`, for the customers of one store, or of none where its name is empty; these are most, and asked for at every fact."""
        try:
            return self._merged[store, source]
        except KeyError:
            found = self.of((store,) if store else (), source)
            self._merged[store, source] = found
            return found

    def holidays_of(self, store: str | None) -> Closed | None:
        """The holidays of a store, or without one those of the business; None if there are none."""
        spans = self._holidays if store is None else self._of_stores.get(store, self._holidays)
        return Closed(spans) if spans else None

    def _of(self, stores: tuple[str, ...]) -> Sequence[Span]:
        """When all of some stores were closed; without stores, the holidays of the business."""
        if not stores:
            return self._holidays
        common: Sequence[Span] | None = None
        for store in stores:
            own = _merged([*self._of_stores.get(store, self._holidays), *self._found.get(feed_of_store(store), ())])
            common = own if common is None else _common(common, own)
        return common or ()

    def _changed(self) -> None:
        self._merged.clear()
        self.are_known = bool(self._holidays or self._found or any(self._of_stores.values()))


def concerns(feeds: Set[str], stores: tuple[str, ...], source: str) -> bool:
    """Whether closures of any of these feeds may count for customers of some stores, whose purchases a source reports."""
    return BASE in feeds or feed_of_source(source) in feeds or any(feed_of_store(store) in feeds for store in stores)


def _holidays(calendar: Calendar) -> tuple[Span, ...]:
    zone = calendar.zone
    return tuple(Span(zone.instant(day * DAY), zone.instant((day + 1) * DAY)) for day in sorted(calendar.holidays))


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The spans with those that overlap or touch joined, in ascending order."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1].end:
            found[-1] = Span(found[-1].start, max(found[-1].end, end))
        elif end > start:
            found.append(Span(start, end))
    return found


def _common(first: Sequence[Span], second: Sequence[Span]) -> list[Span]:
    """What lies in a span of each of two lists, both disjoint and ascending."""
    found, n, m = [], 0, 0
    while n < len(first) and m < len(second):
        start, end = max(first[n].start, second[m].start), min(first[n].end, second[m].end)
        if start < end:
            found.append(Span(start, end))
        if first[n].end < second[m].end:
            n += 1
        else:
            m += 1
    return found
