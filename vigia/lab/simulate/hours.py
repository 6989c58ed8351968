"""Seasons, weekdays, opening hours, and the format of instants, in whole seconds."""

from datetime import UTC, datetime
from random import Random

HOUR = 3600
DAY = 86_400
YEAR = 365 * DAY

SEASON = (0.92, 0.88, 0.97, 1.0, 1.03, 1.02, 0.98, 0.78, 0.97, 1.03, 1.12, 1.30)
"""Factor of sales in each month: a quiet August, a busy December."""
SHOP_WEEK = (0.75, 0.75, 0.8, 0.85, 1.0, 1.0, 0.0)
WEB_WEEK = (0.95, 0.9, 0.9, 0.9, 0.85, 0.9, 1.0)
CLOSED = frozenset({"01-01", "05-01", "12-25"})
SHOP_HOURS = (9, 10, 10, 11, 11, 11, 12, 12, 12, 13, 16, 17, 17, 18, 18, 18, 19, 19, 19, 20)
WEB_HOURS = (7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 20, 21, 21, 22, 22, 23)
DESK_OPENS, DESK_CLOSES = 8, 20

_MINUTES = tuple(f"{m // 60:02d}:{m % 60:02d}:" for m in range(1440))
_SECONDS = tuple(f"{s:02d}Z" for s in range(60))
_AFTER_THE_END = 60  # days beyond the period, so that the next open day always exists


class Calendar:
    """The days from `start` on: dates, seasons and opening hours.

    >>> calendar = Calendar(start=1_704_067_200, days=366)
    >>> calendar.stamp(calendar.start + 3661)
    '2024-01-01T01:01:01Z'
    >>> calendar.stamp(calendar.next_open(Random(7), calendar.start, calendar.start + DAY))
    '2024-01-02T11:39:03Z'
    """

    def __init__(self, start: int, days: int) -> None:
        self.start = start
        self.end = start + days * DAY
        self._first = start // DAY
        dates = [datetime.fromtimestamp((self._first + d) * DAY, UTC) for d in range(days + _AFTER_THE_END)]
        self._dates = [f"{date:%Y-%m-%dT}" for date in dates]
        self._season = [SEASON[date.month - 1] for date in dates]
        shop = [0.0 if f"{date:%m-%d}" in CLOSED else SHOP_WEEK[date.weekday()] for date in dates]
        web = [WEB_WEEK[date.weekday()] for date in dates]
        self._open = (shop, web)

    def stamp(self, at: int) -> str:
        """Format an instant of the period as RFC 3339."""
        minute, second = divmod(at % DAY, 60)
        return self._dates[at // DAY - self._first] + _MINUTES[minute] + _SECONDS[second]

    def season(self, at: int) -> float:
        """Return the sales factor of the month."""
        return self._season[at // DAY - self._first]

    def next_open(self, rng: Random, after: int, target: int, *, web: bool = False) -> int:
        """Draw an instant in opening hours on the day of `target` or the next open one, later than `after`."""
        open_days, hours = self._open[web], WEB_HOURS if web else SHOP_HOURS
        day = target // DAY
        while day * DAY < self.end:
            if rng.random() < open_days[day - self._first]:
                at = day * DAY + hours[int(rng.random() * len(hours))] * HOUR + int(rng.random() * HOUR)
                if at > after:
                    return at
            day += 1
        return self.end

    def desk(self, at: int) -> int:
        """Return the first instant from `at` in the hours of the service desk."""
        while True:
            day, second = divmod(at, DAY)
            if second >= DESK_CLOSES * HOUR or (day + 3) % 7 == 6:
                at = (day + 1) * DAY + DESK_OPENS * HOUR + second % HOUR
            elif second < DESK_OPENS * HOUR:
                at = day * DAY + DESK_OPENS * HOUR + second % HOUR
            else:
                return at
