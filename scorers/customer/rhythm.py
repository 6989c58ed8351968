"""How often a customer buys, in a few numbers, and how long a silence that rhythm allows.

An occasion is a visit (`facts.purchases`); a gap runs between the first purchases of two neighbouring occasions. Gaps are modelled
as gamma-distributed, with the customer's own mean and regularity (Wheat & Morrison's ratio of neighbouring gaps, which a change
of pace does not disturb), both shrunk to the base while few gaps are known. A customer who comes back after having been given up
begins a new rhythm: that absence is no gap.
"""

from math import log, sqrt
from statistics import NormalDist

from msgspec import Struct

from scorers.contract.events import DAY, SECOND, Duration, Micros
from scorers.in_force.base_rhythm import SHORTEST_DAYS, BaseRhythm

MEMORY = 0.95  # weight of a gap relative to the next one: the pace is that of about the last twenty gaps
SHRINK_GAPS = 1.5  # weight of the base's mean gap, in Poisson gaps: log paces differ by about 0.8 (sd)
SHRINK_PAIRS = 2.0  # weight of the base's regularity, in pairs of neighbouring gaps
LEAST_SHAPE, MOST_SHAPE = 0.4, 60.0
SHORTEST_LIMIT: Duration = DAY
LONGEST_LIMIT: Duration = 730 * DAY
LEAST_QUANTILE, MOST_QUANTILE = 0.90, 0.9995
FEW_GAPS = 3  # with fewer of them a silence is also judged as that of a first-time buyer
SURVIVED_FOR: Duration = 1095 * DAY  # a silence that the customer came back from is remembered for three years,
MAX_SURVIVED = 8  # the longest eight of them
_YEAR_DAYS = 365.25
_NORMAL = NormalDist()


class Pace(Struct, array_like=True, gc=False):
    """The gaps of the rhythm that began with a comeback."""

    since: Micros  # the comeback
    gaps: int = 0
    last_gap: float = 0.0
    uneven: float = 0.0
    known: float = 0.0
    paced: float = 0.0
    closed: float = 0.0  # days of closures in these gaps


class Rhythm(Struct, array_like=True, gc=False):
    """Sums over the gaps between a customer's occasions; gaps are in days, instants in microseconds.

    >>> r = Rhythm()
    >>> for week in range(10):
    ...     r.visit(week * 7 * DAY)
    >>> r.occasions, r.mean_gap(), round(r.shape(1.0), 1)
    (10, 7.0, 7.0)
    """

    occasions: int = 0
    first: Micros = 0
    last: Micros = 0
    last_gap: float = 0.0
    longest: float = 0.0
    squares: float = 0.0
    logs: float = 0.0
    uneven: float = 0.0  # sum over neighbouring gaps g, h of (g / (g + h) - 1/2) squared
    known: float = 0.0  # number of gaps, older ones weighing less
    paced: float = 0.0  # sum of the gaps with the same weights
    renewed: Pace | None = None  # the gaps since the last comeback; None if there was none, and all gaps are one rhythm
    returned: tuple[int, ...] = ()  # the second in which each survived silence ended, and
    survived: tuple[int, ...] = ()  # its length in seconds: the longest of the last three years
    closed: float = 0.0  # days of closures in all gaps (J3); they count in none

    def visit(self, at: Micros, comeback: bool = False, closed: Duration = 0) -> None:
        """Add an occasion that began at an instant; a comeback ends an absence, which is no gap, and begins a new rhythm.

        `closed` is how long the customer could not have come since the last occasion; it is no part of the gap (J3).
        """
        if not self.occasions:
            self.first = self.last = at
            self.occasions = 1
            return
        gap = max((at - self.last - closed) / DAY, SHORTEST_DAYS)
        if self.occasions > 1:
            self.uneven += (gap / (gap + self.last_gap) - 0.5) ** 2
        self.occasions += 1
        self.last = at
        self.last_gap = gap
        self.longest = max(self.longest, gap)
        self.squares += gap * gap
        self.logs += log(gap)
        self.known = MEMORY * self.known + 1.0
        self.paced = MEMORY * self.paced + gap
        if comeback:
            self.renewed = Pace(at)
        elif self.renewed is not None:
            _extend(self.renewed, gap)
        if closed:
            self.closed += closed / DAY
            if self.renewed is not None and not comeback:
                self.renewed.closed += closed / DAY

    def survive(self, silence: Duration, at: Micros) -> None:
        """Remember a silence that a purchase has ended, and forget those of more than three years ago."""
        seconds, now = silence // SECOND, at // SECOND
        ends, lengths = [*self.returned, now], [*self.survived, seconds]
        while ends[0] < now - SURVIVED_FOR // SECOND:
            del ends[0], lengths[0]
        if len(lengths) > MAX_SURVIVED:
            kept = lengths[:-1]
            shortest = kept.index(min(kept)) if min(kept) < seconds else MAX_SURVIVED
            del ends[shortest], lengths[shortest]
        self.returned, self.survived = tuple(ends), tuple(lengths)

    def usual_silence(self) -> Duration:
        """The longest silence from which the customer has come back twice within three years; 0 if there is none."""
        return sorted(self.survived)[-2] * SECOND if len(self.survived) > 1 else 0

    def own_gaps(self) -> int:
        """How many gaps the present rhythm has."""
        return max(self.occasions - 1, 0) if self.renewed is None else self.renewed.gaps

    def mean_gap(self) -> float:
        """The mean gap of the present rhythm in days, 0 if it has none."""
        pace = self.renewed
        if pace is None:
            gaps = self.occasions - 1
            return ((self.last - self.first) / DAY - self.closed) / gaps if gaps > 0 else 0.0
        return ((self.last - pace.since) / DAY - pace.closed) / pace.gaps if pace.gaps > 0 else 0.0

    def open_days(self) -> float:
        """The days from the first occasion to the last, without closures."""
        return (self.last - self.first) / DAY - self.closed

    def own_shape(self, base_shape: float) -> float:
        """As `shape`, of the present rhythm."""
        pace = self.renewed
        return self.shape(base_shape) if pace is None else _shape(max(pace.gaps - 1, 0), pace.uneven, base_shape)

    def shape(self, base_shape: float) -> float:
        """The gamma shape of the gaps, shrunk to the base's: 1 is Poisson, a large one is very regular."""
        return _shape(max(self.occasions - 2, 0), self.uneven, base_shape)


