"""Remembers which customer bought in which sale, keeps refunds and disputes that came before their sale, and what is to be fetched.

One SQLite file in the state folder: what a vendor was answered 200 for is on disk. It is bounded by age and by number. A sale without a
customer is remembered too, so that its refund does not wait.
"""

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from scorers.contract.events import DAY, Micros

WAIT = 3 * DAY
"""How long a refund or a dispute waits for its sale; then it is taken without a customer."""
REMEMBER = 400 * DAY  # disputes come up to half a year later, returns after more than that are rare
MOST_SALES = 5_000_000
MOST_HELD = 100_000
MOST_WANTED = 100_000
AT_ONCE = 500

_TABLES = """
CREATE TABLE IF NOT EXISTS sale (source TEXT, id TEXT, customer TEXT, at INTEGER, PRIMARY KEY (source, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS sale_at ON sale (at);
CREATE INDEX IF NOT EXISTS sale_customer ON sale (customer) WHERE customer IS NOT NULL;
CREATE TABLE IF NOT EXISTS held (
    source TEXT, id TEXT, sale TEXT, event BLOB, until INTEGER, PRIMARY KEY (source, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_sale ON held (source, sale);
CREATE INDEX IF NOT EXISTS held_until ON held (until);
CREATE TABLE IF NOT EXISTS wanted (
    hook TEXT, merchant TEXT, id TEXT, since INTEGER, due INTEGER, PRIMARY KEY (hook, merchant, id)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS wanted_due ON wanted (due);
CREATE TABLE IF NOT EXISTS erasures_read (part INTEGER PRIMARY KEY, ends INTEGER);
"""
_HELD = (
    "SELECT held.source, held.id, held.sale, event, customer FROM held "
    "LEFT JOIN sale ON sale.source = held.source AND sale.id = held.sale "
)
_THIS = "hook = ? AND merchant = ? AND id = ? AND since = ?"
_OF_SALE = _HELD + "WHERE held.source = ? AND held.sale = ? LIMIT ?"
_RELEASED = _HELD + "WHERE sale.id IS NOT NULL OR until <= ? ORDER BY until LIMIT ?"


class Full(RuntimeError):
    """Nothing more can be kept."""


class Held(NamedTuple):
    """An event, as JSON, that waits for its sale."""

    source: str
    id: str
    sale: str
    event: bytes
    customer: str | None = None  # once the sale is known, if it has one


class Fetch(NamedTuple):
    """An object that is to be fetched for a hook, since when it is, and when it is tried next."""

    hook: str
    merchant: str
    id: str
    since: Micros
    due: Micros


