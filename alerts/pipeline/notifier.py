"""The notifier on Kafka: reads `alarms` and `alarm-actions`, keeps its incidents in `notifications`, and sends.

    alarms, alarm-actions -> take, act -> incident written to `notifications` -> input acknowledged
                                `-> lines -> channels -> incident written again

Of `feedback` it reads only who was erased: an erasure leaves no word on `alarms` where no alarm stood open, and what
was told of the customer before has to go all the same. A record that is of no use becomes a dead letter.

A plain loop over aiokafka and no Faust agent: an agent acknowledges a record whose treatment has failed, its table
would be a second store beside the incidents, and there is nothing to spread over workers, as only one notifier serves (see
`senior`). What cannot be written ends the process with nothing acknowledged past it; what is then read again changes
nothing, since a incident knows the changes that it has seen.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError

from alerts.channels.contract import Channel
from alerts.pipeline.actions import read_action
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import ActionRejected
from alerts.pipeline.incident_store import IncidentStore
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.oldest_member import oldest_member_assignor
from alerts.pipeline.routes import Routes
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Duration, Instant
from scorers.contract.wire import Rejection, decode_alarm, encode_alarm
from vigia.runtime import dead_letter
from vigia.runtime.broker import Broker
from vigia.runtime.erasures import read_erasure

LOGGER = logging.getLogger("alerts.pipeline.notifier")
GROUP = "vigia-notifier"
ALARMS, ACTIONS, FEEDBACK = TOPICS = "alarms", "alarm-actions", "feedback"
RECORDS = 500
POLL_MS = 300
SESSION_MS = 6_000  # a dead notifier's place is free after so long


def wall_clock() -> Instant:
    """Now, outside."""
    return Instant(time.time_ns() // 1000)


class _Place(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Whether this notifier is the one that serves; what it is given waits until it is ready to read."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self.ours = asyncio.Event()
        self.lost = asyncio.Event()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """The group changes; until it has, nothing is known."""

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """All is ours, or nothing."""
        if not assigned:
            self.ours.clear()
            self.lost.set()
        elif not self.ours.is_set():
            self.consumer.pause(*assigned)
            self.lost.clear()
            self.ours.set()


class Notifier:
    """One process of `vigia notifier`. `clock` is the wall's, but where history is shown in fast motion."""

    def __init__(
        self,
        broker: Broker,
        routes: Routes,
        connect: Callable[[], Mapping[str, Channel]],
        metrics: NotifierMetrics,
        notify_within: Duration = 2 * DAY,
        clock: Callable[[], Instant] = wall_clock,
    ) -> None:
        self.broker = broker
        self.routes = routes
        self.connect = connect
        self.metrics = metrics
        self.notify_within = notify_within
        self.clock = clock
        self.serving = False

    async def ready(self) -> str:
        """Why it does not serve now; nothing when it does."""
        return "" if self.serving else "stands by: another notifier serves, or the incidents are being read"

    async def run(self, stop: asyncio.Event) -> None:
        """Serve, or stand by, until told to stop; any failure to read or write ends it."""
        producer = AIOKafkaProducer(**self.broker.client(), acks="all", enable_idempotence=True)
        consumer = AIOKafkaConsumer(
            **self.broker.client(),
            group_id=self.broker.name(GROUP),
            partition_assignment_strategy=(oldest_member_assignor(time.time_ns()),),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            max_poll_records=RECORDS,
        )
        place = _Place(consumer)
        consumer.subscribe([self.broker.name(topic) for topic in TOPICS], listener=place)
        try:
            await producer.start()
            await consumer.start()
            while not stop.is_set():
                if place.ours.is_set():
                    await self._serve(consumer, producer, place, stop)
                else:
                    await consumer.getmany(timeout_ms=POLL_MS)
        finally:
            await consumer.stop()
            await producer.stop()

    async def _serve(
        self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, place: _Place, stop: asyncio.Event
    ) -> None:
        incidents = IncidentStore(producer, self.broker, self.metrics.incident)
        await incidents.fill(self.clock())
        channels = self.metrics.watched(self.connect())
        dispatcher = Dispatcher(self.routes, channels, incidents, self.notify_within)
        self.metrics.queues(dispatcher.queues)
        await dispatcher.resume(incidents, self.clock())
        LOGGER.info("serving; %d incidents known", len(incidents))

        async def publish(alarm: Alarm) -> None:
            await producer.send_and_wait(self.broker.name(ALARMS), encode_alarm(alarm), key=alarm.subject.id.encode())

        async def reject(record: Any, code: str, detail: str) -> None:
            key, value, headers = dead_letter.encode(record, code, detail)
            await producer.send_and_wait(self.broker.name(dead_letter.TOPIC), value, key=key, headers=list(headers))

        over = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(dispatcher.run(self.clock, publish, over))
            self.serving = True
            try:
                await _Reading(self, consumer, dispatcher, publish, reject).until(place, stop)
            finally:
                self.serving = False
                over.set()


