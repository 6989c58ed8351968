"""How much of a bare loop's speed the worker keeps, both hosting the same core: `python -m tests.bench.worker`.

The bare loop is aiokafka, the core and a dict of customers: it answers on an alarms topic and keeps nothing that
survives it. The worker does the same through Faust with fences, changelog, store and commits in order. Both read one
backlog of simulated events on a real Kafka and run as processes of their own, by turns; the bare loop lets time pass
with the events, the worker is told each day's end by a tick. Figures are made on both sides; no model is learned.

Then the way of single events: complaints that alarm at once are published at a steady rate, and the time from the
sending to the alarm on its topic is taken.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from scorers.alarm import Alarm
from scorers.context import Context
from scorers.control import Tick, encode_control
from scorers.customer import Ref
from scorers.events import DAY, TOPIC_OF, Instant
from scorers.figures import FigureBook
from scorers.instants import rfc3339
from scorers.partition import Partition
from scorers.policy import Policy
from scorers.wire import Rejected, decode, decode_alarm, encode_alarm
from streams.lessons import encode_lesson
from streams.localkafka import LocalKafka
from streams.simulate import simulate
from streams.topics import INPUTS
from tests.kafka.running import Running, time_of
from vigia.broker import Broker

PARTITIONS = 4
ROUNDS = 5
STEADY = {"VIGIA_FLUSH": "0.25", "VIGIA_COMMIT": "0.7", "VIGIA_SESSION": "30"}  # as it ships
BARE_OUTPUTS = ("bare-alarms", "bare-lessons")
TICKS_PER_CORE_SECOND = os.sysconf("SC_CLK_TCK")


class Speed(NamedTuple):
    """Events a second, and microseconds of processor time an event."""

    rate: float
    cost: float


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_CORE_SECOND


@asynccontextmanager
async def business(address: str, lines: list[bytes], directory: Path) -> AsyncIterator[Running]:
    """A broker's topics of a prefix of their own, with a backlog: events, and a tick at the end of each day."""
    async with Running(address, f"bench-{uuid4().hex[:6]}.", directory, PARTITIONS) as running:
        outputs = [NewTopic(running.broker.name(name), PARTITIONS, 1) for name in BARE_OUTPUTS]
        await running.admin.create_topics(outputs)
        for day, some in groupby(lines, key=lambda line: time_of(line) // DAY):
            await running.publish(some)
            tick = encode_control(Tick(until=Instant((day + 1) * DAY), follows=True))
            for partition in range(PARTITIONS):
                await running.producer.send_and_wait(running.broker.name("clock"), tick, partition=partition)
        yield running


# --- the backlog ------------------------------------------------------------------------------------------------


async def through_worker(running: Running, events: int) -> Speed:
    """From the first alarm until all inputs are committed."""
    first = AIOKafkaConsumer(auto_offset_reset="latest", **running.broker.client())
    await first.start()
    first.assign([TopicPartition(running.broker.name("alarms"), n) for n in range(PARTITIONS)])
    await first.seek_to_end()
    running.start(**STEADY)
    pid = running.workers["a"].pid
    while not await first.getmany(timeout_ms=100, max_records=1):
        await running.until(lambda: asyncio.sleep(0, True))
    began, spent = time.monotonic(), processor_time(pid)
    await first.stop()

    async def all_committed() -> bool:
        return (await running.standing())[1] == 0

    await running.until(all_committed, 600)
    speed = Speed(events / (time.monotonic() - began), (processor_time(pid) - spent) / events * 1e6)
    assert await running.stop() == 0
    return speed


async def through_bare_loop(running: Running, events: int) -> Speed:
    """The same in the bare loop, in a process of its own."""
    command = (sys.executable, "-m", "tests.bench.worker", "--bare", running.broker.address, running.broker.prefix)
    child = await asyncio.create_subprocess_exec(*command, str(events), stdout=asyncio.subprocess.PIPE)
    told, _ = await child.communicate()
    return Speed(*json.loads(told))


async def bare(address: str, prefix: str, events: int) -> Speed:
    """A bare aiokafka loop that hosts the core."""
    broker = Broker(address, prefix)
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **broker.client())
    producer = AIOKafkaProducer(acks="all", **broker.client())
    await consumer.start()
    await producer.start()
    topics = [broker.name(topic) for topic in INPUTS]
    consumer.assign([TopicPartition(topic, n) for topic in topics for n in range(PARTITIONS)])
    policy = Policy()
    alarms, lessons = map(broker.name, BARE_OUTPUTS)
    partitions = [Partition(Context(policy), {}, FigureBook(policy)) for _ in range(PARTITIONS)]
    seen, began, spent = 0, 0.0, 0.0
    while seen < events:
        batches = await consumer.getmany(timeout_ms=1000)
        began, spent = began or time.monotonic(), spent or time.process_time()
        merged = sorted((r for batch in batches.values() for r in batch), key=lambda record: record.timestamp)
        seen += len(merged)
        for record in merged:
            event = decode(record.value)
            if isinstance(event, Rejected):
                continue
            ref = Ref(event.source, event.id, record.topic, record.partition, record.offset)
            for step in partitions[record.partition].feed(event, ref):
                for alarm in step.alarms:
                    await producer.send(alarms, encode_alarm(alarm), key=alarm.subject.id.encode())
                for lesson in step.lessons:
                    await producer.send(lessons, encode_lesson(lesson), key=lesson.customer_id.encode())
    await producer.flush()
    speed = Speed(events / (time.monotonic() - began), (time.process_time() - spent) / events * 1e6)
    await consumer.stop()
    await producer.stop()
    return speed


