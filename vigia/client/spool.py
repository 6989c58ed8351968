"""Events on disk that wait to be sent: durable once `add` returns, kept in order until they are acknowledged.

The file is one of SQLite, synced at each commit, so that neither a kill nor a power cut loses what was added. Several processes may
add; whoever holds the turn sends, and a process that dies gives it up.
"""

import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

MOST = 1_000_000  # events that may wait
_BUSY = 30.0  # seconds that another process may hold the file
_SCHEMA = """
create table if not exists waiting (place integer primary key autoincrement, event blob not null);
create table if not exists refused (place integer primary key, event blob not null, reason text not null);
"""


class SpoolFull(RuntimeError):
    """So many events wait that no more are taken."""


class Waiting(NamedTuple):
    """An event that waits, and its place."""

    place: int
    event: bytes


class Spool:
    """The events of a folder. Its methods may be called from any thread."""

    def __init__(self, folder: Path, most: int = MOST) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)  # events name customers
        self._most, self._lock = most, threading.Lock()
        self._events = _open(folder / "events.db", _BUSY)
        self._turn = _open(folder / "turn.db", 0.0)
        self._has_turn = False
        with self._lock, self._events:
            self._events.executescript(_SCHEMA)

    def add(self, events: Sequence[bytes]) -> None:
        """Append events; they are on disk when this returns. Raises `SpoolFull`."""
        with self._lock, self._events:
            if self._count() + len(events) > self._most:
                raise SpoolFull(f"{self._most:,} events wait already: send them first, or make room for more")
            self._events.executemany("insert into waiting (event) values (?)", [(event,) for event in events])

    def first(self, events: int, size: int) -> list[Waiting]:
        """The events that have waited longest: so many at most, and together at most `size` bytes unless the first is larger."""
        with self._lock:
            rows = self._events.execute("select place, event from waiting order by place limit ?", (events,)).fetchall()
        taken: list[Waiting] = []
        for place, event in rows:
            size -= len(event)
            if taken and size < 0:
                break
            taken.append(Waiting(place, event))
        return taken

    def done(self, sent: Sequence[Waiting], refused: dict[int, str]) -> None:
        """Events are acknowledged, or were refused (by their index, with the reason); those are kept apart."""
        with self._lock, self._events:
            kept = [(sent[n].place, sent[n].event, reason) for n, reason in refused.items()]
            self._events.executemany("insert or replace into refused values (?, ?, ?)", kept)
            self._events.executemany("delete from waiting where place = ?", [(one.place,) for one in sent])

    @property
    def waiting(self) -> int:
        """How many events wait."""
        with self._lock:
            return self._count()

    @property
    def refused(self) -> list[tuple[bytes, str]]:
        """The events that were refused, with the reasons."""
        with self._lock:
            return list(self._events.execute("select event, reason from refused order by place"))

    def take_turn(self) -> bool:
        """Whether this process sends, and no other."""
        if not self._has_turn:
            try:
                self._turn.execute("begin exclusive")
            except sqlite3.OperationalError:
                return False
            self._has_turn = True
        return True

    def close(self) -> None:
        """Give up the turn, and close the files."""
        with self._lock:
            self._turn.close()
            self._events.close()

    def _count(self) -> int:
        first, last = self._events.execute("select min(place), max(place) from waiting").fetchone()
        return 0 if first is None else int(last - first + 1)  # only the first are ever taken away


def _open(path: Path, busy: float) -> sqlite3.Connection:
    opened = sqlite3.connect(path, timeout=busy, isolation_level="IMMEDIATE", check_same_thread=False)
    if busy:  # two connections that begin to write a log at the same time wait for nothing else
        opened.execute("pragma journal_mode = wal")
        opened.execute("pragma synchronous = full")
    return opened
