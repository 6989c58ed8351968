"""Lists of customers, one customer, and the sums over all.

A sum and the list behind it come from the same transaction in the same form, so they agree.
"""

import sqlite3
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.collation import plain
from vigia.readmodel.store.items import MOST_WORDS, PAGE, CustomerItem, Page, Total, start_of
from vigia.readmodel.store.sqlite.paging import count, joined, rows_of, where_of

SORTS = {
    "loss": "loss DESC, row DESC",
    "risk": "risk DESC, row DESC",
    "name": "sort, row",
    "silence": "last, row",
    "recent": "last DESC, row DESC",
}
_COLUMNS = {"stage": "stage", "tier": "tier", "type": "type", "store": "store"}
_LAST = "\U0010ffff"
FEW = 5_000  # rows of a search
_HAS_WORD = "EXISTS (SELECT 1 FROM words w WHERE w.customer = customers.row AND w.word >= ? AND w.word < ?)"

_row = msgspec.json.Decoder(CustomerRow).decode
_rows = msgspec.json.Decoder(list[int]).decode


class Customers:
    """Lists of customers, one customer, and the sums over all."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def page_of(self, filters: Mapping[str, str], sort: str = "loss", page: int = 1, size: int = PAGE) -> Page:
        """A page of the customers that fit; `filters` has some of stage, tier, type, store, alarms (`open`) and q."""
        if _words(filters):
            return self._searched(filters, SORTS.get(sort, SORTS["loss"]), page, size)
        where, values = self._filter(filters)
        total = self._count(filters)
        rows = rows_of(self._db, "customers", where, values, SORTS.get(sort, SORTS["loss"]), page, total, size)
        return Page([_customer(row) for row in rows], total)

    def _searched(self, filters: Mapping[str, str], order: str, page: int, size: int) -> Page:
        """A page of a search. Of few rows, or far down, all are put in order; of many those of the page are looked for in order."""
        where, values = self._filter(filters)
        total = count(self._db, "customers", where, values) if len(where) > 1 else len(msgspec.json.decode(values[-1]))
        start = start_of(page, size, total)
        if start is None:
            return Page([], total)
        if total > FEW >= start:
            where[-1] = f"({' AND '.join([_HAS_WORD] * len(_words(filters)))} OR id = ?)"
            values[-1:] = [*(bound for word in _words(filters) for bound in _bounds(word)), filters["q"]]
        keys = f"SELECT row FROM customers {joined(where)} ORDER BY {order} LIMIT ? OFFSET ?"
        chosen = f"SELECT * FROM customers WHERE row IN ({keys}) ORDER BY {order}"
        return Page([_customer(row) for row in self._db.execute(chosen, (*values, size, start))], total)

    def _filter(self, filters: Mapping[str, str]) -> tuple[list[str], list[Any]]:
        """The conditions and their values; that of a search is the last, and its value the rows that it finds, as JSON."""
        where, values = where_of(_COLUMNS, filters)
        if filters.get("alarms") == "open":  # found in the index of those with alarms, and not in the others
            where = [*(f"+{one}" for one in where), "alarms > 0"]
        if words := _words(filters):
            found = set.intersection(*map(self._having, words))
            found.update(row[0] for row in self._db.execute("SELECT row FROM customers WHERE id = ?", (filters["q"],)))
            where.append("row IN (SELECT value FROM json_each(?))")
            values.append(msgspec.json.encode(found).decode())
        return where, values

    def _having(self, word: str) -> set[int]:
        """The rows that have a word with this beginning. As one text they come in half the time that a row for each takes."""
        asked = "SELECT json_group_array(customer) FROM words WHERE word >= ? AND word < ?"
        return set(_rows(self._db.execute(asked, _bounds(word)).fetchone()[0]))

    def _count(self, filters: Mapping[str, str]) -> int:
        """How many customers fit filters without words: the same sums as on the pages of the base."""
        where, values = where_of(_COLUMNS, filters)
        counted = "alarmed" if filters.get("alarms") == "open" else "customers"
        return int(self._db.execute(f"SELECT sum({counted}) FROM totals {joined(where)}", values).fetchone()[0] or 0)

    def all_of(self, filters: Mapping[str, str], sort: str = "loss") -> Iterator[CustomerItem]:
        """All customers that fit, in order."""
        where, values = self._filter(filters)
        order = SORTS.get(sort, SORTS["loss"])
        for row in self._db.execute(f"SELECT * FROM customers {joined(where)} ORDER BY {order}", values):
            yield _customer(row)

    def one(self, customer_id: str) -> CustomerItem | None:
        """One customer; None if there is none."""
        found = self._db.execute("SELECT * FROM customers WHERE id = ?", (customer_id,)).fetchone()
        return None if found is None else _customer(found)

    def known(self, customer_ids: Sequence[str]) -> dict[str, CustomerItem]:
        """The customers with these ids, as far as they are known."""
        places = ", ".join("?" * len(customer_ids))
        found = self._db.execute(f"SELECT * FROM customers WHERE id IN ({places})", tuple(customer_ids))
        return {row["id"]: _customer(row) for row in found}

    def totals(self, by: Sequence[str]) -> dict[tuple[str, ...], Total]:
        """Customers, value at risk and expected loss by some of stage, tier, type, store and currency."""
        columns = ", ".join(one for one in by if one in ("stage", "tier", "type", "store", "currency"))
        found = self._db.execute(
            f"SELECT {columns}, sum(customers), sum(value), sum(loss) FROM totals WHERE customers > 0 GROUP BY {columns}"
        )
        return {tuple(row)[: len(by)]: Total(*tuple(row)[len(by) :]) for row in found}


def _words(filters: Mapping[str, str]) -> list[str]:
    return plain(filters.get("q", "")).split()[:MOST_WORDS]


def _bounds(word: str) -> tuple[str, str]:
    """Between which texts the words with this beginning are."""
    return word, word + _LAST


def _customer(row: sqlite3.Row) -> CustomerItem:
    raw = zlib.decompress(row["facts"])
    return CustomerItem(_row(raw), raw, row["loss"], row["alarms"])
