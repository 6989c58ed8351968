"""Outputs leave in batches, at once and in their order, and none of them is safe before its batch is.

The producer's `send` costs 25 us and more for each record, as much as all else that the engine does for an event. A batch
costs two for each; so outputs are put into batches of their own here, as rows are for the changelog. A batch is handed
to the producer with its first record. Until that one takes it, which is at once unless a request is on its way, it is
open, and what follows for the same partition goes into it: nothing waits for a batch to be full.

A key has its partition by murmur2, as with every client's default; an output may name another. A record with neither, and one so large that no
request may hold it, is `send`'s affair, which chooses or refuses. Order holds between the two, as the producer has one
queue for each partition and `send` adds to the last batch of it.

It refuses to know what outputs mean, and when they have to be safe.
"""

from collections.abc import Awaitable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from aiokafka.partitioner import murmur2

LARGE = 100_000  # bytes of a record that `send` is to look at


class Output(NamedTuple):
    """A record to send; its key decides the partition unless one is given."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    partition: int | None = None


class BatchingProducer:
    """What was sent since it was made; `closed` lets nothing more in, `delivered` waits for all of it."""

    def __init__(self, producer: Any) -> None:
        self._producer = producer
        self._open: dict[tuple[str, int], Any] = {}
        self._sent: list[tuple[Any, Awaitable[Any]]] = []  # None for a batch where it was `send`

    async def post(self, outputs: Iterable[Output]) -> None:
        """Send these, after all that were sent before."""
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
            told = list(headers)
            batch = self._open.get(at)
            if batch is None or batch.append(timestamp=None, key=key, value=value, headers=told) is None:
                batch = self._open[at] = self._producer.create_batch()
                batch.append(timestamp=None, key=key, value=value, headers=told)
                self._sent.append((batch, await self._producer.send_batch(batch, topic, partition=at[1])))

    def close(self) -> None:
        """Whoever sends now, sends in other batches."""
        for batch in self._open.values():
            batch.close()
        self._open.clear()

    async def delivered(self) -> dict[str, dict[int, int]]:
        """Wait until all are acknowledged; by topic and partition, the offset after the last of them."""
        ends: dict[str, dict[int, int]] = {}
        for batch, sent in self._sent:
            told = await sent
            records = 1 if batch is None else batch.record_count()
            ends.setdefault(told.topic, {})[told.partition] = told.offset + records
        return ends


def partition_of(partitions: int, key: bytes) -> int:
    """Where a key belongs, by the hash that every client of Kafka must use for these topics."""
    return _hash(key) % partitions


@lru_cache(maxsize=50_000)
def _hash(key: bytes) -> int:
    hashed: int = murmur2(key) & 0x7FFFFFFF
    return hashed
