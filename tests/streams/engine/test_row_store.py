"""A damaged store is set aside and never believed; a full disk ends the worker and loses nothing."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rocksdict import Options, Rdict

from streams.engine.row_store import (
    ChunkTable,
    StoreDamaged,
    TableRowStore,
    damaged_stores,
    set_aside,
    set_damaged_aside,
)

ROWS = 3_000


class Store:
    """As Faust's store of a table: a database for each partition, opened when it is asked for."""

    offset_key = b"__faust\0offset__"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._dbs: dict[int, Any] = {}

    def partition_path(self, partition: int) -> Path:
        return self.directory / f"rows-{partition}.db"

    def _db_for_partition(self, partition: int) -> Any:
        if partition not in self._dbs:
            options = Options(raw_mode=True)
            options.create_if_missing(True)
            self._dbs[partition] = Rdict(str(self.partition_path(partition)), options=options)
        return self._dbs[partition]

    def close(self) -> None:
        for database in self._dbs.values():
            database.close()
        self._dbs.clear()


def row_store_of(store: Store) -> TableRowStore:
    return TableRowStore(SimpleNamespace(data=store))


@pytest.fixture
def filled(tmp_path: Path) -> Store:
    """A store that has been written to disk and closed."""
    store = Store(tmp_path)
    row_store_of(store).write(0, [(b"C%d" % n, os.urandom(200)) for n in range(ROWS)], 41)
    store._db_for_partition(0).flush()
    store.close()
    return store


def flip(file: Path, at: float) -> None:
    """Turn some bytes of a file around."""
    data = bytearray(file.read_bytes())
    start = int(len(data) * at)
    data[start : start + 20] = bytes(byte ^ 255 for byte in data[start : start + 20])
    file.write_bytes(data)


def only(store: Store, pattern: str) -> Path:
    return sorted((store.directory / "rows-0.db").glob(pattern))[-1]


def test_what_is_written_is_there_after_the_next_opening(filled: Store) -> None:
    """Rows, and the changelog offset they stand for, in one batch; the offset is no row."""
    assert len(list(row_store_of(filled).items(0))) == ROWS
    assert filled._db_for_partition(0).get(Store.offset_key) == b"41"
    set_damaged_aside(filled.directory)
    assert damaged_stores(filled.directory) == []


def test_a_damaged_block_is_not_the_end_of_the_rows(filled: Store) -> None:
    """The driver would end the iteration in the middle and say nothing: half of the customers would be unknown."""
    flip(only(filled, "*.sst"), 0.5)
    assert len(list(filled._db_for_partition(0).items())) < ROWS
    filled.close()
    with pytest.raises(StoreDamaged, match="checksum mismatch"):
        list(row_store_of(filled).items(0))
    assert [path.name for path in damaged_stores(filled.directory)] == ["rows-0.db.damaged-1"]
    filled.close()
    assert list(row_store_of(filled).items(0)) == [], "the next opening begins with none, for the changelog to fill"


def test_a_damaged_block_is_named_by_reading_a_single_row_too(filled: Store) -> None:
    """No reading of a damaged row returns, and none is taken for a row that is not there."""
    flip(only(filled, "*.sst"), 0.5)
    reading = row_store_of(filled)
    with pytest.raises(StoreDamaged):
        assert None not in [reading.get(0, b"C%d" % n) for n in range(ROWS)]


def _truncated(store: Store) -> None:
    only(store, "MANIFEST-*").write_bytes(b"")


