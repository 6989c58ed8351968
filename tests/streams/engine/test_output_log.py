"""Alarms that a killed worker sent and its successor does not repeat are withdrawn, and no others."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, Instant
from scorers.contract.wire import decode_alarm
from scorers.in_force.control import Tick
from scorers.policy.tables import Policy
from streams.engine.batching_producer import Output
from streams.engine.output_log import OutputLog
from streams.engine.write_behind import WriteBehind
from streams.metrics.worker import WorkerMetrics
from streams.worker.partition_processor import PartitionProcessor
from streams.worker.reconciler import Reconciler
from streams.worker.rows.stored_row import CODEC, StoredRow
from tests.kafka.running import Running
from tests.support.driver import instant, purchase, record
from tests.support.hashes import HASHES
from tests.support.seals import KEYS, signed_record
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka

pytest.importorskip("confluent_kafka")

MAY = instant("2024-05-01T00:00:00Z")
LAST = MAY + 21 * DAY
SILENT = LAST + 10 * DAY  # when those who buy every third day are missed


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    with EmbeddedKafka() as broker:
        async with Running(broker.address, "", tmp_path, PARTITIONS) as running:
            yield running


async def tick(running: Running, at: int) -> int:
    """Tell all partitions an instant; since when that is written, in milliseconds."""
    clock, written = running.broker.name("clock"), time.time_ns() // 1_000_000
    for partition in range(PARTITIONS):
        value, headers = signed_record(Tick(until=Instant(at), follows=True), partition, clock)
        await running.producer.send_and_wait(clock, value, headers=list(headers), partition=partition)
    return written


async def drained(running: Running) -> None:
    async def there() -> bool:
        return (await running.standing())[1] == 0

    await running.until(there)


def words(alarms: list[Alarm], customer: str) -> list[str]:
    """The changes of the alarm about a customer's silence, in order."""
    return [alarm.type for alarm in alarms if alarm.customer_id == customer and alarm.kind == "gone-quiet"]


async def test_what_the_successor_does_not_publish_again_is_withdrawn(running: Running) -> None:
    """An alarm of a worker that died is withdrawn if its successor reads a purchase first that prevents it."""
    regulars = [f"C{number}" for number in range(1, 9)]
    await running.publish(purchase(MAY + n * 3 * DAY, name) for n in range(8) for name in regulars)
    running.start()
    await tick(running, LAST + DAY)
    await drained(running)
    running.kill()

    written = await tick(running, SILENT)
    running.start(VIGIA_FAILPOINT="outputs")
    assert await running.died() == -signal.SIGKILL
    signed_record = await running.alarms()
    missed = [name for name in regulars if words(signed_record, name) == ["alarm.raised"]]
    assert missed, "the worker that died sent no alarm"

    back = missed[0]
    topic = running.broker.name("purchases")
    line = purchase(LAST + 6 * DAY, back)
    await running.producer.send_and_wait(topic, line, key=back.encode(), timestamp_ms=written - 1_000)
    running.start()
    await drained(running)
    await tick(running, SILENT + 1)
    await drained(running)
    assert await running.stop() == 0

    found = await running.alarms()
    assert words(found, back)[:2] == ["alarm.raised", "alarm.withdrawn"]
    withdrawn = {alarm.kind: alarm for alarm in found if alarm.type == "alarm.withdrawn"}
    assert "gone-quiet" in withdrawn
    for kind, alarm in withdrawn.items():
        (raised,) = [one for one in signed_record if one.customer_id == back and one.kind == kind and one.at >= LAST]
        assert (alarm.alarm_id, alarm.at, alarm.subject) == (raised.alarm_id, raised.at, raised.subject)
        assert (alarm.reasons, alarm.deadline, alarm.outcome) == ((), None, None)
    for name in regulars:
        if name != back:
            assert set(words(found, name)) == {"alarm.raised"}, "what was signed_record again stands"

    running.start()
    await tick(running, SILENT + 2)
    await drained(running)
    assert len(await running.alarms()) == len(found), "what is settled is not looked at again"


# --- in one process: the engine, the fold and the topic of alarms ------------------------------------------------


class Delivered(NamedTuple):
    topic: str
    partition: int
    offset: int


