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
    at = date.fromordinal(_EPOCH + day)
    return crc32(f"{at.year}-{(at.month - 1) // 3}:{name}".encode()) % _MILLION < share * _MILLION
