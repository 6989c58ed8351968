"""Business time: deadlines count open hours only, over nights, lunch, week-ends and holidays (X6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.policy.business_calendar import Calendar
from scorers.policy.tables import Opening

SHOP = Calendar(
    Opening(*[("09:00-13:00", "16:00-20:00")] * 5, saturday=("09:00-13:00",), sunday=(), holidays=("2024-03-19",))
)
MADRID = Calendar(Opening(*[("09:00-17:00",)] * 7), "Europe/Madrid")
ALWAYS = Calendar(Opening())
INSTANTS = st.integers(int(parse_instant("2024-01-01T00:00:00Z")), int(parse_instant("2024-06-01T00:00:00Z")))


@pytest.mark.parametrize(
    ("calendar", "start", "span", "end"),
    [
        (ALWAYS, "2024-03-01T19:00:00Z", DAY, "2024-03-02T19:00:00Z"),
        (SHOP, "2024-03-01T12:00:00Z", HOUR, "2024-03-01T13:00:00Z"),
        (SHOP, "2024-03-01T12:00:00Z", 2 * HOUR, "2024-03-01T17:00:00Z"),
        (SHOP, "2024-03-01T13:30:00Z", HOUR, "2024-03-01T17:00:00Z"),
        (SHOP, "2024-03-01T19:00:00Z", 4 * HOUR, "2024-03-02T12:00:00Z"),
        (SHOP, "2024-03-02T12:00:00Z", 2 * HOUR, "2024-03-04T10:00:00Z"),
        (SHOP, "2024-03-18T19:00:00Z", 2 * HOUR, "2024-03-20T10:00:00Z"),
        (MADRID, "2024-03-01T15:30:00Z", HOUR, "2024-03-02T08:30:00Z"),
        (MADRID, "2024-03-01T03:00:00Z", HOUR, "2024-03-01T09:00:00Z"),
        (MADRID, "2024-03-30T15:30:00Z", HOUR, "2024-03-31T07:30:00Z"),
        (MADRID, "2024-10-26T14:30:00Z", HOUR, "2024-10-27T08:30:00Z"),
    ],
)
def test_a_deadline_lies_where_so_much_open_time_has_passed(calendar, start, span, end):
    """To the minute, on both sides of every closing."""
    assert rfc3339(calendar.add(parse_instant(start), span)) == end


@given(start=INSTANTS, span=st.integers(1, 30 * 60))
def test_between_is_what_add_has_added(start, span):
    """The two agree on every instant."""
    for calendar in (SHOP, MADRID, ALWAYS):
        assert calendar.between(start, calendar.add(start, span * MINUTE)) == span * MINUTE


@given(start=INSTANTS, one=st.integers(1, 600), two=st.integers(1, 600))
def test_a_span_may_be_added_in_parts(start, one, two):
    """A clock that stops and goes on loses nothing."""
    assert SHOP.add(SHOP.add(start, one * MINUTE), two * MINUTE) == SHOP.add(start, (one + two) * MINUTE)


def test_no_time_lies_between_an_end_and_an_earlier_start():
    """Nothing is left of a deadline that has passed."""
    assert SHOP.between(10 * DAY, 9 * DAY) == 0


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        ({"monday": ("9-13",)}, "'9'|not"),
        ({"monday": ("13:00-09:00",)}, "ends before it begins"),
        ({"monday": ("09:00-13:00", "12:00-14:00")}, "overlaps"),
        ({"monday": ("09:00",)}, "not a span of hours"),
        ({"holidays": ("19.3.2024",)}, "not a date"),
        ({f"{day}day": () for day in ("mon", "tues", "wednes", "thurs", "fri", "satur", "sun")}, "no open hour"),
    ],
)
def test_a_senseless_calendar_is_refused_with_the_mend(opening, said):
    """The message names what is wrong."""
    with pytest.raises(ValueError, match=said):
        Calendar(Opening(**opening))
