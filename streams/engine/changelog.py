"""Writes rows to the changelog of a partition, in batches that are acknowledged one after the other."""

import asyncio
from collections.abc import Sequence
from typing import Any

SLICE = 500  # rows that are handled in one go: thousands would delay heartbeats

Pair = tuple[bytes, bytes | None]
"""A key and a row in its stored form; None where the row was deleted."""


class Changelog:
    """The changelog topic of a table; `producer` is an AIOKafkaProducer."""

    def __init__(self, producer: Any, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def append(self, partition: int, pairs: Sequence[Pair]) -> int:
        """Write rows and wait until they are acknowledged; the offset of the last.

        A batch is sent once the one before it is acknowledged: the last row speaks for all rows of the flush and must
        not be there without them. Raises ValueError for a row that does not fit into an empty batch.
        """
        batch, size = self._producer.create_batch(), 0
        for number, (key, value) in enumerate(pairs, 1):
            if batch.append(timestamp=None, key=key, value=value) is None:
                await self._send(batch, partition)
                batch, size = self._producer.create_batch(), 0
                if batch.append(timestamp=None, key=key, value=value) is None:
                    raise ValueError(f"a row of {len(value or b'')} bytes does not fit into an empty batch")
            size += 1
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return await self._send(batch, partition) + size - 1

    async def _send(self, batch: Any, partition: int) -> int:
        """Send a batch and wait for its acknowledgement; the offset of its first record."""
        sent = await self._producer.send_batch(batch, self._topic, partition=partition)
        offset: int = (await sent).offset
        return offset
