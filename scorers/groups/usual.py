"""How many complaints are usual in a window: by weekday and, where a year is known, by season (X10).

Counts are kept by day, only for days that have one, so a day without complaints counts as such from the first known day on.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence

WEEK, YEAR = 7, 364  # in days; a year of whole weeks, so that its weekdays agree
KEPT_DAYS = 2 * YEAR  # of a count
_SEASON = 21  # days before and after the middle of the window a year ago
_SHRINK = 5.0  # complaints: so many are a season half believed with


def usual(days: Sequence[int], counts: Sequence[int], first: int, window: range) -> float:
    """The count to be expected in a window of days by the days from `first` on that are before it, a year of them at most.

    >>> round(usual(range(0, 70, 2), [1] * 35, 0, range(56, 70)), 2)
    7.0
    """
    start = max(first, window.start - YEAR)
    known = window.start - start
    if known <= 0:
        return 0.0
    low, high = bisect_left(days, start), bisect_left(days, window.start)
    by_weekday = [0] * WEEK
    for n in range(low, high):
        by_weekday[days[n] % WEEK] += counts[n]
    mean = sum(by_weekday) / known
    if not mean:
        return 0.0
    weeks, more = divmod(known, WEEK)
    expected = 0.0
    for day in window:
        weekday = day % WEEK
        seen = weeks + ((weekday - start) % WEEK < more)
        expected += (by_weekday[weekday] + mean) / (seen + 1)  # one day more at the mean, so that few days say little
    return expected * (_season(days, counts, first, window, mean))


def _season(days: Sequence[int], counts: Sequence[int], first: int, window: range, mean: float) -> float:
    """How busy this time of the last year was, against the mean of that year; 1 where no year is known."""
    middle = (window.start + window.stop) // 2 - YEAR
    start = middle - _SEASON
    if start < first:
        return 1.0
    stop = min(middle + _SEASON, window.start)
    low, high = bisect_left(days, start), bisect_left(days, stop)
    return (sum(counts[low:high]) + _SHRINK) / (mean * (stop - start) + _SHRINK)


def tail(count: int, expected: float) -> float:
    """The chance of at least so many where a Poisson number is expected; 1 for a count that is not above it.

    >>> round(tail(8, 2.0), 5), tail(5, 0.0), tail(3, 3.5)
    (0.0011, 0.0, 1.0)
    """
    if count <= expected:
        return 1.0
    if not expected:
        return 0.0
    term = math.exp(count * math.log(expected) - expected - math.lgamma(count + 1))
    total, n = term, count
    while term > total * 1e-12:
        n += 1
        term *= expected / n
        total += term
    return min(total, 1.0)
