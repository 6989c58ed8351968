"""The incidents on Kafka: one compacted topic, the alarm's id as key, the whole incident as value.

It is read once, when this notifier becomes the one that serves, and written ever after; memory holds the same bytes. A
incident that ended long ago is forgotten at the next start: by then nobody can read its beginning again.
"""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from alerts.pipeline import erasure
from alerts.pipeline.incident import Incident, decode_incident, encode_incident
from scorers.contract.events import DAY, Duration, Instant
from vigia.runtime.broker import Broker

TOPIC = "notifications"
KEPT_AFTER_END: Duration = 90 * DAY


class NoTopic(RuntimeError):
    """A topic that must be there is not; the message says how to mend it."""


class IncidentStore:
    """A store in the sense of `dispatch`: `get` from memory, `put` durable on return."""

    def __init__(
        self,
        producer: AIOKafkaProducer,
        broker: Broker,
        watch: Callable[[str, Incident | None], None] = lambda *_: None,
    ) -> None:
        self._producer = producer
        self._broker = broker
        self._topic = broker.name(TOPIC)
        self._watch = watch
        self._packed: dict[str, bytes] = {}
        self._turn = asyncio.Lock()

    def __len__(self) -> int:
        return len(self._packed)

    def __iter__(self) -> Iterator[Incident]:
        return map(decode_incident, list(self._packed.values()))

    def get(self, alarm_id: str) -> Incident | None:
        """The incident under this id."""
        packed = self._packed.get(alarm_id)
        return None if packed is None else decode_incident(packed)

    async def put(self, alarm_id: str, incident: Incident | None) -> None:
        """Keep the incident, or forget it."""
        packed = None if incident is None else encode_incident(incident)
        self._keep(alarm_id, packed)
        self._watch(alarm_id, incident)
        async with self._turn:  # whoever waits is served in order, so the topic has the order that memory had
            written = await self._producer.send(self._topic, packed, key=alarm_id.encode())
        await written

    async def fill(self, now: Instant) -> None:
        """Read all that was ever put."""
        self._packed.clear()
        options: dict[str, Any] = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
        consumer = AIOKafkaConsumer(self._topic, **options, **self._broker.client())
        await consumer.start()
        try:
            places = consumer.assignment()
            if not places:
                raise NoTopic(f"the topic {self._topic} is not there: run vigia topics apply")
            ends = await consumer.end_offsets(places)
            while any([await consumer.position(place) < ends[place] for place in places]):
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    for record in records:
                        self._keep(record.key.decode(), record.value)
        finally:
            await consumer.stop()
        for incident in self:
            self._watch(incident.alarm.alarm_id, incident)
            kept = erasure.KEPT if incident.alarm.alarm_id.startswith(erasure.BEGINS) else KEPT_AFTER_END
            if incident.ended and now - _last_touched(incident) > kept:
                await self.put(incident.alarm.alarm_id, None)

    def _keep(self, alarm_id: str, packed: bytes | None) -> None:
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
