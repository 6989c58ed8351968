"""The tables of the read model, and how its file is opened.

The file holds nothing that cannot be built again from the topics: a file of another form is emptied. One process writes it, in
transactions that hold rows and offsets together; readers see the state between two transactions. Deleted rows are overwritten.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FORM = 6
"""The form of the tables: raise it with every change, and files of another form are built again."""
BUSY = 30.0  # seconds to wait for another connection's transaction
CACHE_KB = 16_384

TABLES = """
CREATE TABLE customers (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, name TEXT NOT NULL, sort TEXT NOT NULL, stage TEXT NOT NULL,
  tier TEXT NOT NULL, type TEXT NOT NULL, store TEXT NOT NULL, risk REAL NOT NULL, value INTEGER NOT NULL,
  currency TEXT NOT NULL, loss INTEGER NOT NULL, last TEXT NOT NULL, alarms INTEGER NOT NULL, facts BLOB NOT NULL
);
CREATE INDEX customers_by_loss ON customers (loss);
CREATE INDEX customers_by_risk ON customers (risk);
CREATE INDEX customers_by_name ON customers (sort);
CREATE INDEX customers_by_last ON customers (last);
CREATE INDEX customers_of_tier ON customers (tier, loss);
CREATE INDEX customers_of_stage ON customers (stage, tier, loss);
CREATE INDEX customers_of_type ON customers (type, loss);
CREATE INDEX customers_of_store ON customers (store, loss);
CREATE INDEX customers_with_alarms ON customers (loss, row, store, tier, stage, type) WHERE alarms > 0;
CREATE TABLE words (word TEXT NOT NULL, customer INTEGER NOT NULL, PRIMARY KEY (word, customer)) WITHOUT ROWID;
CREATE INDEX words_of ON words (customer);
CREATE TABLE totals (
  stage TEXT, tier TEXT, type TEXT, store TEXT, currency TEXT, customers INTEGER, value INTEGER, loss INTEGER,
  alarmed INTEGER,
  PRIMARY KEY (stage, tier, type, store, currency)
) WITHOUT ROWID;

CREATE TABLE alarms (
  row INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, customer TEXT, subject TEXT NOT NULL, about TEXT NOT NULL,
  kind TEXT NOT NULL, severity INTEGER NOT NULL, tier TEXT, stage TEXT, store TEXT, state TEXT NOT NULL, outcome TEXT,
  at INTEGER NOT NULL, raised INTEGER NOT NULL, changed INTEGER NOT NULL, loss INTEGER NOT NULL, taken_by TEXT,
  snoozed_until INTEGER, is_change INTEGER NOT NULL, people BLOB, newest INTEGER NOT NULL
);
CREATE INDEX alarms_by_state ON alarms (state, severity, loss DESC);
CREATE INDEX alarms_by_urgency ON alarms (severity, loss DESC);
CREATE INDEX alarms_by_time ON alarms (state, raised);
CREATE INDEX alarms_newest ON alarms (raised);
CREATE INDEX alarms_of_customer ON alarms (customer, raised);
CREATE INDEX alarms_of_kind ON alarms (kind, state, outcome, is_change);
CREATE INDEX alarms_of_store ON alarms (store, state) WHERE store IS NOT NULL;
CREATE INDEX alarms_ended ON alarms (changed) WHERE state IN ('settled', 'withdrawn');
CREATE TABLE alarm_counts (
  kind TEXT, state TEXT, ended TEXT, is_change INTEGER, severity INTEGER, tier TEXT, stage TEXT, about TEXT, alarms INTEGER,
  PRIMARY KEY (kind, state, ended, is_change, severity, tier, stage, about)
) WITHOUT ROWID;
CREATE TABLE store_counts (store TEXT, state TEXT, alarms INTEGER, PRIMARY KEY (store, state)) WITHOUT ROWID;
CREATE TABLE told (
  alarm TEXT PRIMARY KEY, customer TEXT, rule TEXT, raised INTEGER NOT NULL, deliveries BLOB NOT NULL
) WITHOUT ROWID;
CREATE INDEX told_nobody ON told (rule, raised) WHERE rule IS NOT NULL;
CREATE INDEX told_of_customer ON told (customer);
CREATE TABLE changes (
  number INTEGER PRIMARY KEY AUTOINCREMENT, alarm TEXT NOT NULL, customer TEXT, type TEXT NOT NULL, time INTEGER NOT NULL,
  record BLOB NOT NULL, UNIQUE (alarm, type, time)
);
CREATE INDEX changes_of_customer ON changes (customer);
CREATE TABLE actions (
  number INTEGER PRIMARY KEY, source TEXT NOT NULL, id TEXT NOT NULL, alarm TEXT, date TEXT, customer TEXT, time INTEGER NOT NULL, record BLOB NOT NULL,
  UNIQUE (source, id)
);
CREATE INDEX actions_of_alarm ON actions (alarm) WHERE alarm IS NOT NULL;
CREATE INDEX actions_of_date ON actions (date, customer) WHERE date IS NOT NULL;
CREATE INDEX actions_of_customer ON actions (customer);

