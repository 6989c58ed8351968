"""Amounts as people read them: money in whole units of the currency, and counts with their noun."""

from alerts.wording.formats import WITH_MILLS, WITHOUT_CENTS, money


def in_units(minor: int, currency: str | None) -> float:
    """Convert minor units to units of the currency.

    >>> in_units(1234, "EUR"), in_units(1234, "JPY")
    (12.34, 1234.0)
    """
    return minor / 10 ** (0 if currency in WITHOUT_CENTS else 3 if currency in WITH_MILLS else 2)


def without_cents(minor: int | None, currency: str | None) -> str:
    """Format an amount without cents: a customer value is an estimate, so cents would be false precision."""
    return money(minor or 0, currency).split(".")[0]


def counted(n: int, noun: str) -> str:
    """Format a count with its noun.

    >>> counted(1, "customer"), counted(2469, "customer")
    ('1 customer', '2,469 customers')
    """
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