def _extend(pace: Pace, gap: float) -> None:
    if pace.gaps:
        pace.uneven += (gap / (gap + pace.last_gap) - 0.5) ** 2
    pace.gaps += 1
    pace.last_gap = gap
    pace.known = MEMORY * pace.known + 1.0
    pace.paced = MEMORY * pace.paced + gap


def _shape(pairs: int, uneven: float, base_shape: float) -> float:
    spread = (uneven + SHRINK_PAIRS / (8.0 * base_shape + 4.0)) / (pairs + SHRINK_PAIRS)
    return min(max(0.125 / spread - 0.5, LEAST_SHAPE), MOST_SHAPE)


def silence_limit(rhythm: Rhythm, base: BaseRhythm, false_a_year: float, second_limit: Duration) -> Duration:
    """The silence that is news (J2): it is passed so often a year by a faithful customer, whatever the rhythm.

    With few gaps it is never under the time by which a second purchase is expected; a silence that the customer has come back from
    twice is none.
    """
    limit = quiet_limit(rhythm, base, false_a_year)
    if rhythm.own_gaps() < FEW_GAPS:
        limit = max(limit, second_limit)
    return max(limit, rhythm.usual_silence())


def quiet_limit(rhythm: Rhythm, base: BaseRhythm, false_a_year: float = 0.5) -> Duration:
    """The silence that the gaps of a faithful customer exceed so often a year, given the rhythm; from a day to two years.

    The next gap divided by its expectation has an F distribution, wide while little is known (Paulson's approximation).

    >>> weekly = Rhythm()
    >>> for week in range(30):
    ...     weekly.visit(week * 7 * DAY)
    >>> quiet_limit(weekly, BaseRhythm()) // DAY
    11
    """
    pace = rhythm if rhythm.renewed is None else rhythm.renewed
    shape = rhythm.own_shape(base.shape)
    own = shape * pace.known
    certainty = SHRINK_GAPS + own
    mean = base.first_mean
    if own:
        mean *= (pace.paced / pace.known / mean) ** (own / certainty)
    quantile = 1.0 - false_a_year * mean / _YEAR_DAYS
    z = _NORMAL.inv_cdf(min(max(quantile, LEAST_QUANTILE), MOST_QUANTILE))
    a, b = 1.0 / (9.0 * shape), 1.0 / (9.0 * certainty)
    bottom = (1.0 - b) ** 2 - z * z * b
    if bottom < 0.05:
        return LONGEST_LIMIT
    root = (
        (1.0 - a) * (1.0 - b) + z * sqrt(max((1.0 - b) ** 2 * a + (1.0 - a) ** 2 * b - z * z * a * b, 0.0))
    ) / bottom
    return min(max(round(mean * root**3 * DAY), SHORTEST_LIMIT), LONGEST_LIMIT)
