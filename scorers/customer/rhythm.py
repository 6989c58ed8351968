"""How often a customer buys, in ten numbers, and how long a silence that rhythm allows.

An occasion is all purchases of one UTC date; a gap runs between the first purchases of two neighbouring occasions. Gaps are modelled
as gamma-distributed, with the customer's own mean and regularity (Wheat & Morrison's ratio of neighbouring gaps, which a change
of pace does not disturb), both shrunk to the base while few gaps are known.
"""

from math import log, sqrt
from statistics import NormalDist

from msgspec import Struct

from scorers.contract.events import DAY, Duration, Micros
from scorers.in_force.base_rhythm import SHORTEST_DAYS, BaseRhythm

MEMORY = 0.95  # weight of a gap relative to the next one: the pace is that of about the last twenty gaps
SHRINK_GAPS = 1.5  # weight of the base's mean gap, in Poisson gaps: log paces differ by about 0.8 (sd)
SHRINK_PAIRS = 2.0  # weight of the base's regularity, in pairs of neighbouring gaps
LEAST_SHAPE, MOST_SHAPE = 0.4, 60.0
SHORTEST_LIMIT: Duration = DAY
LONGEST_LIMIT: Duration = 730 * DAY

_TAILS: dict[float, float] = {}


class Rhythm(Struct, array_like=True):
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

    def visit(self, at: Micros) -> None:
        """Add an occasion that began at an instant."""
        if not self.occasions:
            self.first = self.last = at
            self.occasions = 1
            return
        gap = max((at - self.last) / DAY, SHORTEST_DAYS)
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

    def mean_gap(self) -> float:
        """The mean gap in days, 0 if none is known."""
        return (self.last - self.first) / DAY / (self.occasions - 1) if self.occasions > 1 else 0.0

    def shape(self, base_shape: float) -> float:
        """The gamma shape of the gaps, shrunk to the base's: 1 is Poisson, a large one is very regular."""
        pairs = max(self.occasions - 2, 0)
        spread = (self.uneven + SHRINK_PAIRS / (8.0 * base_shape + 4.0)) / (pairs + SHRINK_PAIRS)
        return min(max(0.125 / spread - 0.5, LEAST_SHAPE), MOST_SHAPE)


def quiet_limit(rhythm: Rhythm, base: BaseRhythm, quantile: float = 0.99) -> Duration:
    """The silence that the next gap exceeds with probability 1 - quantile, given the rhythm; from a day to two years.

    The next gap divided by its expectation has an F distribution, wide while little is known (Paulson's approximation).

    >>> weekly = Rhythm()
    >>> for week in range(30):
    ...     weekly.visit(week * 7 * DAY)
    >>> quiet_limit(weekly, BaseRhythm()) // DAY
    11
    """
    shape = rhythm.shape(base.shape)
    own = shape * rhythm.known
    certainty = SHRINK_GAPS + own
    mean = base.first_mean
    if own:
        mean *= (rhythm.paced / rhythm.known / mean) ** (own / certainty)
    if (z := _TAILS.get(quantile)) is None:
        z = _TAILS[quantile] = NormalDist().inv_cdf(quantile)
    a, b = 1.0 / (9.0 * shape), 1.0 / (9.0 * certainty)
    bottom = (1.0 - b) ** 2 - z * z * b
    if bottom < 0.05:
        return LONGEST_LIMIT
    root = (
        (1.0 - a) * (1.0 - b) + z * sqrt(max((1.0 - b) ** 2 * a + (1.0 - a) ** 2 * b - z * z * a * b, 0.0))
    ) / bottom
    return min(max(round(mean * root**3 * DAY), SHORTEST_LIMIT), LONGEST_LIMIT)
