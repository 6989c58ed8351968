"""Pieces of JSON by the texts of a row: a field of an event, or of an item, that was accepted once is not converted and checked again.

What a field becomes depends on the texts of its columns alone, and whether the contract accepts it on nothing else. So where all
texts of a row have each been in something that was accepted, its pieces together are accepted too. A row with a text that is new is
converted and decoded, and then learned. Only rows of CSV are looked up: they are tuples of texts, and equal texts mean the same.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from operator import call, itemgetter
from typing import Any, Protocol, TypeVar

import msgspec

from scorers.contract.events import MAX_MINOR

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 1 << 16  # texts of a column whose meaning is remembered: most tables repeat theirs
PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # an id that stays as it is and that the contract accepts
TAILS = {f":{minute:02}:{second:02}": b":%02d:%02d" % (minute, second) for minute in range(60) for second in range(60)}

Pick = Callable[[Sequence[Any]], Any]
"""Takes the texts of some columns from a row."""

encode = msgspec.json.Encoder().encode


class Piece(Protocol):
    """The pieces of one field, by the texts that it comes from."""

    def get(self, texts: Any) -> bytes | None:
        """The piece, with a comma before it; empty for a field that is not there, None for texts that are new."""

    def learn(self, texts: Any, piece: bytes) -> None:
        """Note the piece of texts that were accepted."""


class Known:
    """Pieces of texts that were seen before."""

    def __init__(self) -> None:
        self._known: dict[Any, bytes] = {}
        self.get = self._known.get

    def learn(self, texts: Any, piece: bytes) -> None:
        """Remember it."""
        remembered(self._known, texts, piece)


class Ids(dict[str, bytes]):
    """Pieces of an id: a plain one has its piece at once, as it stays as it is and the contract accepts it."""

    def __init__(self, field: str) -> None:
        super().__init__()
        self._form = b',"%b":"%%b"' % field.encode()
        self._is_own = field == "id"  # which no other event has
        self.get: Callable[[str], bytes | None] = self.__getitem__  # type: ignore[assignment]

    def __missing__(self, text: str) -> bytes | None:
        """The piece of a plain id."""
        if not PLAIN_ID.fullmatch(text):
            return None
        piece = self._form % text.encode()
        return piece if self._is_own else remembered(self, text, piece)

    def learn(self, text: str, piece: bytes) -> None:
        """Remember an id that is not plain."""
        if not PLAIN_ID.fullmatch(text):
            remembered(self, text, piece)


class Times:
    """Pieces of a time like 2024-05-06 07:08:09, with or without a zone: all of one hour differ in minutes and seconds alone."""

    def __init__(self, field: str, convert: Callable[[str], str]) -> None:
        self._known = Known()
        self._hours: dict[str, tuple[bytes, bytes]] = {}
        self._convert = convert
        self._begin = b',"%b":"' % field.encode()

    def get(self, text: str) -> bytes | None:
        """The piece of a time in an hour that was seen, or of another text that was."""
        tail = TAILS.get(text[13:19])
        hour = self._hours.get(text[:13] + text[19:]) if tail else None
        return hour[0] + tail + hour[1] if tail and hour else self._known.get(text)

    def learn(self, text: str, piece: bytes) -> None:
        """Remember the hour, if its first and its last second show that minutes and seconds stay as they are; else the text."""
        if text[13:19] in TAILS:
            date, zone = text[:13], text[19:]
            first, last = self._convert(f"{date}:00:00{zone}"), self._convert(f"{date}:59:59{zone}")
            if first[13:19] == ":00:00" and first.replace(":00:00", ":59:59", 1) == last:
                remembered(self._hours, date + zone, (self._begin + first[:13].encode(), first[19:].encode() + b'"'))
                return
        self._known.learn(text, piece)


class Amounts(dict[Any, bytes | None]):
    """Pieces of money: a plain amount that is not under zero has its piece at once, as the contract accepts all of that size."""

    def __init__(self, field: str, plain: Callable[[Any], int | None]) -> None:
        super().__init__()
        self._form = b',"%b":%%d' % field.encode()
        self._plain = plain
        self.get: Callable[[Any], bytes | None] = self.__getitem__  # type: ignore[assignment]

    def __missing__(self, texts: Any) -> bytes | None:
        """The piece of a plain amount, which is then known."""
        minor = self._plain(texts)
        return None if minor is None or not 0 <= minor <= MAX_MINOR else remembered(self, texts, self._form % minor)

    def learn(self, texts: Any, piece: bytes) -> None:
        """Remember one that is not plain."""
        remembered(self, texts, piece)


class Pieces:
    """The pieces of all fields that a row gives."""

    def __init__(self, fixed: Mapping[str, Any], fields: Sequence[tuple[str, Sequence[int], Piece]]) -> None:
        """`fixed` are fields that each row has, `fields` the others with the places of their columns."""
        self._fields = [(field, piece) for field, _, piece in fields]
        self._gets = [piece.get for _, _, piece in fields]
        self._texts = _picking_each([places for _, places, _ in fields])
        self._begin = encode(fixed)[:-1] if fixed else b"{"
        self._skip = 0 if fixed else 1  # the comma before the first piece

    def join(self, values: Sequence[Any]) -> bytes | None:
        """A JSON object without its last bracket; None if a text is new."""
        found = list(map(call, self._gets, self._texts(values)))
        return None if None in found else self._begin + b"".join(found)[self._skip :]  # type: ignore[arg-type]  # none is None

    def learn(self, values: Sequence[Any], accepted: Mapping[str, Any]) -> None:
        """Note what the texts of a row have become, which was accepted."""
        for (field, piece), texts in zip(self._fields, self._texts(values), strict=True):
            value = accepted.get(field)
            piece.learn(texts, b"" if value is None else b"," + encode({field: value})[1:-1])


def picking(places: Sequence[int]) -> Pick:
    """A function that takes the texts of these columns."""
    return itemgetter(*places) if places else lambda values: ()


def _picking_each(columns: Sequence[Sequence[int]]) -> Pick:
    """A function that takes the texts of each of these lists of columns."""
    if len(columns) > 1 and all(len(places) == 1 for places in columns):
        return itemgetter(*[place for (place,) in columns])
    picks = list(map(picking, columns))
    return lambda values: [pick(values) for pick in picks]


def remembered(known: dict[K, V], key: K, value: V) -> V:
    """Remember a value and return it; if too many are remembered, all others are forgotten first."""
    if len(known) >= REMEMBERED:
        known.clear()
    known[key] = value
    return value
