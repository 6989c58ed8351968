"""Proposes a map for a file, by the names of its columns and by what stands in them.

A proposal is a start: whoever uses it reads it first, so it says what it guessed and what it did not find.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from scorers.contract.wire import Rejection
from streams.tables import cells
from streams.tables.map_file import Csv
from streams.tables.rows import columns_of, read_rows

LOOKED_AT = 2000  # rows

NAMES: dict[str, tuple[str, ...]] = {
    "id": ("event id", "transaction id", "transaction", "payment id", "order id", "order number", "invoice", "invoice no",
           "invoiceno", "receipt", "receipt no", "ticket", "sale id", "id", "name", "basket id"),
    "time": ("time", "timestamp", "date time", "datetime", "created at", "created", "paid at", "invoice date", "invoicedate",
             "transaction timestamp", "sale date", "order date", "date", "fecha"),
    "customer_id": ("customer id", "customerid", "customer", "client id", "client", "member id", "loyalty id", "household id",
                    "card number", "customer reference id", "email", "cliente"),
    "amount": ("amount", "total", "gross sales", "net sales", "total collected", "net total", "sales value", "total price",
               "importe", "price", "unit price", "unitprice"),
    "currency": ("currency", "currency code", "moneda"),
    "store_id": ("store id", "store", "location", "location id", "shop", "branch", "outlet", "tienda"),
    "staff_id": ("staff", "staff id", "employee", "cashier", "team member", "vendor", "employee id"),
    "discount": ("discount", "discounts", "discount amount", "retail disc", "descuento"),
}  # fmt: skip
ITEMS: dict[str, tuple[str, ...]] = {
    "sku": (
        "sku",
        "stock code",
        "stockcode",
        "product id",
        "item id",
        "product code",
        "item",
        "lineitem sku",
        "barcode",
    ),
    "quantity": ("quantity", "qty", "lineitem quantity", "units", "cantidad"),
    "category": ("category", "department", "product category", "familia"),
}
GROUPS = ("invoice", "invoice no", "invoiceno", "receipt", "receipt no", "basket id", "order id", "order number", "ticket", "transaction id", "name")  # fmt: skip
FORMATS = (
    "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%Y", "%Y%m%d",
    "%m/%d/%Y %I:%M %p", "%m/%d/%y", "%d/%m/%y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d",
)  # fmt: skip


def propose(source: str) -> str:
    """The text of a map for the purchases in a file. Raises `UsageError` for a file that is no table."""
    encoding = "utf-8"
    form = Csv()
    columns = _columns(source, form)
    rows = _sample(source, columns, form)
    if any(isinstance(one, str) and re.search("[\udc80-\udcff]", one) for row in rows for one in row):
        encoding = "cp1252"
        form = Csv(encoding=encoding)
        columns = _columns(source, form)
        rows = _sample(source, columns, form)
    found = {field: column for field, names in NAMES.items() if (column := _like(names, columns))}
    items = {field: column for field, names in ITEMS.items() if (column := _like(names, columns))}
    group = _like(GROUPS, columns)
    repeated = group is not None and len({row[columns.index(group)] for row in rows}) < len(rows)
    grouped = group if repeated and "sku" in items else None
    return _text(found, items if grouped and "quantity" in items else {}, grouped, columns, rows, encoding)


def _columns(source: str, form: Csv) -> list[str]:
    """The columns that a map can name: each has a name of its own."""
    names = columns_of(source, form)
    return [name for name in names if name and names.count(name) == 1]


def _sample(source: str, columns: Sequence[str], form: Csv) -> list[Sequence[Any]]:
    read = islice(read_rows(source, columns, form), LOOKED_AT)
    return [values for _, values in read if not isinstance(values, Rejection)]


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", " ", name.casefold()).strip()


def _like(names: Iterable[str], columns: Sequence[str]) -> str | None:
    by_bare = {_bare(column): column for column in reversed(columns)}
    return next((by_bare[name] for name in names if name in by_bare), None)


def _text(
    found: dict[str, str],
    items: dict[str, str],
    group: str | None,
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    encoding: str,
) -> str:
    def values(column: str) -> list[Any]:
        return [one for row in rows if not cells.is_empty(one := row[columns.index(column)])]

    lines = [
        'type = "purchase.completed"',
        'source = "till"               # a name of your own for where this comes from',
    ]
    lines.append('zone = "UTC"                  # of times without one: write yours, like "Europe/Madrid"')
    if group is not None:
        lines.append(f"group = {_quoted(group)}")
    amounts = values(found["amount"]) if "amount" in found else []
    quantities = values(items["quantity"]) if "quantity" in items else []
    if any(str(one).strip().startswith(("-", "(")) for one in (*amounts, *quantities)):
        lines.append('negative = "purchase.refunded"')
    decimal = _decimal(amounts)
    if encoding != "utf-8" or decimal == ",":
        lines += ["", "[csv]"]
        lines += [f'encoding = "{encoding}"'] if encoding != "utf-8" else []
        lines += ['decimal = ","', 'thousands = "."'] if decimal == "," else []
    lines += ["", "[fields]"]
    for field in NAMES:
        lines.append(_field(field, found.get(field), items, values))
    if items:
        lines += ["", "[items]", *(f"{field} = {_quoted(column)}" for field, column in items.items())]
    used = {*found.values(), *items.values()}
    if unused := [name for name in columns if name not in used]:
        lines += ["", f"# not used: {', '.join(unused)}"]
    return "\n".join(line for line in lines if line is not None) + "\n"


def _field(field: str, column: str | None, items: dict[str, str], values: Any) -> str:
    if column is None:
        if field == "currency":
            return 'currency = { value = "EUR" }  # no column was found: write yours'
        needed = field in ("id", "time", "amount", "customer_id")
        return f"# {field} = ...  # no column was found" + (": name it" if needed else "")
    if field == "time" and (form := _format(values(column))):
        doubt = (
            "  # or the month first: look" if "%d" in form and "%m" in form and _other_way(form, values(column)) else ""
        )
        return f'time = {{ column = {_quoted(column)}, format = "{form}" }}{doubt}'
    if field == "amount" and _bare(column) in ("price", "unit price", "unitprice") and "quantity" in items:
        return f"amount = {{ column = {_quoted(column)}, times = {_quoted(items['quantity'])} }}"
    return f"{field} = {_quoted(column)}"


def _format(values: Sequence[Any]) -> str:
    """The first format that reads all values; empty if they need none."""
    texts = {cells.text(one) for one in values if isinstance(one, str)}
    if not texts or all(_reads(one, "") for one in texts):
        return ""
    return next((form for form in FORMATS if all(_reads(one, form) for one in texts)), "")


def _other_way(form: str, values: Sequence[Any]) -> bool:
    """Whether all values can also be read with day and month the other way round."""
    other = form.replace("%d", "%").replace("%m", "%d").replace("%/", "%m/").replace("%-", "%m-").replace("%.", "%m.")
    return other in FORMATS and all(_reads(cells.text(one), other) for one in values)


def _reads(value: str, form: str) -> bool:
    try:
        datetime.strptime(value, form) if form else datetime.fromisoformat(value)  # noqa: DTZ007  # no instant is made
    except ValueError:
        return False
    return True


def _decimal(values: Sequence[Any]) -> str:
    texts = [one for one in values if isinstance(one, str)]
    return "," if texts and any(re.search(r",\d{1,2}\D*$", one) for one in texts) else "."


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