CREATE TABLE worklist (
  date TEXT NOT NULL, final INTEGER NOT NULL, customer TEXT NOT NULL, rank INTEGER NOT NULL, funded INTEGER NOT NULL,
  held_out INTEGER NOT NULL, record BLOB NOT NULL, PRIMARY KEY (date, final, customer)
) WITHOUT ROWID;
CREATE INDEX worklist_by_rank ON worklist (date, final, rank);
CREATE INDEX worklist_of_customer ON worklist (customer, date);
CREATE TABLE letters (
  topic TEXT NOT NULL, partition INTEGER NOT NULL, number INTEGER NOT NULL, code TEXT NOT NULL, detail TEXT NOT NULL,
  key BLOB, value BLOB, written INTEGER NOT NULL, sent_back INTEGER NOT NULL, PRIMARY KEY (topic, partition, number)
) WITHOUT ROWID;
CREATE INDEX letters_by_time ON letters (sent_back, written);

CREATE TABLE in_force (type TEXT PRIMARY KEY, in_force INTEGER NOT NULL, record BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE stores (
  store TEXT PRIMARY KEY, reported INTEGER NOT NULL, heard INTEGER NOT NULL, reports BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE erased (mark TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE offsets (topic TEXT, partition INTEGER, next INTEGER NOT NULL, PRIMARY KEY (topic, partition)) WITHOUT ROWID;
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
"""


def _counting(sign: str, row: str) -> str:
    """Count an alarm (`+`), or take it out of the counts (`-`): the row `new` or `old` of a trigger."""
    return (
        f"INSERT INTO alarm_counts VALUES ({row}.kind, {row}.state,"
        f" CASE {row}.state WHEN 'settled' THEN coalesce({row}.outcome, 'expired') ELSE {row}.state END, {row}.is_change,"
        f" {row}.severity, coalesce({row}.tier, ''), coalesce({row}.stage, ''), {row}.about, {sign}1)"
        f" ON CONFLICT DO UPDATE SET alarms = alarms {sign} 1;"
        f" INSERT INTO store_counts SELECT {row}.store, {row}.state, {sign}1 WHERE {row}.store IS NOT NULL"
        f" ON CONFLICT DO UPDATE SET alarms = alarms {sign} 1;"
    )


TRIGGERS = (
    f"CREATE TRIGGER counts_of_new AFTER INSERT ON alarms BEGIN {_counting('+', 'new')} END",
    f"CREATE TRIGGER counts_of_old AFTER DELETE ON alarms BEGIN {_counting('-', 'old')} END",
    f"CREATE TRIGGER counts_of_changed AFTER UPDATE ON alarms BEGIN {_counting('-', 'old')} {_counting('+', 'new')} END",
)
"""Counts beside the alarms, so that no page counts them itself."""


def writer(path: Path) -> sqlite3.Connection:
    """The connection that writes; makes the file, and empties one of another form."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600, exist_ok=True)
    connection = _connected(path, f"file:{path}?mode=rwc")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute(
        "PRAGMA synchronous = NORMAL"
    )  # after a power cut the last seconds are read again from the topics
    connection.execute("PRAGMA secure_delete = ON")
    if connection.execute("PRAGMA user_version").fetchone()[0] != FORM:
        empty(connection)
    return connection


def reader(path: Path) -> sqlite3.Connection:
    """A connection that only reads."""
    connection = _connected(path, f"file:{path}?mode=ro")
    connection.execute("PRAGMA query_only = ON")
    return connection


def empty(connection: sqlite3.Connection) -> None:
    """Drop what is there and make the tables."""
    with transaction(connection):
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (name,) in names.fetchall():
            connection.execute(f"DROP TABLE {name}")  # names of our own tables
        for statement in (*TABLES.split(";"), *TRIGGERS):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {FORM}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All changes of the block, or none."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _connected(path: Path, address: str) -> sqlite3.Connection:
    # One thread at a time uses a connection, but not always the same one.
    connection = sqlite3.connect(address, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    connection.row_factory = sqlite3.Row
    connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")
    return connection
