"""D9: what one customer who has half of all events costs the others.

`python -m tests.faults.hotkey [ROUNDS [RATE]]` sends the same stream to a worker on a real Kafka twice: once its events are spread over
all customers, once every second one is the same customer's. Told is how long it is from a complaint of somebody else to
its alarm, by what Kafka writes on both. It is a measurement: nothing is asserted, and the machine has to be quiet.
"""

import asyncio
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from scorers.contract.alarms import Alarm
from scorers.contract.wire import decode_alarm
from streams.engine.batching_producer import partition_of
from tests.kafka.running import Running
from tests.support.driver import purchase, record
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.topics import CHANGELOG

PARTITIONS, CUSTOMERS, HOT = 4, 2_000, "hot"
SECONDS, WARM = 30, 5  # how long, and how long is not counted
EVERY = 20  # events are followed by a complaint of somebody new


class Told(NamedTuple):
    """Milliseconds from complaint to alarm, of all others and of those beside the hot customer; bytes of the hot row."""

    others: list[int]
    beside: list[int]
    row: int


async def stream(running: Running, rate: int, *, hot: bool, seed: int) -> None:
    """Events at a steady rate, as they happen."""
    dice, began = random.Random(seed), time.monotonic()
    for number in range(rate * SECONDS):
        now = int(time.time() * 1e6)
        if number % EVERY == 0:
            who = f"new-{number}"
            line = record("complaint.opened", now, who, complaint_id=f"K{number}", severity="critical")
        else:
            who = HOT if hot and number % 2 else f"C{dice.randrange(CUSTOMERS)}"
            line = purchase(now, who, id=str(number))
        topic = running.broker.name("complaints" if number % EVERY == 0 else "purchases")
        await running.producer.send(topic, line, key=who.encode())
        if number % 20 == 19:
            await asyncio.sleep(max(0.0, began + (number + 1) / rate - time.monotonic()))
    await running.producer.flush()


async def measured(address: str, directory: Path, rate: int, *, hot: bool, seed: int) -> Told:
    """One run with topics of its own."""
    directory.mkdir()
    async with Running(address, f"{directory.name}-", directory, PARTITIONS) as running:
        running.start()
        await running.publish([purchase(int(time.time() * 1e6), "first")])

        async def folded() -> bool:
            return (await running.standing())[1] == 0

        await running.until(folded)
        await stream(running, rate, hot=hot, seed=seed)
        await running.until(folded)
        opened = {one.key: one.timestamp for one in await running.read("complaints")}
        first = min(opened.values()) + WARM * 1000
        told: dict[bytes, int] = {}
        for one in await running.read("alarms"):
            alarm = decode_alarm(one.value)
            key = alarm.customer_id.encode() if isinstance(alarm, Alarm) and alarm.customer_id else b""
            if opened.get(key, 0) > first:
                told.setdefault(key, one.timestamp - opened[key])
        rows = [len(one.value or b"") for one in await running.read(CHANGELOG) if one.key == HOT.encode()]
        assert await running.stop() == 0
    there = partition_of(PARTITIONS, HOT.encode())
    beside = [took for key, took in told.items() if partition_of(PARTITIONS, key) == there]
    return Told(list(told.values()), beside, max(rows, default=0))


def line(name: str, took: list[int]) -> str:
    """Median, 99th percentile and the worst."""
    return (
        f"{name:44} n={len(took):4}  p50 {statistics.median(took):5.0f} ms  "
        f"p99 {statistics.quantiles(took, n=100)[98]:5.0f} ms  worst {max(took):5} ms"
    )


async def main(rounds: int = 2, rate: int = 400) -> None:
    with LocalKafka() as kafka, tempfile.TemporaryDirectory() as place:
        found: dict[bool, list[Told]] = {False: [], True: []}
        for number in range(rounds):
            for hot in (False, True):
                where = Path(place) / f"{'hot' if hot else 'even'}{number}"
                found[hot].append(await measured(kafka.address, where, rate, hot=hot, seed=number))
        for hot, runs in found.items():
            name = "half of the events are one customer's" if hot else "events of all alike"
            sys.stdout.write(line(f"{name}: others", [ms for one in runs for ms in one.others]) + "\n")
            sys.stdout.write(line("  those in its partition", [ms for one in runs for ms in one.beside]) + "\n")
        sys.stdout.write(f"largest row of the hot customer: {max(one.row for one in found[True]):,} bytes\n")


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:])))
