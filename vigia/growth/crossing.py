"""Reads the topics of one installation and writes those of another one on the same Kafka."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from operator import attrgetter
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from streams.engine.batching_producer import partition_of
from streams.worker.forwarded import home_key
from vigia.operations.backup import IN_FLIGHT, MAX_BATCH, MAX_REQUEST
from vigia.runtime.broker import Broker
from vigia.runtime.topic_incarnations import incarnations
from vigia.runtime.topic_reader import Offsets, bounds, committed, read_range
from vigia.runtime.topics import TOPICS

FIXED = {topic.name: topic.partitions for topic in TOPICS if topic.partitions}

Home = Callable[[Any], int]
"""The partition among the new ones that a record belongs to."""


class Crossing:
    """Clients for `old`, with `before` partitions, and `new`, with `after`; connected inside `async with`."""

    def __init__(self, old: Broker, new: Broker, before: int, after: int) -> None:
        self.old, self.new, self.before, self.after = old, new, before, after

    async def __aenter__(self) -> Self:
        self.consumer = AIOKafkaConsumer(enable_auto_commit=False, **self.old.consumer())
        self.admin = AIOKafkaAdminClient(**self.old.client())
        self.producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_batch_size=MAX_BATCH,
            max_request_size=MAX_REQUEST,
            linger_ms=20,
            **self.new.client(),
        )
        for client in (self.consumer, self.admin, self.producer):
            await client.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.producer.stop()
        await self.consumer.stop()
        await self.admin.close()

    def home(self, record: Any) -> int:
        """The partition of a record by its key; one without a key keeps its number."""
        return record.partition if record.key is None else partition_of(self.after, record.key)

    def home_of_groups(self, record: Any) -> int:
        """The same for a record of `groups`."""
        return record.partition if record.key is None else partition_of(self.after, home_key(record.key))

    def partitions(self, plain: str, *, new: bool = False) -> list[TopicPartition]:
        """The partitions of a topic."""
        broker, count = (self.new, self.after) if new else (self.old, self.before)
        return [TopicPartition(broker.name(plain), number) for number in range(FIXED.get(plain, count))]

    async def bounds(self, plain: str, *, new: bool = False) -> tuple[Offsets, Offsets]:
        """The first offsets of a topic, and its ends."""
        return await bounds(self.consumer, self.partitions(plain, new=new))

    async def committed(self, group: str, plain: str) -> Offsets:
        """How far a group of the old installation has committed a topic; empty where it never has."""
        begins, _ = await self.bounds(plain)
        found = await committed(self.admin, self.old.name(group), list(begins))
        return found and {tp: max(begin, found[tp].offset if tp in found else 0) for tp, begin in begins.items()}

    async def incarnations(self, plain: Iterable[str], *, new: bool = False) -> dict[str, str]:
        """The incarnation of each topic, by its plain name."""
        broker = self.new if new else self.old
        found = await incarnations(self.admin, [broker.name(name) for name in plain])
        return {name: found[broker.name(name)].id for name in plain}

    async def read(self, plain: str, starts: Offsets | None = None, ends: Offsets | None = None) -> AsyncIterator[Any]:
        """The records of a topic of the old installation, all of them unless starts or ends are given."""
        first, last = await self.bounds(plain)
        starts = {tp: max(first[tp], at) for tp, at in (first if starts is None else starts).items()}
        async for record in read_range(self.consumer, starts, last if ends is None else ends):
            yield record

    async def copy(
        self,
        plain: str,
        starts: Offsets | None = None,
        ends: Offsets | None = None,
        *,
        without: str = "",
        value: Callable[[Any], bytes | None] = attrgetter("value"),
    ) -> int:
        """Copy records to their new partitions, without the header of this name; how many they were."""
        sending = Sending(self.producer)
        home = self.home_of_groups if plain == "groups" else self.home
        async for record in self.read(plain, starts, ends):
            headers = [header for header in record.headers if header[0] != without]
            await sending.send(self.new.name(plain), home(record), record.key, value(record), headers, record.timestamp)
        return await sending.done()

    async def commit(self, group: str, offsets: Mapping[TopicPartition, int | OffsetAndMetadata]) -> None:
        """Commit offsets for a group of the new installation."""
        consumer = AIOKafkaConsumer(group_id=self.new.name(group), enable_auto_commit=False, **self.new.consumer())
        await consumer.start()
        try:
            consumer.assign(list(offsets))
            await consumer.commit(dict(offsets))
        finally:
            await consumer.stop()


class Sending:
    """Records on their way, of which only so many are not acknowledged at a time."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer, self._sent, self.count = producer, list[Any](), 0

    async def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        headers: Iterable[tuple[str, bytes]] = (),
        timestamp: int | None = None,
    ) -> None:
        """Send a record, once there is room for it."""
        at = {"timestamp_ms": timestamp} if timestamp and timestamp > 0 else {}
        sent = await self._producer.send(topic, value, key=key, partition=partition, headers=list(headers), **at)
        self._sent.append(sent)
        self.count += 1
        if len(self._sent) >= IN_FLIGHT:
            await self.done()

    async def done(self) -> int:
        """Wait until all are acknowledged; how many there were."""
        for sent in self._sent:
            await sent
        self._sent.clear()
        return self.count
