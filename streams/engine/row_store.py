"""Where rows lie between two lives of the process, by partition: the store of a Faust table.

A store can always be had again from the changelog, so one that is damaged is never repaired: it is moved aside, the
process ends, and the next one recovers the partition. rocksdict tells all its troubles as bare `Exception`s; what they
mean is read off their text here and nowhere else. Damage is a checksum or a file that is missing. A full disk, a lock
that another process holds and whatever else may pass leave the store where it is.

It refuses to know what the bytes mean.
"""

import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from faust import Table
from rocksdict import AccessType, Options, Rdict, WriteBatch

from streams.engine.chunk import ChunkSchema

log = logging.getLogger(__name__)

ASIDE = ".damaged-"  # and a number, after the name of a store that was moved aside
_DAMAGE = re.compile(r"Corruption|No such file or directory")
_PLACE = re.compile(r"(/.+?\.db)(?:/|$)", re.MULTILINE)


class RowStore(Protocol):
    """Stored rows by partition and key; `write` also notes the changelog offset they stand for."""

    def get(self, partition: int, key: bytes) -> bytes | None: ...

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]: ...

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None: ...


class StoreDamaged(RuntimeError):
    """A store was damaged and is set aside; the next start has it again from the changelog."""


def set_aside(trouble: BaseException, store: Path | None = None) -> Path | None:
    """Move away the store that the trouble tells to be damaged; where it is now, None if it tells of no damage.

    The store need not be given where the trouble names it, which not every trouble does.

    >>> set_aside(Exception("IO error: No space left on device: While appending to file: /var/vigia/rows-0.db/7.log"))
    """
    text = str(trouble)
    place = _PLACE.search(text)
    if store is None and place is not None:
        store = Path(place[1])
    if not _DAMAGE.search(text) or store is None or not store.is_dir():
        return None
    to = next(path for n in count(1) if not (path := store.with_name(f"{store.name}{ASIDE}{n}")).exists())
    store.rename(to)
    log.error("the store %s is damaged (%s): it is now %s, its rows come from the changelog", store.name, text, to.name)
    return to


def damaged_stores(state: Path) -> list[Path]:
    """The stores below a state directory that were moved aside; whoever has looked into them may delete them."""
    return sorted(path for path in state.rglob(f"*.db{ASIDE}*") if path.is_dir())


def set_damaged_aside(state: Path) -> None:
    """Move aside the stores below a state directory that cannot be opened, before anybody has opened them."""
    for store in sorted(path for path in state.rglob("*.db") if path.is_dir()):
        if not any(store.iterdir()):
            continue  # made and not yet filled when the process died: as good as none
        try:
            Rdict(str(store), options=Options(raw_mode=True), access_type=AccessType.read_only(False)).close()
        except Exception as trouble:
            set_aside(trouble, store)


class TableRowStore:
    """The shelf over the store of a Faust table on rocksdict.

    It goes to the partition's database (the store's private `_db_for_partition`), as the public reading takes its
    partition from a current event, and as one batch can hold the rows and the changelog offset they stand for: both are
    on disk or neither.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, partition: int, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._table.data._db_for_partition(partition).get(key)
        except Exception as trouble:
            raise _told(trouble) from trouble
        return value

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        store = self._table.data
        try:
            database, key = store._db_for_partition(partition), b""
            for key, value in database.items():
                if key != store.offset_key:
                    yield key, value
            _finished(database, key)
        except Exception as trouble:
            raise _told(trouble) from trouble

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None:
        try:
            _write(self._table.data, partition, rows, offset)
        except Exception as trouble:
            raise _told(trouble) from trouble


class ChunkTable(Table):  # type: ignore[type-arg]
    """A Faust table whose changelog comes in chunks (`ChunkTransport.changelogs`).

    Faust recovers record by record at a fifth of a millisecond each: a million rows would take minutes. Two chunks are
    written at once: with a recovery buffer of one, Faust goes on reading what the worker itself writes.
    """

    recovered = 0  # rows so far

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, schema=ChunkSchema(), recovery_buffer_size=2, **options)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        for event in batch:
            chunk = event.value
            _write(self.data, chunk.partition, [(record.key, record.value) for record in chunk.records], chunk.offset)
            self.recovered += len(chunk.records)


def _write(store: Any, partition: int, rows: Iterable[tuple[bytes, bytes | None]], offset: int) -> None:
    batch = WriteBatch(raw_mode=True)
    for key, value in rows:
        if value is None:
            batch.delete(key)
        else:
            batch.put(key, value)
    batch.put(store.offset_key, b"%d" % offset)
    store._db_for_partition(partition).write(batch)


def _finished(database: Any, last: bytes) -> None:
    """An iteration that meets damage ends as if there were no more rows: only asking for what follows tells."""
    rest = database.iter()
    rest.seek(last)
    if rest.valid():
        rest.next()
    rest.status()


def _told(trouble: Exception) -> Exception:
    moved = set_aside(trouble)
    return trouble if moved is None else StoreDamaged(f"{trouble}; set aside as {moved}")
