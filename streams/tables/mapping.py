"""Rows become events by a map: each cell is converted, and the rows of one group are put together as one event.

A row that cannot be converted is rejected with a sentence about its cell; one such row rejects its group. Amounts are rounded
in each row and added up over the rows of a group; everything else, the time as well, is that of the group's first row.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from scorers.contract.events import AnyEvent, Item
from scorers.contract.wire import RejectCode, Rejection, decode
from streams.tables import cells
from streams.tables.map_file import KINDS, MINOR, Cell, FieldKind, FileMap, field_kinds

AMOUNT, CURRENCY = "amount_minor", "currency"
_LIST = ";"  # between the entries of a list in one cell

_encode = msgspec.json.Encoder().encode

K = TypeVar("K")
V = TypeVar("V")

REMEMBERED = 1 << 16  # texts of a column whose meaning is remembered: most tables repeat theirs
_NEW = object()

Take = Callable[[Sequence[Any]], Any]
"""Takes a value from the cells of a row; None if there is none."""


class _Field(NamedTuple):
    """A field of an event or an item, and how its value is taken: a text is looked up first, and `take` converts what is not known."""

    name: str  # in the map
    field: str  # of the event
    place: int  # of its column; -1 if it has not exactly one
    known: dict[str, Any]  # by the text of that column
    take: Take
    is_time: bool


class _Money(NamedTuple):
    """The same for money in major units. What it comes to depends on up to three texts: the amount, its factor and the currency."""

    name: str
    field: str
    place: int  # of its column; -1 if it has not exactly one
    factor: int  # the column of the factor; that of the amount again if there is none
    known: dict[tuple[str, str, str | None], int | None]
    take: Take


class Mapped(Struct, array_like=True, gc=False):
    """Rows of one group, converted. `fields` are the event's, without its items; those are JSON."""

    type: str
    fields: dict[str, Any]
    items: list[msgspec.Raw]


class _Columns:
    """How the cells of a row become the fields of an event, or of an item; fixed values were converted once."""

    def __init__(self) -> None:
        self.fixed: dict[str, Any] = {}
        self.fields: list[_Field] = []
        self.money: list[_Money] = []

    def fill(self, out: dict[str, Any], values: Sequence[Any], currency: str | None = None) -> Rejection | None:
        """Put the values of a row in; returns why one cannot be taken. Without a currency it is that of `out`."""
        name, is_time = "", False
        try:
            for name, field, place, known, take, is_time in self.fields:  # noqa: B007  # the fault names it
                text = values[place] if place >= 0 else None
                value = (
                    known.get(text, _NEW) if text.__class__ is str else _NEW
                )  # most texts are known, and need no call
                if value is _NEW:
                    value = take(values)
                if value is not None:
                    out[field] = value
            is_time = False
            if not self.money:
                return None
            currency = currency or out.get(CURRENCY)
            for name, field, place, factor, sums, take in self.money:  # noqa: B007
                text, times = (values[place], values[factor]) if place >= 0 else (None, None)
                if text.__class__ is str and times.__class__ is str:
                    key = text, times, currency
                    value = sums.get(key, _NEW)
                    if value is _NEW:
                        value = _remembered(sums, key, _in_minor(take(values), currency))
                else:
                    value = _in_minor(take(values), currency)
                if value is not None:
                    out[field] = value
        except (ValueError, ArithmeticError) as fault:
            code: RejectCode = "bad_time" if is_time else "bad_value"
            return Rejection("bad_text" if isinstance(fault, UnicodeError) else code, f"{name}: {fault}")
        return None


