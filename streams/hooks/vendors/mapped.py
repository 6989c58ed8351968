"""Any other JSON, by a map as for files: its columns are JSON paths.

`rows` in the hook's table is the path of what becomes an event each (or, with `group` in the map, a line of one); without it the body is one
row. A column that begins with `$` is looked up in the whole body, any other in its row.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from jsonpath_ng import JSONPath
from jsonpath_ng.parser import parse

from scorers.contract.wire import Rejection
from streams.hooks.delivery import Adapter, Delivery, Draft, Drafts, Unusable, parsed
from streams.hooks.settings import Table
from streams.hooks.vendors.standard import SIGNATURE
from streams.tables.map_file import FileMap, read_map
from streams.tables.mapping import Mapped, Mapping

MAX_ROWS = 10_000


def read(delivery: Delivery) -> Drafts:
    """The events of a body."""
    form, mapping = _loaded(delivery.settings.map)
    body = parsed(delivery.body, Any)
    try:
        rows = [one.value for one in path_of(delivery.settings.rows or "$").find(body)][: MAX_ROWS + 1]
        if len(rows) > MAX_ROWS:
            raise Unusable(f"the body has more than {MAX_ROWS} rows")
        groups: dict[str, Mapped] = {}
        for place, row in enumerate(rows):
            values = [_value(column, row, body) for column in form.columns()]
            group, mapped = _sound(mapping.group(values)) or str(place), _sound(mapping.row(values))
            if group in groups:
                mapping.add(groups[group], mapped)
            else:
                groups[group] = mapped
    except RecursionError:
        raise Unusable("the body is nested too deeply") from None
    source = {"source": delivery.settings.source} if delivery.settings.source else {}
    found = [Draft(msgspec.json.decode(mapping.event(one)[0]) | source) for one in groups.values()]
    return found or "there is nothing at the path of rows"


def check(table: Table) -> None:
    """Read the map, again if it was read before. Raises `UsageError`."""
    file, rows = table.settings.map, table.settings.rows or "$"
    if not file:
        raise table.wrong("map", "is missing; name the file of the map, as docs/import.md explains it")
    _loaded.cache_clear()
    try:
        form, _ = _loaded(file)
    except (OSError, UnicodeDecodeError) as fault:
        raise table.wrong(
            "map", f"names {file}, which cannot be read ({type(fault).__name__}); name a readable file"
        ) from None
    for key, path in (("rows", rows), *(("map", column) for column in form.columns())):
        try:
            path_of(path)
        except ValueError as fault:
            raise table.wrong(key, f"has {fault}; write a JSON path like $.order.id, or price.amount") from None


@lru_cache(maxsize=1024)
def path_of(text: str) -> JSONPath:
    """A path, parsed. Raises ValueError."""
    try:
        return parse(text)
    except Exception as fault:  # the parser raises whatever it comes upon
        raise ValueError(f"{text!r}, which is no JSON path ({fault})") from None


def _value(column: str, row: object, body: object) -> Any:
    found = path_of(column).find(body if column.startswith("$") else row)
    return found[0].value if found else None


def _sound(found: Any) -> Any:
    if isinstance(found, Rejection):
        raise Unusable(found.detail)
    return found


@lru_cache(maxsize=64)
def _loaded(file: str) -> tuple[FileMap, Mapping]:
    form = read_map(Path(file).read_text(encoding="utf-8"), file)
    return form, Mapping(form)


ADAPTER = Adapter(read, (), SIGNATURE, ("map", "rows", "types"), check=check)
