"""Lengths of time as people write them in settings: `30d`, `4h`, `1d 12h`."""

import re

from scorers.contract.events import DAY, HOUR, MINUTE, SECOND, Duration

_UNITS = {"w": 7 * DAY, "d": DAY, "h": HOUR, "m": MINUTE, "s": SECOND}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([smhdw])")


class Span(int):
    """A length of time in microseconds that a setting states."""


def parse_span(text: str) -> Span:
    """The length of time that a text states; ValueError if it states none.

    >>> parse_span("1d 12h") == 36 * HOUR
    True
    """
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text).strip():
        raise ValueError(f"{text!r} is not a length of time; write it like '30d', '4h' or '1d 12h'")
    return Span(round(sum(float(n) * _UNITS[unit] for n, unit in parts)))


def format_span(span: Duration) -> str:
    """The text that `parse_span` reads as this length of time, in whole seconds.

    >>> format_span(36 * HOUR)
    '1d 12h'
    """
    parts = []
    for unit in ("d", "h", "m", "s"):
        n, span = divmod(span, _UNITS[unit])
        if n:
            parts.append(f"{n}{unit}")
    return " ".join(parts) or "0s"


def days(n: float) -> Span:
    """A span of n days of 24 hours."""
    return Span(round(n * DAY))


def hours(n: float) -> Span:
    """A span of n hours."""
    return Span(round(n * HOUR))
