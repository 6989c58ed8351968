"""Rows become events by a map: each cell is converted, and the rows of one group are put together as one event.

A row that cannot be converted is rejected with a sentence about its cell; one such row rejects its group. Amounts are rounded
in each row and added up over the rows of a group; everything else, the time as well, is that of the group's first row.

Rows of CSV, which are tuples of texts, are seldom converted whole: one that repeats the texts of its group's first row adds its amounts and
its item, and one whose texts were all seen before is put together from `pieces`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from msgspec import Struct

from scorers.contract.events import Item, Micros
from scorers.contract.wire import Rejection, decode
from streams.tables import cells
from streams.tables.columns import CURRENCY, Columns, taking
from streams.tables.map_file import KINDS, MINOR, FieldKind, FileMap, field_kinds
from streams.tables.pieces import Pick, Pieces, encode, picking

AMOUNT = "amount_minor"
MERGED = "customer.merged"
SOUND_BYTES = 1 << 16  # up to which an event of sound pieces is sound: far from all limits of the contract's sizes
_SALE = b"""{"type":"purchase.completed","source":"s","id":"1","time":"2024-01-01T00:00:00Z","amount_minor":0,"currency":"EUR",\
"items":[%b]}"""


class Mapped(Struct):
    """Rows of one group, converted. `fields` are the event's, without its items; those are JSON."""

    type: str
    fields: dict[str, Any]
    items: list[bytes]
    has_sound_items: bool  # the contract has accepted each of them
    texts: Any = None  # of the first row of CSV, from which all but amounts and items come


class Made(NamedTuple):
    """The bytes of an event, its type, why the contract rejects it, if it does, and its time, if that was read."""

    raw: bytes
    type: str
    fault: Rejection | None
    time: Micros | None = None


