"""The ledger: every event that was produced, against what the changelog and the outputs hold in the end."""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import GroupCoordinatorNotAvailableError

from streams.engine.fences import unpack
from tests.faults.verdict import Outcome, Verdict, judge
from tests.kafka.counting import INPUTS, PARTITIONS, topics
from tests.kafka.processes import PATIENCE, Processes


@dataclass
class Ledger:
    """One group of counting workers on a broker, what was sent to it, and the workers that run."""

    address: str
    group: str
    directory: Path
    seed: int
    events: Counter[str] = field(default_factory=Counter)
    sums: Counter[str] = field(default_factory=Counter)
    ticks: int = 0
    number: int = 0
    via: str = ""  # where the workers find the broker, if elsewhere than the ledger

    async def __aenter__(self) -> Self:
        self.dice = random.Random(self.seed)
        self.processes = Processes(self.directory)
        self.admin = AIOKafkaAdminClient(bootstrap_servers=self.address)
        await self.admin.start()
        await self.admin.create_topics(
            [
                NewTopic(name, count, 1, topic_configs={"cleanup.policy": "compact"} if "changelog" in name else {})
                for name, count in topics(self.group).items()
            ]
        )
        self.producer = AIOKafkaProducer(bootstrap_servers=self.address, linger_ms=5, acks="all")
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.processes.kill_all()
        await self.producer.stop()
        await self.admin.close()

    async def produce(self, count: int, customers: int, rate: int = 0, poison_every: int = 0) -> None:
        """Send events, numbered on, to random customers; `rate` is per second, 0 for as fast as it goes."""
        started, sent = time.monotonic(), 0
        for sent in range(1, count + 1):
            self.number += 1
            key = f"customer-{self.dice.randrange(customers)}"
            event: dict[str, object] = {"number": self.number}
            if poison_every and self.number % poison_every == 0:
                event["poison"] = True
            else:
                self.events[key] += 1
                self.sums[key] += self.number
            await self.producer.send(f"{self.group}.events", json.dumps(event).encode(), key=key.encode())
            if rate and sent % 100 == 0:
                await asyncio.sleep(max(0.0, started + sent / rate - time.monotonic()))
        await self.producer.flush()

    @asynccontextmanager
    async def traffic(self, customers: int, rate: int) -> AsyncIterator[None]:
        """Events go on all through the block."""
        over = False

        async def flow() -> None:
            while not over:
                await self.produce(200, customers, rate)

        flowing = asyncio.create_task(flow())
        try:
            yield
        finally:
            over = True
            await flowing

    async def tick(self) -> None:
        """Send one record to every partition of the clock."""
        self.ticks += 1
        for partition in range(PARTITIONS):
            await self.producer.send_and_wait(f"{self.group}.clock", b"{}", partition=partition)

    def start(self, name: str = "a", failpoint: str = "") -> None:
        """Start a worker with a state directory of its own name."""
        command = [
            sys.executable,
            "-m",
            "tests.kafka.counting",
            self.via or self.address,
            self.group,
            str(self.directory / name),
        ]
        self.processes.start(name, command, {"VIGIA_FAILPOINT": failpoint})

    def kill(self, name: str = "a") -> None:
        self.processes.kill(name)

    async def stop(self, name: str = "a") -> int:
        """Ask a worker to stop and return its exit status."""
        return await self.processes.stop(name)

    async def died(self, name: str = "a", within: float = 90) -> int:
        """Wait until a worker has ended by itself and return its exit status."""
        return await self.processes.died(name, within)

    async def standing(self) -> tuple[int, int]:
        """How many input records are committed, and how many are not."""
        inputs = [TopicPartition(f"{self.group}.{name}", number) for name in INPUTS for number in range(PARTITIONS)]
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address)
        await consumer.start()
        try:
            end = sum((await consumer.end_offsets(inputs)).values())
            committed = await self.admin.list_consumer_group_offsets(self.group)
        except GroupCoordinatorNotAvailableError:
            return 0, end
        finally:
            await consumer.stop()
        done = sum(max(0, committed[tp].offset) for tp in inputs if tp in committed)
        return done, end - done

    async def until(self, true: Callable[[int, int], bool], within: float = PATIENCE) -> None:
        """Wait until what is committed and what is not satisfy a condition; a dead worker fails the test."""
        deadline = time.monotonic() + within
        while not true(*(standing := await self.standing())):
            self.processes.check()
            assert time.monotonic() < deadline, (
                f"waited {within} s; committed, not committed: {standing}\n{self.processes.tails()}"
            )
            await asyncio.sleep(0.2)

    async def drained(self) -> None:
        """Wait until everything is committed."""
        await self.until(lambda _, lag: lag == 0)

    async def progress(self) -> None:
        """Wait until something more is committed than now."""
        before, _ = await self.standing()
        await self.until(lambda done, _: done > before)

    async def read(self, *names: str) -> list[tuple[str, bytes, bytes | None]]:
        """All records of topics, from the beginning to the present end."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.address, auto_offset_reset="earliest")
        await consumer.start()
        try:
            tps = [TopicPartition(name, number) for name in names for number in range(PARTITIONS)]
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            found: list[tuple[str, bytes, bytes | None]] = []
            for tp, end in ends.items():
                while await consumer.position(tp) < end:
                    for batch in (await consumer.getmany(timeout_ms=500)).values():
                        found += [(record.topic, record.key, record.value) for record in batch]
            return found
        finally:
            await consumer.stop()

    async def verdict(self) -> Verdict:
        """The changelog and the outputs against the ledger."""
        rows: dict[str, dict[str, int]] = {}
        for _, key, value in await self.read(f"{self.group}-counts-changelog"):
            assert value is not None
            rows[key.decode()] = json.loads(unpack(value)[1])
        expected = Outcome(
            self.events,
            {name: (self.sums[name], self.ticks) for name in self.events},
            set(range(100, self.number + 1, 100)),
        )
        found = Outcome(
            Counter({name: row["events"] for name, row in rows.items()}),
            {name: (row["sum"], row["ticks"]) for name, row in rows.items()},
            {int(value or b"0") for _, _, value in await self.read(f"{self.group}.outputs")},
        )
        return judge(expected, found)
