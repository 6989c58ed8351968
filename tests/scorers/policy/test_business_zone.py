"""The business's time zone: its dates and hours, summer time included."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import DAY, SECOND
from scorers.contract.rfc3339 import parse_instant
from scorers.policy.business_zone import business_zone

NAMES = ("UTC", "Europe/Madrid", "America/Los_Angeles", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")
FIRST, LAST = (int(parse_instant(f"{year}-01-01T00:00:00Z")) // SECOND for year in (1990, 2099))


@given(st.sampled_from(NAMES), st.integers(FIRST, LAST))
def test_dates_are_those_of_the_database(name: str, seconds: int) -> None:
    """At any instant from 1990 on, also where a zone changed its side of the date line."""
    zone = business_zone(name)
    local = datetime.fromtimestamp(seconds, UTC).astimezone(ZoneInfo(name))
    assert zone.day(seconds * SECOND) == local.date().toordinal() - date(1970, 1, 1).toordinal()
    offset = local.utcoffset()
    assert offset is not None
    assert zone.offset(seconds * SECOND) == round(offset.total_seconds()) * SECOND


@given(st.sampled_from(NAMES), st.integers(FIRST, LAST))
def test_a_local_time_is_found_again(name: str, seconds: int) -> None:
    """The instant of what the clocks show is that instant, or the other one at which they show the same."""
    zone = business_zone(name)
    at = seconds * SECOND
    local = at + zone.offset(at)
    found = zone.instant(local)
    assert found + zone.offset(found) == local
    assert abs(found - at) <= DAY


@pytest.mark.parametrize("name", ["", "Nowhere", "../UTC", "/etc/passwd", "Europe", "a\0b"])
def test_what_is_no_zone_is_named(name: str) -> None:
    """An error says what to write, whatever the name is."""
    with pytest.raises(ValueError, match="is not a time zone; write an IANA name"):
        business_zone(name)
