"""Outputs leave in batches, in their order, where every client would send them, and none is forgotten."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.engine.batching_producer import LARGE, BatchingProducer, Output
from streams.engine.liveness import GuardedProducer


class Delivered(NamedTuple):
    topic: str
    partition: int
    offset: int


class Producer:
    """aiokafka's own batches, taken when the test says so, and then acknowledged in the order of their coming."""

    def __init__(self, size: int = 1_000) -> None:
        self._size = size
        self.waiting: list[tuple[Any, str, int, asyncio.Future[Delivered]]] = []
        self.ends: dict[tuple[str, int], int] = {}
        self.single: list[bytes | None] = []

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2, 3}

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(self._size, 0)

    async def send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> Awaitable[Delivered]:
        future: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
        self.waiting.append((batch, topic, partition, future))
        return future

    async def send(
        self, topic: str, value: bytes | None, key: bytes | None, headers: Any, partition: int | None
    ) -> Awaitable[Delivered]:
        future: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
        self.single.append(value)
        future.set_result(Delivered(topic, 3 if partition is None else partition, 70))
        return future

    def take(self, fault: Exception | None = None) -> None:
        """Take all that waits, as a request to the broker does."""
        for batch, topic, partition, future in self.waiting:
            batch.close()
            if fault is not None:
                future.set_exception(fault)
                continue
            base = self.ends.get((topic, partition), 100)
            self.ends[topic, partition] = base + batch.record_count()
            future.set_result(Delivered(topic, partition, base))
        self.waiting.clear()


def outputs(*keys: bytes, topic: str = "alarms") -> list[Output]:
    return [Output(topic, key, b"%d" % number) for number, key in enumerate(keys)]


def counts(producer: Producer) -> list[int]:
    return [batch.record_count() for batch, *_ in producer.waiting]


async def test_what_follows_goes_into_the_batch_that_waits() -> None:
    """A batch that the producer has not taken is open; one that is on its way is not."""
    producer = Producer()
    box = BatchingProducer(producer)
    await box.send(outputs(b"a", b"a"))
    await box.send(outputs(b"a"))
    assert counts(producer) == [3]
    producer.take()
    await box.send(outputs(b"a", b"a"))
    assert counts(producer) == [2]
    producer.take()
    (partitions,) = (await box.delivered()).values()
    assert list(partitions.values()) == [105], "one after the last record of the last batch"


async def test_a_full_batch_is_followed_by_another() -> None:
    """Nothing is left out where a batch has no more room."""
    producer = Producer(size=200)
    box = BatchingProducer(producer)
    await box.send([Output("alarms", b"a", b"x" * 60) for _ in range(9)])
    assert len(counts(producer)) > 1
    assert sum(counts(producer)) == 9
    producer.take()
    (ends,) = (await box.delivered()).values()
    assert list(ends.values()) == [109]


async def test_nothing_goes_into_a_batch_of_what_was_closed() -> None:
    """What a flush waits for ends where the flush began: its end speaks for rows that hold what came before."""
    producer = Producer()
    first, second = BatchingProducer(producer), BatchingProducer(producer)
    await first.send(outputs(b"a"))
    first.close()
    await first.send(outputs(b"a"))  # who was sending still
    await second.send(outputs(b"a"))
    assert counts(producer) == [1, 1, 1]
    assert producer.waiting[0][0].closed()


async def test_a_refused_batch_is_raised_where_it_is_waited_for() -> None:
    """As a refused record was."""
    producer = Producer()
    box = BatchingProducer(producer)
    await box.send(outputs(b"a", b"b"))
    producer.take(OSError("no room"))
    with pytest.raises(OSError, match="no room"):
        await box.delivered()


async def test_what_no_batch_is_fit_for_is_sent_alone() -> None:
    """A record without a key may go anywhere, and a large one is the producer's to refuse."""
    producer = Producer()
    box = BatchingProducer(producer)
    large = b"x" * (LARGE + 1)
    await box.send([Output("dead-letters", None, b"keyless"), Output("dead-letters", b"a", large)])
    assert producer.single == [b"keyless", large]
    assert await box.delivered() == {"dead-letters": {3: 71}}


