"""Categories per occasion, and boredom: variety falls while the gaps between visits grow (X9).

Boredom is judged when an occasion begins, since the basket of the new occasion may still grow: of the completed occasions the three
newest are compared with the six before them.
"""

from collections.abc import Sequence
from functools import lru_cache

from scorers.contract.events import DAY, HOUR, Micros, Purchase
from scorers.customer.parts.buying import Baskets, Visit
from scorers.customer.state import Customer
from scorers.policy.tables import Boredom
from scorers.timeline.facts import NO_FACT, Ref

_FAST, _SLOW = 0.4, 0.1  # weights of the newest occasion in the two averages of breadth
NEWEST, EARLIER = 3, 6  # how many occasions are compared; EARLIER is a multiple of NEWEST
KEPT = NEWEST + EARLIER
BLOCK = 28 * DAY  # beyond the newest occasions, categories are kept by blocks of four weeks,
MAX_BLOCKS = 8  # before the current one


def add(baskets: Baskets, e: Purchase, block: int) -> bool:
    """Add the categories of one purchase to the current occasion and to a block; True if it is the first in that block."""
    mask = 0
    for item in e.items or ():
        if item.category:
            mask |= 1 << (_hash(item.category) & 63)
    if mask:
        baskets.variety |= mask
        baskets.visits[-1].categories |= mask
        if block == baskets.block:
            baskets.in_block |= mask
        else:
            _begin_block(baskets, block, mask)
            return True
    return False


def _begin_block(baskets: Baskets, block: int, mask: int) -> None:
    if baskets.in_block:
        baskets.order, done = _in_order(baskets.order, baskets.in_block)
        skipped = min(block - baskets.block - 1, MAX_BLOCKS)
        baskets.blocks += [done] + [0] * skipped
        del baskets.blocks[:-MAX_BLOCKS]
    baskets.block, baskets.in_block = block, mask


def _in_order(order: bytes, mask: int) -> tuple[bytes, int]:
    """The order with the new bits of a mask, and the mask with a bit for each place in that order."""
    found = 0
    while mask:
        lowest = mask & -mask
        bit = lowest.bit_length() - 1
        at = order.find(bit)
        if at < 0:
            at, order = len(order), order + bytes((bit,))
        found |= 1 << at
        mask ^= lowest
    return order, found


def different(baskets: Baskets, first: int, last: int) -> int:
    """How many different categories were bought in the blocks `first` to `last`, both included."""
    oldest = baskets.block - len(baskets.blocks)
    found = _in_order(baskets.order, baskets.in_block)[1] if first <= baskets.block <= last else 0
    for mask in baskets.blocks[max(first - oldest, 0) : max(last - oldest + 1, 0)]:
        found |= mask
    return found.bit_count()


def breadth(baskets: Baskets, e: Purchase) -> None:
    """Add the number of categories of an occasion's first purchase to both averages."""
    n = len({item.category for item in e.items if item.category}) if e.items else 0
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
