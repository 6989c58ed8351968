"""Amounts and times as people read them."""

from zoneinfo import ZoneInfo

from alerts.settings.datetimes import as_datetime
from alerts.wording.in_english import ENGLISH
from alerts.wording.tongue import Tongue
from scorers.contract.currencies import minor_digits
from scorers.contract.events import Instant
from scorers.contract.inert import inert


def money(minor: int, currency: str | None, tongue: Tongue = ENGLISH) -> str:
    """The amount in minor units as people write it.

    >>> money(123456, "EUR"), money(-5000, "JPY"), money(5, None)
    ('EUR 1,234.56', 'JPY -5,000', '0.05')
    """
    places = minor_digits(currency)
    whole, rest = divmod(abs(minor), 10**places)
    sign = "-" if minor < 0 else ""
    speech = tongue.language
    figure = f"{sign}{whole:,}".replace(",", speech.thousands) + (f"{speech.point}{rest:0{places}}" if places else "")
    return tongue.texts["money"].format(currency=inert(currency, 3), amount=figure) if currency else figure


def percent(share: float, tongue: Tongue = ENGLISH) -> str:
    """The probability as people read it: never a certainty, which no score is.

    >>> percent(0.0004), percent(0.716), percent(1.0)
    ('under 1%', '72%', 'over 99%')
    """
    texts = tongue.texts
    if not 0.01 <= share <= 0.99:
        return texts["under_a_hundredth"] if share < 0.01 else texts["over_99"]
    return texts["percent"].format(percent=f"{100 * share:.0f}")


def day_and_time(at: Instant, zone: ZoneInfo | None = None, tongue: Tongue = ENGLISH) -> str:
    """The instant as people read it, in UTC unless a zone is given.

    >>> day_and_time(Instant(1_704_099_600_000_000))
    'Mon 1 Jan 2024, 09:00 UTC'
    """
    local = as_datetime(at).astimezone(zone) if zone else as_datetime(at)
    weekday, month = tongue.weekdays[local.weekday()], tongue.short_months[local.month - 1]
    return f"{weekday} {local.day} {month} {local:%Y, %H:%M} {local:%Z}"
