"""Converts instants between RFC 3339 and integer microseconds since 1970.

Most instants of a stream share their hour with earlier ones, so each hour is computed once and then looked up. The
caches are bounded and do not change any result.
"""

import re
from datetime import date

from scorers.contract.events import DAY, HOUR, MINUTE, SECOND, Instant, Micros

EARLIEST: Micros = 631_152_000 * SECOND  # 1990-01-01T00:00:00Z
TOO_LATE: Micros = 4_102_444_800 * SECOND  # 2100-01-01T00:00:00Z
CACHED_HOURS = 16_384  # nearly two years, about 3 MB

_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt]([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.(\d+))?(?:[Zz]|([+-])([01]\d|2[0-3]):([0-5]\d))",
    re.ASCII,
)
_EPOCH = date(1970, 1, 1).toordinal()
_YEAR_ONE: Micros = (1 - _EPOCH) * DAY
_YEAR_TEN_THOUSAND: Micros = (date.max.toordinal() + 1 - _EPOCH) * DAY
_TAILS = tuple(f":{minute:02}:{second:02}" for minute in range(60) for second in range(60))
_IN_HOUR = {tail: place * SECOND for place, tail in enumerate(_TAILS)}

_hours_read: dict[str, Micros] = {}
_hours_written: dict[int, str] = {}


def parse_instant(text: str) -> Instant:
    """An event's instant; ValueError unless it is RFC 3339 with a zone, from 1990 to before 2100.

    Digits after the microsecond are cut off. A leap second, 23:59:60 UTC, is read as the last microsecond of its day,
    so that it keeps its date and stays before midnight.

    >>> parse_instant("1970-01-01T00:00:00Z")
    Traceback (most recent call last):
    ValueError: lies before 1990-01-01
    >>> parse_instant("2024-05-06T09:08:09.5+02:00") == parse_instant("2024-05-06T07:08:09.500Z")
    True
    """
    hour = _hours_read.get(text[:13])
    if hour is not None and text[-1] == "Z":
        rest, fraction = _IN_HOUR.get(text[13:19]), text[19:-1]
        if rest is not None and not fraction:
            return Instant(hour + rest)
        if rest is not None and fraction[0] == "." and fraction.isascii() and fraction[1:].isdigit():
            return Instant(hour + rest + int(fraction[1:7].ljust(6, "0")))
    micros = parse_any_instant(text)
    if micros < EARLIEST:
        raise ValueError("lies before 1990-01-01")
    if micros >= TOO_LATE:
        raise ValueError("lies in 2100 or later")
    if text[10] == "T" and text[-1] == "Z" and text[17:19] != "60":
        if len(_hours_read) >= CACHED_HOURS:
            _hours_read.clear()
        _hours_read[text[:13]] = micros - micros % HOUR
    return micros


def parse_any_instant(text: str) -> Instant:
    """An instant of any year from 1 to 9999, as deadlines may lie outside the years that events may have."""
    parts = _RFC3339.fullmatch(text)
    if parts is None:
        raise ValueError("is not RFC 3339 with a zone, as in 2024-05-06T07:08:09Z")
    day, hours, minutes, seconds, fraction, sign, zone_hours, zone_minutes = parts.groups()
    try:
        micros = (date.fromisoformat(day).toordinal() - _EPOCH) * DAY
    except ValueError:
        raise ValueError("names a day that does not exist") from None
    micros += int(hours) * HOUR + int(minutes) * MINUTE + int(seconds) * SECOND
    if sign:
        offset = int(zone_hours) * HOUR + int(zone_minutes) * MINUTE
        micros += -offset if sign == "+" else offset
    if not _YEAR_ONE <= micros < _YEAR_TEN_THOUSAND:
        raise ValueError("lies outside the years 1 to 9999")
    if seconds == "60":
        if micros % DAY:
            raise ValueError("has a second 60 that is not a leap second: those come at 23:59:60 UTC")
        return Instant(micros - 1)
    if fraction:
        micros += int(fraction[:6].ljust(6, "0"))
    return Instant(micros)


def rfc3339(micros: Micros) -> str:
    """The instant in UTC, with microseconds only if there are any.

    >>> rfc3339(0), rfc3339(1_500_000)
    ('1970-01-01T00:00:00Z', '1970-01-01T00:00:01.500000Z')
    """
    hour, rest = divmod(micros, HOUR)
    second, fraction = divmod(rest, SECOND)
    prefix = _hours_written.get(hour)
    if prefix is None:
        if not _YEAR_ONE <= micros < _YEAR_TEN_THOUSAND:
            raise ValueError("no RFC 3339 form: the instant lies outside the years 1 to 9999")
        day = date.fromordinal(micros // DAY + _EPOCH).isoformat()
        prefix = f"{day}T{hour % 24:02}"
        if len(_hours_written) >= CACHED_HOURS:
            _hours_written.clear()
        _hours_written[hour] = prefix
    if fraction:
        return f"{prefix}{_TAILS[second]}.{fraction:06}Z"
    return f"{prefix}{_TAILS[second]}Z"


# Hooks for msgspec, which knows no `Instant`.


def decode_instant(_: type, value: object) -> Instant:
    """`dec_hook` for records whose instants are those of events: `parse_instant`."""
    return parse_instant(value if type(value) is str else _text(value))


def decode_any_instant(_: type, value: object) -> Instant:
    """`dec_hook` for records whose instants may have any year: `parse_any_instant`."""
    return parse_any_instant(_text(value))


def encode_instant(value: object) -> str:
    """`enc_hook` that writes an instant as RFC 3339."""
    if isinstance(value, Instant):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} cannot be encoded: the contract has no such type")


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError("is a number, not RFC 3339: seconds and milliseconds look alike")
    raise TypeError("is RFC 3339 text")
