"""Base-wide figures: what is true of all customers together, closed once a day.

Customers contribute counts to histograms, each dated with the day of the fact behind it. Counts add up, so partitions
merge by sum, a late fact takes back exactly what it changes, and no customer is ever scanned. The figures of a day are
in force from its end plus the allowed lateness, when all its facts are in.
"""

import hashlib
import math
from collections import Counter

from msgspec import Struct

from scorers.events import DAY, SECOND, Duration, Micros
from scorers.policy import Policy
from scorers.rhythm import BaseRhythm

Contribution = tuple[int, str, int, int]  # day number, histogram, bucket, count

GAPS, FIRST_GAPS, YEARS = "gap", "first-gap", "year"
_GROWTH = math.log(1.005)  # yearly values are told apart to half a percent


def value_bucket(value_minor: int) -> int:
    """The bucket of a yearly value; 0 holds everything that is not positive."""
    return 0 if value_minor <= 0 else 1 + int(math.log(value_minor) / _GROWTH)


def _lower_edge(bucket: int) -> float:
    return 0.0 if bucket <= 0 else math.exp((bucket - 1) * _GROWTH)


class Figures(Struct, frozen=True):
    """The figures of one day.

    `bounds` are the least yearly values, in minor units, of platinum, gold and iron; None while too few are ranked.
    """

    version: str
    in_force: Micros
    base: BaseRhythm
    ranked: int
    bounds: tuple[float, float, float] | None
    second_limit: Duration


def no_figures(policy: Policy) -> Figures:
    """What is in force before the first day is closed."""
    return Figures("none", 0, BaseRhythm.of({}, {}), 0, None, policy.lifecycle.second_purchase_default)


class FigureBook:
    """Adds up contributions and closes days."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._pending: dict[int, Counter[tuple[str, int]]] = {}
        self._total: dict[str, Counter[int]] = {GAPS: Counter(), FIRST_GAPS: Counter(), YEARS: Counter()}

    def add(self, contributions: list[Contribution]) -> None:
        """Take in counts; those of a day that is closed already count from the next closing on."""
        for day, name, bucket, count in contributions:
            self._pending.setdefault(day, Counter())[name, bucket] += count

    def close(self, day: int) -> Figures:
        """The figures of a day: all facts dated on it or before."""
        for due in sorted(d for d in self._pending if d <= day):
            for (name, bucket), count in self._pending.pop(due).items():
                self._total[name][bucket] += count
        rules = self._policy.lifecycle
        base = BaseRhythm.of(self._total[GAPS], self._total[FIRST_GAPS])
        known = sum(self._total[FIRST_GAPS].values())
        second = (
            base.first_gap_quantile(rules.second_purchase_quantile) if known >= rules.second_purchase_known else None
        )
        years = {bucket: count for bucket, count in self._total[YEARS].items() if count}
        ranked = sum(years.values())
        bounds = self._bounds(years, ranked) if ranked >= self._policy.tiers.ranked_at_least else None
        second_limit = (second or rules.second_purchase_default) // SECOND * SECOND
        in_force = (day + 1) * DAY + self._policy.time.allowed_lateness
        told = repr((day, ranked, bounds, second_limit, base))
        version = hashlib.sha256(told.encode()).hexdigest()[:12]
        return Figures(version, in_force, base, ranked, bounds, second_limit)

    def _bounds(self, years: dict[int, int], ranked: int) -> tuple[float, float, float]:
        rules = self._policy.tiers
        shares = (rules.platinum_share, rules.gold_share, rules.iron_share)
        places = [max(1, math.ceil(sum(shares[: n + 1]) * ranked - 1e-9)) for n in range(3)]
        bounds: list[float] = []
        seen = 0
        for bucket in sorted(years, reverse=True):
            seen += years[bucket]
            while len(bounds) < 3 and seen >= places[len(bounds)]:
                bounds.append(_lower_edge(bucket))
        return bounds[0], bounds[1], bounds[2]
