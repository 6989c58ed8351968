"""Amounts as people read them: money in whole units of the currency, and counts with their noun."""

from fractions import Fraction

from alerts.wording.formats import money
from alerts.wording.in_english import ENGLISH
from alerts.wording.tongue import Tongue
from scorers.contract.currencies import minor_digits


def in_units(minor: int, currency: str | None) -> float:
    """Convert minor units to units of the currency.

    >>> in_units(1234, "EUR"), in_units(1234, "JPY")
    (12.34, 1234.0)
    """
    return minor / 10.0 ** minor_digits(currency)


def without_cents(minor: int | None, currency: str | None, tongue: Tongue = ENGLISH) -> str:
    """Format an amount rounded to whole units: a customer value is an estimate, so cents would be false precision.

    A half goes to the even unit, so that sums of rounded amounts do not drift.

    >>> without_cents(99_950, "EUR"), without_cents(1234, "JPY"), without_cents(1_999_600, "KWD")
    ('EUR 1,000', 'JPY 1,234', 'KWD 2,000')
    """
    scale = 10 ** minor_digits(currency)
    whole = round(Fraction(minor or 0, scale))
    cents = tongue.language.point + "0" * minor_digits(currency)
    return money(whole * scale, currency, tongue).replace(cents, "", 1) if scale > 1 else money(whole, currency, tongue)


def counted(n: int, noun: str) -> str:
    """Format a count with its noun.

    >>> counted(1, "customer"), counted(2469, "customer")
    ('1 customer', '2,469 customers')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
