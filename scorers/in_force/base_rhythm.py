"""How often customers of the whole base come back: the typical rhythm, from histograms of gaps.

A gap runs between the first purchases of two neighbouring days with purchases. Histograms of partitions merge by sum.
"""

from functools import lru_cache
from math import exp, log, sqrt
from operator import mul

from msgspec import Struct

from scorers.contract.events import DAY, HOUR, Duration

SHORTEST_DAYS = HOUR / DAY  # two dates may meet at midnight: no gap counts as less than an hour
USUAL_GAP_DAYS = 30.0  # assumed while there are no data
BUCKET = 0.05  # log-width of a bucket of the gap histograms

_FLOOR = log(SHORTEST_DAYS)


def gap_bucket(gap: Duration) -> int:
    """The number of a gap's histogram bucket; each is about 5 % wide.

    >>> gap_bucket(7 * DAY), gap_bucket(7 * DAY + HOUR) - gap_bucket(7 * DAY) <= 1
    (102, True)
    """
    days = gap / DAY
    return int((log(days) - _FLOOR) / BUCKET) if days > SHORTEST_DAYS else 0


@lru_cache(maxsize=512)  # a gap of a hundred years has bucket 275; every closing of a day reads all that are in use
def _middle(bucket: int) -> tuple[float, float]:
    """The gap in the middle of a bucket, in days, and its logarithm."""
    days = exp(_FLOOR + (bucket + 0.5) * BUCKET)
    return days, log(days)


class BaseRhythm(Struct, frozen=True):
    """The gaps of the whole base at the end of a day."""

    gaps: int = 0
    mean: float = USUAL_GAP_DAYS  # days
    shape: float = (
        1.0  # of the gamma distribution, at least 1: pooled gaps look less regular than those of one customer
    )
    first_mean: float = USUAL_GAP_DAYS  # days, from first to second occasion

    @classmethod
    def of(cls, gaps: dict[int, int], first_gaps: dict[int, int]) -> "BaseRhythm":
        """The rhythm from counts by `gap_bucket`, of all gaps and of first gaps.

        >>> base = BaseRhythm.of({102: 30, 110: 10}, {102: 3, 110: 1})
        >>> base.gaps, round(base.mean, 1)
        (40, 7.9)
        """
        seen, mean, shape = _gamma_fit({bucket: n for bucket, n in gaps.items() if n > 0})
        first_seen, first_mean, _ = _gamma_fit({bucket: n for bucket, n in first_gaps.items() if n > 0})
        return cls(seen, mean, min(max(shape, 1.0), 4.0), first_mean if first_seen else mean)


def gap_quantile(counts: dict[int, int], q: float) -> Duration | None:
    """The time within which a share `q` of the gaps lies, from counts by `gap_bucket`; None if there are none.

    >>> (gap_quantile({102: 3, 110: 1}, 0.75) or 0) // DAY, gap_quantile({}, 0.75)
    (7, None)
    """
    wanted, total = q * sum(counts.values()), 0
    for bucket in sorted(counts):
        total += counts[bucket]
        if total and total >= wanted:
            return round(exp(_FLOOR + (bucket + 1) * BUCKET) * DAY)
    return None


def _gamma_fit(counts: dict[int, int]) -> tuple[int, float, float]:
    """Count, mean in days, and gamma shape (Minka's approximation to maximum likelihood)."""
    total = sum(counts.values())
    if total <= 0:
        return 0, USUAL_GAP_DAYS, 1.0
    buckets = sorted(counts)
    known = list(map(counts.__getitem__, buckets))
    days, logs = zip(*map(_middle, buckets), strict=True)
    mean = sum(map(mul, known, days)) / total
    mean_log = sum(map(mul, known, logs)) / total
    s = max(log(mean) - mean_log, 1e-3)
    return total, mean, (3.0 - s + sqrt((s - 3.0) ** 2 + 24.0 * s)) / (12.0 * s)
