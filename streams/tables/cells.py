"""What the cells of tables mean: numbers as people write them, times with and without a zone, ids, yes and no.

A function raises ValueError with one sentence about the cell; None is an empty cell.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from functools import lru_cache, partial
from typing import Any
from unicodedata import normalize
from zoneinfo import ZoneInfo

from scorers.contract.currencies import minor_digits

_SIGNS = str.maketrans("", "", "$€£¥\u00a0\u202f '")
_UNREAD = re.compile("[\udc80-\udcff]")  # how Python keeps bytes that an encoding does not know
_WHOLE = re.compile(r"-?\d+\.0+")
_MOST_DIGITS = 40  # more than any amount has, and few enough to reckon with
_DAY_AND_CLOCK = (r"(?:%[dmyY][^%\s]*)+", r"(?:%[HMS][^%\s]*)+")  # formats of a day and of a time of day
_FEW_DIGITS = 10  # of money in a cell, which is then far from what the contract allows at most
_YES, _NO = frozenset(("true", "yes", "y", "1", "si", "sí")), frozenset(("false", "no", "n", "0"))

Convert = Callable[[Any], Any]


def is_empty(value: Any) -> bool:
    """Whether a cell holds nothing: no value, blanks, or a number that is none.

    >>> is_empty(" "), is_empty(None), is_empty(float("nan")), is_empty(0)
    (True, True, True, False)
    """
    if isinstance(value, str):
        return not value or value.isspace()
    return value is None or bool(value != value)


def text(value: Any) -> str:
    """A cell as text. Raises UnicodeError for bytes that are none in the encoding of the file."""
    found = (value if isinstance(value, str) else str(value)).strip()
    if found.isascii():
        return found
    if _UNREAD.search(found):
        raise UnicodeError("not UTF-8; name its encoding in the map, like encoding = 'cp1252' in [csv]")
    return normalize("NFC", found)


def identifier(value: Any) -> str:
    """A cell as an id; the `.0` that a spreadsheet adds to whole numbers is taken away.

    >>> identifier("17850.0"), identifier(17850.0), identifier(" C-7 ")
    ('17850', '17850', 'C-7')
    """
    found = text(value)
    return found.partition(".")[0] if "." in found and _WHOLE.fullmatch(found) else found


def number(value: Any, decimal: str = ".", thousands: str = "") -> Decimal:
    """A cell as a number, without the signs of currencies; one in brackets is negative.

    >>> number("1.234,50 €", ",", "."), number("(12.50)"), number(3)
    (Decimal('1234.50'), Decimal('-12.50'), Decimal('3'))
    """
    if isinstance(value, bool):
        raise ValueError(f"{value} is not a number")
    if not isinstance(value, str):
        return _bounded(Decimal(str(value)))
    bare = value.strip()
    negative = bare.startswith("(") and bare.endswith(")")
    bare = (bare[1:-1] if negative else bare).translate(_SIGNS)
    if thousands:
        bare = bare.replace(thousands, "")
    if decimal != ".":
        if "." in bare:
            raise ValueError(f"{value!r} is not a number with {decimal!r} before the decimals: set thousands in [csv]")
        bare = bare.replace(decimal, ".")
    try:
        found = Decimal(bare)
    except InvalidOperation:
        hint = ": set decimal and thousands in [csv]" if any(sign in bare for sign in ",;") else ""
        raise ValueError(f"{value!r} is not a number{hint}") from None
    if not found.is_finite():
        raise ValueError(f"{value!r} is not a number")
    return _bounded(-found if negative else found)


def _bounded(found: Decimal) -> Decimal:
    if len(found.as_tuple().digits) > _MOST_DIGITS or abs(found.adjusted()) > _MOST_DIGITS:
        raise ValueError(f"a number of more than {_MOST_DIGITS} digits is no amount and no count")
    return found


def minor(amount: Decimal, currency: str | None) -> int:
    """Money in major units as minor units, halves away from zero.

    >>> minor(Decimal("12.345"), "EUR"), minor(Decimal("12.5"), "JPY")
    (1235, 13)
    """
    return int(amount.scaleb(minor_digits(currency)).to_integral_value(ROUND_HALF_UP))


def plain_minor(amount: str, factor: str | None, currency: str | None, decimal: str) -> int | None:
    """What `minor` gives, for money that is written with digits alone and no more decimals than its currency has, and a whole factor if there is one.

    None for all others, which need the functions above.

    >>> plain_minor("12,5", "-3", "EUR", ","), plain_minor("12.345", None, "EUR", "."), plain_minor("€ 7", None, "EUR", ".")
    (-3750, None, None)
    """
    whole, _, part = amount.partition(decimal)
    digits, missing = whole + part, minor_digits(currency) - len(part)
    if missing < 0 or len(digits) > _FEW_DIGITS or not (digits.isdigit() and digits.isascii()):
        return None
    found: int = int(digits) * 10**missing
    if factor is None:
        return found
    times = factor.removeprefix("-")
    if len(times) > _FEW_DIGITS or not (times.isdigit() and times.isascii()):
        return None
    return found * int(factor)


def boolean(value: Any) -> bool:
    """A cell as yes or no."""
    word = text(value).casefold()
    if word in _YES or word in _NO:
        return word in _YES
    raise ValueError(f"{value!r} is neither true nor false; write true, yes, 1 or false, no, 0")


def instant_of(zone: ZoneInfo, form: str) -> Convert:
    """A function that reads a cell as an instant: text by a format or ISO 8601, or a native time; without a zone it is of this one."""
    parse = _parser(form)

    @lru_cache(maxsize=4096)  # rows of one receipt, and of one minute, have one time
    def of_text(value: str) -> str:
        return _written(parse(value), zone)

    def convert(value: Any) -> str:
        if isinstance(value, datetime):
            return _written(value, zone)
        if isinstance(value, date):
            return _written(datetime(value.year, value.month, value.day, tzinfo=zone), zone)
        return of_text(text(value))

    return convert


def date_of(form: str) -> Convert:
    """A function that reads a cell as a date."""
    parse = _parser(form)

    def convert(value: Any) -> str:
        if isinstance(value, date):
            return f"{value:%Y-%m-%d}"
        return f"{parse(text(value)):%Y-%m-%d}"

    return convert


def _parser(form: str) -> Callable[[str], datetime]:
    if form:
        parts = form.split(" ")
        if len(parts) == 2 and all(map(re.fullmatch, _DAY_AND_CLOCK, parts)):
            read = _parts_parser(*parts)
        else:
            read = partial(_strptime, form)

        def by_format(value: str) -> datetime:
            try:
                return read(value)
            except ValueError:
                raise ValueError(f"{value!r} is no time of the format {form!r}") from None

        return by_format

    def iso(value: str) -> datetime:
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            raise ValueError(f"{value!r} is no time like 2024-05-06 07:08:09; name its format in the map") from None

    return iso


def _strptime(form: str, value: str) -> datetime:
    return datetime.strptime(value, form)  # noqa: DTZ007  # the zone of the map is added where it has none


def _parts_parser(day_form: str, clock_form: str) -> Callable[[str], datetime]:
    """What reads days and times of day apart, with a blank between them: a table has few of each, and `strptime` is slow."""
    day_of = lru_cache(maxsize=4096)(lambda value: _strptime(day_form, value).date())
    clock_of = lru_cache(maxsize=4096)(lambda value: _strptime(clock_form, value).time())

    def read(value: str) -> datetime:
        day, clock = value.split()  # with more blanks it is a ValueError, as no part of these formats has one
        return datetime.combine(day_of(day), clock_of(clock))

    return read


def _written(value: datetime, zone: ZoneInfo) -> str:
    """RFC 3339 in UTC; of a local time that exists twice the first."""
    if value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
