"""Instants as RFC 3339 has them: read, told, bounded, and the same as the calendar says."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.contract import rfc3339 as door
from scorers.contract.events import SECOND
from scorers.contract.rfc3339 import CACHED_HOURS, EARLIEST, TOO_LATE, parse_any_instant
from scorers.contract.wire import parse_instant, rfc3339


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("2024-05-06T07:08:09Z", 1_714_979_289_000_000),
        ("2024-05-06T07:08:09.1Z", 1_714_979_289_100_000),
        ("2024-05-06T07:08:09.1234567Z", 1_714_979_289_123_456),
        ("2024-05-06T00:08:09-07:00", 1_714_979_289_000_000),
        ("2024-05-06T12:53:09+05:45", 1_714_979_289_000_000),
        ("2000-02-29T00:00:00Z", 951_782_400_000_000),
        ("2016-12-31T23:59:60Z", 1_483_228_800_000_000 - 1),
        ("2017-01-01T01:59:60.7+02:00", 1_483_228_800_000_000 - 1),
    ],
)
def test_instants(text: str, micros: int) -> None:
    """Zones are taken off, digits after the microsecond cut off, a leap second stays in its day."""
    assert parse_instant(text) == micros
    assert parse_instant(text) == micros  # once more, now that the hour is known


@pytest.mark.parametrize("tail", [".Z", ".-1Z", ".1\u00b2Z", ".1+02:00Z", "+.1Z", "+00:00Z", ",5Z", "Z.5"])
def test_a_fraction_is_digits_also_in_an_hour_that_is_known(tail: str) -> None:
    """What follows the second is looked at, however well the rest is known."""
    parse_instant("2024-05-06T07:08:09.5Z")
    with pytest.raises(ValueError, match="RFC 3339"):
        parse_instant(f"2024-05-06T07:08:09{tail}")


def test_leap_second_outside_the_years_is_refused() -> None:
    """A second 60 that would carry over the edge of the years is judged like any other."""
    assert parse_instant("2099-12-31T23:59:60Z") == TOO_LATE - 1
    with pytest.raises(ValueError, match="before 1990"):
        parse_instant("1989-12-31T23:59:60Z")


@given(st.integers(EARLIEST, TOO_LATE - 1))
def test_instant_round_trip(micros: int) -> None:
    """Whatever instant is told is read as itself, the second time as the first."""
    assert parse_instant(rfc3339(micros)) == parse_instant(rfc3339(micros)) == micros
    assert parse_any_instant(rfc3339(micros)) == micros


@given(st.datetimes(timezones=st.timezones()))
def test_instants_agree_with_the_calendar(moment: Any) -> None:
    """The standard library's calendar and ours read the same instant."""
    offset = moment.utcoffset()
    if offset.total_seconds() % 60:
        return  # local mean times of long ago have no RFC 3339 form
    seconds = (moment.replace(tzinfo=None) - offset - type(moment)(1970, 1, 1)) if 2 < moment.year < 9998 else None
    if seconds is not None:
        micros = (seconds.days * 86400 + seconds.seconds) * SECOND + seconds.microseconds
        assert parse_any_instant(moment.isoformat()) == micros


def test_caches_of_instants_are_bounded() -> None:
    """A history of a century leaves no more than the allowed number of hours behind."""
    for hour in range(3 * CACHED_HOURS):
        text = rfc3339(EARLIEST + hour * 3600 * SECOND)
        parse_instant(text)
    assert 0 < len(door._hours_read) <= CACHED_HOURS
    assert 0 < len(door._hours_written) <= CACHED_HOURS


@pytest.mark.parametrize("micros", [-(10**18), 10**18])
def test_instants_without_form(micros: int) -> None:
    """An instant outside the years 1 to 9999 cannot be told."""
    with pytest.raises(ValueError, match="outside the years"):
        rfc3339(micros)
