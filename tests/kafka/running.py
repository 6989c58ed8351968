"""Vigía on a broker: workers as processes of their own, a clock in this one, and their alarms against those of a replay."""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import aiohttp
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError, NodeNotReadyError

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, TOPIC_OF
from scorers.contract.rfc3339 import parse_instant
from scorers.contract.wire import decode_alarm
from scorers.in_force.control import Control, FiguresInForce, decode_control
from scorers.in_force.figures import last_day
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from streams.clock.clock import Clock
from streams.records import control_log
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from streams.trainer.trainer import Trainer
from tests.kafka.processes import PATIENCE, Processes
from tests.support.seals import KEYS, SECRET
from vigia.runtime import topics
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings
from vigia.runtime.topic_reader import committed

METRICS_AT = re.compile(r"metrics on http://([^/]+)/")
WORKER = (sys.executable, "-m", "vigia", "worker", "--metrics-port", "0")

Standing = set[tuple[str, str, int, str]]
Changes = set[tuple[str, str, int, str | None]]


def standing(alarms: Iterable[Alarm]) -> Standing:
    """Each alarm by subject, kind and `at`, and whether it stands or how it ended; the withdrawn are gone."""
    last: dict[str, Alarm] = {}
    for alarm in alarms:
        if alarm.type == "alarm.withdrawn":
            last.pop(alarm.alarm_id, None)
        else:
            last[alarm.alarm_id] = alarm
    return {(f"{a.subject.type}:{a.subject.id}", a.kind, int(a.at), a.outcome or "standing") for a in last.values()}


def changes_of(alarms: Iterable[Alarm]) -> Changes:
    """Each change once."""
    return {(alarm.alarm_id, alarm.type, int(alarm.at), alarm.outcome) for alarm in alarms}


def replayed(
    events: Iterable[bytes],
    directory: Path,
    control: Path | None = None,
    policy: Policy | None = None,
    until: int | None = None,
) -> list[Alarm]:
    """What a replay of the same events says, with the worker's control records if there is a file of them."""
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / "events.jsonl"
    file.write_bytes(b"\n".join(events) + b"\n")
    controls = None if control is None else control_log.read(control)
    replay([str(file)], directory, policy or Policy(), ScoreSchedule(until=until), controls=controls)
    found = [decode_alarm(line) for line in (directory / "alarms.jsonl").read_bytes().splitlines()]
    return [alarm for alarm in found if isinstance(alarm, Alarm)]


def time_of(line: bytes) -> int:
    return int(parse_instant(json.loads(line)["time"]))


