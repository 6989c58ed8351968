"""Rows become events by a map: each cell is converted, and the rows of one group are put together as one event.

A row that cannot be converted is rejected with a sentence about its cell; one such row rejects its group. Amounts are rounded
in each row and added up over the rows of a group; everything else, the time as well, is that of the group's first row.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import AnyEvent, Item
from scorers.contract.wire import RejectCode, Rejection, decode
from streams.tables import cells
from streams.tables.map_file import KINDS, MINOR, Cell, FieldKind, FileMap, field_kinds

AMOUNT, CURRENCY = "amount_minor", "currency"
_LIST = ";"  # between the entries of a list in one cell

_encode = msgspec.json.Encoder().encode

REMEMBERED = 1 << 16  # cells of a column whose meaning is remembered: most tables repeat theirs

Take = Callable[[Sequence[Any]], Any]
"""Takes a value from the cells of a row; None if there is none."""


class _Field(NamedTuple):
    """A field of an event or an item, and how its value is taken; money is still in major units."""

    name: str  # in the map
    field: str  # of the event
    is_money: bool
    is_time: bool
    take: Take


class Mapped(Struct, array_like=True):
    """A row whose cells were converted. `fields` are the event's, without its items."""

    type: str
    fields: dict[str, Any]
    item: dict[str, Any] | None = None


class Mapping:
    """A map, made ready for rows whose cells are in the order of its `columns()`."""

    def __init__(self, form: FileMap) -> None:
        self._form = form
        places = {name: at for at, name in enumerate(form.columns())}
        known = {name: kind for one in _types(form) for name, kind in field_kinds(KINDS[one]).items()}
        self._type = _taking(form.type, places, cells.text)
        self._group = None if form.group is None else _taking(form.group, places, cells.identifier)
        ordered = sorted(form.fields, key=lambda name: name != CURRENCY)  # money in major units needs it
        self._fields = [self._field(name, form.fields[name], known[name], places) for name in ordered]
        items = field_kinds(Item)
        self._items = [self._field(name, cell, items[name], places) for name, cell in form.items.items()]

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
        word = self._type(values)
        kind = self._form.type.words.get(word) if self._form.type.words else word
        if kind is None:
            known = ", ".join(self._form.type.words)
            return Rejection("unknown_type", f"{self._form.type.columns[0]} is {word!r}; the map knows {known}")
        fields: dict[str, Any] = {}
        if fault := _fill(fields, self._fields, values, fields):
            return fault
        item: dict[str, Any] | None = None
        if self._items:
            item = {}
            if fault := _fill(item, self._items, values, fields):
                return fault
        return Mapped(kind, fields, item)

    def event(self, rows: Iterable[Mapped]) -> tuple[bytes, AnyEvent | Rejection]:
        """The event of the rows of a group, and its bytes; or why it is none."""
        first, *rest = rows
        fields, items = dict(first.fields), [first.item] if first.item else []
        for row in rest:
            for name, value in row.fields.items():
                if name.endswith(MINOR):
                    fields[name] = fields.get(name, 0) + value
            if row.item:
                items.append(row.item)
        kind = first.type
        if self._form.negative is not None and fields.get(AMOUNT, 0) < 0:
            kind, fields[AMOUNT] = self._form.negative, -fields[AMOUNT]
        of_kind = KINDS[kind].__struct_fields__
        fields = {name: value for name, value in fields.items() if name in of_kind}
        if items and "items" in of_kind:
            fields["items"] = items
        raw = _encode({"type": kind, "source": self._form.source, **fields})
        return raw, decode(raw)

    def _field(self, name: str, cell: Cell, kind: FieldKind, places: dict[str, int]) -> _Field:
        convert = self._conversion(kind, cell)
        if not cell.times:
            take = _taking(cell, places, convert)
        else:
            amount, factor = _taking(cell, places, self._number), _taking(Cell((cell.times,)), places, self._number)

            def take(values: Sequence[Any]) -> Any:
                value, times = amount(values), factor(values)
                return None if value is None or times is None else convert(value * times)

        return _Field(name, kind.field, kind.name == "money", kind.name == "instant", take)

    def _number(self, value: Any) -> Any:
        return cells.number(value, self._form.csv.decimal, self._form.csv.thousands)

    def _conversion(self, kind: FieldKind, cell: Cell) -> cells.Convert:
        match kind.name:
            case "id":
                found: cells.Convert = cells.identifier
            case "instant":
                found = cells.instant_of(self._form.zone, cell.format)
            case "date":
                found = cells.date_of(cell.format)
            case "boolean":
                found = cells.boolean
            case "money":
                found = self._number
            case "integer":
                found = self._whole
            case "number":
                found = self._plain
            case "list":
                found = _entries
            case _:
                found = cells.text
        words = cell.words
        return (lambda value: found(words.get(cells.text(value), value))) if words else found

    def _whole(self, value: Any) -> int:
        exact = self._number(value)
        if exact != int(exact):
            raise ValueError(f"{value!r} is not a whole number")
        return int(exact)

    def _plain(self, value: Any) -> int | float:
        exact = self._number(value)
        return int(exact) if exact == int(exact) else float(exact)


def _types(form: FileMap) -> tuple[str, ...]:
    return (*form.types, *([form.negative] if form.negative else []))


def _entries(value: Any) -> list[str]:
    found = value if isinstance(value, list) else str(value).split(_LIST)
    return [cells.text(one) for one in found if not cells.is_empty(one)]


def _taking(cell: Cell, places: dict[str, int], convert: cells.Convert) -> Take:
    """A function that takes the value of a cell from a row and converts it; joined columns are empty if all are."""
    read = _remembering(convert)
    if not cell.columns:
        return lambda values: read(cell.value)
    at = [places[name] for name in cell.columns]
    if len(at) == 1:
        place = at[0]
        return lambda values: read(values[place])

    def joined(values: Sequence[Any]) -> Any:
        return read("-".join(cells.identifier(values[one]) for one in at if not cells.is_empty(values[one])))

    return joined


def _remembering(convert: cells.Convert) -> cells.Convert:
    """The conversion of a cell, remembered; None for an empty cell."""

    def read(value: Any) -> Any:
        return None if cells.is_empty(value) else convert(value)

    remembered = lru_cache(maxsize=REMEMBERED, typed=True)(read)
    return lambda value: read(value) if type(value) in (list, dict) else remembered(value)


def _fill(out: dict[str, Any], fields: list[_Field], values: Sequence[Any], event: dict[str, Any]) -> Rejection | None:
    """Put the values of a row in; returns why one cannot be taken."""
    for name, field, is_money, is_time, take in fields:
        try:
            value = take(values)
            if value is not None:
                out[field] = cells.minor(value, event.get(CURRENCY)) if is_money else value
        except (ValueError, ArithmeticError) as fault:
            code: RejectCode = "bad_time" if is_time else "bad_value"
            return Rejection("bad_text" if isinstance(fault, UnicodeError) else code, f"{name}: {fault}")
    return None
