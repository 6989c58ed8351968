"""A store: the number of complaints opened about it, by day. Facts can be counted in any order and at any time."""

from bisect import bisect_left

from msgspec import field

from scorers.contract.events import DAY, ComplaintOpened, Duration, Micros
from scorers.timeline.subjects import State


class Store(State, array_like=True, gc=False):
    """The state of a store. `days` ascends, and `complaints` has the count of each day."""

    days: list[int] = field(default_factory=list)
    complaints: list[int] = field(default_factory=list)
    reported_day: int = (
        -1
    )  # the newest day that is closed, or the day before the oldest count; -1 while nothing is counted
    reported: int = 0  # the count reported for it
    reported_at: Micros = 0  # when that came into force; 0 if nothing was reported


def count(store: Store, e: ComplaintOpened) -> None:
    """Count a complaint on the day of the fact."""
    day = e.time // DAY
    n = bisect_left(store.days, day)
    if n < len(store.days) and store.days[n] == day:
        store.complaints[n] += 1
    else:
        store.days.insert(n, day)
        store.complaints.insert(n, 1)
    if not store.reported_at:  # whichever complaint was read first, the oldest day is closed first
        store.reported_day = store.days[0] - 1


def close(store: Store, day: int, at: Micros, window: Duration) -> None:
    """Close a day at an instant: add up the window that ends with the day, and forget the days before the window."""
    first = day - window // DAY + 1
    old = bisect_left(store.days, first)
    del store.days[:old], store.complaints[:old]
    newer = bisect_left(store.days, day + 1)
    store.reported_day, store.reported, store.reported_at = day, sum(store.complaints[:newer]), at


def next_close(store: Store) -> int | None:
    """The next day to close; None while neither a count nor a report above zero is left."""
    if store.reported_day < 0 or not (store.days or store.reported):
        return None
    return store.reported_day + 1


def first_seen(store: Store, at: Micros) -> None:
    """Note the instants of the first and the newest fact."""
    store.first_seen = min(store.first_seen or at, at)
    store.last_fact = max(store.last_fact, at)
