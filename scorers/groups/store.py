"""A store: how many complaints were opened about it, by day. Counts can be added in any order and at any time."""

from bisect import bisect_left

from msgspec import field

from scorers.contract.events import DAY, ComplaintOpened, Duration, Micros
from scorers.timeline.subjects import State


class Store(State, array_like=True, gc=False):
    """The complaints about a store. `days` ascends, and `complaints` has the count of each."""

    days: list[int] = field(default_factory=list)
    complaints: list[int] = field(default_factory=list)
    reported_day: int = -1  # the newest day of which customers were told; -1 where none
    reported: int = 0  # the count that they were told
    reported_at: Micros = 0  # when that came in force


def count(store: Store, e: ComplaintOpened) -> None:
    """One more complaint on the day of the fact."""
    day = e.time // DAY
    n = bisect_left(store.days, day)
    if n < len(store.days) and store.days[n] == day:
        store.complaints[n] += 1
    else:
        store.days.insert(n, day)
        store.complaints.insert(n, 1)
    if store.reported_day < 0:
        store.reported_day = day - 1


def close(store: Store, day: int, at: Micros, window: Duration) -> None:
    """At an instant, add up the window that ends with a day, and forget the days before it."""
    first = day - window // DAY + 1
    old = bisect_left(store.days, first)
    del store.days[:old], store.complaints[:old]
    newer = bisect_left(store.days, day + 1)
    store.reported_day, store.reported, store.reported_at = day, sum(store.complaints[:newer]), at


def next_close(store: Store) -> int | None:
    """The next day whose close can change the count; None while there is nothing to count."""
    if store.reported_day < 0 or not (store.days or store.reported):
        return None
    return store.reported_day + 1


def first_seen(store: Store, at: Micros) -> None:
    """Note the first and the newest fact."""
    store.first_seen = min(store.first_seen or at, at)
    store.last_fact = max(store.last_fact, at)
