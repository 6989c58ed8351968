"""Vigía's worker beside a bare loop and beside Quix Streams, in one run: `python -m tests.bench.sides`.

The trivial fold counts and adds up (`engine`); the core decodes, folds, judges and answers with alarms and lessons, over
simulated events. The bare loop is aiokafka and a dict: nothing of it survives the process. Quix keeps its rows in
RocksDB with a changelog, and commits at least once (`quix`). The core is hosted by it twice: with each customer made
anew from the row in its state, which survives, and with customers kept in a dict, which nothing would bring back. The
worker keeps fences, changelog, store and commits in order, and reads four topics of events and the clock, aligned; for
the core, the others are given all events in one topic in their order, and let time pass with them. Figures are made on
all sides, and judged by; the worker finds those of each day on its clock, as it would in true time. No model is learned,
and worklists are empty: they cost by the day and customer, not by the event, and here half a year passes in seconds
(docs/performance.md says how much).

On all sides time runs from the first record that is handed to the fold until the last has been folded and all that
follows has been sent, flushed and committed at once; only the bare loop has nothing to flush or to commit but its
outputs. All look for cycles of garbage as rarely as the worker does, which is worth a tenth where many customers are
kept.

They take turns, each in a process of its own, on one real Kafka. Read the ratios: by rate, and by processor time where
other work runs on the machine. A ratio is taken in each round, and the median of the rounds is told.
"""

import argparse
import asyncio
import gc
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from msgspec.structs import replace

from scorers.contract.events import DAY, Instant
from scorers.contract.wire import Rejection, decode, encode_alarm
from scorers.in_force.context import Context
from scorers.in_force.control import Control, FiguresInForce, Tick
from scorers.in_force.figures import FigureBook, Figures
from scorers.partition.partition import Partition
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.timeline.facts import Ref
from streams.engine.chunk import Done, Take
from streams.metrics.worker import WorkerMetrics
from streams.records.lessons import encode_lesson
from streams.worker.worker import GARBAGE_AFTER, Worker
from tests.bench import engine
from tests.bench.speed import Speed, since, table
from tests.kafka.running import Running, time_of
from tests.support.seals import SECRET
from vigia.lab.local_kafka import LocalKafka
from vigia.lab.simulate import simulate
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings
from vigia.runtime.topics import READ

CHECKOUT = Path(__file__).resolve().parents[2]
QUIX = CHECKOUT / ".venv-quix" / "bin" / "python"
PARTITIONS = 4
ALL, ALARMS, LESSONS = "bench-all", "bench-alarms", "bench-lessons"

JSON, BARE, VIGIA = "bare loop, stdlib json", "bare loop, same decoder", "Vigía"
ROWS, DICT = "Quix Streams, rows in its state", "Quix Streams, customers in a dict"

Round = dict[str, Speed]
POLICY = replace(Policy(), worklist=replace(Policy().worklist, per_day=0))


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
        ROWS: await quix("trivial", address, f"{group}.events", events),
        BARE: Speed(*await engine.bare(address, group, events, engine.typed)),
    }


# --- the core ---------------------------------------------------------------------------------------------------


