"""Puts records into batches for Kafka that requests share, because the producer's `send` costs 25 us and more for each record.

A batch is handed to the producer with its first record and stays open until the producer takes it; what other requests send to the
same partition meanwhile joins it. So many small requests cost few batches, and none waits for a batch to be full.
"""

import asyncio
import math
import random
from collections import defaultdict
from collections.abc import Sequence, Set
from functools import partial
from typing import Any

from aiokafka.producer.message_accumulator import BatchBuilder

from streams.engine.batching_producer import partition_of
from streams.gateway.sending.acknowledgement import Acknowledgement
from streams.gateway.sending.reach import Brokers, Place

MAX_BATCH_BYTES = 128 * 1024
_NONE: Set[Place] = frozenset()
KNOWN = 1.0  # seconds for which the number of a topic's partitions is kept

Record = tuple[str, bytes | None, bytes]
"""A topic, a key and a value."""


class Stalled(RuntimeError):
    """Kafka has acknowledged nothing for a while, though it has records to acknowledge."""

    def __init__(self, patience: float) -> None:
        super().__init__(f"Kafka has acknowledged nothing for {patience:g} seconds")


class _Batch(BatchBuilder):  # type: ignore[misc]
    """A batch that takes nothing more once an idempotent producer has numbered its records.

    aiokafka numbers them when it takes the batch, and closes it a turn of the loop later. A record that joined in that turn had no number, so
    Kafka refused all later batches of the partition (OutOfOrderSequenceNumber).
    """

    def _set_producer_state(self, producer_id: int, producer_epoch: int, base_sequence: int) -> None:
        self.close()
        super()._set_producer_state(producer_id, producer_epoch, base_sequence)


class Batches:
    """The open batches of one producer, which is idempotent and does not compress.

    `is_spoilt` once Kafka has refused a batch: its numbers are missing then, so this producer's later batches of the partition would be
    refused too, and another producer is needed.
    """

    def __init__(self, producer: Any) -> None:
        self._producer, self._now = producer, asyncio.get_running_loop().time
        self._open: dict[Place, tuple[Any, Acknowledgement]] = {}
        self._owed: dict[Place, tuple[int, float]] = {}  # batches on their way, and since when Kafka is silent on them
        self._turns: defaultdict[Place, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._partitions: dict[str, tuple[int, float]] = {}
        self._brokers = Brokers(producer.client)
        self.is_spoilt = False

    def close(self) -> None:
        """Ask brokers that do not answer no more."""
        self._brokers.close()

    async def add(self, records: Sequence[Record], patience: float = math.inf) -> set[Acknowledgement]:
        """Add records, each after all others of its partition: that of its key, or any if it has none.

        Raises `Stalled` if one of the partitions has had no acknowledgement for `patience` seconds, and `Unreachable` if the broker that leads
        one does not answer. Then none is added. Without an end to its patience it waits.
        """
        for topic in {topic for topic, _, _ in records}:
            if not self._is_counted(topic):
                await self._count(topic)
        placed = self._placed(records)
        if patience < math.inf:
            places = {at for at, _, _ in placed}
            silent = self._silent(places, patience)
            await self._brokers.reach(places, {self._brokers.leader(at) for at in silent})
        added: set[Acknowledgement] = set()
        for at, key, value in placed:
            added.add(self._joined(at, key, value) or await self._begun(at, key, value))
        return added

    def joined(self, records: Sequence[Record], patience: float = math.inf) -> set[Acknowledgement] | None:
        """As `add`, if no other task has to be waited for; else None, and nothing was added. Raises `Stalled`."""
        if len(records) != 1 or self._brokers.gone or not self._is_counted(records[0][0]):
            return None
        ((at, key, value),) = self._placed(records)
        if self._silent({at}, patience):
            return None
        found = self._joined(at, key, value)
        return None if found is None else {found}

    def _placed(self, records: Sequence[Record]) -> list[tuple[Place, bytes | None, bytes]]:
        """Records with their partitions."""
        placed: list[tuple[Place, bytes | None, bytes]] = []
        for topic, key, value in records:
            count, _ = self._partitions[topic]
            placed.append(((topic, random.randrange(count) if key is None else partition_of(count, key)), key, value))
        return placed

    def _silent(self, places: Set[Place], patience: float) -> Set[Place]:
        """The partitions on which Kafka has been silent for so long. Raises `Stalled` if some of `places` are among them."""
        if not self._owed:
            return _NONE
        latest = self._now() - patience
        silent = {at for at, (_, since) in self._owed.items() if since < latest}
        if not silent.isdisjoint(places):
            raise Stalled(patience)
        return silent

    def _is_counted(self, topic: str) -> bool:
        """Whether the number of a topic's partitions is known, and was lately."""
        known = self._partitions.get(topic)
        return known is not None and self._now() < known[1]

    def _joined(self, at: Place, key: bytes | None, value: bytes) -> Acknowledgement | None:
        """The open batch of a partition, if there is one and it has taken the record."""
        found = self._open.get(at)
        taken = found is not None and found[0].append(timestamp=None, key=key, value=value) is not None
        return found[1] if found is not None and taken else None

    async def _begun(self, at: Place, key: bytes | None, value: bytes) -> Acknowledgement:
        """Another batch of a partition, with its first record, as soon as the producer has taken the one before.

        One request waits for that, and the others join its batch: each with a batch of its own would wait for all before it.
        """
        async with self._turns[at]:
            if (joined := self._joined(at, key, value)) is not None:
                return joined
            batch = _Batch(MAX_BATCH_BYTES, 0)
            batch.append(timestamp=None, key=key, value=value)
            acknowledged = Acknowledgement(await self._producer.send_batch(batch, at[0], partition=at[1]))
            count, since = self._owed.get(at, (0, self._now()))
            self._owed[at] = count + 1, since
            acknowledged.future.add_done_callback(partial(self._settled, at))
            self._open[at] = batch, acknowledged
            return acknowledged

    def _settled(self, at: Place, acknowledged: "asyncio.Future[Any]") -> None:
        """Kafka has answered about a batch. The requests that waited may have ended, so its error is read here."""
        count, _ = self._owed.pop(at)
        if count > 1:
            self._owed[at] = count - 1, self._now()
        if not acknowledged.cancelled() and acknowledged.exception() is not None:
            self.is_spoilt = True

    async def _count(self, topic: str) -> int:
        """The number of a topic's partitions, which may grow."""
        count = len(await self._producer.partitions_for(topic))
        self._partitions[topic] = count, self._now() + KNOWN
        return count
