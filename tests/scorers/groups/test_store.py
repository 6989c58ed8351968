"""A store: complaints are counted by day, days are closed in order, and reports reach customers."""

from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, Micros
from scorers.contract.wire import decode
from scorers.groups import store as stores
from scorers.groups.store import Store
from scorers.policy.tables import Policy
from scorers.subjects.store import STORE
from scorers.timeline.facts import Ref
from scorers.timeline.subjects import AlarmingType
from scorers.timeline.timeline import Timeline
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
DAY_0 = START // DAY
POLICY = Policy()


def opened(at: int, store: str | None = "S1", customer: str | None = "C1", case: str = "K1") -> bytes:
    return record("complaint.opened", at, customer, id=f"{case} {at}", complaint_id=case, store_id=store)


def counted(*days: int) -> Store:
    """A store with one complaint on each of these days."""
    store = Store("S1")
    for day in days:
        stores.count(store, decode(opened(START + day * DAY)))  # type: ignore[arg-type]
    return store


def known(driver: Driver, at: int) -> int | None:
    """The number of complaints that customers of the store know of at an instant."""
    return driver.ctx.group("store", "S1", at).get("complaints")


def test_counts_are_kept_by_day_in_order() -> None:
    """In whatever order the facts are counted."""
    store = counted(3, 0, 3, 1)
    assert store.days == [DAY_0, DAY_0 + 1, DAY_0 + 3]
    assert store.complaints == [1, 1, 2]


def test_closing_a_day_sums_the_window_and_drops_what_is_no_longer_used() -> None:
    """The window ends with the day; later days wait for their own close. Older days say what is usual."""
    store = counted(0, 13, 14, 15)
    stores.close(store, DAY_0 + 14, 7, POLICY)
    assert (store.reported_day, store.reported, store.reported_at) == (DAY_0 + 14, 2, 7)
    assert store.days == [DAY_0, DAY_0 + 13, DAY_0 + 14, DAY_0 + 15]
    stores.close(store, DAY_0 + 14 + stores.BEFORE, 8, POLICY)
    assert store.days == [DAY_0 + 13, DAY_0 + 14, DAY_0 + 15]
    assert len(store.complaints) == len(store.informal) == 3


def test_days_are_closed_until_nothing_is_left_to_report() -> None:
    """After the last complaint has left the window, one close reports zero and no other follows."""
    assert stores.next_close(Store("S1"), POLICY) is None
    store = counted(0)
    assert stores.next_close(store, POLICY) == DAY_0
    stores.close(store, DAY_0, 1, POLICY)
    assert stores.next_close(store, POLICY) == DAY_0 + 1
    stores.close(store, DAY_0 + 14, 2, POLICY)
    assert store.reported == 0
    assert stores.next_close(store, POLICY) is None


def test_customers_know_a_count_from_the_end_of_its_day_plus_the_lateness() -> None:
    """Nothing before, and zero once the window has passed."""
    driver = Driver().feed(opened(START), opened(START + HOUR, case="K2")).advance(START + 40 * DAY)
    in_force = (DAY_0 + 2) * DAY
    assert known(driver, in_force - 1) is None
    assert known(driver, in_force) == 2
    assert known(driver, in_force + 13 * DAY) == 2
    assert known(driver, in_force + 14 * DAY) == 0


def reports(days: Sequence[int]) -> list[tuple[Micros, int]]:
    """What a store reports, and since when, after complaints of these days were read in this order before any tick."""
    ctx = Driver().ctx
    store = Timeline.new(STORE, "S1", ctx)
    for n, day in enumerate(days):
        event = decode(opened(START + day * DAY, case=f"K{n}"))
        store.step(event, Ref("shop", f"K{n}", "groups", 0, n), 0, ctx)  # type: ignore[arg-type]
    step = store.judge_until(START + 9 * DAY, START, ctx)
    return [(report.in_force, report.values["complaints"]) for report in step.reports]


@given(st.permutations((0, 0, 1, 1, 2, 3, 3)))
@example([0, 0, 1, 3, 2])
def test_the_order_of_arrival_changes_no_report(days: list[int]) -> None:
    """Partitions forward complaints of several days at unequal speed: the first one read may be the newest."""
    assert reports(days) == reports(sorted(days)) != []


def test_an_anonymous_complaint_counts_and_one_without_a_store_does_not() -> None:
    """The store is a subject of its own; the customer need not be known."""
    driver = Driver().feed(opened(START, customer=None), opened(START, store=None)).advance(START + 5 * DAY)
    assert known(driver, START + 5 * DAY) == 1


def test_a_complaint_older_than_the_lateness_is_still_counted_once() -> None:
    """A store absorbs what is too late for a customer, and knows it as a duplicate afterwards."""
    driver = Driver().feed(opened(START), opened(START + 5 * DAY, customer="C2", case="K2"))
    late = opened(START + DAY, customer="C3", case="K3")
    driver.feed(late, late).advance(START + 8 * DAY)
    assert known(driver, START + 8 * DAY) == 3


def test_a_store_raises_no_alarm() -> None:
    """It has no kinds, and its row keeps neither product nor reason of a complaint."""
    assert not isinstance(STORE, AlarmingType)
    event = decode(record("complaint.opened", START, complaint_id="K1", store_id="S1", sku="A", lot="B", reason="C"))
    kept = STORE.retained(event)  # type: ignore[arg-type]
    assert (kept.sku, kept.lot, kept.reason, kept.complaint_id) == (None, None, None, "-")  # type: ignore[union-attr]
