"""Draw the basket of one purchase: its items, amount, discount and margin."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from vigia.lab.simulate.people import Person
from vigia.lab.simulate.world import SKUS_PER_AISLE, Scene, Sku

MOST_LINES = 12
BAD_LOT_FAILS = 0.30
USUAL_LINES = 1.5


@dataclass(frozen=True, slots=True)
class Basket:
    """A basket; `suspect` is its item of a bad lot, if any."""

    amount: int
    margin: int
    discount: int
    items: str
    lines: Sequence[tuple[Sku, str | None]]
    suspect: tuple[Sku, str | None] | None


def basket(rng: Random, scene: Scene, who: Person, at: int, *, scale: float, reduced: bool, narrow: bool) -> Basket:
    """Draw a basket of this person; `narrow` buys the same product each time."""
    random = rng.random
    count = min(MOST_LINES, 1 + int(rng.expovariate(1.0 / (USUAL_LINES * who.purse * scale))))
    spill = max(1.0, who.purse * scale / 2)
    off = rng.choice((0.10, 0.15, 0.20, 0.25)) if reduced else 0.0
    amount = margin = saved = 0
    items: list[str] = []
    lines: list[tuple[Sku, str | None]] = []
    suspect = None
    for _ in range(1 if narrow else count):
        if narrow:
            sku, quantity = scene.aisles[who.taste[0]][who.whim % SKUS_PER_AISLE], count
        else:
            a, b = random(), random()
            aisle = scene.aisles[who.taste[int(len(who.taste) * a * a)]]
            sku = aisle[(who.whim + int(SKUS_PER_AISLE * b * b)) % SKUS_PER_AISLE]
            quantity = 1 + int(random() * random() * 3 * spill)
        full = sku.price * quantity
        cut = int(full * off)
        amount += full - cut
        saved += cut
        margin += int(full * sku.margin) - cut
        lot = None
        text = f'{sku.json},"quantity":{quantity},"amount_minor":{full - cut}'
        if sku.has_lots:
            spoilt = scene.bad_lots.get(sku.id)
            bad = spoilt is not None and spoilt[0] <= at < spoilt[1]
            day = scene.calendar.stamp(spoilt[0] if spoilt and bad else at)
            lot = f"L{day[2:4]}{day[5:7]}{'' if not bad else day[8:10]}"
            text += f',"lot":"{lot}"'
            if bad and random() < BAD_LOT_FAILS:
                suspect = (sku, lot)
        items.append(text + "}")
        lines.append((sku, lot))
    return Basket(amount, margin, saved, ",".join(items), lines, suspect)
