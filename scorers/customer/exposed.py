"""To which complaints of others a customer is exposed who tells nothing (X4): what was bought lately, and whether the customer spoke.

Silent is who has neither complained nor given a mark since the day on which the thing was bought.
"""

from binascii import a2b_base64, b2a_base64
from functools import lru_cache

from scorers.contract.events import DAY, SECOND, Item, Micros, Purchase
from scorers.customer.parts.buying import Bought
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.exposures import ENTRY, KEY, Exposure, key_of, lot_name, sku_name, thing_of_store
from scorers.timeline.facts import short

KEPT_DAYS = 180  # as long as the policy allows for `exposure.bought_within`
MAX_THINGS = 64  # the newest; what is forgotten is counted


def bought(c: Customer, e: Purchase) -> None:
    """Note what a purchase contains, called before the purchase counts as the last one."""
    keys = unpack(e.items)
    if e.store_id:
        keys.append(_of_store(e.store_id))
    own = c.bought
    if own.told_last:
        own.told_before, own.told_first, own.told_last = own.told_last, 0, 0
    if not keys:
        return
    day, last, held = e.time // DAY, c.purchases.last // DAY, own.things
    while held and day - _day_of(held[ENTRY - 1], last) > KEPT_DAYS:
        held = held[ENTRY:]
    for key in keys:
        place = find(held, key)
        if place >= 0:
            held = held[:place] + held[place + ENTRY :]
    tag = bytes((day & 255,))
    held += b"".join([key + tag for key in keys])
    if len(held) > MAX_THINGS * ENTRY:
        held = held[-MAX_THINGS * ENTRY :]
        c.forget("thing")
    own.things = held


def told(c: Customer, at: Micros) -> None:
    """The customer has complained, or given a mark."""
    own, second = c.bought, at // SECOND
    own.told_first, own.told_last = own.told_first or second, second


def exposure(c: Customer, until: Micros, ctx: Context) -> Exposure | None:
    """The first exposure since the last purchase, up to an instant; None if there is none, or the customer is not silent."""
    last, own = c.purchases.last, c.bought
    within = ctx.policy.exposure.bought_within
    for one in ctx.exposures.between(last, min(until, last + within + DAY), own.things):
        day = bought_on(c, one.key)
        if day < 0 or one.since // DAY - day > within // DAY:
            continue
        has_told = own.told_before * SECOND >= day * DAY or 0 < own.told_first * SECOND < one.since
        if not has_told:
            return one
    return None


def bought_on(c: Customer, key: bytes) -> int:
    """The day on which a thing was bought last, of the time before the last purchase; -1 if it is not known."""
    place = find(c.bought.things, key)
    if place < 0:
        return -1
    return _day_of(c.bought.things[place + ENTRY - 1], c.purchases.last // DAY)


def _day_of(tag: int, last: int) -> int:
    """The day with a last byte that is not after another day, and less than 256 days before it."""
    return last - (last - tag) % 256


def combined(own: Customer, other: Customer) -> Bought:
    """What two ids bought that were one customer, and when the customer told something."""
    days: dict[bytes, int] = {}
    for c in (own, other):
        things = c.bought.things
        for key in (things[n : n + KEY] for n in range(0, len(things), ENTRY)):
            days[key] = max(days.get(key, -1), bought_on(c, key))
    last = max(own.purchases.last, other.purchases.last) // SECOND
    oldest = last * SECOND // DAY - KEPT_DAYS
    newest = sorted((day, key) for key, day in days.items() if day >= oldest)[-MAX_THINGS:]
    told_at = [at for b in (own.bought, other.bought) for at in (b.told_before, b.told_first, b.told_last) if at]
    since = [at for at in told_at if at > last]
    return Bought(
        b"".join(key + bytes((day & 255,)) for day, key in newest),
        max((at for at in told_at if at <= last), default=0),
        min(since, default=0),
        max(since, default=0),
    )


def find(held: bytes, key: bytes) -> int:
    """Where the entry of a key is; -1 if there is none.

    >>> find(b"abcd1bcda2", b"bcda"), find(b"abcd1", b"bcd1")
    (5, -1)
    """
    place = held.find(key)
    while place % ENTRY and place > 0:
        place = held.find(key, place + 1)
    return place


def pack(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """The keys of a basket's articles and lots as one item without a category, which a row keeps in place of the items."""
    keys: dict[bytes, None] = {}
    for item in items:
        keys[_of_sku(item.sku)] = None
        if item.lot is not None:
            keys[_of_lot(item.lot, None)] = keys[_of_lot(item.lot, item.sku)] = None
    packed = b"".join(list(keys)[-MAX_THINGS:])
    return (Item(sku=b2a_base64(packed, newline=False).decode(), quantity=1),)


def unpack(items: tuple[Item, ...] | None) -> list[bytes]:
    """The keys that `pack` put into the last of the items that a row keeps."""
    if not items or items[-1].category is not None:  # a row of a former build
        return []
    packed = a2b_base64(items[-1].sku)
    return [packed[n : n + KEY] for n in range(0, len(packed), KEY)]


@lru_cache(maxsize=1024)
def _of_store(store_id: str) -> bytes:
    return key_of(thing_of_store(store_id))


@lru_cache(maxsize=8192)
def _of_sku(sku: str) -> bytes:
    return key_of(sku_name(short(sku)))


@lru_cache(maxsize=8192)
def _of_lot(lot: str, sku: str | None) -> bytes:
    return key_of(lot_name(short(lot), None if sku is None else short(sku)))
