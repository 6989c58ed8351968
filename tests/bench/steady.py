"""What an event costs a worker in a steady flow, against a backlog of the same events: `python -m tests.bench.steady`.

10,000 customers with two years behind them are in the worker's memory. In each round the worker stands still until a
backlog has been written, and works it off; then the same kind of events come evenly, at a quarter, a half and four fifths of
what one core could do with a backlog. What counts is the processor time of the worker's process, over all threads and also while
it waits, so that other work on the machine disturbs little; the time from an event to its alarm is told beside it.

`--beside CHECKOUT` runs the worker of another checkout on the same broker, in turn with this one: before and after a change.
"""

import argparse
import asyncio
import copy
import logging
import os
import signal
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from uuid import uuid4

from tests.bench.latency import CUSTOMERS, Complaints, at, spent
from tests.bench.populace import Populace
from tests.bench.scale import PARTITIONS, committed, started, warm_up
from tests.bench.speed import table
from tests.kafka.running import Running
from vigia.lab.local_kafka import LocalKafka

LOADS = (0.25, 0.5, 0.8)
WORKER = (sys.executable, "-P", "-m", "vigia", "worker", "--metrics-port", "0")  # -P: not the folder that we are in
IDLE = 5.0  # seconds


@contextmanager
def checkout(path: Path) -> Iterator[None]:
    """What is started inside this block runs the code of a checkout."""
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(path.resolve())
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


class Side:
    """A worker before its own topics; `found` are the microseconds of an event, and `took` the latencies, by load."""

    def __init__(self, name: str, running: Running, populace: Populace) -> None:
        self.name, self.running, self.populace = name, running, populace
        self.found: dict[str, list[float]] = defaultdict(list)
        self.took: dict[str, list[float]] = defaultdict(list)

    async def begin(self, path: Path) -> None:
        """Start the worker with all customers in its memory, and measure what it costs while nothing comes."""
        await self.populace.settle(self.running, CUSTOMERS)
        with checkout(path):
            await started(self.running, WORKER)
        await warm_up(self.running, self.populace, CUSTOMERS)
        await asyncio.sleep(2)
        before, began = spent(self.running), time.monotonic()
        await asyncio.sleep(IDLE)
        self.found["idle"].append((spent(self.running) - before) / (time.monotonic() - began) * 1e6)

    async def backlog(self, events: int) -> None:
        """Let the worker work off a backlog."""
        complaints = Complaints(self.populace)
        some = [complaints.event(number)[1] for number in range(events)]
        before = spent(self.running)
        self.running.processes.signal("a", signal.SIGSTOP)
        try:
            await self.populace.publish(self.running, iter(some))
        finally:
            self.running.processes.signal("a", signal.SIGCONT)
        await self.running.until(lambda: committed(self.running))
        self._note("backlog", (spent(self.running) - before) / events * 1e6)

    async def steady(self, load: float, most: float, seconds: int) -> None:
        """Let events come evenly."""
        took, cost = await at(self.running, self.populace, load * most, seconds)
        self._note(f"{load:.0%}", cost)
        self.took[f"{load:.0%}"] += took

    def _note(self, what: str, cost: float) -> None:
        self.found[what].append(cost)
        sys.stderr.write(f"{self.name}, {what}: {cost:.0f} us\n")

    def rows(self, most: float, loads: tuple[float, ...]) -> list[list[str]]:
        """The medians over the rounds; ratios are taken within each round."""
        backlog = self.found["backlog"]
        rows = [[self.name, "backlog", "", f"{statistics.median(backlog):.0f}", "1.00", "", "", ""]]
        for load in loads:
            name = f"{load:.0%}"
            ratio = statistics.median(cost / least for cost, least in zip(self.found[name], backlog, strict=True))
            parts = statistics.quantiles(self.took[name], n=100)
            costs = f"{load * most:,.0f}", f"{statistics.median(self.found[name]):.0f}", f"{ratio:.2f}"
            rows.append([self.name, name, *costs, *(f"{parts[p - 1]:.0f}" for p in (50, 90, 99))])
        return rows


async def measure(
    address: str,
    paths: dict[str, Path],
    rounds: int,
    seconds: int,
    events: int,
    most: float,
    loads: tuple[float, ...],
) -> None:
    populace, sides = Populace(), list[Side]()
    async with AsyncExitStack() as stack:
        for name, path in paths.items():
            directory = stack.enter_context(tempfile.TemporaryDirectory())
            running = Running(address, f"bench-{uuid4().hex[:6]}.", Path(directory), PARTITIONS)
            side = Side(name, await stack.enter_async_context(running), copy.deepcopy(populace))
            await side.begin(path)
            sides.append(side)
        for number in range(rounds):
            for side in sides if number % 2 == 0 else reversed(sides):
                await side.backlog(events)
            most = most or 1e6 / min(side.found["backlog"][0] for side in sides)
            for load in loads:
                for side in sides if number % 2 == 0 else reversed(sides):
                    await side.steady(load, most, seconds)
        for side in sides:
            assert await side.running.stop() == 0
    load = os.getloadavg()[1]
    sys.stdout.write(
        f"{rounds} rounds of {seconds} s, full load {most:,.0f} events/s, load of the machine {load:.0f}\n"
    )
    for side in sides:
        sys.stdout.write(f"{side.name}: {side.found['idle'][0] / 1000:.0f} ms a second while nothing comes\n")
    head = ["worker", "load", "events/s", "us an event", "to a backlog", "p50 ms", "p90 ms", "p99 ms"]
    sys.stdout.write(f"\n{table(head, [row for side in sides for row in side.rows(most, loads)])}")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.steady", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=8, help="at each load (default: 8)")
    parser.add_argument("--backlog", type=int, default=5_000, help="events (default: 5000)")
    parser.add_argument("--most", type=float, default=0.0, help="events a second of a full load (default: measured)")
    parser.add_argument("--loads", type=float, nargs="+", default=LOADS, help="(default: 0.25 0.5 0.8)")
    parser.add_argument("--beside", type=Path, nargs="+", default=[], help="other checkouts, whose workers take turns")
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # topics just made are warned of
    paths = {path.name: path for path in args.beside} | {"this": Path(__file__).parents[2]}
    settings = args.rounds, args.seconds, args.backlog, args.most, tuple(args.loads)
    if args.kafka:
        asyncio.run(measure(args.kafka, paths, *settings))
        return
    with LocalKafka() as node:
        asyncio.run(measure(node.address, paths, *settings))


if __name__ == "__main__":
    main()