async def test_keys_have_the_partition_that_every_client_gives_them() -> None:
    """By the default partitioner."""
    producer, choose = Producer(), DefaultPartitioner()
    keys = [b"customer-%d" % number for number in range(50)]
    await BatchingProducer(producer).send(outputs(*keys))
    homes = {partition: batch.record_count() for batch, _, partition, _ in producer.waiting}
    wanted = [choose(key, [0, 1, 2, 3], [0, 1, 2, 3]) for key in keys]
    assert homes == {partition: wanted.count(partition) for partition in {*wanted}}


async def test_a_partition_that_is_given_is_the_one() -> None:
    """With or without a key, in a batch or alone: a control record goes to every partition of its topic."""
    producer = Producer()
    box = BatchingProducer(producer)
    await box.send(Output("clock", key, b"figures", partition=n) for n in range(4) for key in (None, b"figures"))
    assert [(partition, batch.record_count()) for batch, _, partition, _ in producer.waiting] == [
        (n, 2) for n in range(4)
    ]
    await box.send([Output("clock", None, b"x" * (LARGE + 1), partition=1)])
    producer.take()
    assert await box.delivered() == {"clock": {0: 102, 1: 71, 2: 102, 3: 102}}


class Stalled(Exception):
    pass


class Watch:
    """A watchdog that is asked, and then ends the process."""

    still = False

    def check(self) -> None:
        if self.still:
            raise Stalled


async def test_a_loop_that_has_stood_still_puts_nothing_into_a_batch_that_waits() -> None:
    """The batch will be sent, by a worker whose partitions may be another's by now."""
    producer, watch = Producer(), Watch()
    box = BatchingProducer(GuardedProducer(producer, watch))  # type: ignore[arg-type]
    await box.send(outputs(b"a"))
    watch.still = True
    with pytest.raises(Stalled):
        await box.send(outputs(b"a"))
    assert counts(producer) == [1]


# --- on a broker ------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture
async def kafka() -> AsyncIterator[tuple[Any, str]]:
    """A producer, and a topic that is empty."""
    pytest.importorskip("confluent_kafka")
    from vigia.lab.embedded_kafka import EmbeddedKafka

    with EmbeddedKafka() as broker:
        topic = f"outputs-{uuid4().hex[:6]}"
        broker.create(topic)
        async with AIOKafkaProducer(
            bootstrap_servers=broker.address, acks="all", max_batch_size=900_000, max_request_size=1_000_000
        ) as producer:
            yield producer, topic


async def _read(producer: Any, topic: str, ends: dict[int, int]) -> list[Any]:
    address = producer.client._bootstrap_servers
    async with AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest") as consumer:
        consumer.assign([TopicPartition(topic, partition) for partition in ends])
        found: list[Any] = []
        while len(found) < sum(ends.values()):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += batch
    return found


async def test_order_headers_and_ends_hold_on_a_broker(kafka: tuple[Any, str]) -> None:
    """Whether by a batch or alone, each key's records come in their order, with their headers, and the ends are the topic's."""
    producer, topic = kafka
    box, ends = BatchingProducer(producer), dict[int, int]()
    sent: dict[bytes, list[bytes]] = {}
    for round_ in range(40):
        some = []
        for number in range(20):
            key = b"key-%d" % (number % 7)
            value = b"%d.%d" % (round_, number) + b"-" * (LARGE if number == round_ % 20 and not round_ % 4 else 0)
            some.append(Output(topic, key, value, (("round", b"%d" % round_),)))
            sent.setdefault(key, []).append(value)
        await box.send(some)
        if round_ % 3 == 0:
            await asyncio.sleep(0.002)
        if round_ % 10 == 9:
            box.close()
            ends |= (await box.delivered())[topic]
            box = BatchingProducer(producer)
    found = await _read(producer, topic, ends)
    came: dict[bytes, list[bytes]] = {}
    for record in sorted(found, key=lambda record: record.offset):
        came.setdefault(record.key, []).append(record.value)
        assert record.headers == (("round", record.value.partition(b".")[0]),)
    assert came == sent


async def test_a_record_that_no_request_may_hold_is_refused_at_once(kafka: tuple[Any, str]) -> None:
    """By name, before it is on its way."""
    producer, topic = kafka
    with pytest.raises(MessageSizeTooLargeError):
        await BatchingProducer(producer).send([Output(topic, b"a", b"x" * 1_000_001)])
