"""How much of a bare loop's speed the engine keeps: `python -m tests.bench.engine [EVENTS] [ADDRESS]`.

The bare loop is aiokafka, the same fold and a dict: no changelog, no disk, nothing that survives it; once with the
standard library's JSON, as a first version would be written, and once with the very decoder that the engine's fold has.
The engine does the fold through Faust, with chunks, fences, changelog, store and commits; one event in a hundred is
answered on an output topic. They take turns on one real Kafka: read the ratios, not the rates, and where other work
runs on the machine, the processor time per event rather than either.
"""

import asyncio
import gc
import json
import logging
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streams.engine.batching_producer import Output, partition_of
from streams.engine.rows import Codec, Rows
from streams.worker.worker import GARBAGE_AFTER
from tests.bench.speed import Speed, since
from tests.kafka import counting
from vigia.lab.local_kafka import LocalKafka

CUSTOMERS = 20_000
ROUNDS = 3


class Event(msgspec.Struct):
    id: str
    customer_id: str
    time: str
    amount_minor: int
    number: int


class Count(msgspec.Struct, frozen=True):
    events: int = 0
    amount_minor: int = 0


decode = msgspec.json.Decoder(Event).decode
encode = msgspec.json.Encoder().encode


class Summing:
    """The fold that both sides do."""

    def __init__(self, group: str, rows: Rows[Count]) -> None:
        self.output, self.rows = f"{group}.outputs", rows

    def recover(self, key: bytes, row: Count) -> None:
        """Nothing is derived from rows here."""

    def fold(self, record: Any) -> Iterator[Output] | tuple[()]:
        event = decode(record.value)
        row = self.rows.get(record.key) or Count()
        self.rows.put(record.key, Count(row.events + 1, row.amount_minor + event.amount_minor))
        return () if event.number % 100 else (Output(self.output, record.key, b"%d" % event.number),)


CODEC: Codec[Count] = Codec(encode, msgspec.json.Decoder(Count).decode)


async def prepare(address: str, group: str, events: int) -> None:
    """The input topic of a group, filled."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    await admin.create_topics([NewTopic(name, count, 1) for name, count in counting.topics(group).items()])
    await admin.close()
    dice, topic = random.Random(1), f"{group}.events"
    names = [f"customer-{number}" for number in range(CUSTOMERS)]
    homes = [partition_of(counting.PARTITIONS, name.encode()) for name in names]
    async with AIOKafkaProducer(bootstrap_servers=address, max_batch_size=200_000) as producer:
        batches = [producer.create_batch() for _ in range(counting.PARTITIONS)]
        for number in range(1, events + 1):
            customer = dice.randrange(CUSTOMERS)
            home, key = homes[customer], names[customer].encode()
            event = Event(f"event-{number}", names[customer], "2024-05-01T10:00:00Z", number % 10_000, number)
            value = encode(event)
            while batches[home].append(timestamp=None, key=key, value=value) is None:
                await producer.send_batch(batches[home], topic, partition=home)
                batches[home] = producer.create_batch()
        for home, batch in enumerate(batches):
            await producer.send_batch(batch, topic, partition=home)


def inputs(group: str) -> list[TopicPartition]:
    return [TopicPartition(f"{group}.events", number) for number in range(counting.PARTITIONS)]


def dictionary(state: dict[bytes, Any], record: Any) -> None:
    """The fold with the standard library's JSON and rows that are dicts."""
    event = json.loads(record.value)
    row = state.get(record.key) or {"events": 0, "amount_minor": 0}
    state[record.key] = {"events": row["events"] + 1, "amount_minor": row["amount_minor"] + event["amount_minor"]}


def typed(state: dict[bytes, Any], record: Any) -> None:
    """The fold as the engine's, on a dict."""
    event = decode(record.value)
    row = state.get(record.key) or Count()
    state[record.key] = Count(row.events + 1, row.amount_minor + event.amount_minor)


