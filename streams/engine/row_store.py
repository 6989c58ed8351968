"""Durable row storage, one store per partition: the rocksdict store of a Faust table.

A store can always be rebuilt from the changelog, so a damaged one is never repaired: it is moved aside, the process
ends, and the next one recovers the partition. rocksdict raises every fault as a bare `Exception`; its text is read here
and nowhere else. Damage is a checksum or a missing file. A full disk, a lock that another process holds, and everything
else that may pass leave the store where it is.

RocksDB keeps the bytes of a deleted row until a compaction happens to touch them, and the keys at the edges of its files in
its manifest until it is opened again. `TableRowStore.scrub` does both for the rows deleted since the last time; their keys
are in a file beside the store meanwhile, so that a killed process leaves nothing behind for good.
"""

import logging
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Protocol

from faust import Table
from rocksdict import AccessType, BottommostLevelCompaction, CompactOptions, Options, Rdict, WriteBatch

from streams.engine.chunk import ChunkSchema

log = logging.getLogger(__name__)

ONE_BY_ONE = 16  # deleted rows; more are compacted as one range
ASIDE = ".damaged-"  # followed by a number: appended to the name of a store that was moved aside
_DAMAGE = re.compile(r"Corruption|No such file or directory")
_PLACE = re.compile(r"(/.+?\.db)(?:/|$)", re.MULTILINE)


class RowStore(Protocol):
    """Stored rows by partition and key; `write` also stores the changelog offset of the last row."""

    def get(self, partition: int, key: bytes) -> bytes | None: ...

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]: ...

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None: ...

    def scrub(self, partition: int) -> int: ...


class StoreDamaged(RuntimeError):
    """A store was damaged and is set aside; the next start rebuilds it from the changelog."""


def set_aside(fault: BaseException, store: Path | None = None) -> Path | None:
    """Move a store aside if this fault says that it is damaged; its new place, or None if the fault means no damage.

    `store` may be left out where the fault names it, which not every fault does.

    >>> set_aside(Exception("IO error: No space left on device: While appending to file: /var/vigia/rows-0.db/7.log"))
    """
    text = str(fault)
    place = _PLACE.search(text)
    if store is None and place is not None:
        store = Path(place[1])
    if not _DAMAGE.search(text) or store is None or not store.is_dir():
        return None
    to = next(path for n in count(1) if not (path := store.with_name(f"{store.name}{ASIDE}{n}")).exists())
    store.rename(to)
    log.error("the store %s is damaged (%s): moved to %s, its rows come from the changelog", store.name, text, to.name)
    return to


def damaged_stores(state: Path) -> list[Path]:
    """The stores below a state directory that were moved aside; they may be deleted after inspection."""
    return sorted(path for path in state.rglob(f"*.db{ASIDE}*") if path.is_dir())


def room_of(state: Path) -> tuple[int, int]:
    """The bytes that the files of a state directory take, and those that are free on its disk."""
    used = 0
    for path in state.rglob("*"):
        with suppress(FileNotFoundError):  # a compaction has just removed it
            used += path.stat().st_size if path.is_file() else 0
    return used, shutil.disk_usage(state).free


def set_damaged_aside(state: Path) -> None:
    """Move aside the stores below a state directory that cannot be opened, before anything else opens them."""
    for store in sorted(path for path in state.rglob("*.db") if path.is_dir()):
        if not any(store.iterdir()):
            continue  # created and not yet filled when the process died: as good as none
        try:
            Rdict(str(store), options=Options(raw_mode=True), access_type=AccessType.read_only(False)).close()
        except Exception as fault:
            set_aside(fault, store)