class Letter(NamedTuple):
    """A record of a topic in memory."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = 0
    timestamp_type: int = 0


class Kafka:
    """Topics in memory: what was sent, and the changelog by its keys."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self.rows: dict[bytes, bytes] = {}
        self.cut = 1 << 62  # so many rows of the next flush reach the changelog, then the process dies
        self.read = 0

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Any:
        return Batch()

    async def send_batch(self, batch: Any, topic: str, partition: int) -> asyncio.Future[Delivered]:
        if topic != "changelog":
            base = sum(one.topic == topic for one in self.sent)
            for offset, (key, value, headers) in enumerate(batch, base):
                self.sent.append(Letter(topic, 0, offset, key, value, tuple(headers)))
            batch.close()
            return self._now(Delivered(topic, 0, base))
        for key, value, _ in batch[: self.cut]:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value
        if len(batch) > self.cut:
            raise ConnectionError("killed")
        return self._now(Delivered(topic, 0, 0))

    @staticmethod
    def _now(what: Delivered) -> asyncio.Future[Delivered]:
        future: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()
        future.set_result(what)
        return future

    # as a row store, recovered from the changelog

    def get(self, partition: int, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter(list(self.rows.items()))

    def scrub(self, partition: int) -> int:
        return 0

    def write(self, partition: int, rows: Any, offset: int) -> None:
        """The changelog has them."""

    # as a tail

    async def since(self, ends: Mapping[int, int]) -> tuple[list[Letter], dict[int, int]]:
        alarms = [one for one in self.sent if one.topic == "alarms"]
        tail = alarms[ends.get(0, 0) :]
        self.read += len(tail)
        return tail, {0: len(alarms)}


class Batch(list[tuple[bytes, bytes | None, Any]]):
    closed = False

    def append(self, *, timestamp: None, key: bytes, value: bytes | None, headers: Any = ()) -> bool | None:  # type: ignore[override]
        if self.closed:
            return None
        super().append((key, value, headers))
        return True

    def record_count(self) -> int:
        return len(self)

    def close(self) -> None:
        self.closed = True


class Killed(Exception):
    pass


class Run:
    """One run of a worker; it ends when it is dropped."""

    def __init__(self, kafka: Kafka) -> None:
        self.kafka, self.offsets = kafka, dict[str, int]()

        def killed(error: BaseException) -> None:
            raise Killed from error

        self.engine: WriteBehind[StoredRow] = WriteBehind(
            processor=lambda rows: PartitionProcessor(rows, Policy(), str, WorkerMetrics(), HASHES, KEYS),
            codec=CODEC,
            reject=lambda record, error: Output("dead-letters", record.key, record.value),
            store=kafka,
            producer=kafka,
            changelog="changelog",
            output_log=lambda rows, processor: OutputLog("alarms", rows, Reconciler(processor, "alarms"), kafka),  # type: ignore[arg-type]
            fail=killed,
        )

    async def take(self, *records: Letter) -> None:
        await self.engine.take(0, records, lambda: None)

    async def flush(self) -> None:
        await self.engine.flush()

    def alarms(self) -> list[Alarm]:
        found = [decode_alarm(one.value or b"") for one in self.kafka.sent if one.topic == "alarms"]
        return [alarm for alarm in found if isinstance(alarm, Alarm)]


def sale(offset: int, at: int, customer: str = "C1") -> Letter:
    return Letter("purchases", 0, offset, customer.encode(), purchase(at, customer))


def ticked(offset: int, at: int) -> Letter:
    return Letter("clock", 0, offset, None, *signed_record(Tick(until=Instant(at), follows=True)))


async def regular(kafka: Kafka, *customers: str) -> int:
    """A run that has flushed the history of some who buy every third day; the next offset of purchases."""
    run, offset = Run(kafka), 0
    for n in range(8):
        for name in customers:
            await run.take(sale(offset, MAY + n * 3 * DAY, name))
            offset += 1
    await run.take(ticked(0, LAST + DAY))
    await run.flush()
    return offset


async def test_a_pending_alarm_is_withdrawn_once_all_is_folded_that_it_could_follow_from() -> None:
    """Not before: until then the fold may still tell it by itself."""
    kafka = Kafka()
    at = await regular(kafka, "C1", "C2")
    died = Run(kafka)
    await died.take(ticked(1, SILENT))
    assert words(died.alarms(), "C1") == words(died.alarms(), "C2") == ["alarm.raised"]
    signed_record = len(died.alarms())

    successor = Run(kafka)
    await successor.take(sale(at, LAST + 3 * DAY, "C1"))
    assert len(successor.alarms()) == signed_record, "the clock has not come so far"
    await successor.take(ticked(1, SILENT))
    assert words(successor.alarms(), "C1") == ["alarm.raised", "alarm.withdrawn"]
    assert words(successor.alarms(), "C2") == ["alarm.raised", "alarm.raised"]
    await successor.flush()
    said = len(successor.alarms())

    third = Run(kafka)
    await third.take(ticked(2, SILENT + 1))
    assert len(third.alarms()) == said


async def test_what_is_pending_outlives_the_successor() -> None:
    """It dies too, after its rows were safe and before it could speak: the next one knows."""
    kafka = Kafka()
    at = await regular(kafka, "C1")
    await Run(kafka).take(ticked(1, SILENT))
    second = Run(kafka)
    await second.take(sale(at, LAST + 3 * DAY))
    await second.flush()
    third = Run(kafka)
    await third.take(ticked(1, SILENT))
    assert words(third.alarms(), "C1") == ["alarm.raised", "alarm.withdrawn"]


async def test_rows_that_the_successor_wrote_are_not_taken_for_the_dead_workers() -> None:
    """It dies between two batches of its own flush: its rows hold the record that caused the alarm, and send nothing."""
    kafka = Kafka()
    at = await regular(kafka, "C1", "C2")
    call = Letter("contacts", 0, 0, b"C2", record("contact.received", LAST + 2 * DAY, "C2", channel="phone"))
    await Run(kafka).take(call, ticked(1, SILENT))
    second = Run(kafka)
    await second.take(sale(at, LAST + 3 * DAY), ticked(1, SILENT))
    kafka.cut = 2
    with pytest.raises(Killed):
        await second.flush()
    kafka.cut = 1 << 62
    third = Run(kafka)
    await third.take(sale(at, LAST + 3 * DAY), ticked(1, SILENT))
    assert words(third.alarms(), "C1") == ["alarm.raised"]
    await third.take(call)
    assert words(third.alarms(), "C1") == ["alarm.raised", "alarm.withdrawn"]


async def test_alarms_that_the_rows_hold_need_no_correction() -> None:
    """A worker that died between two batches of one flush has rows that are ahead of the checkpoint: nothing is withdrawn."""
    kafka = Kafka()
    await regular(kafka, "C1")
    died = Run(kafka)
    await died.take(ticked(1, SILENT))
    kafka.cut = 2
    with pytest.raises(Killed):
        await died.flush()
    kafka.cut = 1 << 62
    successor = Run(kafka)
    await successor.take(ticked(1, SILENT))
    await successor.take(ticked(2, SILENT + 1))
    assert words(successor.alarms(), "C1") == ["alarm.raised"]


async def test_an_alarm_that_only_the_dead_worker_ended_is_raised_again() -> None:
    """It had read the comeback; the comeback was another's view, and the row still holds the alarm open."""
    kafka = Kafka()
    at = await regular(kafka, "C1")
    first = Run(kafka)
    await first.take(ticked(1, SILENT))
    await first.flush()
    await first.take(sale(at, SILENT + DAY))
    assert words(first.alarms(), "C1")[-1] == "alarm.settled"
    successor = Run(kafka)
    await successor.take(sale(at, LAST - 300 * DAY, "C9"))  # as if the record had been another
    assert words(successor.alarms(), "C1")[-1] == "alarm.raised"


async def test_without_a_tail_nothing_is_read_and_nothing_is_pending() -> None:
    """Restarts that find everything safe do not read a record of the topic."""
    kafka = Kafka()
    at = await regular(kafka, "C1")
    assert Run(kafka).alarms()
    kafka.read = 0
    for n in range(3):
        run = Run(kafka)
        await run.take(sale(at + n, LAST + n * DAY))
        await run.flush()
    assert kafka.read == 0
