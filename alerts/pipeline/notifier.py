"""The notifier on Kafka: reads `alarms` and `alarm-actions`, keeps its incidents in `notifications`, and sends.

    alarms, alarm-actions -> take, act -> incident written to `notifications` -> input committed
                                `-> queues -> channels -> incident written again

Of `worklist` it keeps the funded entries of a date until their digest goes. Of `feedback` it reads only erasures: an erasure writes nothing to `alarms` if the customer has no open alarm, and older
incidents must be deleted all the same. A record that cannot be used becomes a dead letter.

It is a plain loop over aiokafka and not a Faust agent: an agent commits a record whose processing has failed, its table
would be a second store beside the incidents, and there is no work to share, as one notifier is active (see
`oldest_member`). A failed write ends the process with nothing committed past it; records that are read again change
nothing, as an incident knows the changes that it has seen.
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
from scorers.contract.rfc3339 import decode_any_instant
from scorers.contract.wire import Rejection, decode_alarm, encode_alarm
from scorers.contract.worklist import WorklistEntry
from vigia.runtime import dead_letter
from vigia.runtime.answering.links import Links
from vigia.runtime.broker import Broker
from vigia.runtime.crash.failpoints import failpoint
from vigia.runtime.erasures import read_erasure
from vigia.runtime.privacy.keyed_hash import KeyedHash
from vigia.runtime.rights.table import PROCESSES

LOGGER = logging.getLogger("alerts.pipeline.notifier")
GROUP = "vigia-notifier"
ALARMS, ACTIONS, FEEDBACK, WORKLIST = TOPICS = "alarms", "alarm-actions", "feedback", "worklist"
RECORDS = 500
POLL_MS = 300
SESSION_MS = 6_000  # after this time another notifier replaces one that is dead


_decode_entry = msgspec.json.Decoder(WorklistEntry, dec_hook=decode_any_instant).decode


def wall_clock() -> Instant:
    """The current time."""
    return Instant(time.time_ns() // 1000)


class _Membership(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Whether this notifier is the active one; its partitions are paused until it is ready to read."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.consumer = consumer
        self.active = asyncio.Event()
        self.lost = asyncio.Event()

    def on_partitions_revoked(self, revoked: Sequence[TopicPartition]) -> None:
        """Do nothing: the next assignment says who is active."""

    def on_partitions_assigned(self, assigned: Sequence[TopicPartition]) -> None:
        """Become active with all partitions, or standby with none."""
        if not assigned:
            self.active.clear()
            self.lost.set()
        elif not self.active.is_set():
            self.consumer.pause(*assigned)
            self.lost.clear()
            self.active.set()


class Notifier:
    """One process of `vigia notifier`; `clock` is the wall clock except in the demo, which runs through years of history."""

    def __init__(
        self,
        broker: Broker,
        routes: Routes,
        connect: Callable[[], Mapping[str, Channel]],
        metrics: NotifierMetrics,
        hashes: KeyedHash,
        notify_within: Duration = 2 * DAY,
        clock: Callable[[], Instant] = wall_clock,
        links: Links | None = None,
    ) -> None:
        self.broker = broker.limited_to(PROCESSES["notifier"].names)
        self.routes = routes
        self.connect = connect
        self.metrics = metrics
        self.hashes = hashes
        self.notify_within = notify_within
        self.clock = clock
        self.links = links
        self.serving = False
        metrics.serves(lambda: self.serving)

    async def ready(self) -> str:
        """Why it is not serving now; empty if it is."""
        return "" if self.serving else "stands by: another notifier is active, or the incidents are being read"

    async def run(self, stop: asyncio.Event) -> None:
        """Serve or stand by until stopped; any failure to read or write ends it."""
        producer = AIOKafkaProducer(**self.broker.client(), acks="all", enable_idempotence=True)
        consumer = AIOKafkaConsumer(
            **self.broker.consumer(),
            group_id=self.broker.name(GROUP),
            partition_assignment_strategy=(oldest_member_assignor(time.time_ns()),),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            max_poll_records=RECORDS,
        )
        membership = _Membership(consumer)
        consumer.subscribe([self.broker.name(topic) for topic in TOPICS], listener=membership)
        try:
            await producer.start()
            await consumer.start()
            while not stop.is_set():
                if membership.active.is_set():
                    await self._serve(consumer, producer, membership, stop)
                else:
                    await consumer.getmany(timeout_ms=POLL_MS)
        finally:
            await consumer.stop()
            await producer.stop()

    async def _serve(
        self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer, membership: _Membership, stop: asyncio.Event
    ) -> None:
        incidents = IncidentStore(producer, self.broker, self.metrics.incident)
        await incidents.fill()
        channels = self.metrics.counted(self.connect())
        dispatcher = Dispatcher(
            self.routes, channels, incidents, self.notify_within, hashes=self.hashes, links=self.links
        )
        self.metrics.queues(dispatcher.queues)
        await dispatcher.resume(incidents, self.clock())
        LOGGER.info("active; %d incidents", len(incidents))

        async def publish(alarm: Alarm) -> None:
            await producer.send_and_wait(self.broker.name(ALARMS), encode_alarm(alarm), key=alarm.subject.id.encode())

        async def reject(record: Any, code: str, detail: str) -> None:
            key, value, headers = dead_letter.encode(record, code, detail)
            await producer.send_and_wait(self.broker.name(dead_letter.TOPIC), value, key=key, headers=list(headers))

        stop_delivery = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(dispatcher.run(self.clock, publish, stop_delivery))
            self.serving = True
            try:
                await _InputLoop(self, consumer, dispatcher, publish, reject).until(membership, stop)
            finally:
                self.serving = False
                stop_delivery.set()


class _InputLoop:
    """Reads from the committed offsets while this notifier is active."""

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
        self.topic_of = {notifier.broker.name(topic): topic for topic in TOPICS}

    async def until(self, membership: _Membership, stop: asyncio.Event) -> None:
        """Process records until another notifier becomes active or `stop` is set.

        Actions are read only after the alarms that were there at the start, as they may refer to these.
        """
        everything = self.consumer.assignment()
        alarms = [one for one in everything if self.topic_of[one.topic] == ALARMS]
        ends = await self.consumer.end_offsets(alarms)
        self.consumer.resume(*(one for one in everything if self.topic_of[one.topic] != ACTIONS))
        actions_paused = True
        while not stop.is_set() and not membership.lost.is_set():
            if actions_paused and all([await self.consumer.position(one) >= ends[one] for one in alarms]):
                self.consumer.resume(*everything)
                actions_paused = False
            batch = await self.consumer.getmany(timeout_ms=POLL_MS, max_records=RECORDS)
            if batch:
                await self._all(batch)
            self.metrics.purged(await self.dispatcher.purge(self.clock()))

    async def _all(self, batch: Mapping[TopicPartition, Sequence[Any]]) -> None:
        records = {topic: [r for tp, some in batch.items() if self.topic_of[tp.topic] == topic for r in some]
                   for topic in TOPICS}  # fmt: skip
        for record in records[FEEDBACK]:
            await self._erase(record)
        await asyncio.gather(*map(self._take, records[ALARMS]))
        await self._list(records[WORKLIST])
        for record in records[ACTIONS]:
            await self._act(record)
        try:
            await self.consumer.commit({partition: some[-1].offset + 1 for partition, some in batch.items()})
            failpoint("committed")
        except CommitFailedError:
            LOGGER.info("the group has changed: some records will be read again")
        for partition in batch:
            high = self.consumer.highwater(partition)
            self.metrics.lag(
                self.topic_of[partition.topic],
                partition.partition,
                max(0, (high or 0) - batch[partition][-1].offset - 1),
            )

    async def _take(self, record: Any) -> None:
        alarm = decode_alarm(record.value or b"")
        if isinstance(alarm, Rejection):
            await self._reject(record, alarm.code, alarm.detail)
        else:
            made = Instant(record.timestamp * 1000) if (record.timestamp or 0) > 0 else None
            self.metrics.decided(await self.dispatcher.take(alarm, self.clock(), made))

    async def _list(self, records: Sequence[Any]) -> None:
        """Take entries of worklists, in their order; a record without a value takes its customer off."""
        entries: list[WorklistEntry] = []
        for record in records:
            if record.value is None:
                self.metrics.decided(await self.dispatcher.worklists.take(entries, self.clock()))
                entries = []
                date = dict(record.headers or ()).get("date")
                await self.dispatcher.worklists.drop((record.key or b"").decode(), date.decode() if date else None)
                continue
            try:
                entries.append(_decode_entry(record.value))
            except (msgspec.DecodeError, UnicodeDecodeError) as fault:
                await self._reject(record, "bad_value", str(fault))
        self.metrics.decided(await self.dispatcher.worklists.take(entries, self.clock()))

    async def _act(self, record: Any) -> None:
        action = read_action(record.value or b"")
        if action is None:
            return None
        if isinstance(action, Rejection):
            return await self._reject(record, action.code, action.detail)
        known = msgspec.structs.replace(
            action,
            id=action.id or f"{record.partition}/{record.offset}",  # the same if it is read again
            time=action.time or (Instant(record.timestamp * 1000) if (record.timestamp or 0) > 0 else None),
        )
        try:
            acknowledgement = await self.dispatcher.act(known, self.clock())
        except ActionRejected as fault:
            return await self._reject(record, "bad_value", str(fault))
        if acknowledgement is not None:
            await self.publish(acknowledgement)

    async def _erase(self, record: Any) -> None:
        found = read_erasure(record)
        if found is None:
            return
        now = self.clock()
        if found.at <= now + DAY:  # the worker rejects one further ahead as well
            await self.dispatcher.forget(*found, now)

    async def _reject(self, record: Any, code: str, why: str) -> None:
        topic = self.topic_of[record.topic]
        self.metrics.unread(topic)
        LOGGER.warning("%s/%d@%d cannot be used: %s; see its dead letter", topic, record.partition, record.offset, code)
        await self.reject(record, code, why)
