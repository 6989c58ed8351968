"""A read model in one file: connections that read, each question on one snapshot, and the one that writes."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, LifoQueue

from vigia.readmodel.store.sqlite import schema
from vigia.readmodel.store.sqlite.alarms import Alarms
from vigia.readmodel.store.sqlite.customers import Customers
from vigia.readmodel.store.sqlite.others import Others
from vigia.readmodel.store.sqlite.tables import SqliteTables
from vigia.readmodel.store.sqlite.worklists import Worklists


class SqliteQueries:
    """All questions, on one connection."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self.customers, self.alarms = Customers(db), Alarms(db)
        self.worklists, self.others = Worklists(db), Others(db)


class SqliteStore:
    """The file of a read model."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._is_made = False  # in the form of this version
        self._idle: LifoQueue[SqliteQueries] = LifoQueue()

    @contextmanager
    def snapshot(self) -> Iterator[SqliteQueries]:
        """Questions, all answered from one state."""
        try:
            queries = self._idle.get_nowait()
        except Empty:
            if not self._is_made:
                self.tables().close()
            queries = SqliteQueries(schema.reader(self.path))
        try:
            queries.db.execute("BEGIN")
            try:
                yield queries
            finally:
                queries.db.execute("COMMIT")
        finally:
            self._idle.put(queries)

    def tables(self) -> SqliteTables:
        """The connection that writes; makes the file."""
        tables = SqliteTables(schema.writer(self.path))
        self._is_made = True
        return tables

    def remove(self) -> None:
        """Remove the file, which is then built again."""
        for one in self.path.parent.glob(f"{self.path.name}*"):
            one.unlink()
        self._is_made = False

    def close(self) -> None:
        """Close the connections that only read."""
        while not self._idle.empty():
            self._idle.get_nowait().db.close()