def by_day(lines: Iterable[bytes]) -> list[list[bytes]]:
    """The events of each day."""
    days: dict[int, list[bytes]] = {}
    for line in lines:
        days.setdefault(time_of(line) // DAY, []).append(line)
    return [days[day] for day in sorted(days)]


class Running:
    """Workers of one prefix on a broker."""

    def __init__(self, address: str, prefix: str, directory: Path, partitions: int = 4, policy: str = "") -> None:
        self.broker = Broker(address, prefix)
        self.directory = directory
        self.settings = Settings(partitions=partitions, margin=0, seal=SECRET)
        self.policy_text = policy
        self.policy = parse_policy(policy)
        self.policy_file = directory / "policy.toml"
        self.policy_file.write_text(policy)
        self.processes = Processes(directory)
        self._over = asyncio.Event()

    async def __aenter__(self) -> Self:
        await topics.apply(self.broker, self.settings.partitions)
        self.admin = AIOKafkaAdminClient(**self.broker.client())
        self.producer = AIOKafkaProducer(acks="all", **self.broker.client())
        self.ends = AIOKafkaConsumer(enable_auto_commit=False, **self.broker.client())
        for client in (self.admin, self.producer, self.ends):
            await client.start()
        self.clock = Clock(self.broker, self.settings, self.policy, follows=True, every=0.05)
        self.trainer: Trainer | None = None
        self._tasks: list[asyncio.Task[None]] = []
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self.processes.kill_all()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.producer.stop()
        await self.ends.stop()
        await self.admin.close()

    @property
    def workers(self) -> dict[str, subprocess.Popen[bytes]]:
        """Those that run."""
        return self.processes.running

    # --- processes --------------------------------------------------------------------------------------------

    def start(self, name: str = "a", command: Sequence[str] = WORKER, **environment: str) -> None:
        """Start a worker with a state directory of its own name; `command` is what it is started by."""
        settings = {
            "VIGIA_KAFKA": self.broker.address,
            "VIGIA_PREFIX": self.broker.prefix,
            "VIGIA_STATE": str(self.directory / name),
            "VIGIA_PARTITIONS": str(self.settings.partitions),
            "VIGIA_FLUSH": "0.05",
            "VIGIA_COMMIT": "0.1",
            "VIGIA_SESSION": "10",
            "VIGIA_NAME": name,
            "VIGIA_MARGIN": "0s",
            "VIGIA_SEAL": self.settings.seal,
        }
        self.processes.start(name, [*command, "--policy", str(self.policy_file)], settings | environment)

    def kill(self, name: str = "a") -> None:
        self.processes.kill(name)

    async def stop(self, name: str = "a") -> int:
        """Ask a worker to stop and return its exit status."""
        return await self.processes.stop(name)

    async def died(self, name: str = "a", within: float = 90) -> int:
        """Wait until a worker has ended by itself and return its exit status."""
        return await self.processes.died(name, within)

    async def ready(self, name: str = "a") -> None:
        """Wait until a worker has recovered what it was given, and says so."""

        async def is_ready() -> bool:
            if (port := METRICS_AT.search(self.processes.said(name))) is None:
                return False
            try:
                async with aiohttp.ClientSession() as web, web.get(f"http://{port[1]}/readyz") as answer:
                    return answer.status == 200
            except aiohttp.ClientError:
                return False

        await self.until(is_ready)

    def tick(self) -> None:
        """Let a clock follow the events from now on."""
        self._tasks.append(asyncio.create_task(self.clock.run(self._over, self.policy_text)))

    def train(self) -> None:
        """Let a trainer learn from now on."""
        self.trainer = Trainer(self.broker, self.settings)
        self._tasks.append(asyncio.create_task(self.trainer.run(self._over)))

    # --- records ----------------------------------------------------------------------------------------------

    async def publish(self, lines: Iterable[bytes], plain: str = "") -> None:
        """Send events, in their order, to the topics of their types, or all to one."""
        for line in lines:
            event = json.loads(line)
            customer = event.get("customer_id")
            topic = self.broker.name(plain or TOPIC_OF[event["type"].split(".")[0]])
            await self.producer.send(topic, line, key=None if customer is None else customer.encode())
        await self.producer.flush()

    async def send_control(self, control: Control) -> None:
        """Send a control record to every partition, signed with the keys of the tests."""
        await control_log.send_to_all(self.producer, KEYS, self.broker.name("clock"), self.settings.partitions, control)

    async def read(self, *plain: str) -> list[Any]:
        """All records of topics, from the beginning to the present end."""
        consumer = AIOKafkaConsumer(auto_offset_reset="earliest", enable_auto_commit=False, **self.broker.client())
        await consumer.start()
        try:
            tps = [TopicPartition(self.broker.name(p), n) for p in plain for n in range(self.settings.partitions)]
            consumer.assign(tps)
            ends = await consumer.end_offsets(tps)
            found: list[Any] = []
            for tp, end in ends.items():
                while await consumer.position(tp) < end:
                    for batch in (await consumer.getmany(timeout_ms=300)).values():
                        found += batch
            return found
        finally:
            await consumer.stop()

    async def alarms(self) -> list[Alarm]:
        """Everything on `alarms`."""
        found = [decode_alarm(record.value) for record in await self.read("alarms")]
        assert all(isinstance(alarm, Alarm) for alarm in found)
        return [alarm for alarm in found if isinstance(alarm, Alarm)]

    async def control(self) -> Path:
        """The control records of the partitions, as a file."""
        path = self.directory / "control.jsonl"
        await control_log.dump(self.broker, self.settings.partitions, path, KEYS)
        return path

    # --- waiting ----------------------------------------------------------------------------------------------

    async def standing(self) -> tuple[int, int]:
        """How many input records are committed, and how many are not."""
        partitions = range(self.settings.partitions)
        tps = [TopicPartition(self.broker.name(name), n) for name in topics.READ for n in partitions]
        end = sum((await self.ends.end_offsets(tps)).values())
        try:
            committed = await self.admin.list_consumer_group_offsets(self.broker.name(topics.WORKER), partitions=tps)
        except (GroupCoordinatorNotAvailableError, KafkaConnectionError, NodeNotReadyError):  # one of several is away
            return 0, end
        done = sum(max(0, offset.offset) for offset in committed.values())
        return done, end - done

    async def notified(self) -> None:
        """Wait until the notifier has read everything."""

        async def nothing_left() -> bool:
            for topic in ("alarms", "worklist", "feedback", "alarm-actions"):
                ends = await self.ends.end_offsets(self._partitions(topic))
                found = await committed(self.admin, self.broker.name("vigia-notifier"), list(ends))
                if any(end > (found[tp].offset if tp in found else 0) for tp, end in ends.items()):
                    return False
            return True

        await self.until(nothing_left)

    def _partitions(self, topic: str) -> list[TopicPartition]:
        return [TopicPartition(self.broker.name(topic), n) for n in range(self.settings.partitions)]

    async def until(self, true: Callable[[], Any], within: float = PATIENCE) -> None:
        """Wait until something is so; a process or task that has ended fails the test."""
        deadline = time.monotonic() + within
        while not await true():
            self.processes.check()
            for task in self._tasks:  # of a clock or a trainer that ended too early
                if task.done():
                    task.result()
            assert time.monotonic() < deadline, (
                f"waited {within} s; committed, not committed: {await self.standing()}\n{self.processes.tails()}"
            )
            await asyncio.sleep(0.05)

    async def ticked(self, until: int, within: float = PATIENCE) -> None:
        """Wait until a tick of an instant was sent to every partition, and everything is folded and committed."""

        async def there() -> bool:
            return min(self.clock.sent.values()) >= until and (await self.standing())[1] == 0

        await self.until(there, within)

    async def figures(self, day: int) -> None:
        """Wait until the figures of a day were sent to all partitions, and are in force there."""

        async def there() -> bool:
            found = [decode_control(record.value) for record in await self.read("clock")]
            days = [control.day for control in found if isinstance(control, FiguresInForce)]
            if days.count(day) < self.settings.partitions:
                return False
            if self.trainer is not None:
                tp = TopicPartition(self.broker.name("clock"), 0)
                if not self.trainer.has_answered((await self.ends.end_offsets([tp]))[tp]):
                    return False
            return (await self.standing())[1] == 0

        await self.until(there)

    async def step_by_step(self, days: Iterable[list[bytes]]) -> None:
        """Publish day by day, each after the figures that the day before has closed are in force."""
        first = not self.clock.newest
        for lines in days:
            await self.publish(lines)
            newest = max(map(time_of, lines))
            await self.ticked(newest)
            if not first:
                await self.figures(last_day(newest, self.policy))
            first = False

    async def progress(self) -> None:
        """Wait until something more is committed than now."""
        before, _ = await self.standing()

        async def there() -> bool:
            return (await self.standing())[0] > before

        await self.until(there)
