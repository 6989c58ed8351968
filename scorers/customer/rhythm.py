"""How often a customer comes, in a dozen numbers, and how long a silence that rhythm allows.

An occasion is all purchases of one UTC date; a gap runs between the first purchases of two neighbouring occasions.
Gaps are read as gamma-distributed: the own mean and the own regularity (Wheat & Morrison's ratio of neighbouring gaps,
which no change of pace disturbs), both shrunk to the base while few gaps are known. Money, complaints and moods are
not known here.
"""

from math import exp, log, sqrt
from statistics import NormalDist

from msgspec import Struct

from scorers.contract.events import DAY, HOUR, Duration, Micros

SHORTEST_DAYS = HOUR / DAY  # two dates may meet at midnight: no gap counts as less than an hour
MEMORY = 0.95  # weight of a gap against the next one: a pace is known by about the last twenty gaps
SHRINK_GAPS = 1.5  # the base's mean gap weighs as one and a half Poisson gaps: log paces differ by about 0.8 (sd)
SHRINK_PAIRS = 2.0  # the base's regularity weighs as two pairs of neighbouring gaps
LEAST_SHAPE, MOST_SHAPE = 0.4, 60.0
USUAL_GAP_DAYS = 30.0  # of a shop nobody knows yet
BUCKET = 0.05  # log-width of a bucket of the gap histograms
SHORTEST_LIMIT: Duration = DAY
LONGEST_LIMIT: Duration = 730 * DAY

_FLOOR = log(SHORTEST_DAYS)
_TAILS: dict[float, float] = {}


class Rhythm(Struct, array_like=True):
    """What is kept of the gaps between a customer's occasions; gaps in days.

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
    known: float = 0.0  # number of gaps, older ones counting less
    paced: float = 0.0  # their sum, weighted alike

    def visit(self, at: Micros) -> None:
        """A new occasion began."""
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
        """Mean gap in days, 0 where none is known."""
        return (self.last - self.first) / DAY / (self.occasions - 1) if self.occasions > 1 else 0.0

    def shape(self, base_shape: float) -> float:
        """Gamma shape of the own gaps: 1 is Poisson, large is clockwork. Shrunk to the base's."""
        pairs = max(self.occasions - 2, 0)
        spread = (self.uneven + SHRINK_PAIRS / (8.0 * base_shape + 4.0)) / (pairs + SHRINK_PAIRS)
        return min(max(0.125 / spread - 0.5, LEAST_SHAPE), MOST_SHAPE)


def gap_bucket(gap: Duration) -> int:
    """Number of the histogram bucket of a gap; each is about 5 % wide.

    >>> gap_bucket(7 * DAY), gap_bucket(7 * DAY + HOUR) - gap_bucket(7 * DAY) <= 1
    (102, True)
    """
    days = gap / DAY
    return int((log(days) - _FLOOR) / BUCKET) if days > SHORTEST_DAYS else 0


def _middle(bucket: int) -> float:
    return exp(_FLOOR + (bucket + 0.5) * BUCKET)


class BaseRhythm(Struct, frozen=True):
    """The gaps of the whole base, as the figures of a day tell them."""

    gaps: int = 0
    mean: float = USUAL_GAP_DAYS  # days
    shape: float = 1.0  # never under Poisson: pooled gaps look more ragged than anyone's own
    first_gaps: tuple[tuple[int, int], ...] = ()  # (bucket, how many up to it), from first to second occasion
    first_mean: float = USUAL_GAP_DAYS

    @classmethod
    def of(cls, gaps: dict[int, int], first_gaps: dict[int, int]) -> "BaseRhythm":
        """From counts by `gap_bucket`.

        >>> base = BaseRhythm.of({102: 30, 110: 10}, {102: 3, 110: 1})
        >>> base.gaps, round(base.mean, 1), base.first_gap_quantile(0.75) // DAY
        (40, 7.9, 7)
        """
        first_gaps = {bucket: n for bucket, n in first_gaps.items() if n > 0}
        seen, mean, shape = _gamma_fit({bucket: n for bucket, n in gaps.items() if n > 0})
        first_seen, first_mean, _ = _gamma_fit(first_gaps)
        total = 0
        upto = []
        for bucket in sorted(first_gaps):
            total += first_gaps[bucket]
            upto.append((bucket, total))
        return cls(seen, mean, min(max(shape, 1.0), 4.0), tuple(upto), first_mean if first_seen else mean)

    def first_gap_quantile(self, q: float) -> Duration | None:
        """The time by which a share q of those who came back had come back; None where nobody has."""
        if not self.first_gaps:
            return None
        wanted = q * self.first_gaps[-1][1]
        bucket = next(bucket for bucket, upto in self.first_gaps if upto >= wanted)
        return round(exp(_FLOOR + (bucket + 1) * BUCKET) * DAY)


def _gamma_fit(counts: dict[int, int]) -> tuple[int, float, float]:
    """How many, mean in days, and gamma shape (Minka's approximation to maximum likelihood)."""
    total = sum(counts.values())
    if total <= 0:
        return 0, USUAL_GAP_DAYS, 1.0
    mean = sum(n * _middle(bucket) for bucket, n in sorted(counts.items())) / total
    mean_log = sum(n * log(_middle(bucket)) for bucket, n in sorted(counts.items())) / total
    s = max(log(mean) - mean_log, 1e-3)
    return total, mean, (3.0 - s + sqrt((s - 3.0) ** 2 + 24.0 * s)) / (12.0 * s)


def quiet_limit(rhythm: Rhythm, base: BaseRhythm, quantile: float = 0.99) -> Duration:
    """The silence that the next gap exceeds with chance 1 - quantile, given all that is known of the rhythm.

    The next gap over its expectation follows an F distribution, wide while little is known (Paulson's approximation).

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
