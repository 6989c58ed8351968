"""Vigía's worker beside a bare loop and beside Quix Streams, in one run: `python -m tests.bench.sides`.

The trivial fold counts and adds up (`engine`); the core decodes, folds, judges and answers with alarms and lessons, over
simulated events. The bare loop is aiokafka and a dict: nothing of it survives the process. Quix keeps its rows in
RocksDB with a changelog, and commits at least once (`quix`). The worker keeps fences, changelog, store and commits in
order, and reads four topics of events and the clock, aligned; for the core, the others are given all events in one topic
in their order, and let time pass with them. Figures are made on all sides; no model is learned.

They take turns, each in a process of its own, on one real Kafka. Read the ratios: by rate, and by processor time where
other work runs on the machine. A ratio is taken in each round, and the median of the rounds is told.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic

from scorers.context import Context
from scorers.control import Tick, encode_control
from scorers.customer import Ref
from scorers.events import DAY, Instant
from scorers.figures import FigureBook
from scorers.partition import Partition
from scorers.policy import Policy
from scorers.wire import Rejected, decode, encode_alarm
from streams.lessons import encode_lesson
from streams.localkafka import LocalKafka
from streams.simulate import simulate
from tests.bench import engine
from tests.bench.speed import Speed, processor_time, table
from tests.kafka.running import Running, time_of
from vigia.broker import Broker

CHECKOUT = Path(__file__).resolve().parents[2]
QUIX = CHECKOUT / ".venv-quix" / "bin" / "python"
PARTITIONS = 4
STEADY = {"VIGIA_FLUSH": "0.25", "VIGIA_COMMIT": "0.7", "VIGIA_SESSION": "30"}  # as it ships, but for the session
ALL, ALARMS, LESSONS = "bench-all", "bench-alarms", "bench-lessons"

JSON, BARE, VIGIA, OTHER = "bare loop, stdlib json", "bare loop, same decoder", "Vigía", "Quix Streams"

Round = dict[str, Speed]


async def child(program: Path | str, *command: str) -> Speed:
    """What a process of its own tells of its speed."""
    told = await asyncio.create_subprocess_exec(
        str(program), "-m", *command, cwd=CHECKOUT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    said, wrong = await told.communicate()
    if told.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {told.returncode}:\n{wrong.decode()[-2000:]}")
    return Speed(*json.loads(said))


async def quix(fold: str, address: str, topic: str, events: int) -> Speed:
    return await child(QUIX, "tests.bench.quix", fold, address, topic, str(events))


# --- the trivial fold -------------------------------------------------------------------------------------------


async def trivial(address: str, events: int) -> Round:
    """One round of the trivial fold."""
    group = f"bench-{uuid4().hex[:8]}"
    await engine.prepare(address, group, events)
    return {
        JSON: Speed(*await engine.bare(address, group, events, engine.dictionary)),
        VIGIA: Speed(*await engine.engine(address, group, events)),
        OTHER: await quix("trivial", address, f"{group}.events", events),
        BARE: Speed(*await engine.bare(address, group, events, engine.typed)),
    }


# --- the core ---------------------------------------------------------------------------------------------------


async def core(address: str, lines: list[bytes]) -> Round:
    """One round of the core."""
    with tempfile.TemporaryDirectory() as directory:
        async with business(address, lines, Path(directory)) as running:
            everything, events = running.broker.name(ALL), len(lines)
            return {
                BARE: await child(
                    sys.executable, "tests.bench.sides", "--bare", address, running.broker.prefix, str(events)
                ),
                VIGIA: await through_worker(running, events),
                OTHER: await quix("core", address, everything, events),
            }


@asynccontextmanager
async def business(address: str, lines: list[bytes], directory: Path) -> AsyncIterator[Running]:
    """A broker's topics of a prefix of their own, with a backlog: events, and a tick at the end of each day."""
    async with Running(address, f"bench-{uuid4().hex[:6]}.", directory, PARTITIONS) as running:
        more = [NewTopic(running.broker.name(name), PARTITIONS, 1) for name in (ALL, ALARMS, LESSONS)]
        await running.admin.create_topics(more)
        for day, some in groupby(lines, key=lambda line: time_of(line) // DAY):
            events = list(some)
            await running.publish(events)
            await running.publish(events, ALL)
            tick = encode_control(Tick(until=Instant((day + 1) * DAY), follows=True))
            for partition in range(PARTITIONS):
                await running.producer.send_and_wait(running.broker.name("clock"), tick, partition=partition)
        yield running


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


async def bare(address: str, prefix: str, events: int) -> Speed:
    """A bare aiokafka loop that hosts the core."""
    broker = Broker(address, prefix)
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **broker.client())
    producer = AIOKafkaProducer(acks="all", **broker.client())
    await consumer.start()
    await producer.start()
    consumer.assign([TopicPartition(broker.name(ALL), n) for n in range(PARTITIONS)])
    policy = Policy()
    alarms, lessons = broker.name(ALARMS), broker.name(LESSONS)
    partitions = [Partition(Context(policy), {}, FigureBook(policy)) for _ in range(PARTITIONS)]
    seen, began, spent = 0, 0.0, 0.0
    while seen < events:
        batches = await consumer.getmany(timeout_ms=1000)
        began, spent = began or time.monotonic(), spent or time.process_time()
        for at, batch in batches.items():
            seen += len(batch)
            partition = partitions[at.partition]
            for record in batch:
                event = decode(record.value)
                if isinstance(event, Rejected):
                    continue
                ref = Ref(event.source, event.id, record.topic, record.partition, record.offset)
                for step in partition.feed(event, ref):
                    for alarm in step.alarms:
                        await producer.send(alarms, encode_alarm(alarm), key=alarm.subject.id.encode())
                    for lesson in step.lessons:
                        await producer.send(lessons, encode_lesson(lesson), key=lesson.customer_id.encode())
    await producer.flush()
    speed = Speed(events / (time.monotonic() - began), (time.process_time() - spent) / events * 1e6)
    await consumer.stop()
    await producer.stop()
    return speed


