"""Two trainers on a real Kafka: one serves, the other steps in, and what is learned is as from one alone."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import aiohttp
import msgspec
import pytest
import pytest_asyncio
from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from scorers.contract.events import DAY
from scorers.in_force.control import FiguresInForce, ModelInForce, decode_control
from scorers.in_force.figures import no_figures
from scorers.policy.tables import Policy
from streams.records.lessons import encode_lesson
from streams.trainer.trainer import Trainer
from tests.kafka.running import Running
from tests.streams.trainer.test_trainer import MAY, lesson
from vigia.runtime import topics
from vigia.runtime.topics import TopicsWrong

pytestmark = pytest.mark.kafka

PARTITIONS = 4
topics_of = {topic.name: topic for topic in topics.TOPICS}


class Trainers(Running):
    """Trainers as processes, and the lessons they are told."""

    def begin(self, name: str) -> None:
        """Start a trainer."""
        told = {
            "VIGIA_KAFKA": self.broker.address,
            "VIGIA_PREFIX": self.broker.prefix,
            "VIGIA_PARTITIONS": str(PARTITIONS),
            "VIGIA_SEAL": self.settings.seal,
        }
        self.processes.start(name, [sys.executable, "-m", "vigia", "trainer", "--metrics-port", "0"], told)

    async def serving(self, name: str, serves: bool = True) -> None:
        """Wait until a trainer says that it serves, or that it stands by."""
        log = self.directory / f"{name}.log"
        while not (found := re.findall(r"metrics on (http://\S+)/metrics", log.read_text())):
            self.processes.check()
            await asyncio.sleep(0.05)
        async with aiohttp.ClientSession() as session:
            while True:
                self.processes.check()
                async with session.get(f"{found[-1]}/readyz") as answer:
                    if (answer.status, "stands by" in await answer.text()) == ((200, False) if serves else (503, True)):
                        return
                await asyncio.sleep(0.05)

    async def teach(self, first: int, last: int) -> None:
        """Tell lessons, each with a number."""
        for one in map(lesson, range(first, last)):
            await self.producer.send(self.broker.name("lessons"), encode_lesson(one), key=one.customer_id.encode())
        await self.producer.flush()

    async def end_day(self, day: int) -> None:
        """Tell the figures of a day, and wait for the model that is put in force with them."""
        figures = msgspec.structs.replace(no_figures(Policy()), in_force=MAY + day * DAY, version=f"day {day}")
        told = FiguresInForce.of(day, figures)
        await self.send_control(told)
        versions: set[str] = set()
        while len(versions) < day:
            self.processes.check()
            found = [decode_control(record.value) for record in await self.read("clock")]
            versions = {control.version for control in found if isinstance(control, ModelInForce)}

    async def learned(self) -> int:
        """How many lessons a trainer knows that comes after all others, with none left to read."""
        trainer, stop = Trainer(self.broker, self.settings), asyncio.Event()
        running = asyncio.create_task(trainer.run(stop))
        tps = [TopicPartition(self.broker.name("lessons"), number) for number in range(PARTITIONS)]
        ends = await self.ends.end_offsets(tps)
        while any(trainer.saved.lessons.get(tp.partition, 0) < end for tp, end in ends.items()):
            await asyncio.sleep(0.05)
        stop.set()
        await running
        return trainer.learner.lessons


@pytest_asyncio.fixture
async def trainers(kafka: str, tmp_path: Path) -> AsyncIterator[Trainers]:
    async with Trainers(kafka, f"pair-{uuid4().hex[:6]}-", tmp_path, PARTITIONS) as trainers:
        yield trainers


async def test_the_second_trainer_steps_in(trainers: Trainers) -> None:
    """Killed or ended in order, another goes on where the first was: each lesson is learned once, each day has its model."""
    trainers.begin("first")
    await trainers.serving("first")
    trainers.begin("second")
    await trainers.serving("second", serves=False)
    await trainers.teach(0, 30)
    await trainers.end_day(1)
    await trainers.teach(30, 40)
    await asyncio.sleep(0.5)  # these are learned by now and are in no snapshot
    await trainers.serving("first")
    trainers.kill("first")
    await trainers.teach(40, 60)
    async with asyncio.timeout(60):
        await trainers.serving("second")
    await trainers.end_day(2)
    trainers.begin("third")
    await trainers.serving("third", serves=False)
    assert await trainers.stop("second") == 0
    await trainers.serving("third")
    await trainers.teach(60, 80)
    await trainers.end_day(3)
    assert await trainers.stop("third") == 0
    assert await trainers.learned() == 80


async def said(trainers: Trainers, plain: str, changed: dict[str, str], strict: bool) -> str:
    """What the check says once a topic is kept otherwise."""
    name = trainers.broker.name(plain)
    told = topics_of[plain].settings() | changed
    await trainers.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=told)])
    async with asyncio.timeout(60):
        while True:
            try:
                await topics.check(trainers.broker, PARTITIONS, strict=strict)
            except TopicsWrong as wrong:
                return str(wrong).replace(name, plain)
            await asyncio.sleep(0.05)


async def test_what_is_not_kept_as_it_must_be_is_named(trainers: Trainers) -> None:
    """Retention, compaction and clean-up are checked against what the broker tells; what is kept shorter stops no worker."""
    await topics.check(trainers.broker, PARTITIONS, strict=True)
    wrong = await said(trainers, "alarms", {"retention.ms": "1000"}, strict=True)
    assert wrong == (
        "topic alarms has retention.ms=1000 and needs 2592000000: run kafka-configs --alter --entity-type topics "
        "--entity-name alarms --add-config retention.ms=2592000000"
    )
    wrong = await said(trainers, topics.CHANGELOG, {"min.compaction.lag.ms": "0"}, strict=True)
    assert "min.compaction.lag.ms=0 and needs 3600000" in wrong
    await topics.check(trainers.broker, PARTITIONS)
    wrong = await said(trainers, "lessons", {"cleanup.policy": "compact"}, strict=False)
    assert wrong.startswith("topic lessons has cleanup.policy=compact and needs delete: run kafka-configs")
