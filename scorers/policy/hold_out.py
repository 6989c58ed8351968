"""Who is held out: by customer and quarter, the same for the worklist, the notifier and every run (A8, J6)."""

from datetime import date
from zlib import crc32

_MILLION = 1_000_000
_EPOCH = date(1970, 1, 1).toordinal()


def is_held_out(name: str, day: int, share: float) -> bool:
    """Whether no effort reaches a customer in the quarter of a date, which is a day number: the same in every run.

    >>> sum(is_held_out(f"c{n}", 19_000, 0.1) for n in range(10_000))
    999
    """
    year, number = divmod(quarter_of(day), 4)
    return crc32(f"{year}-{number}:{name}".encode()) % _MILLION < share * _MILLION


def quarter_of(day: int) -> int:
    """The quarter of a date, which is a day number, as a number that grows by one from quarter to quarter.

    >>> quarter_of(89), quarter_of(90), quarter_of(365)
    (7880, 7881, 7884)
    """
    at = date.fromordinal(_EPOCH + day)
    return at.year * 4 + (at.month - 1) // 3
