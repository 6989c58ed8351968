"""Pages of lists: filters, order and offsets, for the queries of the read model.

Texts of a request are only ever bound values; the names of tables, columns and orders stand in the modules of this folder.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from vigia.readmodel.store.items import start_of


def where_of(columns: Mapping[str, str], filters: Mapping[str, str]) -> tuple[list[str], list[Any]]:
    """The conditions of the filters that name one of these columns, and their values."""
    given = [(column, filters[name]) for name, column in columns.items() if filters.get(name)]
    return [f"{column} = ?" for column, _ in given], [value for _, value in given]


def joined(where: Sequence[str]) -> str:
    """The conditions as a clause; empty without one."""
    return f"WHERE {' AND '.join(where)}" if where else ""


def count(db: sqlite3.Connection, table: str, where: Sequence[str], values: Sequence[Any]) -> int:
    """How many rows fit."""
    return int(db.execute(f"SELECT count(*) FROM {table} {joined(where)}", tuple(values)).fetchone()[0])


def rows_of(
    db: sqlite3.Connection,
    table: str,
    where: Sequence[str],
    values: Sequence[Any],
    order: str,
    page: int,
    total: int,
    size: int,
) -> list[sqlite3.Row]:
    """The rows of a page; nothing is read for a page behind the last."""
    start = start_of(page, size, total)
    if start is None:
        return []
    if table == "customers":  # rows are found in an index first, and only those of the page are read
        keys = f"SELECT row FROM {table} {joined(where)} ORDER BY {order} LIMIT ? OFFSET ?"
        chosen = f"SELECT * FROM {table} WHERE row IN ({keys}) ORDER BY {order}"
    else:
        chosen = f"SELECT * FROM {table} {joined(where)} ORDER BY {order} LIMIT ? OFFSET ?"
    return db.execute(chosen, (*values, size, start)).fetchall()