class Mapping:
    """A map, made ready for rows whose cells are in the order of its `columns()`."""

    def __init__(self, form: FileMap) -> None:
        self._form = form
        self._places = {name: at for at, name in enumerate(form.columns())}
        known = {name: kind for one in _types(form) for name, kind in field_kinds(KINDS[one]).items()}
        self._type = taking(form.type, self._places, cells.text)
        self._fixed_type = "" if form.type.columns or form.type.words else str(form.type.value)
        self._group = None if form.group is None else taking(form.group, self._places, cells.identifier)
        self.group_texts = picking([self._places[name] for name in form.group.columns] if form.group else [])
        self._is_mixed = len(_types(form)) > 1  # a field may belong to some types only
        self._fields = Columns(form, self._places, form.fields, known)
        self._items = Columns(form, self._places, form.items, field_kinds(Item))
        self._sums = [field for name in form.fields if (field := known[name].field).endswith(MINOR)]
        self._texts = self._repeated()
        self._pieces = self._pieces_of_events(known)
        self._item_pieces = self._items.pieces({}) if form.items else None

    def group(self, values: Sequence[Any]) -> str | Rejection:
        """The group of a row; empty if the map has none."""
        if self._group is None or self._form.group is None:
            return ""
        group: str | None = self._group(values)
        if group is None:
            named = " and ".join(self._form.group.columns)
            return Rejection("missing_field", f"{named} is empty, by which rows are put together")
        return group

    def row(self, values: Sequence[Any]) -> Mapped | Rejection:
        """The row, converted; or why it cannot be."""
        kind: str | None = self._fixed_type
        if not kind:
            word = self._type(values)
            kind = self._form.type.words.get(word) if self._form.type.words else word
            if kind is None:
                known = ", ".join(self._form.type.words)
                return Rejection("unknown_type", f"{self._form.type.columns[0]} is {word!r}; the map knows {known}")
        fields = self._fields.fixed.copy()
        if fault := self._fields.fill(fields, values):
            return fault
        mapped = Mapped(kind, fields, [], has_sound_items=True)
        if self._form.items and (fault := self._add_item(mapped, values)):
            return fault
        if self._texts is not None and values.__class__ is tuple:
            mapped.texts = self._texts(values)
        return mapped

    def add(self, first: Mapped, row: Mapped) -> None:
        """Put a later row, or later rows, of a group to the first one, whose fields become the event's: money and items add up."""
        for name in self._sums:
            if (more := row.fields.get(name)) is not None:
                first.fields[name] = first.fields.get(name, 0) + more
        first.items += row.items
        first.has_sound_items &= row.has_sound_items

    def add_alike(self, first: Mapped, values: Sequence[Any]) -> bool:
        """Add a later row of CSV that repeats the first but for amounts and item; False if it does not, or if something is wrong with it."""
        if first.texts is None or self._texts is None or self._texts(values) != first.texts:
            return False
        sums = self._fields.known_amounts(values, first.fields.get(CURRENCY))
        if sums is None:
            return False
        item = self._item_pieces.join(values) if self._item_pieces else None
        if item is not None:
            first.items.append(item + b"}")
        elif self._form.items and self._add_item(first, values):
            return False
        fields = first.fields
        for name, more in sums:
            if more is not None:
                fields[name] = fields.get(name, 0) + more
        return True

    def event(self, mapped: Mapped) -> Made:
        """The event of the rows of a group, or why it is none."""
        kind, fields = mapped.type, mapped.fields
        if self._form.negative is not None and fields.get(AMOUNT, 0) < 0:
            kind, fields[AMOUNT] = self._form.negative, -fields[AMOUNT]
        of_kind = KINDS[kind].__struct_fields__
        if self._is_mixed:
            fields = {name: value for name, value in fields.items() if name in of_kind}
        raw = bare = encode({"type": kind, "source": self._form.source, **fields})
        if mapped.items and "items" in of_kind:
            raw = b'%b,"items":[%b]}' % (bare[:-1], b",".join(mapped.items))
        found = decode(bare if mapped.has_sound_items and len(raw) <= SOUND_BYTES else raw)
        if isinstance(found, Rejection):
            found = decode(raw)
        return Made(raw, kind, found) if isinstance(found, Rejection) else Made(raw, kind, None, found.time)

    def single(self, values: Sequence[Any]) -> Made | Rejection:
        """The event of a row that belongs to no group; or why the row cannot be converted."""
        if self._pieces is None or values.__class__ is not tuple:
            return row if isinstance(row := self.row(values), Rejection) else self.event(row)
        raw = self._pieces.join(values)
        if raw is not None and self._form.items:
            item = self._item_pieces.join(values) if self._item_pieces else None
            raw = item and b'%b,"items":[%b}]' % (raw, item)
        if raw and len(raw) < SOUND_BYTES:
            return Made(raw + b"}", self._fixed_type, None)
        row = self.row(values)
        if isinstance(row, Rejection):
            return row
        made = self.event(row)
        if made.fault is None and made.type == self._fixed_type:
            self._pieces.learn(values, row.fields)
        return made

    def _add_item(self, mapped: Mapped, values: Sequence[Any]) -> Rejection | None:
        """Add the item of a row, if it has one; returns why it cannot be converted."""
        pieces = self._item_pieces if values.__class__ is tuple else None
        if pieces is not None and (known := pieces.join(values)):
            mapped.items.append(known + b"}")
            return None
        item = self._items.fixed.copy()
        if fault := self._items.fill(item, values, mapped.fields.get(CURRENCY)):
            return fault
        if item:
            raw = encode(item)
            mapped.items.append(raw)
            if pieces is not None and not isinstance(decode(_SALE % raw), Rejection):
                pieces.learn(values, item)
            else:
                mapped.has_sound_items = False
        return None

    def _repeated(self) -> Pick | None:
        """What takes the texts from which all but the amounts and the item of a row come; None if amounts are more than converted money."""
        if sorted(self._sums) != sorted({one.field for one in self._fields.money if one.place >= 0}):
            return None
        columns = dict.fromkeys((*self._form.type.columns, *self._fields.plain_columns()))
        return picking([self._places[name] for name in columns])

    def _pieces_of_events(self, kinds: dict[str, FieldKind]) -> Pieces | None:
        """Pieces of events without items; None if what the event becomes depends on more than each field by itself."""
        if not self._fixed_type or self._fixed_type == MERGED:  # which compares two of its fields
            return None
        if not {kinds[name].field for name in self._form.fields} <= {*KINDS[self._fixed_type].__struct_fields__}:
            return None
        return self._fields.pieces({"type": self._fixed_type, "source": self._form.source})


def _types(form: FileMap) -> tuple[str, ...]:
    return (*form.types, *([form.negative] if form.negative else []))
