"""Business time: deadlines that count open hours only (X6).

Each weekday has open spans, holidays have none; by default all hours are open. Hours are those of the business's time zone.
"""

from datetime import date

from scorers.contract.events import DAY, HOUR, MINUTE, Duration, Micros
from scorers.policy.business_zone import business_zone
from scorers.policy.tables import Opening

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EPOCH_WEEKDAY = 3  # 1970-01-01 was a Thursday
_LONGEST_WALK = 400 * 7


def _minute(text: str) -> Duration:
    hour, minute = text.split(":")
    at = int(hour) * HOUR + int(minute) * MINUTE
    if not 0 <= at <= DAY or int(minute) > 59:
        raise ValueError(f"{text!r} is not a time of day; write it like '09:00'")
    return at


def _spans(texts: tuple[str, ...]) -> tuple[tuple[Duration, Duration], ...]:
    spans = []
    for text in texts:
        opens, dash, closes = text.partition("-")
        if not dash:
            raise ValueError(f"{text!r} is not a span of hours; write it like '09:00-13:00'")
        spans.append((_minute(opens), _minute(closes)))
        if spans[-1][0] >= spans[-1][1] or (len(spans) > 1 and spans[-2][1] > spans[-1][0]):
            raise ValueError(f"{text!r} ends before it begins, or overlaps the span before it")
    return tuple(spans)


class Calendar:
    """Adds business time to instants.

    >>> from scorers.contract.wire import parse_instant, rfc3339
    >>> shop = Calendar(Opening(*[("09:00-13:00", "16:00-20:00")] * 5, saturday=("09:00-13:00",), sunday=()))
    >>> rfc3339(shop.add(parse_instant("2024-03-01T19:00:00Z"), 4 * HOUR))  # Friday evening
    '2024-03-02T12:00:00Z'
    """

    def __init__(self, opening: Opening, zone: str = "UTC") -> None:
        self._week = tuple(_spans(getattr(opening, day)) for day in WEEKDAYS)
        self.holidays = frozenset(_day_number(text) for text in opening.holidays)  # as days since 1970
        self.zone = business_zone(zone)
        self.around_the_clock = not self.holidays and all(spans == ((0, DAY),) for spans in self._week)
        if not any(self._week):
            raise ValueError("the calendar has no open hour at all: give at least one weekday a span")

    def _open(self, day: int) -> tuple[tuple[Duration, Duration], ...]:
        return () if day in self.holidays else self._week[(day + _EPOCH_WEEKDAY) % 7]

    def add(self, start: Micros, span: Duration) -> Micros:
        """The instant at which this much open time has passed since the start."""
        if self.around_the_clock:
            return start + span
        first = self.zone.day(start)
        for day in range(first, first + _LONGEST_WALK):
            for opens, closes in self._open(day):
                begin, end = max(start, self.zone.instant(day * DAY + opens)), self.zone.instant(day * DAY + closes)
                if end > begin:
                    if span <= end - begin:
                        return begin + span
                    span -= end - begin
        raise ValueError("the calendar's open hours do not reach this deadline within years")

    def between(self, start: Micros, end: Micros) -> Duration:
        """Open time from start to end; 0 if the end comes first."""
        if end <= start:
            return 0
        if self.around_the_clock:
            return end - start
        total = 0
        for day in range(self.zone.day(start), self.zone.day(end) + 1):
            for opens, closes in self._open(day):
                begins, ends = self.zone.instant(day * DAY + opens), self.zone.instant(day * DAY + closes)
                total += max(0, min(end, ends) - max(start, begins))
        return total


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


def _day_number(text: str) -> int:
    try:
        return date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        raise ValueError(f"{text!r} is not a date; write it like '2026-12-25'") from None
