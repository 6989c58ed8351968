"""Amounts and times as people read them."""

from zoneinfo import ZoneInfo

from alerts.settings.datetimes import as_datetime
from scorers.contract.currencies import minor_digits
from scorers.contract.events import Instant
from scorers.contract.inert import inert


def money(minor: int, currency: str | None) -> str:
    """The amount in minor units as people write it.

    >>> money(123456, "EUR"), money(-5000, "JPY"), money(5, None)
    ('EUR 1,234.56', 'JPY -5,000', '0.05')
    """
    places = minor_digits(currency)
    whole, rest = divmod(abs(minor), 10**places)
    sign = "-" if minor < 0 else ""
    figure = f"{sign}{whole:,}" + (f".{rest:0{places}}" if places else "")
    return f"{inert(currency, 3)} {figure}" if currency else figure


def percent(share: float) -> str:
    """The probability as people read it: never a certainty, which no score is.

    >>> percent(0.0004), percent(0.716), percent(1.0)
    ('under 1%', '72%', 'over 99%')
    """
    return "under 1%" if share < 0.01 else "over 99%" if share > 0.99 else f"{share:.0%}"


def day_and_time(at: Instant, zone: ZoneInfo | None = None) -> str:
    """The instant as people read it, in UTC unless a zone is given.

    >>> day_and_time(Instant(1_704_099_600_000_000))
    'Mon 1 Jan 2024, 09:00 UTC'
    """
    local = as_datetime(at).astimezone(zone) if zone else as_datetime(at)
    return f"{local:%a} {local.day} {local:%b %Y, %H:%M} {local:%Z}"
