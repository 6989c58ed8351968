"""Quiet hours and the times of digests: hours of the local day, in a time zone of the system's database (`zoneinfo`).

Scheduling libraries (cron syntax) do not know intervals over midnight, so these 60 lines are our own.
"""

import re
from datetime import datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.settings.datetimes import as_datetime, as_instant
from scorers.contract.events import Instant

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FULL_DAY = 24 * 60


class Minutes(int):
    """A time of day in minutes after midnight, written as `21:30`; `24:00` is the end of a day."""

    @classmethod
    def read(cls, text: str) -> "Minutes":
        """The time of day that the text states.

        >>> Minutes.read("08:30")
        510
        """
        found = re.fullmatch(r"(\d\d):(\d\d)", text)
        minutes = int(found[1]) * 60 + int(found[2]) if found and int(found[2]) < 60 else FULL_DAY + 1
        if minutes > FULL_DAY:
            raise ValueError(f"{text!r} is not a time of day; write it like '08:30'")
        return cls(minutes)


class Interval(Struct, frozen=True, forbid_unknown_fields=True):
    """Quiet hours: from a time of day until another, which may be on the next day; `days` are those on which they begin."""

    start: Minutes
    end: Minutes
    days: tuple[Day, ...] = DAYS

    def ends(self, now: Instant, zone: ZoneInfo) -> Instant | None:
        """When the quiet hours at `now` end; None outside quiet hours.

        >>> from scorers.contract.events import HOUR
        >>> night = Interval(Minutes.read("21:00"), Minutes.read("08:00"))
        >>> (night.ends(Instant(23 * HOUR), ZoneInfo("UTC")) or 0) // HOUR
        32
        """
        until = now
        for _ in range(8):  # adjoining quiet days are one; a whole week of them would never end
            end = self._end(until, zone)
            if end is None:
                break
            until = end
        return until if until > now else None

    def _end(self, now: Instant, zone: ZoneInfo) -> Instant | None:
        local = as_datetime(now).astimezone(zone)
        overnight = self.end <= self.start
        for back in (0, 1) if overnight else (0,):
            begins = local - timedelta(days=back)
            if DAYS[begins.weekday()] not in self.days:
                continue
            start, end = _at(begins, self.start, zone), _at(begins, self.end + FULL_DAY * overnight, zone)
            if start <= now < end:
                return end
        return None


def _at(day: datetime, minutes: int, zone: ZoneInfo) -> Instant:
    """The instant of that wall-clock time on that local day, in summer time and winter time alike."""
    date = day.date() + timedelta(days=minutes // FULL_DAY)
    clock = divmod(minutes % FULL_DAY, 60)
    return as_instant(datetime(date.year, date.month, date.day, *clock, tzinfo=zone))


def next_of(times: tuple[Minutes, ...], now: Instant, zone: ZoneInfo) -> Instant:
    """The first of these times of day that comes after `now`.

    >>> from scorers.contract.events import HOUR
    >>> next_of((Minutes.read("09:00"),), Instant(9 * HOUR), ZoneInfo("UTC")) // HOUR
    33
    """
    local = as_datetime(now).astimezone(zone)
    days = [local + timedelta(days=ahead) for ahead in (0, 1, 2)]
    return min(at for day in days for time in times if (at := _at(day, time, zone)) > now)