# --- the table --------------------------------------------------------------------------------------------------


def tables(folds: dict[str, list[Round]]) -> str:
    """What each did, and what Vigía is to the others."""
    sides = (JSON, BARE, VIGIA, OTHER)

    def middle(values: Iterable[float]) -> float:
        return statistics.median(values)

    did = []
    for fold, rounds in folds.items():
        there = [side if side in rounds[0] else "" for side in sides]
        did.append([f"{fold}: events/s", *(f"{middle(r[s].rate for r in rounds):,.0f}" if s else "-" for s in there)])
        did.append([f"{fold}: us each", *(f"{middle(r[s].cost for r in rounds):,.1f}" if s else "-" for s in there)])
    ratios = [
        [
            f"{fold}: to {side}",
            f"{middle(r[VIGIA].rate / r[side].rate for r in rounds):.2f}",
            f"{middle(r[side].cost / r[VIGIA].cost for r in rounds):.2f}",
        ]
        for fold, rounds in folds.items()
        for side in sides
        if side in rounds[0] and side != VIGIA
    ]
    return f"{table(['', *sides], did)}\n{table(['Vigía', 'by rate', 'by processor time'], ratios)}"


def usable(line: bytes) -> bool:
    return not isinstance(decode(line), Rejected)


async def measure(address: str, rounds: int, events: int, customers: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        simulate(customers, 180, 1, Path(directory))
        lines = [line for line in (Path(directory) / "events.jsonl").read_bytes().splitlines() if usable(line)]
    folds: dict[str, list[Round]] = {"trivial fold": [], "core": []}
    for _ in range(rounds):
        folds["trivial fold"].append(await trivial(address, events))
        folds["core"].append(await core(address, lines))
        sys.stderr.write(f"{folds['trivial fold'][-1]}\n{folds['core'][-1]}\n")
    sys.stdout.write(f"{rounds} rounds: {events:,} events of the trivial fold, {len(lines):,} of the core\n\n")
    sys.stdout.write(tables(folds))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sides", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--events", type=int, default=50_000, help="of the trivial fold (default: 50000)")
    parser.add_argument("--customers", type=int, default=2000, help="of the core, over half a year (default: 2000)")
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    parser.add_argument("--bare", nargs=3, metavar=("KAFKA", "PREFIX", "EVENTS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # topics just made are warned of
    if args.bare:
        address, prefix, events = args.bare
        sys.stdout.write(json.dumps(asyncio.run(bare(address, prefix, int(events)))))
        return
    if not QUIX.exists():
        parser.error(f"{QUIX} is missing: make .venv-quix/stamp")
    if args.kafka:
        asyncio.run(measure(args.kafka, args.rounds, args.events, args.customers))
        return
    with LocalKafka() as node:
        asyncio.run(measure(node.address, args.rounds, args.events, args.customers))


if __name__ == "__main__":
    main()