DAMAGES: dict[str, Callable[[Store], object]] = {
    "manifest": lambda store: flip(only(store, "MANIFEST-*"), 0.05),
    "manifest emptied": _truncated,
    "foot of a table": lambda store: flip(only(store, "*.sst"), 0.999),
    "table lost": lambda store: only(store, "*.sst").unlink(),
    "current overwritten": lambda store: only(store, "CURRENT").write_bytes(b"no manifest is named here"),
    "current lost": lambda store: only(store, "CURRENT").unlink(),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_store_that_cannot_be_opened_is_set_aside_before_the_start(filled: Store, damage: str) -> None:
    """Whatever was damaged, the worker starts with an empty store in its place."""
    DAMAGES[damage](filled)
    set_damaged_aside(filled.directory)
    assert [path.name for path in damaged_stores(filled.directory)] == ["rows-0.db.damaged-1"]
    assert list(row_store_of(filled).items(0)) == []
    filled._db_for_partition(0).flush()
    filled.close()
    only(filled, "CURRENT").unlink()
    set_damaged_aside(filled.directory)
    assert len(damaged_stores(filled.directory)) == 2, "what was set aside before stays"


def test_a_stale_lock_is_no_damage(filled: Store) -> None:
    """The file of the lock outlives a killed process; the lock does not."""
    only(filled, "LOCK").write_bytes(b"someone")
    set_damaged_aside(filled.directory)
    assert damaged_stores(filled.directory) == []
    assert len(list(row_store_of(filled).items(0))) == ROWS


@pytest.mark.parametrize(
    "text",
    [
        "IO error: No space left on device: While appending to file: {}/000008.log: No space left on device",
        "IO error: lock hold by current process, acquire time 1: {}/LOCK: No locks available",
        "IO error: While lock file: {}/LOCK: Resource temporarily unavailable",
    ],
)
def test_what_may_pass_sets_nothing_aside(filled: Store, text: str) -> None:
    """A full disk and another's lock are no damage: the store is good once they are over."""
    assert set_aside(Exception(text.format(filled.directory / "rows-0.db"))) is None
    assert damaged_stores(filled.directory) == []


def test_a_recovered_chunk_is_written_with_the_offset_it_reaches(tmp_path: Path) -> None:
    """Rows that a changelog took back are gone; the offset of each partition is that of its last chunk."""
    store = Store(tmp_path)
    kind = type("Rows", (ChunkTable,), {"data": store})
    table = kind.__new__(kind)  # one that Faust has made needs an app, and an app a broker

    def chunk(partition: int, offset: int, *rows: tuple[bytes, bytes | None]) -> SimpleNamespace:
        records = [SimpleNamespace(key=key, value=value) for key, value in rows]
        return SimpleNamespace(value=SimpleNamespace(partition=partition, offset=offset, records=records))

    table.apply_changelog_batch([chunk(0, 7, (b"C1", b"one"), (b"C2", b"two")), chunk(1, 3, (b"C3", b"three"))])
    table.apply_changelog_batch([chunk(0, 9, (b"C2", b"more"), (b"C1", None))])
    assert list(row_store_of(store).items(0)) == [(b"C2", b"more")]
    assert list(row_store_of(store).items(1)) == [(b"C3", b"three")]
    assert [store._db_for_partition(n).get(Store.offset_key) for n in (0, 1)] == [b"9", b"3"]


FULL = """
import resource, signal, sys
from pathlib import Path
from tests.streams.engine.test_row_store import Store, row_store_of
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
store = Store(Path(sys.argv[1]))
written = 0
try:
    for written in range(1_000):
        row_store_of(store).write(0, [(b"C%d" % written, bytes(2_000))], written)
except Exception as full:
    sys.stdout.write(f"{written}")
"""


def test_a_full_disk_is_an_error_and_what_was_written_before_is_good(tmp_path: Path) -> None:
    """The write that does not fit raises; when there is room again, all rows before it are there and it is not."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False, timeout=60
    )
    refused = int(done.stdout)
    assert 0 < refused < 999
    assert damaged_stores(tmp_path) == []
    set_damaged_aside(tmp_path)
    store = Store(tmp_path)
    keys = {key for key, _ in row_store_of(store).items(0)}
    assert keys == {b"C%d" % n for n in range(refused)}
    assert store._db_for_partition(0).get(Store.offset_key) == b"%d" % (refused - 1)


CANARY = b"canary-4711"


@pytest.mark.parametrize("killed", [False, True])
@pytest.mark.parametrize("flushed", [False, True])
def test_old_bytes_of_deleted_rows_are_removed(filled: Store, killed: bool, flushed: bool) -> None:
    """From rows, log and manifest, by the process that deleted them or, after a kill, by the next one."""
    store = row_store_of(filled)
    store.write(0, [(CANARY, CANARY + os.urandom(200))], 42)
    if flushed:
        filled._db_for_partition(0).flush()  # as the first key of a file it stands in the manifest too
    store.write(0, [(CANARY, None)], 43)
    folder = filled.directory
    assert [path for path in folder.rglob("*") if path.is_file() and CANARY in path.read_bytes()]
    if killed:
        filled.close()
        store = row_store_of(filled)
    assert store.scrub(0) == 1
    assert [path for path in folder.rglob("*") if path.is_file() and CANARY in path.read_bytes()] == []
    assert not list(folder.glob("*.deleted"))
    assert sum(1 for _ in store.items(0)) == ROWS
    assert store.scrub(0) == 0
