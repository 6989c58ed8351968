"""How many decimals the minor unit of a currency stands for (ISO 4217): two, for all that are not listed."""

_NONE = [
    "BIF",
    "CLP",
    "DJF",
    "GNF",
    "ISK",
    "JPY",
    "KMF",
    "KRW",
    "PYG",
    "RWF",
    "UGX",
    "UYI",
    "VND",
    "VUV",
    "XAF",
    "XOF",
    "XPF",
]
_THREE = ["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"]
_FOUR = ["CLF", "UYW"]
CURRENCIES_BY_DIGITS: dict[int, list[str]] = {0: _NONE, 3: _THREE, 4: _FOUR}
"""The currencies whose minor unit is no hundredth."""
_DIGITS = {code: digits for digits, codes in CURRENCIES_BY_DIGITS.items() for code in codes}


def minor_digits(currency: str | None) -> int:
    """The number of decimals.

    >>> minor_digits("EUR"), minor_digits("JPY"), minor_digits("KWD"), minor_digits(None)
    (2, 0, 3, 2)
    """
    return _DIGITS.get(currency or "", 2)