class Closed(FigureBook):
    """A book that keeps the figures of each day."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.days: dict[int, Figures] = {}

    def close(self, day: int) -> Figures:
        """As ever."""
        return self.days.setdefault(day, super().close(day))


def figures(lines: list[bytes]) -> dict[int, Figures]:
    """The figures of each day, of all customers."""
    book = Closed(Policy())
    partition = Partition(Context(Policy(), UNTRAINED), {}, book)
    for line in lines:
        if not isinstance(event := decode(line), Rejection):
            for _ in partition.feed(event, Ref(event.source, event.id)):
                pass
    return book.days


async def core(address: str, lines: list[bytes], days: dict[int, Figures], *, others: bool = True) -> Round:
    """One round of the core; without the others, of the bare loop and the worker."""
    with tempfile.TemporaryDirectory() as directory:
        async with business(address, lines, days, Path(directory)) as running:
            everything, told = running.broker.name(ALL), (running.broker.prefix, str(len(lines)))
            ours = {
                BARE: await child(sys.executable, "tests.bench.sides", "--bare", address, *told),
                VIGIA: await child(sys.executable, "tests.bench.sides", "--worker", address, *told),
            }
            if not others:
                return ours
            return ours | {
                ROWS: await quix("rows", address, everything, len(lines)),
                DICT: await quix("dict", address, everything, len(lines)),
            }


@asynccontextmanager
async def business(
    address: str, lines: list[bytes], days: dict[int, Figures], directory: Path
) -> AsyncIterator[Running]:
    """A broker's topics of a prefix of their own, with a backlog: events, and at the end of each day tick and figures."""
    async with Running(address, f"bench-{uuid4().hex[:6]}.", directory, PARTITIONS) as running:
        more = [NewTopic(running.broker.name(name), PARTITIONS, 1) for name in (ALL, ALARMS, LESSONS)]
        await running.admin.create_topics(more)
        for day, some in groupby(lines, key=lambda line: time_of(line) // DAY):
            events = list(some)
            await running.publish(events)
            await running.publish(events, ALL)
            told: list[Control] = [Tick(until=Instant((day + 1) * DAY), follows=True)]
            if (closed := days.get(day - 1)) is not None:
                told.append(FiguresInForce.of(day - 1, closed))
            for control in told:
                await running.send_control(control)
        yield running


class Measured(Worker):
    """The product's worker, which notes when its first chunk is taken."""

    began: tuple[float, float] | None = None

    def _timed(self, take: Take) -> Take:
        inner = super()._timed(take)

        async def noted(partition: int, records: Sequence[Any], done: Done) -> None:
            self.began = self.began or (time.perf_counter(), time.process_time())
            await inner(partition, records, done)

        return noted


async def worker(address: str, prefix: str, events: int) -> Speed:
    """The product's worker, from its first chunk until it has folded, flushed and committed all."""
    broker = Broker(address, prefix)
    with tempfile.TemporaryDirectory() as directory:
        settings = Settings(state=Path(directory), partitions=PARTITIONS, seal=SECRET)
        measured, stop = Measured(broker, settings, POLICY, WorkerMetrics()), asyncio.Event()
        serving = asyncio.create_task(measured.serve(stop))
        async with AIOKafkaConsumer(**broker.client()) as ends:
            tps = [TopicPartition(broker.name(topic), n) for topic in READ for n in range(PARTITIONS)]
            every = sum((await ends.end_offsets(tps)).values())
        assert every > events
        while measured.engine is None or measured.engine.counts.records < every:
            await asyncio.sleep(0.005)
            assert not serving.done()
        await measured.engine.flush()
        await measured.app.consumer.commit()
        assert measured.began is not None
        speed = since(events, *measured.began)
        stop.set()
        await serving
    return speed


async def bare(address: str, prefix: str, events: int) -> Speed:
    """A bare aiokafka loop that hosts the core."""
    gc.set_threshold(GARBAGE_AFTER)
    broker = Broker(address, prefix)
    consumer = AIOKafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **broker.client())
    producer = AIOKafkaProducer(acks="all", **broker.client())
    await consumer.start()
    await producer.start()
    consumer.assign([TopicPartition(broker.name(ALL), n) for n in range(PARTITIONS)])
    policy = POLICY
    alarms, lessons = broker.name(ALARMS), broker.name(LESSONS)
    partitions = [Partition(Context(policy, UNTRAINED), {}, FigureBook(policy)) for _ in range(PARTITIONS)]
    seen, clock, processor = 0, 0.0, 0.0
    while seen < events:
        batches = await consumer.getmany(timeout_ms=1000)
        clock, processor = clock or time.perf_counter(), processor or time.process_time()
        for at, batch in batches.items():
            seen += len(batch)
            partition = partitions[at.partition]
            for record in batch:
                event = decode(record.value)
                if isinstance(event, Rejection):
                    continue
                ref = Ref(event.source, event.id, record.topic, record.partition, record.offset)
                for step in partition.feed(event, ref):
                    for alarm in step.alarms:
                        await producer.send(alarms, encode_alarm(alarm), key=alarm.subject.id.encode())
                    for lesson in step.lessons:
                        await producer.send(lessons, encode_lesson(lesson), key=lesson.customer_id.encode())
    await producer.flush()
    speed = since(events, clock, processor)
    await consumer.stop()
    await producer.stop()
    return speed


SIDES = {"bare": bare, "worker": worker}  # each in a process of its own

# --- the table --------------------------------------------------------------------------------------------------


def tables(folds: dict[str, list[Round]]) -> str:
    """What each did, and what Vigía is to the others."""
    sides = (JSON, BARE, VIGIA, ROWS, DICT)

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
    return not isinstance(decode(line), Rejection)


def half_a_year(customers: int) -> list[bytes]:
    """The events of an invented business."""
    with tempfile.TemporaryDirectory() as directory:
        simulate(customers, 180, 1, Path(directory))
        return [line for line in (Path(directory) / "events.jsonl").read_bytes().splitlines() if usable(line)]


async def gate(address: str, rounds: int, customers: int, least: float) -> int:
    """0 if the worker keeps so much of a bare loop that hosts the core, by processor time; else 1."""
    lines = half_a_year(customers)
    days = figures(lines)
    found = [await core(address, lines, days, others=False) for _ in range(rounds)]
    share = statistics.median(one[BARE].cost / one[VIGIA].cost for one in found)
    sys.stdout.write(f"core: {share:.2f} of a bare loop by processor time, median of {rounds}; at least {least:g}\n")
    return int(share < least)


async def measure(address: str, rounds: int, events: int, customers: int) -> None:
    lines = half_a_year(customers)
    days = figures(lines)
    folds: dict[str, list[Round]] = {"trivial fold": [], "core": []}
    for _ in range(rounds):
        folds["trivial fold"].append(await trivial(address, events))
        folds["core"].append(await core(address, lines, days))
        sys.stderr.write(f"{folds['trivial fold'][-1]}\n{folds['core'][-1]}\n")
    sys.stdout.write(f"{rounds} rounds: {events:,} events of the trivial fold, {len(lines):,} of the core\n\n")
    sys.stdout.write(tables(folds))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sides", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="default: 5")
    parser.add_argument("--events", type=int, default=1_000_000, help="of the trivial fold (default: 1000000)")
    parser.add_argument("--customers", type=int, default=8000, help="of the core, over half a year (default: 8000)")
    parser.add_argument(
        "--least", type=float, help="only compare the worker with the bare loop, and fail if it is less"
    )
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    for side in SIDES:
        parser.add_argument(f"--{side}", nargs=3, metavar=("KAFKA", "PREFIX", "EVENTS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # topics just made are warned of
    for side, run in SIDES.items():
        if told := getattr(args, side):
            address, prefix, events = told
            sys.stdout.write(json.dumps(asyncio.run(run(address, prefix, int(events)))))
            return
    if args.least is None and not QUIX.exists():
        parser.error(f"{QUIX} is missing: make .venv-quix/stamp")

    def run_on(address: str) -> int | None:
        if args.least is not None:
            return asyncio.run(gate(address, args.rounds, args.customers, args.least))
        return asyncio.run(measure(address, args.rounds, args.events, args.customers))

    if args.kafka:
        sys.exit(run_on(args.kafka))
    with LocalKafka() as node:
        sys.exit(run_on(node.address))


if __name__ == "__main__":
    main()