async def backlog(address: str, lines: list[bytes], rounds: int) -> None:
    """The two by turns, and the medians of their ratios."""
    rates, costs = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as directory:
            async with business(address, lines, Path(directory)) as running:
                plain = await through_bare_loop(running, len(lines))
                worker = await through_worker(running, len(lines))
        for name, speed in {"bare loop with the core": plain, "worker": worker}.items():
            sys.stdout.write(f"{name:24} {speed.rate:8,.0f} events/s {speed.cost:8.1f} us of processor time each\n")
        sys.stdout.flush()
        rates.append(worker.rate / plain.rate)
        costs.append(plain.cost / worker.cost)
    sys.stdout.write(f"worker to bare loop, by rate: median {statistics.median(rates):.2f} of {rounds}\n")
    sys.stdout.write(f"worker to bare loop, by processor time: median {statistics.median(costs):.2f} of {rounds}\n")


# --- latency ----------------------------------------------------------------------------------------------------


async def latency(address: str, rate: int, seconds: int) -> None:
    """Time from an event's sending to its alarm on `alarms`, at a steady rate; one event in ten alarms at once."""
    with tempfile.TemporaryDirectory() as directory:
        async with Running(address, f"bench-{uuid4().hex[:6]}.", Path(directory), PARTITIONS) as running:
            running.start(**STEADY)
            sent: dict[str, float] = {}
            took: list[float] = []
            listening = asyncio.create_task(_listen(running, sent, took))
            await _send(running, rate, 5, {})  # the first seconds warm up
            await running.progress()
            await _send(running, rate, seconds, sent)
            await running.until(lambda: asyncio.sleep(0, len(took) == len(sent)))
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
            await running.stop()
    found = statistics.quantiles((t * 1000 for t in took), n=100)
    told = ", ".join(f"p{p} {found[p - 1]:.0f} ms" for p in (50, 90, 99))
    sys.stdout.write(f"event to alarm at {rate} events/s, {len(took)} alarms: {told}\n")


async def _send(running: Running, rate: int, seconds: int, sent: dict[str, float]) -> None:
    start, at = time.monotonic(), Instant(1_700_000_000_000_000)
    for number in range(rate * seconds):
        await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
        event = {"id": uuid4().hex, "source": "till", "time": rfc3339(int(at)), "customer_id": f"c{number % 5000}"}
        if number % 10:
            event |= {"type": "purchase.completed", "amount_minor": 1000, "currency": "EUR"}
        else:
            event |= {"type": "complaint.opened", "complaint_id": event["id"], "severity": "major"}
            sent[event["id"]] = time.monotonic()
        topic = running.broker.name(TOPIC_OF[event["type"].split(".")[0]])
        await running.producer.send(topic, json.dumps(event).encode(), key=event["customer_id"].encode())


async def _listen(running: Running, sent: dict[str, float], took: list[float]) -> None:
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **running.broker.client())
    await consumer.start()
    consumer.assign([TopicPartition(running.broker.name("alarms"), n) for n in range(PARTITIONS)])
    try:
        async for record in consumer:
            alarm = decode_alarm(record.value)
            if isinstance(alarm, Alarm) and alarm.kind == "major-problem" and alarm.subject.id in sent:
                took.append(time.monotonic() - sent[alarm.subject.id])
    finally:
        await consumer.stop()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.worker", description=__doc__)
    parser.add_argument("--customers", type=int, default=1500, help="simulated over half a year (default: 1500)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default: {ROUNDS}")
    parser.add_argument("--rate", type=int, default=500, help="events a second of the latency part (default: 500)")
    parser.add_argument("--seconds", type=int, default=20, help="how long (default: 20)")
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    parser.add_argument("--bare", nargs=3, metavar=("KAFKA", "PREFIX", "EVENTS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.bare:
        address, prefix, events = args.bare
        sys.stdout.write(json.dumps(asyncio.run(bare(address, prefix, int(events)))))
        return

    async def measure(address: str) -> None:
        with tempfile.TemporaryDirectory() as directory:
            simulate(args.customers, 180, 1, Path(directory))
            lines = [line for line in (Path(directory) / "events.jsonl").read_bytes().splitlines() if _usable(line)]
        sys.stdout.write(f"{len(lines):,} events of {args.customers:,} customers in half a year\n")
        await backlog(address, lines, args.rounds)
        await latency(address, args.rate, args.seconds)

    if args.kafka:
        asyncio.run(measure(args.kafka))
    else:
        with LocalKafka() as node:
            asyncio.run(measure(node.address))


def _usable(line: bytes) -> bool:
    return not isinstance(decode(line), Rejected)


if __name__ == "__main__":
    main()
