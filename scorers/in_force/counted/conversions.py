"""Which prospects of the base have bought (L2): counts by location, affiliation, traits and expected value, and the chance that follows.

Names come from outside, so each kind of them is counted in sixteen places by a hash. A chance is the base's own share of conversions,
moved by what is known of those with the same marks: the more there are of them, the further.
"""

from collections.abc import Iterable, Mapping
from math import exp, log
from zlib import crc32

from scorers.policy.tables import Policy

LEADS = "leads"
ALL = 0  # the place of all prospects
_NAMES = 16
_DIMENSIONS = ("location", "affiliation", "trait", "value")
_PRIOR = 20  # prospects: so many with a mark weigh as much as the share of all

Contribution = tuple[int, str, int, int]
Conversions = tuple[tuple[int, int, int], ...]
"""Place, prospects, and how many of them have bought within the window; of all in the first one."""


def place(dimension: str, name: str) -> int:
    """Where a mark of a prospect is counted."""
    return 1 + _DIMENSIONS.index(dimension) * _NAMES + crc32(name.encode()) % _NAMES


def value_place(minor: int) -> int:
    """Where an expected value is counted: values that double stand in another place."""
    return 1 + _DIMENSIONS.index("value") * _NAMES + min((minor // 100).bit_length(), _NAMES - 1)


def answered(day: int, places: Iterable[int], bought: bool) -> list[Contribution]:
    """A prospect has bought, or the window has passed."""
    return [(day, LEADS, 2 * at + bought, 1) for at in (ALL, *places)]


def conversions(counts: Mapping[int, int], policy: Policy) -> Conversions:
    """What the base knows; empty while too few prospects have an answer.

    >>> conversions({0: 30, 1: 30, 2: 5}, Policy()), conversions({0: 3}, Policy())
    (((0, 60, 30), (1, 5, 0)), ())
    """
    if counts.get(0, 0) + counts.get(1, 0) < policy.prospects.conversions_known:
        return ()
    places = sorted({bucket // 2 for bucket in counts})
    return tuple([(at, counts.get(2 * at, 0) + counts.get(2 * at + 1, 0), counts.get(2 * at + 1, 0)) for at in places])


def chance(known: Conversions, places: Iterable[int]) -> tuple[float, float] | None:
    """The chance that a prospect with these marks buys within the window, and the share of all who do; None while not known.

    >>> some = ((0, 100, 30), (1, 40, 28), (2, 40, 2))
    >>> [round(chance(some, [at])[0], 2) for at in (1, 2, 3)]
    [0.57, 0.13, 0.3]
    """
    if not known:
        return None
    (_, number, bought), *others = known
    share = (bought + 1) / (number + 2)
    odds, table = _logit(share), {at: (n, k) for at, n, k in others}
    for at in places:
        n, k = table.get(at, (0, 0))
        odds += _logit((k + _PRIOR * share) / (n + _PRIOR)) - _logit(share)
    return 1.0 / (1.0 + exp(-odds)), share


def _logit(share: float) -> float:
    share = min(max(share, 1e-3), 1.0 - 1e-3)
    return log(share / (1.0 - share))
