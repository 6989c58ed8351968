"""What is bought: categories per occasion, and boredom, a variety that falls while the gaps grow (X9).

Boredom is judged when an occasion begins, over the completed ones before it, since the basket of the new one may still grow:
the three newest against the six before them.
"""

from scorers.contract.events import Micros, Purchase
from scorers.customer.state import Baskets, Customer, Visit
from scorers.policy.tables import Boredom
from scorers.timeline.facts import NO_FACT, Ref

_FAST, _SLOW = 0.4, 0.1  # weights of the newest occasion in the two averages of breadth
NEWEST, EARLIER = 3, 6  # occasions that are compared
KEPT = NEWEST + EARLIER


def add(baskets: Baskets, e: Purchase) -> None:
    """The categories of one purchase."""
    mask = 0
    for item in e.items:
        if item.category:
            mask |= 1 << (_hash(item.category) & 63)
    if mask:
        baskets.variety |= mask
        baskets.visits[-1].categories |= mask


def breadth(baskets: Baskets, e: Purchase) -> None:
    """How many categories an occasion began with, into both averages."""
    n = len({item.category for item in e.items}) if e.items else 0
    if n:
        baskets.breadth_fast += (n - baskets.breadth_fast) * (_FAST if baskets.breadth_fast else 1.0)
        baskets.breadth_slow += (n - baskets.breadth_slow) * (_SLOW if baskets.breadth_slow else 1.0)


def occasion(c: Customer, at: Micros, ref: Ref, rules: Boredom) -> None:
    """A new occasion begins: the ones before it are complete and can be judged."""
    baskets = c.baskets
    visits = baskets.visits
    if len(visits) == KEPT and all(visit.categories for visit in visits):
        earlier, newest = varieties(visits)
        if baskets.bored_at:
            if newest >= (1.0 - rules.variety_fall) * baskets.bored_from:
                baskets.bored_at, baskets.bored_ref, baskets.bored_from = 0, NO_FACT, 0.0
        elif newest <= (1.0 - rules.variety_fall) * earlier and _gaps_grow(visits, rules.gap_growth):
            baskets.bored_at, baskets.bored_ref, baskets.bored_from = at, ref, earlier
    visits.append(Visit(at))
    del visits[:-KEPT]


def varieties(visits: list[Visit]) -> tuple[float, float]:
    """Different categories in three occasions: of the earlier ones on average, and of the newest."""
    threes = [_different(visits[n : n + NEWEST]) for n in range(0, KEPT, NEWEST)]
    return sum(threes[:-1]) / (len(threes) - 1), threes[-1]


def _different(visits: list[Visit]) -> float:
    mask = 0
    for visit in visits:
        mask |= visit.categories
    return float(mask.bit_count())


def _gaps_grow(visits: list[Visit], growth: float) -> bool:
    """Whether the gaps before the newest occasions are longer, by the share stated, than those before the earlier ones."""
    first, last_earlier, last = visits[0].at, visits[EARLIER - 1].at, visits[-1].at
    return (last - last_earlier) / NEWEST >= (1.0 + growth) * (last_earlier - first) / (EARLIER - 1)


def _hash(text: str) -> int:
    """A small hash that is the same in every process, unlike Python's own."""
    h = 0
    for letter in text.encode():
        h = (h * 31 + letter) & 0xFFFFFFFF
    return h ^ (h >> 15)
