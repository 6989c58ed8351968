"""Where rows lie between two lives of the process, by partition: the store of a Faust table.

It refuses to know what the bytes mean.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from rocksdict import WriteBatch


class Shelf(Protocol):
    """Stored rows by partition and key; `write` also notes the changelog offset they stand for."""

    def get(self, partition: int, key: bytes) -> bytes | None: ...

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]: ...

    def write(self, partition: int, rows: Sequence[tuple[bytes, bytes | None]], offset: int) -> None: ...


class TableShelf:
    """The shelf over the store of a Faust table on rocksdict.

    It goes to the partition's database (the store's private `_db_for_partition`), as the public reading takes its
    partition from a current event, and as one batch can hold the rows and the changelog offset they stand for: both are
    on disk or neither.
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
        store = self._table.data
        batch = WriteBatch(raw_mode=True)
        for key, value in rows:
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(store.offset_key, b"%d" % offset)
        store._db_for_partition(partition).write(batch)
