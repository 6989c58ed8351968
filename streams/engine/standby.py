"""One of several processes serves; the others stand by and take over when it is gone.

The processes form a consumer group over a topic with one partition, whose records do not matter: the process that is
assigned the partition serves. One that stops in order is followed at once, one that is killed when its session has
expired. One that stalled for as long ends when it wakes up, because another serves by then.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.sticky.sticky_assignor import StickyPartitionAssignor

from streams.engine.liveness import Watchdog
from vigia.runtime.broker import Broker

log = logging.getLogger(__name__)

SESSION = 6.0  # seconds: the least that Kafka allows by default
POLL_MS = 200

Serve = Callable[[asyncio.Event], Awaitable[object]]
"""Serves until the event is set; called again for each term, and may be cancelled."""


class Standby(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """One process of a role; `serving` says whether it is the one that serves."""

    def __init__(self, broker: Broker, role: str, topic: str) -> None:
        self.broker, self.role, self.topic = broker, role, topic
        self.serving = False
        self._assigned = False

    async def ready(self) -> str:
        """Why this process does not serve; empty when it does."""
        return "" if self.serving else f"stands by: another {self.role} serves, or its session is about to expire"

    async def run(self, stop: asyncio.Event, serve: Serve) -> None:
        """Serve or stand by until `stop` is set; returns, or raises, when `serve` does."""
        consumer = AIOKafkaConsumer(
            group_id=self.broker.name(f"vigia-{self.role}"),
            partition_assignment_strategy=(StickyPartitionAssignor,),
            enable_auto_commit=False,
            session_timeout_ms=int(SESSION * 1000),
            heartbeat_interval_ms=1_000,
            **self.broker.consumer(),
        )
        consumer.subscribe([self.broker.name(self.topic)], listener=self)
        watch = Watchdog(SESSION)
        work: asyncio.Future[object] | None = None
        try:
            await consumer.start()
            while not stop.is_set():
                consumer.pause(*consumer.assignment())
                await consumer.getmany(timeout_ms=POLL_MS)
                if self._assigned and work is None:
                    log.info("this %s serves from now on", self.role)
                    work, self.serving = asyncio.ensure_future(serve(stop)), True
                elif work is not None and not self._assigned:
                    log.warning("another %s serves from now on", self.role)
                    await _end(work)
                    work, self.serving = None, False
                if work is not None and work.done():
                    break
            if work is not None:
                await work
        finally:
            self.serving = False
            if work is not None:
                await _end(work)
            await consumer.stop()
            watch.stop()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing changes until the next assignment."""

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Serve if the partition is assigned to this process."""
        self._assigned = bool(list(assigned))


async def _end(work: asyncio.Future[object]) -> None:
    work.cancel()
    with suppress(asyncio.CancelledError, Exception):
        await work
