"""Which closures count for a customer (J3): those of the stores where they buy, of the source of their purchases, and of the base."""

from scorers.contract.events import DAY, SECOND, Duration, Micros
from scorers.customer.state import Customer
from scorers.in_force.closures import Closed
from scorers.in_force.context import Context

MAX_OTHER_STORES = 3
USUAL_FOR: Duration = 90 * DAY  # a store is one of the customer's so long after the last purchase there


def change_store(c: Customer, store_id: str) -> None:
    """The customer buys at another store than the last time; called before that purchase is counted."""
    left, bought = c.profile.store_id, c.purchases
    c.profile.store_id = store_id
    if left:
        others = [one for one in bought.other_stores if one[0] != store_id]
        bought.other_stores = ((left, bought.last // SECOND), *others)[:MAX_OTHER_STORES]


def stores_of(c: Customer) -> tuple[str, ...]:
    """The store of the last purchase, and the others that the customer bought at not long before it; empty if none is known."""
    last = c.profile.store_id
    if not last or not c.purchases.other_stores:
        return (last,) if last else ()
    since = (c.purchases.last - USUAL_FOR) // SECOND
    return (last, *[store for store, seen in c.purchases.other_stores if seen >= since])


def closed_for(c: Customer, ctx: Context) -> Closed | None:
    """When a buyer could not buy, or could not have been seen doing so; None for never, as nearly always."""
    closures, bought = ctx.closures, c.purchases
    if not closures.are_known:
        return None
    if bought.other_stores:
        return closures.of(stores_of(c), bought.last_ref.source)
    return closures.of_store(c.profile.store_id, bought.last_ref.source)


def closed_time(closed: Closed | None, start: Micros, end: Micros) -> Duration:
    """How much of the time from start to end lies in closures."""
    return 0 if closed is None else end - start - closed.open_between(start, end)
