"""Sends outputs in batches of its own, because the producer's `send` costs 25 us and more for each record.

That is as much as all else that the engine does for an event; in a batch a record costs two. A batch is handed to the
producer with its first record and stays open until the producer takes it, which is at once unless a request is on its
way; what follows for the same partition joins it, so nothing waits for a batch to be full.

A key is assigned a partition by murmur2, the default of every client; an output may name another partition. A record
with neither, and one too large for a request, is left to `send`, which chooses or rejects. Order holds between both
ways, as the producer has one queue for each partition and `send` appends to its last batch.
"""

from collections.abc import Awaitable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka.partitioner import murmur2

LARGE = 100_000  # bytes from which on a record is left to `send`


class Output(NamedTuple):
    """A record to send; its key decides the partition unless one is given."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


class BatchingProducer:
    """The outputs of one flush: `send` them, `close` their batches to later ones, wait until all are `delivered`."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._open: dict[tuple[str, int], Any] = {}
        self._sent: list[tuple[Any, Awaitable[Any]]] = []  # the batch is None after `send`

    async def send(self, outputs: Iterable[Output]) -> None:
        """Send these after all that were sent before."""
        partitions: dict[str, int] = {}
        for topic, key, value, headers, partition in outputs:
            if len(value or b"") > LARGE or (key is None and partition is None):
                sent = await self._producer.send(topic, value, key=key, partition=partition, headers=list(headers))
                self._sent.append((None, sent))
                continue
            if topic not in partitions:
                partitions[topic] = len(await self._producer.partitions_for(topic))
            if partition is None:
                assert key is not None
                partition = partition_of(partitions[topic], key)
            at = topic, partition
            listed = list(headers)
            batch = self._open.get(at)
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=listed) is None:
                batch = self._open[at] = self._producer.create_batch()
                batch.append(timestamp=None, key=key, value=value, headers=listed)
                self._sent.append((batch, await self._producer.send_batch(batch, topic, partition=at[1])))

    def close(self) -> None:
        """Close the open batches: what is sent later goes into others."""
        for batch in self._open.values():
            batch.close()
        self._open.clear()

    async def delivered(self) -> dict[str, dict[int, int]]:
        """Wait until all are acknowledged; the offset after the last of them, by topic and partition."""
        ends: dict[str, dict[int, int]] = {}
        for batch, sent in self._sent:
            metadata = await sent
            records = 1 if batch is None else batch.record_count()
            ends.setdefault(metadata.topic, {})[metadata.partition] = metadata.offset + records
        return ends


def partition_of(partitions: int, key: bytes) -> int:
    """The partition of a key, by the hash that every client must use for these topics."""
    return _hash(key) % partitions


@lru_cache(maxsize=50_000)
def _hash(key: bytes) -> int:
    hashed: int = murmur2(key) & 0x7FFFFFFF
    return hashed
