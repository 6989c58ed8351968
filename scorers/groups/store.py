"""A store, or a thing that is bought: the number of complaints opened about it by day, and at a store the marks given there or about it,
and the pulses of its staff.

Facts can be counted in any order and at any time. At the end of a day, once late facts are in, it is found whether there are more
complaints than are usual: then those customers are exposed who bought the thing, or at the store (X4).
"""

from bisect import bisect_left
from collections.abc import Iterator

from msgspec import Struct, field

from scorers.contract.events import DAY, ComplaintOpened, Contact, Micros, StaffPulse, SurveyAnswered
from scorers.groups import staff
from scorers.groups.staff import Staff
from scorers.groups.usual import tail, usual
from scorers.in_force.exposures import lot_name, sku_name
from scorers.policy.group_tables import Iceberg
from scorers.policy.tables import Policy
from scorers.timeline.facts import short
from scorers.timeline.subjects import State

GOOD, BAD = 4, 2  # marks from and up to which a customer is satisfied, and dissatisfied
BEFORE = 84  # days before the window by which it is known what is usual,
BEFORE_AT_LEAST = 28  # so many of them at least


def things_of(e: ComplaintOpened) -> Iterator[str]:
    """The names of the article and the lot of a complaint; two articles may have lots of one name."""
    if e.sku:
        yield sku_name(short(e.sku))
    if e.lot:
        yield lot_name(short(e.lot), short(e.sku) if e.sku else None)


class Voices(Struct, array_like=True, frozen=True, gc=False):
    """What was voiced in the window that ends with the newest closed day: complaints, and marks."""

    formal: int = 0
    informal: int = 0
    good: int = 0
    bad: int = 0

    def implied(self, rules: Iceberg) -> int:
        """For how many dissatisfied customers it stands (X2): some of them complain formally, some otherwise or by a low mark.

        >>> Voices(formal=3).implied(Iceberg()), Voices(informal=10).implied(Iceberg()), Voices(formal=1, bad=100).implied(Iceberg())
        (501, 34, 340)
        """
        return round(max(self.formal * rules.formal, (self.informal + self.bad) * rules.informal))


class Store(State, array_like=True, gc=False):
    """The state of a store. `days` ascends, and `complaints` has the count of each day."""

    days: list[int] = field(default_factory=list)
    complaints: list[int] = field(default_factory=list)
    reported_day: int = (
        -1
    )  # the newest day that is closed, or the day before the oldest count; -1 while nothing is counted
    reported: int = 0  # the count reported for it
    reported_at: Micros = 0  # when that came into force; 0 if nothing was reported
    was_exposed: bool = False  # customers have been
    informal: list[int] = field(default_factory=list)  # of the complaints of each day,
    implied: int = 0  # for how many dissatisfied customers the complaints stood when there began to be more than usual
    exposed: int = 0  # the complaints then; 0 while there are no more than usual
    good: list[int] = field(default_factory=list)  # marks of 4 and 5 of each day,
    bad: list[int] = field(default_factory=list)  # and of 1 and 2
    voices: Voices = field(default_factory=Voices)
    staff: Staff = field(default_factory=Staff)

    @property
    def was_heard(self) -> bool:
        """Whether a complaint or a mark came from it, as far as is known."""
        return bool(self.first_seen)


def count(store: Store, e: ComplaintOpened | Contact | SurveyAnswered | StaffPulse) -> None:
    """Count a complaint, a mark or a pulse on the day of the fact."""
    if isinstance(e, StaffPulse):
        staff.count(store.staff, e)
        if not store.reported_at:
            store.reported_day = _first_day(store) - 1
        return
    n = _place(store, e.time // DAY)
    if isinstance(e, ComplaintOpened):
        store.complaints[n] += 1
        store.informal[n] += e.formality == "informal"
    elif e.satisfaction is not None:
        store.good[n] += e.satisfaction >= GOOD
        store.bad[n] += e.satisfaction <= BAD
    if not store.reported_at:  # whichever fact was read first, the oldest day is closed first
        store.reported_day = _first_day(store) - 1


def _first_day(store: Store) -> int:
    return min([*store.days[:1], *store.staff.days])


def close(store: Store, day: int, at: Micros, policy: Policy) -> None:
    """Close a day at an instant: add up the window that ends with the day, and forget the days of which nothing is used any more."""
    first = day - policy.stores.complaint_window // DAY + 1
    old = bisect_left(store.days, first - BEFORE)
    for held in (*_counts(store), store.days):
        del held[:old]
    low, newer = bisect_left(store.days, first), bisect_left(store.days, day + 1)
    complaints, informal, good, bad = (sum(counts[low:newer]) for counts in _counts(store))
    store.reported_day, store.reported, store.reported_at = day, complaints, at
    store.voices = Voices(complaints - informal, informal, good, bad)
    staff.close(store.staff, day, policy)
    if complaints < policy.exposure.complaints or not _is_unusual(store, range(first, day + 1), policy):
        store.exposed = 0
    elif not store.exposed:
        store.exposed, store.implied = complaints, store.voices.implied(policy.iceberg)
        store.was_exposed = True


def next_close(store: Store, policy: Policy) -> int | None:
    """The next day to close: while a count of the window or a report above zero is left, the next one; None if nothing is left to tell."""
    if store.reported_day < 0:
        return None
    in_window = store.days and store.days[-1] > store.reported_day - policy.stores.complaint_window // DAY
    if in_window or store.reported:
        return store.reported_day + 1
    return staff.next_change(store.staff, store.reported_day, policy)


def seen(store: Store, at: Micros, *, is_voice: bool) -> None:
    """Note the instants of the first voice and of the newest fact; the staff is no voice of customers."""
    if is_voice:
        store.first_seen = min(store.first_seen or at, at)
    store.last_fact = max(store.last_fact, at)


def _place(store: Store, day: int) -> int:
    """Where the counts of a day are; they are made if there are none."""
    counts_by_day = _counts(store)
    n = bisect_left(store.days, day)
    if n == len(store.days) or store.days[n] != day:
        store.days.insert(n, day)
        for counts in counts_by_day:
            counts.insert(n, 0)
    return n


def _counts(store: Store) -> tuple[list[int], ...]:
    """The counts of all days; a row of a former build has fewer of those that came later."""
    for later in (store.informal, store.good, store.bad):
        if len(later) < len(store.days):
            later[:0] = [0] * (len(store.days) - len(later))
    return store.complaints, store.informal, store.good, store.bad


def _is_unusual(store: Store, window: range, policy: Policy) -> bool:
    """Whether a window has more complaints than are usual, or too little is known of what is."""
    start = max(store.first_seen // DAY, window.start - BEFORE)
    if window.start - start < BEFORE_AT_LEAST:
        return True
    return tail(store.reported, usual(store.days, store.complaints, start, window)) <= policy.themes.tail
