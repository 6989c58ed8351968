"""What customers brought of what was expected of them (J11): the base's own survival and pace, by how often they had come.

Each question about a customer also expects their money of the horizon, from the worth of that day; what came is counted with the answer.
In each currency apart, as amounts of two are never added. The counts are never forgotten: a season is no change of a base.
"""

from bisect import bisect_right
from collections.abc import Mapping

from scorers.policy.tables import Policy

REALISED = "realised:"  # followed by the currency; three buckets for each class: answers, expected, came
OCCASIONS = (1, 2, 3, 5, 10)
"""Where the classes begin, in occasions when the question was asked."""
_ANSWERS, _EXPECTED, _CAME = range(3)
_BUCKETS = 3

Contribution = tuple[int, str, int, int]
Shares = tuple[float, ...]
"""By class: the share of the expected money that came, at most 1."""


def class_of(occasions: int) -> int:
    """The class of a customer who has come so often.

    >>> [class_of(n) for n in (1, 2, 4, 5, 200)]
    [0, 1, 2, 3, 4]
    """
    return max(bisect_right(OCCASIONS, occasions) - 1, 0)


def realised(day: int, currency: str, occasions: int, expected: int, came: int) -> list[Contribution]:
    """What came within the horizon, in minor units, of what was expected of a customer who had come so often."""
    first = _BUCKETS * class_of(occasions)
    name = REALISED + currency
    found = [(day, name, first + _ANSWERS, 1), (day, name, first + _EXPECTED, expected)]
    return [*found, (day, name, first + _CAME, came)] if came else found


def shares(counts: Mapping[int, int], policy: Policy) -> Shares:
    """The share of each class; empty while nothing is known.

    As many answers as `value.realised_known` count as if all had come, so few answers change little. No share is above 1: what a base brought
    beyond its pace is a season or the growth of a young shop, which nobody has measured over a whole life.

    >>> shares({0: 50, 1: 4000, 2: 1000, 3: 50, 4: 4000, 5: 9000}, Policy())
    (0.625, 1.0, 1.0, 1.0, 1.0)
    """
    if not counts:
        return ()
    return tuple([_share(counts, _BUCKETS * number, policy.value.realised_known) for number in range(len(OCCASIONS))])


def _share(counts: Mapping[int, int], first: int, known: int) -> float:
    answers, expected = counts.get(first + _ANSWERS, 0), counts.get(first + _EXPECTED, 0)
    if answers <= 0 or expected <= 0:
        return 1.0
    assumed = known * expected / answers
    return round(min(max((counts.get(first + _CAME, 0) + assumed) / (expected + assumed), 0.0), 1.0), 4)
