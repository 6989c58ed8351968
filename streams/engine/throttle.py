"""Waits as long as Kafka asks a producer to, because its user has spent a quota.

Kafka reads nothing more from a connection for that time. aiokafka does not know of it and would give up what it has to send after 40
seconds, and the worker would end, read the same again and spend the quota again.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka.errors import KafkaTimeoutError

log = logging.getLogger(__name__)

WORTH_A_LINE = 5.0  # seconds

Send = Callable[..., Awaitable[Any]]


class Throttle:
    """The producers of one process, which one quota holds back."""

    def __init__(self) -> None:
        self._until = 0.0

    @property
    def holds(self) -> bool:
        """Whether Kafka holds one of them back now."""
        return time.monotonic() < self._until

    def heed(self, producer: Any) -> None:
        """Let an AIOKafkaProducer send nothing more to a broker before the time is over that the broker has asked for."""
        send = producer.client.send

        async def unhurried(*arguments: Any, **named: Any) -> Any:
            response = await send(*arguments, **named)
            await self._wait(getattr(response, "throttle_time_ms", 0) / 1000)
            return response

        producer.client.send = unhurried
        producer.send, producer.send_batch = self._patient(producer.send), self._patient(producer.send_batch)

    def _patient(self, send: Send) -> Send:
        """Try again what had no room in the producer, as long as Kafka holds back what is before it."""

        async def tried(*arguments: Any, **named: Any) -> Any:
            while True:
                began = time.monotonic()
                try:
                    return await send(*arguments, **named)
                except KafkaTimeoutError:  # nothing was taken
                    if self._until < began:
                        raise

        return tried

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            return
        if seconds >= WORTH_A_LINE and not self.holds:
            log.warning(
                "Kafka holds this process back for %.0f s: it has spent its quota (producer_byte_rate)", seconds
            )
        self._until = max(self._until, time.monotonic() + seconds)
        await asyncio.sleep(seconds)