class _Reading:
    """Reads on, from the committed place, while this notifier serves."""

    def __init__(
        self,
        notifier: Notifier,
        consumer: AIOKafkaConsumer,
        dispatcher: Dispatcher,
        publish: Callable[[Alarm], Awaitable[None]],
        reject: Callable[[Any, str, str], Awaitable[None]],
    ) -> None:
        self.consumer = consumer
        self.dispatcher = dispatcher
        self.publish = publish
        self.reject = reject
        self.metrics = notifier.metrics
        self.clock = notifier.clock
        self.plain = {notifier.broker.name(topic): topic for topic in TOPICS}

    async def until(self, place: _Place, stop: asyncio.Event) -> None:
        """Take what comes until the place is lost or all is to stop.

        What people did is read only when the alarms of the time before have been: they know alarms that we may not.
        """
        everything = self.consumer.assignment()
        alarms = [one for one in everything if self.plain[one.topic] == ALARMS]
        ends = await self.consumer.end_offsets(alarms)
        self.consumer.resume(*(one for one in everything if self.plain[one.topic] != ACTIONS))
        held = True
        while not stop.is_set() and not place.lost.is_set():
            if held and all([await self.consumer.position(one) >= ends[one] for one in alarms]):
                self.consumer.resume(*everything)
                held = False
            batch = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS)
            if batch:
                await self._all(batch)

    async def _all(self, batch: Mapping[TopicPartition, Sequence[Any]]) -> None:
        records = {topic: [r for tp, some in batch.items() if self.plain[tp.topic] == topic for r in some]
                   for topic in TOPICS}  # fmt: skip
        for record in records[FEEDBACK]:
            await self._erase(record)
        await asyncio.gather(*map(self._take, records[ALARMS]))
        for record in records[ACTIONS]:
            await self._act(record)
        try:
            await self.consumer.commit({place: some[-1].offset + 1 for place, some in batch.items()})
        except CommitFailedError:
            LOGGER.info("the group has changed meanwhile: some records will be read again")
        for place in batch:
            high = self.consumer.highwater(place)
            self.metrics.lag(
                self.plain[place.topic], place.partition, max(0, (high or 0) - batch[place][-1].offset - 1)
            )

    async def _take(self, record: Any) -> None:
        alarm = decode_alarm(record.value or b"")
        if isinstance(alarm, Rejection):
            await self._unread(record, alarm.code, alarm.detail)
        else:
            self.metrics.decided(await self.dispatcher.take(alarm, self.clock()))

    async def _act(self, record: Any) -> None:
        action = read_action(record.value or b"")
        if isinstance(action, Rejection):
            return await self._unread(record, action.code, action.detail)
        known = action.id or f"{record.partition}/{record.offset}"  # read again, it is the same
        try:
            told = await self.dispatcher.act(msgspec.structs.replace(action, id=known), self.clock())
        except ActionRejected as fault:
            return await self._unread(record, "bad_value", str(fault))
        if told is not None:
            await self.publish(told)

    async def _erase(self, record: Any) -> None:
        found = read_erasure(record)
        if found is None:
            return
        now = self.clock()
        if found.at <= now + DAY:  # one that lies further ahead is refused by the worker as well
            await self.dispatcher.forget(*found, now)

    async def _unread(self, record: Any, code: str, why: str) -> None:
        topic = self.plain[record.topic]
        self.metrics.unread(topic)
        LOGGER.warning(
            "%s/%d@%d is of no use: %s; its dead letter says more", topic, record.partition, record.offset, code
        )
        await self.reject(record, code, why)
