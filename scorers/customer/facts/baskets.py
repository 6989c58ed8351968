"""Categories per occasion, and boredom: variety falls while the gaps between visits grow (X9).

Boredom is judged when an occasion begins, since the basket of the new occasion may still grow: of the completed occasions the three
newest are compared with the six before them.
"""

from collections.abc import Sequence
from functools import lru_cache

from scorers.contract.events import HOUR, Micros, Purchase
from scorers.customer.state import Baskets, Customer, Visit
from scorers.policy.tables import Boredom
from scorers.timeline.facts import NO_FACT, Ref

_FAST, _SLOW = 0.4, 0.1  # weights of the newest occasion in the two averages of breadth
NEWEST, EARLIER = 3, 6  # how many occasions are compared; EARLIER is a multiple of NEWEST
KEPT = NEWEST + EARLIER


def add(baskets: Baskets, e: Purchase) -> None:
    """Add the categories of one purchase to the current occasion."""
    mask = 0
    for item in e.items or ():
        if item.category:
            mask |= 1 << (_hash(item.category) & 63)
    if mask:
        baskets.variety |= mask
        baskets.visits[-1].categories |= mask


def breadth(baskets: Baskets, e: Purchase) -> None:
    """Add the number of categories of an occasion's first purchase to both averages."""
    n = len({item.category for item in e.items}) if e.items else 0
    if n:
        baskets.breadth_fast += (n - baskets.breadth_fast) * (_FAST if baskets.breadth_fast else 1.0)
        baskets.breadth_slow += (n - baskets.breadth_slow) * (_SLOW if baskets.breadth_slow else 1.0)


def occasion(c: Customer, at: Micros, ref: Ref, rules: Boredom) -> None:
    """Begin an occasion, and judge the completed ones before it. Without known categories nothing is judged."""
    baskets = c.baskets
    visits = baskets.visits
    if len(visits) == KEPT and all(visit.categories for visit in visits):
        earlier, newest = varieties(visits)
        if baskets.bored_at:
            if newest >= (1.0 - rules.variety_fall) * baskets.bored_from:
                baskets.bored_at, baskets.bored_ref, baskets.bored_from = 0, NO_FACT, 0.0
        elif newest <= (1.0 - rules.variety_fall) * earlier and _gaps_grow(visits, rules.gap_growth):
            baskets.bored_at, baskets.bored_ref, baskets.bored_from = at, ref, earlier
    baskets.visits = (*visits[1 - KEPT :], Visit(at // HOUR))


def varieties(visits: Sequence[Visit]) -> tuple[float, float]:
    """How many different categories three occasions have: the mean of the earlier threes, and the newest three."""
    threes = [_different(visits[n : n + NEWEST]) for n in range(0, KEPT, NEWEST)]
    return sum(threes[:-1]) / (len(threes) - 1), threes[-1]


def _different(visits: Sequence[Visit]) -> float:
    mask = 0
    for visit in visits:
        mask |= visit.categories
    return float(mask.bit_count())


def _gaps_grow(visits: Sequence[Visit], growth: float) -> bool:
    """Whether the mean gap of the newest occasions exceeds that of the earlier ones by the share `growth`."""
    first, last_earlier, last = visits[0].hour, visits[EARLIER - 1].hour, visits[-1].hour
    return (last - last_earlier) / NEWEST >= (1.0 + growth) * (last_earlier - first) / (EARLIER - 1)


@lru_cache(maxsize=1024)
def _hash(text: str) -> int:
    """A small hash that is the same in every process, unlike Python's own."""
    h = 0
    for letter in text.encode():
        h = (h * 31 + letter) & 0xFFFFFFFF
    return h ^ (h >> 15)
