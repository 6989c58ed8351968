"""The memory of clock, trainer, notifier and gateway with a base of many customers: `python -m tests.bench.processes 1000000`.

Each is the product's own process with its own settings. The gateway takes an event of each customer, which the clock follows, the
trainer learns a lesson of each fifth, and each tenth has an open alarm. Memory is measured when half of it has come and at the end:
what does not grow with customers is alike at both. No worker runs; its memory is measured by `python -m tests.bench.scale`.
"""

import argparse
import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import msgspec
from aiokafka import AIOKafkaProducer

from scorers.contract.wire import encode_alarm
from streams.records.lessons import pseudonymous
from tests.bench.speed import Memory, memory, table
from tests.kafka.processes import Processes
from tests.support.desk import a_lesson
from tests.support.door import DIGEST, TOKEN, batch, purchase
from tests.support.hashes import HASHES
from tests.support.seals import SECRET
from tests.support.timeline import alarm
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime import topics
from vigia.runtime.broker import Broker

PARTITIONS = 8
BATCH = 5_000
EVENTS = r"http://[^/]*:(\d+)/v1/events"
COMMANDS = {
    "clock": ("--follow-events",),
    "trainer": (),
    "notifier": (),
    "gateway": ("--port", "0"),
}


class Town:
    """The processes before a broker."""

    def __init__(self, address: str, directory: Path) -> None:
        self.broker, self.processes, self.directory = Broker(address), Processes(directory), directory

    def start(self) -> None:
        """Start all of them."""
        for who, arguments in COMMANDS.items():
            environment = {
                "VIGIA_KAFKA": self.broker.address,
                "VIGIA_PARTITIONS": str(PARTITIONS),
                "VIGIA_SEAL": SECRET,
                "VIGIA_STATE": str(self.directory / who),
                "VIGIA_GATEWAY_TOKENS": DIGEST,
            }
            command = [sys.executable, "-m", "vigia", who, "--metrics-port", "0", *arguments]
            self.processes.start(who, command, environment)

    async def port(self, who: str, pattern: str = r"metrics on http://[^:]+:(\d+)/") -> str:
        """The port that a process has told."""
        log = self.directory / f"{who}.log"
        while not (found := re.search(pattern, log.read_text())):
            self.processes.check()
            await asyncio.sleep(0.2)
        return found[1]

    async def metric(self, who: str, name: str) -> float:
        """The sum of a metric."""
        address = f"http://127.0.0.1:{await self.port(who)}/metrics"
        try:
            page = (await asyncio.to_thread(urlopen, address, timeout=60)).read().decode()
        except OSError:
            self.processes.check()  # says why it has ended
            raise
        return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if re.match(rf"{name}[ {{]", line))

    async def until(self, true: Callable[[float], bool], who: str, metric: str) -> None:
        """Wait until a metric is so."""
        while True:
            self.processes.check()
            if true(await self.metric(who, metric)):
                return
            await asyncio.sleep(0.5)

    def memories(self) -> dict[str, Memory]:
        """What each has now."""
        return {who: memory(process.pid) for who, process in self.processes.running.items()}


async def send(broker: Broker, topic: str, records: Iterable[tuple[bytes, bytes]]) -> None:
    """Send records as fast as they are taken."""
    producer = AIOKafkaProducer(acks="all", linger_ms=20, max_batch_size=900_000, **broker.client())
    async with producer:
        for key, value in records:
            await producer.send(broker.name(topic), value, key=key)
        await producer.flush()


def lessons(numbers: range) -> Iterator[tuple[bytes, bytes]]:
    """A lesson of each customer."""
    for number in numbers:
        yield pseudonymous(msgspec.structs.replace(a_lesson(), customer_id=f"c{number}"), HASHES)


def alarms(numbers: range) -> Iterator[tuple[bytes, bytes]]:
    """An open alarm of each customer."""
    for number in numbers:
        one = alarm(f"{number:032x}", "complaint-overdue", customer_id=f"c{number}", severity="error")
        yield f"c{number}".encode(), encode_alarm(one)


def post(url: str, numbers: range) -> None:
    """An event of each customer through the gateway."""
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
    for first in range(0, len(numbers), BATCH):
        some = numbers[first : first + BATCH]
        body = batch(*(purchase(number, f"c{number}") for number in some))
        with urlopen(Request(url, body, head), timeout=120) as answer:
            assert answer.status == 202


async def measure(address: str, customers: int, directory: Path) -> list[dict[str, Memory]]:
    """The memories at half and at the end."""
    town, found = Town(address, directory), []
    await topics.apply(town.broker, PARTITIONS)
    town.start()
    try:
        url = f"http://127.0.0.1:{await town.port('gateway', EVENTS)}/v1/events"
        for part in (range(customers // 2), range(customers // 2, customers)):
            fifth, tenth = part[::5], part[::10]
            await asyncio.gather(
                asyncio.to_thread(post, url, part),
                send(town.broker, "lessons", lessons(fifth)),
                send(town.broker, "alarms", alarms(tenth)),
            )
            learned, taken = customers // 5 if found else len(fifth), customers // 10 if found else len(tenth)
            await town.until(lambda count, all_of=learned: count >= all_of, "trainer", "vigia_trainer_lessons")  # type: ignore[misc]
            await town.until(lambda count, all_of=taken: count >= all_of, "notifier", "vigia_alarms_open")  # type: ignore[misc]
            await asyncio.sleep(5)
            found.append(town.memories())
    finally:
        town.processes.kill_all()
    return found


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.processes", description=__doc__)
    parser.add_argument("customers", type=int)
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    args = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as directory, LocalKafka() as node:
        half, whole = asyncio.run(measure(args.kafka or node.address, args.customers, Path(directory)))
    rows = [[who, f"{half[who].now:.0f}", f"{whole[who].now:.0f}", f"{whole[who].peak:.0f}"] for who in COMMANDS]
    head = ["process", f"at {args.customers // 2:,}, MiB", f"at {args.customers:,}, MiB", "peak, MiB"]
    sys.stdout.write(table(head, rows))
    sys.stderr.write(f"{time.monotonic() - began:.0f} s\n")


if __name__ == "__main__":
    main()
