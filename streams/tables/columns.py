"""Columns of a table become the fields of an event, or of an item.

What a text means is remembered by column. A fault is a sentence about its cell.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from scorers.contract.wire import RejectCode, Rejection
from streams.tables import cells
from streams.tables.map_file import Cell, FieldKind, FileMap
from streams.tables.pieces import Amounts, Ids, Known, Piece, Pieces, Times, remembered

CURRENCY = "currency"
CODE = re.compile("[A-Z]{3}")
_LIST = ";"  # between the entries of a list in one cell

_NEW = object()

Take = Callable[[Sequence[Any]], Any]
"""Takes a value from the cells of a row; None if there is none."""


class Field(NamedTuple):
    """A field of an event or an item, and how its value is taken: a text is looked up first, and `take` converts what is not known."""

    name: str  # in the map
    field: str  # of the event
    place: int  # of its column; -1 if it has not exactly one
    known: dict[str, Any]  # by the text of that column
    take: Take
    is_time: bool


class Money(NamedTuple):
    """The same for money in major units. What it comes to depends on up to three texts: the amount, its factor and the currency."""

    name: str
    field: str
    place: int  # of its column; -1 if it has not exactly one
    factor: int  # the column of the factor; that of the amount again if there is none
    known: dict[tuple[str, str, str | None], int | None]
    is_plain: bool  # texts are looked at as plain numbers first
    take: Take


class Columns:
    """How the cells of a row become the fields that a map names; fixed values were converted once."""

    def __init__(
        self, form: FileMap, places: dict[str, int], named: dict[str, Cell], kinds: dict[str, FieldKind]
    ) -> None:
        """`named` are fields of the map, and `kinds` what the names mean."""
        self.fixed: dict[str, Any] = {}
        self.fields: list[Field] = []
        self.money: list[Money] = []
        self._form, self._places, self._named, self._kinds = form, places, named, kinds
        for name, cell in named.items():
            kind = kinds[name]
            if kind.name == "money":
                self.money.append(self._money(name, cell, kind.field))
                continue
            known: dict[str, Any] = {}
            convert = self._conversion(kind, cell)
            take = self._product(cell, convert) if cell.times else taking(cell, places, convert, known)
            if not cell.columns and _is_sound(take):
                self.fixed[kind.field] = take(())
            else:
                place = places[cell.columns[0]] if len(cell.columns) == 1 and not cell.times else -1
                self.fields.append(Field(name, kind.field, place, known, take, kind.name == "instant"))

        self._sums = [(one.field, one.place, one.factor, one.known) for one in self.money]

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
        except (ValueError, ArithmeticError) as fault:
            return _fault(name, fault, "bad_time" if is_time else "bad_value")
        return self.amounts(out, values, currency or out.get(CURRENCY)) if self.money else None

    def amounts(self, out: dict[str, Any], values: Sequence[Any], currency: str | None) -> Rejection | None:
        """Put only the money of a row in; returns why some cannot be taken."""
        name = ""
        try:
            for name, field, place, factor, sums, is_plain, take in self.money:  # noqa: B007  # the fault names it
                text, times = (values[place], values[factor]) if place >= 0 else (None, None)
                if text.__class__ is str and times.__class__ is str:
                    key = text, times, currency
                    value = sums.get(key, _NEW)
                    if value is _NEW:
                        value = (
                            self._plain_minor(text, times if factor != place else None, currency) if is_plain else None
                        )
                        value = remembered(sums, key, _in_minor(take(values), currency) if value is None else value)
                else:
                    value = _in_minor(take(values), currency)
                if value is not None:
                    out[field] = value
        except (ValueError, ArithmeticError) as fault:
            return _fault(name, fault, "bad_value")
        return None

    def known_amounts(self, values: Sequence[str], currency: str | None) -> Iterable[tuple[str, int | None]] | None:
        """The money of a row of CSV by field; None if some cannot be taken. Each comes from a column."""
        known: list[tuple[str, int | None]] = []
        for field, place, factor, sums in self._sums:
            minor: Any = sums.get((values[place], values[factor], currency), _NEW)
            if minor is _NEW:
                found: dict[str, int | None] = {}
                return None if self.amounts(found, values, currency) else found.items()
            known.append((field, minor))
        return known

    def plain_columns(self) -> list[str]:
        """The columns from which all but money in major units comes."""
        plain = [cell for name, cell in self._named.items() if self._kinds[name].name != "money"]
        return list(dict.fromkeys(name for cell in plain for name in cell.all_columns))

    def pieces(self, more: Mapping[str, Any]) -> Pieces | None:
        """Pieces of the fields, with more fixed ones before them; None if a field has no columns, or is named twice."""
        kinds = self._kinds
        varying = {name: cell for name, cell in self._named.items() if kinds[name].field not in self.fixed}
        if len({kinds[name].field for name in self._named}) < len(self._named):
            return None
        if not all(cell.columns for cell in varying.values()):
            return None
        currency = self._form.fields[CURRENCY].columns if CURRENCY in self._form.fields else ()
        found = []
        for is_money in (False, True):  # in the order of `fill`
            for name, cell in varying.items():
                kind = kinds[name]
                if (kind.name == "money") is is_money:
                    columns = dict.fromkeys((*cell.all_columns, *(currency if is_money else ())))
                    found.append((kind.field, [self._places[one] for one in columns], self._piece(kind, cell)))
        return Pieces({**more, **self.fixed}, found)

    def _piece(self, kind: FieldKind, cell: Cell) -> Piece:
        if len(cell.columns) == 1 and not cell.words:
            if kind.name == "id":
                return Ids(kind.field)
            if kind.name == "instant" and not cell.format:
                return Times(kind.field, self._conversion(kind, cell))
        if kind.name == "money":
            return Amounts(kind.field, self._plain_sum(cell))
        return Known()

    def _money(self, name: str, cell: Cell, field: str) -> Money:
        convert = self._conversion(FieldKind("money", field), cell)
        take = self._product(cell, convert) if cell.times else taking(cell, self._places, convert)
        place = self._places[cell.columns[0]] if len(cell.columns) == 1 else -1
        factor = self._places[cell.times] if cell.times else place
        return Money(name, field, place, factor, {}, self._is_plain(cell), take)

    def _is_plain(self, cell: Cell) -> bool:
        """Whether texts of a column of money may be plain numbers."""
        is_usual = not self._form.csv.thousands.isdigit() and not self._form.csv.decimal.isdigit()
        return is_usual and len(cell.columns) == 1 and not cell.words and cell.columns[0] != cell.times

    def _plain_minor(self, amount: str, factor: str | None, currency: str | None) -> int | None:
        return cells.plain_minor(amount, factor, currency, self._form.csv.decimal)

    def _plain_sum(self, cell: Cell) -> Callable[[Any], int | None]:
        """What gives the minor units of the texts of amount, factor and currency, as far as they come from columns."""
        currency = self._form.fields.get(CURRENCY, Cell())
        names = (*cell.all_columns, *currency.columns)
        if not self._is_plain(cell) or len({*names}) < len(names) or len(currency.columns) > 1 or currency.words:
            return lambda texts: None
        fixed = None if currency.value is None else cells.text(currency.value)

        def plain(texts: Any) -> int | None:
            found: tuple[str, ...] = (texts,) if len(names) == 1 else texts
            if currency.columns and not CODE.fullmatch(found[-1]):
                return None
            return self._plain_minor(
                found[0], found[1] if cell.times else None, found[-1] if currency.columns else fixed
            )

        return plain

    def _product(self, cell: Cell, convert: cells.Convert) -> Take:
        """What takes the product of two cells."""
        amount = taking(cell, self._places, self._number)
        factor = taking(Cell((cell.times,)), self._places, self._number)

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


def _fault(name: str, fault: Exception, code: RejectCode) -> Rejection:
    return Rejection("bad_text" if isinstance(fault, UnicodeError) else code, f"{name}: {fault}")


def _entries(value: Any) -> list[str]:
    found = value if isinstance(value, list) else str(value).split(_LIST)
    return [cells.text(one) for one in found if not cells.is_empty(one)]


def taking(cell: Cell, places: dict[str, int], convert: cells.Convert, known: dict[str, Any] | None = None) -> Take:
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
            found = remembered(known, value, read(value))
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
