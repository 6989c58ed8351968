"""From which silences customers of the base come back (J8): its own record, by multiples of the own limit.

A silence counts in a class once it has reached that multiple 90 days ago, and as a comeback if a purchase followed within them. Both are
contributions dated to the end of those days, so histograms of partitions merge by sum and a late fact takes back what it changes.
"""

from collections.abc import Mapping

from scorers.contract.events import DAY, Micros
from scorers.policy.tables import Policy

COMEBACKS = "back"  # buckets: two for each class, silences and comebacks; those of first-time buyers stand apart
MULTIPLES = (2, 3, 4, 6, 8)
WAITS = -1  # in the place of a multiple: a base large enough to have a record soon, which nobody is told of a long silence before
_CLASS, _ONCE = 2, 2 * len(MULTIPLES)


def reached(at: Micros, number: int, once: bool, policy: Policy) -> tuple[int, str, int, int]:
    """The contribution of a silence that reached the class of a number at an instant; `once`: of a first-time buyer."""
    return (at + policy.silence.given_up_within) // DAY, COMEBACKS, number * _CLASS + once * _ONCE, 1


def came_back(at: Micros, number: int, once: bool, policy: Policy) -> tuple[int, str, int, int]:
    """The contribution of a purchase that followed in time; `at` is when the silence had reached the class."""
    return (at + policy.silence.given_up_within) // DAY, COMEBACKS, number * _CLASS + once * _ONCE + 1, 1


def given_up_from(counts: Mapping[int, int], policy: Policy, is_large: bool = False) -> tuple[int, int]:
    """The least multiple from which few enough come back, of repeat and of first-time buyers; while none is known 0, or in a large base `WAITS`.

    >>> given_up_from({0: 100, 1: 60, 2: 80, 3: 20, 12: 49}, Policy())
    (3, 0)
    >>> given_up_from({0: 100, 1: 60}, Policy(), is_large=True)
    (-1, -1)
    """
    rules = policy.silence
    found = [WAITS, WAITS] if is_large else [0, 0]
    for once in (0, 1):
        for number, multiple in enumerate(MULTIPLES):
            bucket = number * _CLASS + once * _ONCE
            silences = counts.get(bucket, 0)
            if silences >= rules.given_up_known and counts.get(bucket + 1, 0) < rules.given_up_share * silences:
                found[once] = multiple
                break
    return found[0], found[1]
