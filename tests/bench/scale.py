"""What an event costs where there are many customers, and how a worker comes back: `python -m tests.bench.scale`.

For each size the rows lie in the changelog before the worker starts. It recovers them from an empty disk, is stopped,
and starts again on the disk it left; both times are from the start of the process until it says that it is ready. Then
events come: the first one for each of 10,000 customers, then 95 of 100 for the same 10,000, who fit into what the worker
keeps decoded, and then for all alike. Of a million, those are nearly all a customer's first one, of ten thousand nearly
none: to see what the size alone costs, compare them with the first ones of ten thousand. Nobody has many of them, as a
customer with a crowded day costs more wherever there are few customers. The cost is processor time of the whole process,
RocksDB's threads included, until all is committed. At last a day passes for everybody, in ticks of an hour, where the
size is not above 100,000. `--minutes N` lets events come evenly for so long, as in a shop at work, before the last memory and disk
are read.

The worker is the product's own process with its own settings: eight partitions, all of them its own.
"""

import argparse
import asyncio
import logging
import os
import re
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen
from uuid import uuid4

from aiokafka import TopicPartition
from msgspec import Struct

from tests.bench.populace import Populace
from tests.bench.speed import Memory, memory, processor_time, table
from tests.kafka.running import WORKER, Running
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.topics import CHANGELOG

SIZES = (10_000, 100_000)
EVENTS = 10_000
HOT, SHARE = 10_000, 0.95
PARTITIONS = 8
DAY_UP_TO = 100_000
STEADY = 100  # events a second, while it works for some minutes
SHIPPED = {"VIGIA_FLUSH": "0.25", "VIGIA_COMMIT": "0.7", "VIGIA_SESSION": "45"}
_port = re.compile(r"metrics on http://[^:]+:(\d+)/")


class Cost(Struct):
    """What something cost each time: microseconds of processor time, rows and outputs written, and times a second."""

    micros: float
    rows: float
    outputs: float
    rate: float = 0.0


class Start(Struct):
    """Seconds until a worker was ready, and seconds of processor time."""

    took: float
    spent: float


class Found(Struct):
    """What was found at one size; no `day` where none passed."""

    customers: int
    row: float  # bytes
    empty: Start
    warm: Start
    recovered: Memory  # when the worker was ready, from an empty disk
    first: Cost  # the first event of each customer of the working set
    hot: Cost
    uniform: Cost
    worked: Memory  # in the end, on the warm disk
    disk: float  # MiB
    day: Cost | None = None  # for each customer


async def started(running: Running, command: Sequence[str] = WORKER, within: float = 3600) -> Start:
    """Start the worker; what it took until it was ready."""
    log, began = running.directory / "a.log", time.monotonic()
    ports = len(_port.findall(log.read_text())) if log.exists() else 0
    running.start(command=command, **SHIPPED)

    async def ready() -> bool:
        told = _port.findall(log.read_text())
        return len(told) > ports and await asyncio.to_thread(_says_ready, told[-1])

    await running.until(ready, within)
    return Start(time.monotonic() - began, processor_time(running.workers["a"].pid))


def _says_ready(port: str) -> bool:
    try:
        return bool(urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5).status == 200)
    except (HTTPError, URLError, TimeoutError):
        return False


async def committed(running: Running) -> bool:
    return (await running.standing())[1] == 0


async def warm_up(running: Running, populace: Populace, customers: int) -> None:
    """One event for each customer of the working set."""
    await populace.publish(running, map(populace.event, range(min(HOT, customers))))
    await running.until(lambda: committed(running), 3600)


async def costing(running: Running, times: int) -> Callable[[], Awaitable[Cost]]:
    """Begin to count; what is returned waits until all is worked off and says what each of so many times cost."""
    pid, names = running.workers["a"].pid, ((CHANGELOG,), ("alarms", "lessons"))

    async def ends(plain: tuple[str, ...]) -> int:
        tps = [TopicPartition(running.broker.name(one), n) for one in plain for n in range(PARTITIONS)]
        return sum((await running.ends.end_offsets(tps)).values())

    before = [await ends(plain) for plain in names]
    began, spent = time.monotonic(), processor_time(pid)

    async def cost() -> Cost:
        await running.until(lambda: committed(running), 3600)
        took, micros = time.monotonic() - began, (processor_time(pid) - spent) * 1e6
        rows, outputs = [await ends(plain) - start for plain, start in zip(names, before, strict=True)]
        return Cost(micros / times, rows / times, outputs / times, times / took)

    return cost


