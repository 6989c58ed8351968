"""Counts of the base for its report: who moves, when customers leave, what they bring and cost by tenure, and which deadlines are met.

Like all figures they are contributions dated with a day, so partitions merge by sum and a late fact takes back what it changes. They are
never forgotten, but for the days of losses.
"""

from bisect import bisect_right
from collections.abc import Iterator
from typing import Literal, get_args

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import DAY, Duration, Micros
from scorers.in_force.live_quality import STAGES, TIERS

Contribution = tuple[int, str, int, int]

MOVED = "moved"  # buckets by stage before and after
REACHED, LEFT_AFTER = (
    "reached",
    "left-after",
)  # buckets by number of occasions: who came so often, who left after so many
TENURE, LEFT_AT = (
    "tenure",
    "left-at",
)  # buckets of tenure: who bought at it or later, whose last purchase before leaving was in it
ACTIVE_DAYS = "active-days"  # buckets of tenure: days between two occasions
SPENT, COST = "spent:", "cost:"  # followed by the currency; buckets of tenure
PEOPLE = "people"  # buckets by `place_of`
MONEY = "money:"  # followed by the currency; buckets by `place_of`: yearly value, in minor units
DEADLINE = "deadline"  # buckets by deadline, tier and whether it was met
LOST_ON = "lost-on:"  # followed by the tier; the bucket is the day
NAMES = frozenset({MOVED, REACHED, LEFT_AFTER, TENURE, LEFT_AT, ACTIVE_DAYS, PEOPLE, DEADLINE})
BY_CURRENCY = (SPENT, COST, MONEY)

Deadline = Literal["acknowledge", "rectify", "answer"]
DEADLINES: tuple[Deadline, ...] = get_args(Deadline)
MOST_OCCASIONS = 30  # later ones are counted as this
DAYS = (0, 1, 7, 14, 30, 60, 90, 120, 180, 270, 365, 545, 730, 1095, 1825)
"""Where buckets of tenure begin, in days since the first purchase."""
LOSSES_KEPT = 400  # days


def is_of_base(name: str) -> bool:
    """Whether a histogram is one of these."""
    return name in NAMES or name.startswith((*BY_CURRENCY, LOST_ON))


def moved(day: int, before: Stage, after: Stage) -> Contribution:
    """A customer goes from one stage to another."""
    return day, MOVED, STAGES.index(before) * len(STAGES) + STAGES.index(after), 1


def tenure_bucket(tenure: Duration) -> int:
    """The bucket of a tenure.

    >>> [tenure_bucket(days * DAY) for days in (-3, 0, 6, 7, 4000)]
    [0, 0, 1, 2, 14]
    """
    return max(bisect_right(DAYS, tenure // DAY) - 1, 0)


def came(day: int, first: Micros, before: Micros, at: Micros, number: int, *, absent: bool) -> Iterator[Contribution]:
    """The occasion of a number begins; `before` is the last one, 0 if there was none, and `absent` if the customer had left meanwhile.

    A `number` of 0 is not known.
    """
    if number:
        yield day, REACHED, min(number, MOST_OCCASIONS), 1
    now = tenure_bucket(at - first)
    if not before:
        yield day, TENURE, now, 1
        return
    last = tenure_bucket(before - first)
    for bucket in range(last + 1, now + 1):
        yield day, TENURE, bucket, 1
    if not absent:
        since, until = (before - first) // DAY, (at - first) // DAY
        for bucket in range(last, now + 1):
            end = DAYS[bucket + 1] if bucket + 1 < len(DAYS) else until
            days = min(end, until) - max(DAYS[bucket], since)
            if days > 0:
                yield day, ACTIVE_DAYS, bucket, days


def left(day: int, first: Micros, last: Micros, number: int, tier: Tier, count: int = 1) -> Iterator[Contribution]:
    """A customer leaves after so many occasions, 0 if that is not known; -1 takes that back."""
    if number:
        yield day, LEFT_AFTER, min(number, MOST_OCCASIONS), count
    yield day, LEFT_AT, tenure_bucket(last - first), count
    yield day, LOST_ON + tier, day, count


def spent(day: int, currency: str, tenure: Duration, minor: int) -> Contribution:
    """A purchase."""
    return day, SPENT + currency, tenure_bucket(tenure), minor


def cost(day: int, currency: str, tenure: Duration, minor: int) -> Contribution:
    """What it cost to serve a customer."""
    return day, COST + currency, tenure_bucket(tenure), minor


def placed(day: int, currency: str, place: int, minor: int, count: int) -> Iterator[Contribution]:
    """A customer with a yearly value stands at a tier and stage, by `live_quality.place_of`; -1 takes that back."""
    yield day, PEOPLE, place, count
    if minor:
        yield day, MONEY + currency, place, count * minor


def deadline(at: Micros, name: Deadline, tier: Tier, met: bool, count: int = 1) -> Contribution:
    """A deadline was met or missed; -1 takes that back, because the case was opened again."""
    return at // DAY, DEADLINE, (DEADLINES.index(name) * len(TIERS) + TIERS.index(tier)) * 2 + met, count