async def bare(address: str, group: str, events: int, fold: Callable[[dict[bytes, Any], Any], None]) -> Speed:
    """A bare aiokafka loop."""
    gc.set_threshold(GARBAGE_AFTER)
    consumer = AIOKafkaConsumer(bootstrap_servers=address, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign(inputs(group))
    state: dict[bytes, Any] = {}
    seen, clock, processor = 0, 0.0, 0.0
    while seen < events:
        for batch in (await consumer.getmany(timeout_ms=1000)).values():
            clock, processor = clock or time.perf_counter(), processor or time.process_time()
            for record in batch:
                fold(state, record)
            seen += len(batch)
    speed = since(events, clock, processor)
    await consumer.stop()
    return speed


async def engine(address: str, group: str, events: int) -> Speed:
    """A worker, from its first event until the last is in changelog and store, and committed."""
    with tempfile.TemporaryDirectory() as directory:
        worker = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.engine", "--worker", address, group, directory, str(events)),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert worker.stdout is not None
        said = await asyncio.wait_for(worker.stdout.readuntil(b";"), 300)
        worker.kill()
        await worker.wait()
    rate, cost = said.rstrip(b";").split()[-2:]
    return Speed(float(rate), float(cost))


def work(address: str, group: str, directory: str, events: int) -> None:
    """One worker, which flushes and commits when it has folded the last event, and tells its rate."""
    import faust

    logging.getLogger("aiokafka").setLevel(logging.WARNING)
    gc.set_threshold(GARBAGE_AFTER)
    started: list[float] = []

    def watch(engine: Any) -> None:
        inner = engine.take

        async def take(*chunk: Any) -> None:
            if not started:
                started.extend((time.perf_counter(), time.process_time()))
            await inner(*chunk)

        engine.take = take

        async def wait() -> None:
            while engine.counts.records < events:
                await asyncio.sleep(0.005)
            await engine.flush()
            await app.consumer.commit()
            speed = since(events, *started)
            sys.stdout.write(f" {speed.rate} {speed.cost};")
            sys.stdout.flush()

        engine.watching = asyncio.create_task(wait())

    app = counting.build(address, group, directory, fold=Summing, codec=CODEC, watch=watch)
    faust.Worker(app, loglevel="WARNING", redirect_stdouts=False).execute_from_commandline()


async def measure(address: str, events: int) -> None:
    ratios: dict[str, list[float]] = {"rate": [], "rate, same decoder": [], "cost": [], "cost, same decoder": []}
    for _ in range(ROUNDS):
        group = f"bench-{uuid4().hex[:8]}"
        await prepare(address, group, events)
        first = [await bare(address, group, events, fold) for fold in (dictionary, typed)]
        through = await engine(address, group, events)
        second = [await bare(address, group, events, fold) for fold in (dictionary, typed)]
        plain, same = (
            Speed(*map(statistics.mean, zip(*pair, strict=True))) for pair in zip(first, second, strict=True)
        )
        for name, speed in {"bare, json": plain, "bare, same decoder": same, "engine": through}.items():
            sys.stdout.write(f"{name:20} {speed.rate:9,.0f} events/s {speed.cost:6.1f} us of processor time each\n")
        ratios["rate"].append(through.rate / plain.rate)
        ratios["rate, same decoder"].append(through.rate / same.rate)
        ratios["cost"].append(plain.cost / through.cost)
        ratios["cost, same decoder"].append(same.cost / through.cost)
    for name, found in ratios.items():
        sys.stdout.write(f"engine to bare, by {name}: median {statistics.median(found):.2f} of {ROUNDS}\n")


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        work(*sys.argv[2:5], int(sys.argv[5]))
        return
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    address = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("VIGIA_TEST_KAFKA")
    if address:
        asyncio.run(measure(address, events))
    else:
        with LocalKafka() as node:
            asyncio.run(measure(node.address, events))


if __name__ == "__main__":
    os.chdir(Path(__file__).resolve().parents[2])
    main()