class Mapping:
    """A map, made ready for rows whose cells are in the order of its `columns()`."""

    def __init__(self, form: FileMap) -> None:
        self._form = form
        self._places = {name: at for at, name in enumerate(form.columns())}
        known = {name: kind for one in _types(form) for name, kind in field_kinds(KINDS[one]).items()}
        self._type = _taking(form.type, self._places, cells.text)
        self._fixed_type = "" if form.type.columns or form.type.words else str(form.type.value)
        self._group = None if form.group is None else _taking(form.group, self._places, cells.identifier)
        self._is_mixed = len(_types(form)) > 1  # a field may belong to some types only
        self._fields = self._columns(form.fields, known)
        self._items = self._columns(form.items, field_kinds(Item))
        self._sums = [field for name in form.fields if (field := known[name].field).endswith(MINOR)]

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
        if not self._form.items:
            return Mapped(kind, fields, [])
        item = self._items.fixed.copy()
        if fault := self._items.fill(item, values, fields.get(CURRENCY)):
            return fault
        return Mapped(kind, fields, [msgspec.Raw(_encode(item))] if item else [])

    def add(self, first: Mapped, row: Mapped) -> None:
        """Put a later row, or later rows, of a group to the first one, whose fields become the event's: money and items add up."""
        for name in self._sums:
            if (more := row.fields.get(name)) is not None:
                first.fields[name] = first.fields.get(name, 0) + more
        first.items += row.items

    def event(self, mapped: Mapped) -> tuple[bytes, AnyEvent | Rejection]:
        """The event of the rows of a group, and its bytes; or why it is none."""
        kind, fields = mapped.type, mapped.fields
        if self._form.negative is not None and fields.get(AMOUNT, 0) < 0:
            kind, fields[AMOUNT] = self._form.negative, -fields[AMOUNT]
        of_kind = KINDS[kind].__struct_fields__
        if self._is_mixed:
            fields = {name: value for name, value in fields.items() if name in of_kind}
        if mapped.items and "items" in of_kind:
            fields["items"] = mapped.items
        raw = _encode({"type": kind, "source": self._form.source, **fields})
        return raw, decode(raw)

    def _columns(self, named: dict[str, Cell], kinds: dict[str, FieldKind]) -> _Columns:
        found = _Columns()
        for name, cell in named.items():
            kind = kinds[name]
            if kind.name == "money":
                found.money.append(self._money(name, cell, kind.field))
                continue
            known: dict[str, Any] = {}
            convert = self._conversion(kind, cell)
            take = self._product(cell, convert) if cell.times else _taking(cell, self._places, convert, known)
            if not cell.columns and _is_sound(take):
                found.fixed[kind.field] = take(())
            else:
                place = self._places[cell.columns[0]] if len(cell.columns) == 1 and not cell.times else -1
                found.fields.append(_Field(name, kind.field, place, known, take, kind.name == "instant"))
        return found

    def _money(self, name: str, cell: Cell, field: str) -> _Money:
        convert = self._conversion(FieldKind("money", field), cell)
        take = self._product(cell, convert) if cell.times else _taking(cell, self._places, convert)
        place = self._places[cell.columns[0]] if len(cell.columns) == 1 else -1
        return _Money(name, field, place, self._places[cell.times] if cell.times else place, {}, take)

    def _product(self, cell: Cell, convert: cells.Convert) -> Take:
        """What takes the product of two cells."""
        amount = _taking(cell, self._places, self._number)
        factor = _taking(Cell((cell.times,)), self._places, self._number)

        def take(values: Sequence[Any]) -> Any:
            value, times = amount(values), factor(values)
            return None if value is None or times is None else convert(value * times)

        return take

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


def _taking(cell: Cell, places: dict[str, int], convert: cells.Convert, known: dict[str, Any] | None = None) -> Take:
    """A function that takes the value of a cell from a row and converts it; joined columns are empty if all are.

    What the texts of one column mean is remembered in `known`.
    """
    at = [places[name] for name in cell.columns]
    known = {} if known is None else known

    def read(value: Any) -> Any:
        return None if cells.is_empty(value) else convert(value)

    def single(values: Sequence[Any]) -> Any:
        value = values[place]
        if value.__class__ is not str:
            return read(value)
        found = known.get(value, _NEW)
        if found is _NEW:
            found = _remembered(known, value, read(value))
        return found

    def joined(values: Sequence[Any]) -> Any:
        return read("-".join(cells.identifier(values[one]) for one in at if not cells.is_empty(values[one])))

    if not at:
        fixed = cache(lambda: read(cell.value))
        return lambda values: fixed()
    place = at[0]
    return single if len(at) == 1 else joined


def _is_sound(take: Take) -> bool:
    """Whether a fixed value can be converted and is there; if it cannot, each row says so."""
    try:
        return take(()) is not None
    except (ValueError, ArithmeticError):
        return False


def _in_minor(amount: Any, currency: str | None) -> int | None:
    return None if amount is None else cells.minor(amount, currency)


def _remembered(known: dict[K, V], key: K, value: V) -> V:
    """Remember a value and return it; if too many are remembered, all others are forgotten first."""
    if len(known) >= REMEMBERED:
        known.clear()
    known[key] = value
    return value
