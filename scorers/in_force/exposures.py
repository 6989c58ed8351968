"""What others complain of (X4): since when there are more complaints about an article, a lot or a store than are usual.

A thing is known here by four bytes of its name, as customers keep what they bought. Only beginnings are kept: who bought the thing before
one is exposed to it, whatever comes later.
"""

import zlib
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping
from typing import NamedTuple

from scorers.contract.events import DAY, Duration, Micros

EXPOSED, IMPLIED = "exposed", "implied"
"""In the report of a group: the complaints at the beginning, 0 once it has ended; and how many are probably dissatisfied."""
KEY, ENTRY = 4, 5  # bytes: of a key, and of a thing that was bought, which is its key and the last byte of the day
KEPT: Duration = 800 * DAY  # as long as figures


def key_of(thing: str) -> bytes:
    """The key of a thing, which is named like `sku:K7`, `lot:L9`, `lot:L9@K7` or `store:S1`.

    >>> key_of("sku:K7").hex()
    '0cbb9bb9'
    """
    return zlib.crc32(thing.encode()).to_bytes(KEY)


def sku_name(sku: str) -> str:
    """The name of an article as a thing; ids are shortened as rows keep them."""
    return f"sku:{sku}"


def lot_name(lot: str, sku: str | None) -> str:
    """The name of a lot: of an article, where that is said.

    >>> lot_name("L9", "K7"), lot_name("L9", None)
    ('lot:L9@K7', 'lot:L9')
    """
    return f"lot:{lot}@{sku}" if sku else f"lot:{lot}"


def thing_of(group: str, name: str) -> str | None:
    """The name of the thing that a group is about; None if it is about none."""
    return name if group == "thing" else thing_of_store(name) if group == "store" else None


def thing_of_store(store_id: str) -> str:
    """The name of a store as a thing to which customers are exposed."""
    return f"store:{store_id}"


class Exposure(NamedTuple):
    """The beginning of more complaints about a thing: its key and name, the complaints, and the dissatisfied that they stand for."""

    since: Micros
    key: bytes
    thing: str
    complaints: int
    implied: int


class Exposures:
    """The beginnings that are known. `begun` are those that customers have not been asked about; the partition takes them out."""

    def __init__(self) -> None:
        self.begun: list[Exposure] = []
        self.newest: Micros = 0  # when the last one began; 0 if none is known
        self._lasting: dict[str, Exposure] = {}  # by thing
        self._of: dict[bytes, list[Exposure]] = {}
        self._all: list[Exposure] = []  # ascending
        self._times: list[Micros] = []  # `since` of each of `_all`

    def adopt(self, group: str, name: str, in_force: Micros, values: Mapping[str, int]) -> None:
        """Take the report of a group; of one that is no thing nothing follows."""
        thing = thing_of(group, name)
        if thing is None:
            return
        complaints = values.get(EXPOSED, 0)
        if not complaints:
            self._lasting.pop(thing, None)
        elif thing not in self._lasting:
            new = Exposure(in_force, key_of(thing), thing, complaints, values.get(IMPLIED, complaints))
            self._lasting[thing] = new
            self.begun.append(new)
            insort(self._all, new)
            insort(self._times, new.since)
            insort(self._of.setdefault(new.key, []), new)
            while self._all[0].since < in_force - KEPT:
                del self._times[0]
                self._forget(self._all.pop(0))
            self.newest = self._times[-1]

    def again(self, group: str, name: str) -> None:
        """Ask customers again about a thing: the report of its group is read again after a crash."""
        lasting = self._lasting.get(thing_of(group, name) or "")
        if lasting is not None:
            self.begun.append(lasting)

    def between(self, after: Micros, until: Micros, things: bytes) -> list[Exposure]:
        """Those that began after an instant, up to another one, about bought things; a few may be about other things."""
        known = self._all
        low = bisect_right(self._times, after)
        high = bisect_right(self._times, until, low)
        if high - low <= len(things) // ENTRY:
            return [one for one in known[low:high] if one.key in things]
        keys = [things[n : n + KEY] for n in range(0, len(things), ENTRY)]
        return sorted(one for key in keys for one in self._of.get(key, ()) if after < one.since <= until)

    def _forget(self, one: Exposure) -> None:
        of_key = self._of[one.key]
        del of_key[bisect_left(of_key, one)]
        if not of_key:
            del self._of[one.key]
