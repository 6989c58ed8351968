"""The map of a table: which column becomes which field of which event. Read from TOML.

An error names the file, the line, the key, and what may be written.
"""

from collections.abc import Iterable
from typing import Any, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Struct

from scorers.contract.events import AnyEvent, Instant, Item, Key
from scorers.policy.toml_errors import Path, TomlText, did_you_mean
from vigia.runtime.usage_error import UsageError

KINDS: dict[str, type[Struct]] = {str(kind.__struct_config__.tag): kind for kind in get_args(AnyEvent)}
"""The event types and their structs."""

MINOR = "_minor"
_PLACES = ("column", "value", "format", "times")
_SELF_MADE = ("type", "source", "schema_version", "items")  # fields that no cell gives


class Csv(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a CSV file is written."""

    delimiter: str = ""  # the one of , ; | and tab that the header has most often, if empty
    encoding: str = "utf-8"
    decimal: str = "."
    thousands: str = ""
    header: int | tuple[str, ...] = 1
    """The line of the column names. 0: there is none, and columns are called 1, 2, 3. A list: these are the names."""


class Cell(Struct, frozen=True):
    """Where a value comes from: columns (several are joined by `-`), or a fixed value."""

    columns: tuple[str, ...] = ()
    value: str | int | float | bool | None = None
    format: str = ""  # of a time, as `strptime` has it
    times: str = ""  # the column of a factor
    words: dict[str, str] = {}  # what a text of the column means; empty if it is taken as it is

    @property
    def all_columns(self) -> tuple[str, ...]:
        """Its columns, and the one of the factor."""
        return (*self.columns, *([self.times] if self.times else []))


class FieldKind(Struct, frozen=True):
    """What a cell has to become: text, id, integer, number, boolean, instant, date, list, table, or money in major units."""

    name: str
    field: str  # of the event; for money in major units the one that ends in `_minor`


class FileMap(Struct, frozen=True):
    """A map that was checked."""

    type: Cell
    types: tuple[str, ...]  # that `type` can give
    source: str
    zone: ZoneInfo
    group: Cell | None
    negative: str | None
    csv: Csv
    fields: dict[str, Cell]
    items: dict[str, Cell]

    def columns(self) -> list[str]:
        """All columns that are read."""
        cells = [self.type, *self.fields.values(), *self.items.values(), *([self.group] if self.group else [])]
        names = [name for cell in cells for name in cell.all_columns]
        return list(dict.fromkeys(names))


class _Written(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: str | dict[str, str]
    source: str
    zone: str = "UTC"
    group: str | tuple[str, ...] | None = None
    negative: str | None = None
    csv: Csv = Csv()
    fields: dict[str, Any]
    items: dict[str, Any] = {}


class MapText(TomlText, frozen=True):
    """The text of a map."""

    fault = UsageError
    shows_values = True


def read_map(text: str, name: str) -> FileMap:
    """The map in a text; `name` is its file. Raises `UsageError`.

    >>> read_map('type = "purchase.complete"', "till.toml")
    Traceback (most recent call last):
    vigia.runtime.usage_error.UsageError: till.toml, line 1: source is missing; add it to this table
    """
    source = MapText(text, name)
    written = source.convert(source.parse(), _Written)
    cell, types = _type(written.type, source)
    try:
        zone = ZoneInfo(written.zone)
    except (ZoneInfoNotFoundError, ValueError):
        raise source.wrong(
            ("zone",), f"{written.zone!r} is no time zone; write its name, like 'Europe/Madrid'"
        ) from None
    if written.negative is not None and written.negative not in KINDS:
        raise source.wrong(("negative",), _unknown_type(written.negative))
    if written.items and not any("items" in KINDS[name].__struct_fields__ for name in types):
        raise source.wrong(("items",), f"is not for {' and '.join(types)}: only purchase.completed has items")
    possible = (*types, *([written.negative] if written.negative else []))
    known = {name: kind for one in possible for name, kind in field_kinds(KINDS[one]).items()}
    _check_csv(written.csv, source)
    found = FileMap(
        type=cell,
        types=types,
        source=written.source,
        zone=zone,
        group=None if written.group is None else _cell(written.group, ("group",), source),
        negative=written.negative,
        csv=written.csv,
        fields=_cells(written.fields, "fields", known, source),
        items=_cells(written.items, "items", field_kinds(Item), source),
    )
    for one in types:
        _check_complete(KINDS[one], found, source)
    return found


def field_kinds(kind: type[Struct]) -> dict[str, FieldKind]:
    """What a cell becomes, by the names that a map may use: the fields of a struct, and money in major units.

    >>> sorted(name for name in field_kinds(Item) if name.startswith("amount"))
    ['amount', 'amount_minor']
    """
    kinds = {}
    for field in msgspec.structs.fields(kind):
        if field.name in _SELF_MADE:
            continue
        kinds[field.name] = FieldKind(_kind_of(field.type), field.name)
        if field.name.endswith(MINOR):
            kinds[field.name.removesuffix(MINOR)] = FieldKind("money", field.name)
    return kinds


def _kind_of(kind: Any) -> str:
    """What a value of a type is written as in JSON."""
    if kind == Key or Key in get_args(kind):
        return "id"
    found = msgspec.inspect.type_info(kind)
    if isinstance(found, msgspec.inspect.UnionType):
        found = next(one for one in found.types if not isinstance(one, msgspec.inspect.NoneType))
    if isinstance(found, msgspec.inspect.Metadata):
        found = found.type
    if isinstance(found, msgspec.inspect.CustomType):
        assert found.cls is Instant
        return "instant"
    names = {"IntType": "integer", "FloatType": "number", "BoolType": "boolean", "DateType": "date"}
    lists = {"VarTupleType": "list", "DictType": "table"}
    return {**names, **lists}.get(type(found).__name__, "text")


def _type(written: str | dict[str, str], source: MapText) -> tuple[Cell, tuple[str, ...]]:
    """Where the type comes from, and which types are possible."""
    if isinstance(written, str):
        if written not in KINDS:
            raise source.wrong(("type",), _unknown_type(written))
        return Cell(value=written), (written,)
    words = {word: name for word, name in written.items() if word != "column"}
    if "column" not in written or not words:
        why = 'is a table without a column or without a type; write { column = "Kind", S = "purchase.completed" }'
        raise source.wrong(("type",), why)
    for word, name in words.items():
        if name not in KINDS:
            raise source.wrong(("type", word), _unknown_type(name))
    return Cell(columns=(written["column"],), words=words), tuple(dict.fromkeys(words.values()))


def _unknown_type(name: str) -> str:
    return f"{name!r} is not an event type; {did_you_mean(name, sorted(KINDS))}"


def _check_csv(csv: Csv, source: MapText) -> None:
    if len(csv.delimiter) > 1:
        raise source.wrong(("csv", "delimiter"), f"{csv.delimiter!r} is no single character; write one, like ';'")
    try:
        "".encode(csv.encoding)
    except LookupError:
        why = f"{csv.encoding!r} is no encoding; write its name, like 'utf-8' or 'cp1252'"
        raise source.wrong(("csv", "encoding"), why) from None
    if len(csv.decimal) != 1 or csv.decimal == csv.thousands:
        raise source.wrong(("csv", "decimal"), "is not one character that differs from thousands; write '.' or ','")
    if isinstance(csv.header, int) and csv.header < 0:
        raise source.wrong(("csv", "header"), "is under 0; write the line of the column names, 0 if there is none")


def _cells(written: dict[str, Any], table: str, known: dict[str, FieldKind], source: MapText) -> dict[str, Cell]:
    cells = {}
    for name, one in written.items():
        path = (table, name)
        if name not in known:
            raise source.wrong(path, f"is not a field; {did_you_mean(name, sorted(known))}")
        kind = known[name].name
        if kind == "table":
            raise source.wrong(path, "is a table of its own, which no column can give; leave it out")
        cells[name] = cell = _cell(one, path, source)
        if cell.times and kind not in ("money", "integer", "number"):
            raise source.wrong((*path, "times"), f"is for numbers; {name} is none")
        if cell.format and kind not in ("instant", "date"):
            raise source.wrong((*path, "format"), f"is for times; {name} is none")
    return cells


def _cell(written: Any, path: Path, source: MapText) -> Cell:
    """A cell as it is written: a column, a list of columns, or a table."""
    if isinstance(written, str):
        return Cell(columns=(written,))
    if isinstance(written, list | tuple) and written and all(isinstance(one, str) for one in written):
        return Cell(columns=tuple(written))
    shape = 'write a column ("Invoice"), several (["A", "B"]), { value = "EUR" } or { column = "Price", times = "Quantity" }'
    if not isinstance(written, dict) or ("column" in written) == ("value" in written):
        raise source.wrong(path, f"is neither a column nor a fixed value; {shape}")
    if "value" in written:
        value = written["value"]
        if len(written) > 1 or not isinstance(value, str | int | float | bool):
            raise source.wrong(path, "is a fixed value with something beside it; write { value = ... } alone")
        return Cell(value=value)
    columns = written["column"] if isinstance(written["column"], list) else [written["column"]]
    texts = [*columns, *[one for name, one in written.items() if name != "column"]]
    if not columns or not all(isinstance(one, str) for one in texts):
        raise source.wrong(path, f"has something that is no text; {shape}")
    words = {word: meaning for word, meaning in written.items() if word not in _PLACES}
    return Cell(tuple(columns), None, written.get("format", ""), written.get("times", ""), words)


def _check_complete(kind: type[Struct], found: FileMap, source: MapText) -> None:
    """Fail where a field is missing without which no event of this type can be made."""
    given = {field_kinds(kind)[name].field for name in found.fields if name in field_kinds(kind)}
    for field in msgspec.structs.fields(kind):
        if field.name not in _SELF_MADE and field.required and field.name not in given:
            shown = field.name.removesuffix(MINOR)
            raise source.wrong(("fields",), _lacks(shown, str(kind.__struct_config__.tag), found.fields))
    if found.items:
        _check_items(found, source)


def _check_items(found: FileMap, source: MapText) -> None:
    for name in ("sku", "quantity"):
        if name not in found.items:
            raise source.wrong(("items",), f"is without {name}, which each item needs; add it")


def _lacks(field: str, kind: str, given: Iterable[str]) -> str:
    return f"is without {field}, which {kind} needs; add it (there are {', '.join(given) or 'none'})"
