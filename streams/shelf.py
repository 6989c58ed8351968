"""Where rows lie between two lives of the process, by partition: the store of a Faust table.

It refuses to know what the bytes mean.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

from faust.types import TP


class Shelf(Protocol):
    """Stored rows by partition and key; `write` also notes the changelog offset they stand for."""

    def get(self, partition: int, key: bytes) -> bytes | None: ...

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]: ...

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None: ...


class _Change(NamedTuple):
    """A changelog record as `Store.apply_changelog_batch` reads it: an event that is its own message."""

    tp: Any
    offset: int
    partition: int
    key: bytes
    value: bytes | None

    @property
    def message(self) -> "_Change":
        return self


class TableShelf:
    """The shelf over the store of a Faust table on rocksdict.

    Written by the public `apply_changelog_batch`, which also notes the changelog offset; read per partition by the
    store's private `_db_for_partition`, as the public reading takes its partition from a current event.
    """

    def __init__(self, table: Any) -> None:
        self._table = table

    def get(self, partition: int, key: bytes) -> bytes | None:
        value: bytes | None = self._table.data._db_for_partition(partition).get(key)
        return value

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        store = self._table.data
        return ((key, value) for key, value in store._db_for_partition(partition).items() if key != store.offset_key)

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None:
        tp = TP(self._table.changelog_topic.get_topic_name(), partition)
        changes = [_Change(tp, offset, partition, key, value) for key, value in rows]
        self._table.data.apply_changelog_batch(changes, None, None)