class Sales:
    """The file; methods block for as long as a write to disk takes. Without a path it lives in memory.

    >>> sales = Sales()
    >>> sales.hold([Held("shop", "refund:7", "order:1", b"{}")], now=0)
    >>> sales.released(now=0), sales.customers("shop", ["order:1"])
    ([], {})
    >>> sales.add("shop", [("order:1", "C1")], now=5)
    >>> [one.customer for one in sales.released(now=5)], sales.customers("shop", ["order:1"])
    (['C1'], {'order:1': 'C1'})
    """

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            path.touch(mode=0o600)
        self._file = sqlite3.connect(path or ":memory:", check_same_thread=False)
        # what is deleted is overwritten, as it may be of an erased customer
        self._file.executescript("PRAGMA secure_delete = ON; PRAGMA synchronous = FULL;" + _TABLES)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def customers(self, source: str, sales: Iterable[str]) -> dict[str, str | None]:
        """The customers of those sales that are known; None for an anonymous one."""
        found = {}
        for sale in set(sales):
            row = self._file.execute("SELECT customer FROM sale WHERE source = ? AND id = ?", (source, sale)).fetchone()
            if row is not None:
                found[sale] = row[0]
        return found

    def add(self, source: str, sales: Iterable[tuple[str, str | None]], now: Micros) -> None:
        """Remember sales with their customers; a customer who is known stays."""
        with self._file:
            self._file.executemany(
                "INSERT INTO sale VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE "
                "SET customer = coalesce(excluded.customer, customer) WHERE customer IS NOT excluded.customer",
                [(source, sale, customer, now) for sale, customer in sales],
            )

    def hold(self, events: Sequence[Held], now: Micros) -> None:
        """Keep events until their sale is known; one that is kept already stays as it is. Raises `Full`."""
        (count,) = self._file.execute("SELECT count(*) FROM held").fetchone()
        if count + len(events) > MOST_HELD:
            raise Full(f"{MOST_HELD} events wait for their sales")
        with self._file:
            self._file.executemany(
                "INSERT OR IGNORE INTO held VALUES (?, ?, ?, ?, ?)",
                [(one.source, one.id, one.sale, one.event, now + WAIT) for one in events],
            )

    def waiting(self, source: str, sales: Iterable[str]) -> list[Held]:
        """The events that wait for these sales."""
        return [Held(*row) for sale in sales for row in self._file.execute(_OF_SALE, (source, sale, AT_ONCE))]

    def released(self, now: Micros) -> list[Held]:
        """Some of the events whose sale is known by now, or that have waited long enough."""
        return [Held(*row) for row in self._file.execute(_RELEASED, (now, AT_ONCE))]

    def drop(self, events: Iterable[Held]) -> None:
        """Forget events that were sent."""
        with self._file:
            self._file.executemany(
                "DELETE FROM held WHERE source = ? AND id = ?", [(one.source, one.id) for one in events]
            )

    def want(self, hook: str, objects: Iterable[tuple[str, str]], now: Micros) -> None:
        """Remember objects to fetch; one that is remembered is fetched again, as it has changed. Raises `Full`."""
        (count,) = self._file.execute("SELECT count(*) FROM wanted").fetchone()
        if count > MOST_WANTED:
            raise Full(f"{MOST_WANTED} objects wait to be fetched")
        with self._file:
            self._file.executemany(
                "INSERT OR REPLACE INTO wanted VALUES (?, ?, ?, ?, ?)", [(hook, *one, now, now) for one in objects]
            )

    def due(self, now: Micros, most: int) -> list[Fetch]:
        """The objects that are to be fetched by now."""
        rows = self._file.execute("SELECT * FROM wanted WHERE due <= ? ORDER BY due LIMIT ?", (now, most))
        return [Fetch(*row) for row in rows]

    def put_off(self, one: Fetch, due: Micros) -> None:
        """Try an object again later."""
        with self._file:
            self._file.execute(f"UPDATE wanted SET due = ? WHERE {_THIS}", (due, *one[:4]))  # noqa: S608  # a constant

    def fetched(self, one: Fetch) -> None:
        """Forget an object, unless it has changed since."""
        with self._file:
            self._file.execute(f"DELETE FROM wanted WHERE {_THIS}", one[:4])  # noqa: S608  # a constant

    def tidy(self, now: Micros) -> None:
        """Forget sales that are too old, or too many."""
        with self._file:
            self._file.execute("DELETE FROM sale WHERE at < ?", (now - REMEMBER,))
            self._file.execute(
                "DELETE FROM sale WHERE at < (SELECT at FROM sale ORDER BY at DESC LIMIT 1 OFFSET ?)", (MOST_SALES,)
            )

    def has_sales(self) -> bool:
        """Whether any sale is remembered."""
        return self._file.execute("SELECT 1 FROM sale LIMIT 1").fetchone() is not None

    def erasures_read(self) -> dict[int, int]:
        """Up to which offset each partition of the erasures was read."""
        return dict(self._file.execute("SELECT part, ends FROM erasures_read"))

    def erase(self, customers: Iterable[str], ends: Mapping[int, int] | None = None) -> None:
        """Forget who bought: the sales stay as anonymous ones. `ends` is up to where partitions of the erasures were read."""
        with self._file:
            self._file.executemany("UPDATE sale SET customer = NULL WHERE customer = ?", [(one,) for one in customers])
            self._file.executemany("INSERT OR REPLACE INTO erasures_read VALUES (?, ?)", (ends or {}).items())
