"""Credit of staff (P6): customers who came back after somebody had acted, and the days that they stayed since, by who acted.

Days are counted at the purchases that prove them, for a year after the comeback. Names come from outside, so a book keeps a bounded number of them.
"""

from collections.abc import Mapping

from msgspec import Struct

CREDIT = "credit:"  # followed by the name of who acted; buckets `_SAVES` and `_DAYS`
MOST_STAFF = 256
_SAVES, _DAYS = 0, 1
_MONTH = 30.44  # days

Contribution = tuple[int, str, int, int]


def saved(day: int, by: str) -> Contribution:
    """A customer came back after this member of staff had acted."""
    return day, CREDIT + by, _SAVES, 1


def stayed(day: int, by: str, days: int) -> Contribution:
    """A purchase shows that the customer stayed for so many more days."""
    return day, CREDIT + by, _DAYS, days


class Credit(Struct):
    """The saves of one member of staff, and the months of customer life gained since."""

    saves: int
    months: float


def credits(counts: Mapping[str, Mapping[int, int]]) -> dict[str, Credit]:
    """The credit of each member of staff.

    >>> credits({"credit:eva": {0: 2, 1: 91}})
    {'eva': Credit(saves=2, months=3.0)}
    """
    return {
        name.removeprefix(CREDIT): Credit(held.get(_SAVES, 0), round(held.get(_DAYS, 0) / _MONTH, 1))
        for name, held in sorted(counts.items())
        if name.startswith(CREDIT)
    }
