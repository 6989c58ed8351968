"""The incidents on Kafka: one compacted topic with the alarm's id as key and the whole incident as value.

The topic is read once, when this notifier becomes the active one; after that memory holds the same bytes, compressed.
Which incidents are deleted is decided by `retention`.
"""

import asyncio
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from alerts.pipeline.incident import Incident, decode_incident, encode_incident
from vigia.runtime.broker import Broker
from vigia.runtime.crash.failpoints import failpoint
from vigia.runtime.topic_reader import bounds, read_range

TOPIC = "notifications"
FAST = 1  # the level of zlib: a quarter of the size, in less time than the JSON takes


class NoTopic(RuntimeError):
    """A required topic does not exist; the message says how to create it."""


class IncidentStore:
    """A `Store` for `dispatch`: `get` reads memory, `put` is durable on return."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        broker: Broker,
        on_change: Callable[[str, Incident | None], None] = lambda *_: None,
    ) -> None:
        self._producer = producer
        self._broker = broker
        self._topic = broker.name(TOPIC)
        self._on_change = on_change
        self._packed: dict[str, bytes] = {}
        self._lock = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Incident]:
        return map(_unpacked, list(self._packed.values()))

    def get(self, alarm_id: str) -> Incident | None:
        """The incident under this id."""
        packed = self._packed.get(alarm_id)
        return None if packed is None else _unpacked(packed)

    async def put(self, alarm_id: str, incident: Incident | None) -> None:
        """Store the incident, or delete it if None."""
        packed = None if incident is None else encode_incident(incident)
        self._remember(alarm_id, packed)
        self._on_change(alarm_id, incident)
        failpoint("decided")
        async with self._lock:  # the lock is fair, so the topic gets the order of memory
            written = await self._producer.send(self._topic, packed, key=alarm_id.encode())
        await written
        failpoint("stored")

    async def fill(self) -> None:
        """Read the whole topic."""
        self._packed.clear()
        options: dict[str, Any] = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
        consumer = AIOKafkaConsumer(self._topic, **options, **self._broker.consumer())
        await consumer.start()
        try:
            partitions = consumer.assignment()
            if not partitions:
                raise NoTopic(f"the topic {self._topic} does not exist; run vigia topics apply")
            consumer.unsubscribe()
            async for record in read_range(consumer, *await bounds(consumer, partitions)):
                self._remember(record.key.decode(), record.value)
        finally:
            await consumer.stop()
        for incident in self:
            self._on_change(incident.alarm.alarm_id, incident)

    def _remember(self, alarm_id: str, packed: bytes | None) -> None:
        if packed is None:
            self._packed.pop(alarm_id, None)
        else:
            self._packed[alarm_id] = zlib.compress(packed, FAST)


def _unpacked(packed: bytes) -> Incident:
    return decode_incident(zlib.decompress(packed))
