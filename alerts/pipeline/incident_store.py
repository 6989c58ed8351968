"""The incidents on Kafka: one compacted topic with the alarm's id as key and the whole incident as value.

The topic is read once, when this notifier becomes the active one; after that memory holds the same bytes. An incident
that ended long ago is deleted at the next start, as the record that raised it can no longer be read again by then.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from alerts.pipeline import erasure
from alerts.pipeline.incident import Incident, decode_incident, encode_incident
from scorers.contract.events import DAY, Duration, Instant
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import bounds, read_range

TOPIC = "notifications"
KEPT_AFTER_END: Duration = 90 * DAY


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
        return map(decode_incident, list(self._packed.values()))

    def get(self, alarm_id: str) -> Incident | None:
        """The incident under this id."""
        packed = self._packed.get(alarm_id)
        return None if packed is None else decode_incident(packed)

    async def put(self, alarm_id: str, incident: Incident | None) -> None:
        """Store the incident, or delete it if None."""
        packed = None if incident is None else encode_incident(incident)
        self._remember(alarm_id, packed)
        self._on_change(alarm_id, incident)
        async with self._lock:  # the lock is fair, so the topic gets the order of memory
            written = await self._producer.send(self._topic, packed, key=alarm_id.encode())
        await written

    async def fill(self, now: Instant) -> None:
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
            retention = erasure.RETENTION if incident.alarm.alarm_id.startswith(erasure.KEY_PREFIX) else KEPT_AFTER_END
            if incident.ended and now - _last_touched(incident) > retention:
                await self.put(incident.alarm.alarm_id, None)

    def _remember(self, alarm_id: str, packed: bytes | None) -> None:
        if packed is None:
            self._packed.pop(alarm_id, None)
        else:
            self._packed[alarm_id] = packed


def _last_touched(incident: Incident) -> Instant:
    return max(
        incident.first_read_at,
        *(max(delivery.time, delivery.done or delivery.time) for delivery in incident.deliveries),
        Instant(0),
    )