async def events(running: Running, populace: Populace, customers: int, share: float) -> Cost:
    """What an event costs, if this share concerns the working set."""
    some = list(populace.events(EVENTS, customers, min(HOT, customers), share))
    cost = await costing(running, EVENTS)
    await populace.publish(running, iter(some))
    return await cost()


async def day(running: Running, populace: Populace, customers: int) -> Cost:
    """What a day costs for each customer."""
    await populace.pass_time(running, 1)  # the first tick looks back at all the time before
    await running.until(lambda: committed(running), 3600)
    cost = await costing(running, customers)
    await populace.pass_time(running, 24)
    return await cost()


async def work(running: Running, populace: Populace, customers: int, minutes: float) -> None:
    """Events for all alike, evenly; returns when all is worked off."""
    ends = time.monotonic() + 60 * minutes
    while time.monotonic() < ends:
        second = time.monotonic() + 1
        await populace.publish(running, populace.events(STEADY, customers))
        await asyncio.sleep(second - time.monotonic())
    await running.until(lambda: committed(running), 3600)


async def measure(address: str, populace: Populace, customers: int, minutes: float = 0) -> Found:
    """All of one size."""
    with tempfile.TemporaryDirectory() as directory:
        async with Running(address, f"bench-{uuid4().hex[:6]}.", Path(directory), PARTITIONS) as running:
            await populace.settle(running, customers)
            empty = await started(running)
            recovered = memory(running.workers["a"].pid)
            assert await running.stop() == 0
            warm = await started(running)
            cost = await costing(running, min(HOT, customers))
            await warm_up(running, populace, customers)
            first = await cost()
            hot = await events(running, populace, customers, SHARE)
            uniform = await events(running, populace, customers, 0.0)
            await work(running, populace, customers, minutes)
            worked = memory(running.workers["a"].pid)
            passing = await day(running, populace, customers) if customers <= DAY_UP_TO else None
            assert await running.stop() == 0
            files = (path for path in (Path(directory) / "a").rglob("*") if path.is_file())
            disk = sum(path.stat().st_size for path in files) / (1 << 20)
    some = range(min(customers, 500))
    row = sum(len(populace.row(number)[1]) for number in some) / len(some)
    return Found(customers, row, empty, warm, recovered, first, hot, uniform, worked, disk, passing)


def tables(found: list[Found]) -> str:
    """The costs, and the coming back."""
    first = found[0]
    costs = [
        [
            f"{f.customers:,}",
            f"{f.first.micros:,.0f}",
            f"{f.hot.micros:,.0f}",
            f"{f.hot.micros / first.hot.micros:.2f}",
            f"{f.hot.rate:,.0f}",
            f"{f.uniform.micros:,.0f}",
            f"{f.uniform.micros / first.uniform.micros:.2f}",
            f"{f.uniform.micros / first.first.micros:.2f}",
            f"{f.uniform.rate:,.0f}",
            "-" if f.day is None else f"{f.day.micros:,.0f}",
        ]
        for f in found
    ]
    head = ["customers", "first events, us", "working set, us", "ratio", "events/s", "uniform, us", "ratio"]
    head += ["to the first ones", "events/s", "a day, us each"]
    lives = [
        [
            f"{f.customers:,}",
            f"{f.empty.took:.1f}",
            f"{f.empty.spent:.1f}",
            f"{f.customers / f.empty.took:,.0f}",
            f"{f.warm.took:.1f}",
            f"{f.warm.spent:.1f}",
            f"{f.recovered.peak:.0f}",
            f"{f.recovered.now:.0f}",
            f"{f.worked.peak:.0f}",
            f"{f.worked.now:.0f}",
            f"{f.row:,.0f}",
            f"{f.disk:,.0f}",
        ]
        for f in found
    ]
    told = ["customers", "empty disk, s", "of processor", "rows/s", "warm disk, s", "of processor"]
    told += ["recovered: peak MiB", "then", "worked: peak MiB", "then", "row, bytes", "disk, MiB"]
    return f"{table(head, costs)}\n{table(told, lives)}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    parser.add_argument("sizes", nargs="*", type=int, default=SIZES, help="customers (default: 10000 100000)")
    parser.add_argument(
        "--minutes", type=float, default=0, help="let it work for so long at 100 events a second (default: 0)"
    )
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # topics just made are warned of
    populace = Populace()

    async def sizes(address: str) -> None:
        found = []
        for size in args.sizes:
            found.append(await measure(address, populace, size, args.minutes))
            sys.stderr.write(f"{found[-1]}\n")
        sys.stdout.write(tables(found))

    if args.kafka:
        asyncio.run(sizes(args.kafka))
    else:
        with LocalKafka() as node:
            asyncio.run(sizes(node.address))


if __name__ == "__main__":
    main()
