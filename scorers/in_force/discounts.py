"""How much of its money the base gets at a discount (Q5): customers by the share of their own money that discounts have saved them.

A share knows no currency, so customers of all currencies stand in one histogram.
"""

from collections.abc import Mapping

from scorers.policy.tables import Policy

DISCOUNTS = "discount"
_BUCKETS = 100  # hundredths


def discount_bucket(discount_minor: int, paid_minor: int) -> int:
    """The bucket of a customer who was given so much off, and paid the rest.

    >>> discount_bucket(25, 75), discount_bucket(0, 0)
    (25, 0)
    """
    full = discount_minor + paid_minor
    return (2 * _BUCKETS * discount_minor + full) // (2 * full) if full > 0 else 0


def usual_discount(counts: Mapping[int, int], policy: Policy) -> float:
    """The mean share of its customers; -1 while too few are known to say what is usual.

    >>> usual_discount({10: 30, 30: 30}, Policy()), usual_discount({10: 3}, Policy())
    (0.2, -1.0)
    """
    known = sum(counts.values())
    if known < policy.loyalty.discounts_known:
        return -1.0
    return sum(bucket * count for bucket, count in counts.items()) / _BUCKETS / known