class TableRowStore:
    """The row store over a Faust table on rocksdict.

    It uses the partition's database (the store's private `_db_for_partition`) for two reasons: the public way takes its
    partition from the current event, and one batch can hold the rows and their changelog offset, so that both are on
    disk or neither.
    """

    def __init__(self, table: Any) -> None:
        self._table = table
        self._deleted: dict[int, set[bytes]] = {}  # since the last scrub, by partition

    def get(self, partition: int, key: bytes) -> bytes | None:
        try:
            value: bytes | None = self._table.data._db_for_partition(partition).get(key)
        except Exception as fault:
            raise _explained(fault) from fault
        return value

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        store = self._table.data
        try:
            database, key = store._db_for_partition(partition), b""
            for key, value in database.items():
                if key != store.offset_key:
                    yield key, value
            _check_complete(database, key)
        except Exception as fault:
            raise _explained(fault) from fault

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None:
        try:
            deleted = [key for key, value in rows if value is None]
            if deleted:
                self._note(partition, deleted)
            _write(self._table.data, partition, rows, offset)
        except Exception as fault:
            raise _explained(fault) from fault

    def deleted_in(self) -> list[int]:
        """The partitions with rows that were deleted since the last scrub."""
        return sorted(self._deleted)

    def scrub(self, partition: int) -> int:
        """Remove the old bytes of deleted rows from the partition's store; the number of rows. Nothing may write meanwhile."""
        data, noted = self._table.data, self._noted(partition)
        keys = self._deleted.pop(partition, set())
        if noted.exists():
            keys |= {bytes.fromhex(line) for line in noted.read_text(encoding="ascii").split()}
        if keys:
            try:
                database = data._db_for_partition(partition)
                database.flush()
                for first, last in (
                    [(key, key) for key in keys] if len(keys) <= ONE_BY_ONE else [(min(keys), max(keys))]
                ):
                    database.compact_range(first, last + b"\x00", _rewriting())
                data._dbs.pop(partition).close()
                data._db_for_partition(partition)
            except Exception as fault:
                raise _explained(fault) from fault
            noted.unlink(missing_ok=True)
        return len(keys)

    def _note(self, partition: int, keys: Iterable[bytes]) -> None:
        new = set(keys) - self._deleted.setdefault(partition, set())
        with self._noted(partition).open("a", encoding="ascii") as file:
            file.writelines(f"{key.hex()}\n" for key in sorted(new))
        self._deleted[partition] |= new

    def _noted(self, partition: int) -> Path:
        return Path(self._table.data.partition_path(partition)).with_suffix(".deleted")


class ChunkTable(Table):  # type: ignore[type-arg]
    """A Faust table whose changelog comes in chunks (`ChunkTransport.changelogs`).

    Faust recovers record by record, at a fifth of a millisecond each: a million rows would take minutes. The recovery
    buffer is two chunks: with one, Faust continues to read the changelog that the worker itself writes.
    """

    recovered = 0  # rows since the process started

    def __init__(self, app: Any, **options: Any) -> None:
        super().__init__(app, schema=ChunkSchema(), recovery_buffer_size=2, **options)

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        for event in batch:
            chunk = event.value
            _write(self.data, chunk.partition, [(record.key, record.value) for record in chunk.records], chunk.offset)
            self.recovered += len(chunk.records)


def _rewriting() -> CompactOptions:
    """A compaction that also rewrites a file which it could merely move down, with the deletion in it."""
    options = CompactOptions()
    options.set_bottommost_level_compaction(BottommostLevelCompaction.force())
    return options


def _write(store: Any, partition: int, rows: Iterable[tuple[bytes, bytes | None]], offset: int) -> None:
    batch = WriteBatch(raw_mode=True)
    for key, value in rows:
        if value is None:
            batch.delete(key)
        else:
            batch.put(key, value)
    batch.put(store.offset_key, b"%d" % offset)
    store._db_for_partition(partition).write(batch)


def _check_complete(database: Any, last: bytes) -> None:
    """Raise if an iteration ended at damage: it ends as if there were no more rows, and only a further step fails."""
    rest = database.iter()
    rest.seek(last)
    if rest.valid():
        rest.next()
    rest.status()


def _explained(fault: Exception) -> Exception:
    moved = set_aside(fault)
    return fault if moved is None else StoreDamaged(f"{fault}; set aside as {moved}")
