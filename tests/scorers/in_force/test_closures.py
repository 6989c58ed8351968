"""Open time around closures, and which of them count for whom (J3)."""

from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR
from scorers.contract.rfc3339 import parse_instant
from scorers.in_force.closures import (
    BASE,
    HELD,
    Closed,
    Closures,
    Span,
    feed_of_source,
    feed_of_store,
    open_until,
    report_values,
    spans_of,
)
from scorers.in_force.context import Context
from scorers.policy.reading import parse_policy
from scorers.risk.model import UNTRAINED

HOURS = st.integers(0, 60)
SPANS = st.lists(st.tuples(HOURS, HOURS).map(lambda two: Span(min(two), max(two))), max_size=6)


@given(SPANS, HOURS, HOURS)
def test_open_time_is_what_is_left_hour_by_hour(spans: list[Span], start: int, length: int) -> None:
    """The sums equal a count of the hours that lie in no closure."""
    closed = Closed(spans)
    opened = [hour for hour in range(start, start + length) if not any(a <= hour < b for a, b in spans)]
    assert closed.open_between(start, start + length) == len(opened)


@given(SPANS, HOURS, st.integers(1, 60))
def test_until_and_since_are_the_inverse(spans: list[Span], start: int, span: int) -> None:
    """`until` is the first instant by which so much open time has passed, `since` the last one from which it has."""
    closed = Closed(spans)
    end = closed.until(start, span)
    assert closed.open_between(start, end) == span
    assert closed.open_between(start, end - 1) < span
    first = closed.since(start, span)
    assert closed.open_between(first, start) == span
    assert closed.open_between(first + 1, start) < span


def test_open_time_stands_still_while_the_end_is_not_known() -> None:
    """A deadline inside such a closure is held; one at its very start is not inside."""
    closed = Closed([Span(10 * DAY, HELD)])
    assert closed.until(8 * DAY, 2 * DAY) == 10 * DAY
    assert closed.until(8 * DAY, 2 * DAY + 1) == HELD
    assert closed.open_between(8 * DAY, 50 * DAY) == 2 * DAY
    assert open_until(None, 8 * DAY, DAY) == 9 * DAY


def test_the_report_of_a_feed_says_all_that_stand() -> None:
    """What a later report leaves out is withdrawn, and a repeated one changes nothing."""
    found = (Span(5 * DAY, 6 * DAY), Span(8 * DAY, HELD))
    assert spans_of(report_values(found)) == found
    closures = Closures()
    assert not closures.are_known
    feed = feed_of_store("S1")
    assert closures.adopt(feed, report_values(found))
    assert not closures.adopt(feed, report_values(found))
    assert closures.are_known
    assert closures.of(("S1",), "till") is not None
    closures.changed.clear()
    assert closures.adopt(feed, {})
    assert closures.changed == {feed}
    assert not closures.are_known
    assert closures.of(("S1",), "till") is None


def test_a_customer_of_several_stores_is_stopped_when_all_are_closed() -> None:
    """Or when the base or the source is silent, whatever the store."""
    closures = Closures()
    closures.adopt(feed_of_store("S1"), report_values([Span(10 * DAY, 20 * DAY)]))
    closures.adopt(feed_of_store("S2"), report_values([Span(15 * DAY, 30 * DAY)]))
    both, till = closures.of(("S1", "S2"), "till"), closures.of((), "till")
    assert both is not None
    assert till is None
    assert [both.open_between(day * DAY, (day + 1) * DAY) // DAY for day in (14, 15, 19, 20)] == [1, 0, 0, 1]
    closures.adopt(feed_of_source("till"), report_values([Span(40 * DAY, 41 * DAY)]))
    closures.adopt(BASE, report_values([Span(50 * DAY, 51 * DAY)]))
    both, till = closures.of(("S1", "S2"), "till"), closures.of((), "till")
    assert both is not None
    assert till is not None
    assert both.open_between(0, 60 * DAY) == (60 - 5 - 2) * DAY
    assert till.open_between(0, 60 * DAY) == (60 - 2) * DAY


def test_holidays_are_those_of_the_business_or_of_a_store() -> None:
    """In the zone of the business, summer time included; closing days of the week are no closures."""
    policy = parse_policy(
        '[time]\nzone = "Europe/Madrid"\n'
        '[calendar]\nsunday = []\nholidays = ["2024-03-31", "2024-04-01"]\n'
        '[calendar.stores.S1]\nholidays = ["2024-05-02"]\n[calendar.stores.S2]\nholidays = []\n',
        "a test",
    )
    closures = Context(policy, UNTRAINED).closures
    of_business = closures.of((), "till")
    assert of_business is not None
    assert closures.of(("S9",), "till") is not None
    start = parse_instant("2024-03-30T23:00:00Z")
    assert of_business.open_between(start - HOUR, start + 47 * HOUR) == HOUR  # the clocks went forward
    own = closures.of(("S1",), "till")
    assert own is not None
    assert own.open_between(start, start + 2 * DAY) == 2 * DAY
    assert closures.of(("S2",), "till") is None
    assert closures.of(("S1", "S2"), "till") is None


def test_found_closures_come_through_the_report_of_a_group() -> None:
    """They count at any instant, also one before they came into force."""
    ctx = Context(parse_policy("", "a test"), UNTRAINED)
    ctx.adopt_group("feed", feed_of_source("till"), 9 * DAY, 9 * DAY, report_values([Span(5 * DAY, HELD)]))
    closed = ctx.closures.of((), "till")
    assert closed is not None
    assert closed.open_between(4 * DAY, 7 * DAY) == DAY
    ctx.adopt_group("feed", feed_of_source("till"), 12 * DAY, 12 * DAY, {})
    assert ctx.closures.of((), "till") is None
