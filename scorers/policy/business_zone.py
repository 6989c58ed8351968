"""The time zone of the business: its dates and times of day, summer time included.

All changes of the zone's offset are read once, from the IANA database, so that a verdict costs a search in a short list.
"""

from bisect import bisect_right
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from scorers.contract.events import DAY, MINUTE, SECOND, Duration, Micros

_FIRST = datetime(1989, 1, 1, tzinfo=UTC)  # before any time of the contract
_LAST = datetime(2101, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BusinessZone:
    """The offsets of a time zone by instant.

    >>> from scorers.contract.rfc3339 import parse_instant
    >>> madrid = business_zone("Europe/Madrid")
    >>> madrid.day(parse_instant("2024-07-01T21:59:00Z")) == madrid.day(parse_instant("2024-07-01T22:00:00Z"))
    False
    """

    def __init__(self, name: str) -> None:
        self._times, self._offsets = _changes(ZoneInfo(name))
        self.is_fixed = not self._times

    def offset(self, at: Micros) -> Duration:
        """How far the zone's clocks are ahead of UTC at an instant."""
        return self._offsets[bisect_right(self._times, at)] if self._times else self._offsets[0]

    def day(self, at: Micros) -> int:
        """The date of an instant in the zone, as days since 1970-01-01."""
        return (at + self.offset(at)) // DAY

    def instant(self, local: Micros) -> Micros:
        """The instant at which the zone's clocks show a time; of two the first, and of none (in spring) the one after it."""
        early = local - self.offset(local - DAY)
        return early if early + self.offset(early) == local else local - self.offset(local + DAY)


@lru_cache(maxsize=64)
def business_zone(name: str) -> BusinessZone:
    """The zone with an IANA name, such as `Europe/Madrid`. ValueError if there is none."""
    try:
        return BusinessZone(name)
    except (ValueError, OSError, KeyError):  # unknown, a folder of the database, or a path out of it
        raise ValueError(f"{name!r} is not a time zone; write an IANA name like 'Europe/Madrid'") from None


def _changes(zone: ZoneInfo) -> tuple[list[Micros], list[Duration]]:
    """The instants at which the offset changes, and the offsets before, between and after them."""
    times: list[Micros] = []
    day, before = _FIRST, _offset(_FIRST, zone)
    offsets = [before]
    while day < _LAST:
        later = day + timedelta(days=1)
        after = _offset(later, zone)
        if after != before:
            low, high = 0, DAY // MINUTE
            while high - low > 1:
                middle = (low + high) // 2
                changed = _offset(day + timedelta(minutes=middle), zone) != before
                low, high = (low, middle) if changed else (middle, high)
            times.append((day + timedelta(minutes=high) - _EPOCH) // timedelta(microseconds=1))
            offsets.append(after)
            before = after
        day = later
    return times, offsets


def _offset(at: datetime, zone: ZoneInfo) -> Duration:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None  # a zone of the database has an offset at every instant
    return round(offset.total_seconds()) * SECOND
