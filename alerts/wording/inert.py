"""Words that leave the house: made harmless once, here, before any channel sees them.

Names, reasons and notes come from tills and web forms, so they may hold line breaks that forge a mail header, marks
that turn the reading direction, or whole pages of text. This file knows no channel: markup stays as the plain letters
that it is, and whoever shows it as HTML must escape it.
"""

import unicodedata
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from scorers.contract.events import Instant

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
WITHOUT_CENTS = frozenset(
    {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"}
)
WITH_MILLS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
JOINERS = "\u200d"  # holds families of emoji together; every other format character only hides something


def inert(text: str, limit: int = 200) -> str:
    """One line of visible text: no control, no direction mark, no lone surrogate, never longer than `limit`.

    >>> inert("Ana\\r\\nBcc: all@example.com")
    'Ana Bcc: all@example.com'
    >>> inert("gold \\u202edlog\\x00")
    'gold dlog'
    >>> inert("a" * 9, limit=5)
    'aaaa…'
    """
    seen = unicodedata.normalize("NFC", text[: limit * 8])
    kept = " ".join("".join(_visible(mark) for mark in seen).split())
    return kept if len(kept) <= limit else kept[: limit - 1] + "…"


def _visible(mark: str) -> str:
    category = unicodedata.category(mark)
    if category in ("Zl", "Zp") or mark in "\t\n\v\f\r\x85":
        return " "
    if category[0] == "C" and mark not in JOINERS:
        return ""
    return mark


def money(minor: int, currency: str | None) -> str:
    """The amount as people write it.

    >>> money(123456, "EUR"), money(-5000, "JPY"), money(5, None)
    ('EUR 1,234.56', 'JPY -5,000', '0.05')
    """
    places = 0 if currency in WITHOUT_CENTS else 3 if currency in WITH_MILLS else 2
    whole, rest = divmod(abs(minor), 10**places)
    sign = "-" if minor < 0 else ""
    figure = f"{sign}{whole:,}" + (f".{rest:0{places}}" if places else "")
    return f"{inert(currency, 3)} {figure}" if currency else figure


def moment(at: Instant) -> datetime:
    """The instant as an aware UTC time."""
    return EPOCH + timedelta(microseconds=at)


def instant(at: datetime) -> Instant:
    """The aware time as an instant."""
    return Instant((at - EPOCH) // timedelta(microseconds=1))


def day_and_time(at: Instant, zone: ZoneInfo | None = None) -> str:
    """The instant as a person reads it.

    >>> day_and_time(Instant(1_704_099_600_000_000))
    'Mon 1 Jan 2024, 09:00 UTC'
    """
    there = moment(at).astimezone(zone) if zone else moment(at)
    return f"{there:%a} {there.day} {there:%b %Y, %H:%M} {there:%Z}"
