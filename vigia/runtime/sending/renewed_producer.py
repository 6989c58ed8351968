"""An idempotent producer that another one replaces after Kafka has refused a batch.

The numbers of a refused batch are missing for Kafka, so it refuses every later batch of that producer to the same partition too
(OutOfOrderSequenceNumber): a right that is given back, or a smaller record, would help only after a restart.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

CLOSING = 10.0  # seconds in which what was handed over before is still sent


class RenewedProducer:
    """Started with the first record, and again after a failure. `settings` are the arguments of an aiokafka client."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings
        self._producer: AIOKafkaProducer | None = None
        self._starts = asyncio.Lock()
        self._former: set[asyncio.Task[None]] = set()

    async def send(
        self, topic: str, value: bytes, *, key: bytes | None, headers: Sequence[tuple[str, bytes]] = ()
    ) -> Any:
        """Return where the record stands once all replicas in sync have it. Raises `KafkaError` and `OSError`."""
        producer = await self._started()
        try:
            return await producer.send_and_wait(topic, value, key=key, headers=list(headers))
        except KafkaError:
            self._give_up(producer)
            raise

    async def close(self) -> None:
        """Disconnect; what Kafka does not take within seconds is given up."""
        if self._producer is not None:
            self._give_up(self._producer)
        if self._former:
            _, slow = await asyncio.wait(self._former, timeout=CLOSING)
            for task in slow:
                task.cancel()

    async def _started(self) -> AIOKafkaProducer:
        async with self._starts:
            if self._producer is None:
                producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **self._settings)
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer

    def _give_up(self, producer: AIOKafkaProducer) -> None:
        """Let the next record have another producer; the batches of other records are on their way."""
        if self._producer is producer:
            self._producer = None
            stopped = asyncio.create_task(_stopped(producer))
            self._former.add(stopped)
            stopped.add_done_callback(self._former.discard)


async def _stopped(producer: AIOKafkaProducer) -> None:
    with suppress(KafkaError, OSError):  # the sender of each record gets its own error
        await producer.stop()
