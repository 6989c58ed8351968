"""Amounts of money as people read them: in whole units of the currency."""

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
