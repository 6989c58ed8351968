"""The trainer learns each lesson once, whoever tells it twice, and believes only what it sealed itself."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any, Self

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from scorers.contract.events import DAY, Instant
from scorers.contract.lessons import Lesson
from scorers.in_force.control import FiguresInForce, ModelInForce, PolicyInForce, decode_control
from scorers.in_force.figures import no_figures
from scorers.policy.tables import Policy
from scorers.risk.columns import FEATURES_VERSION, WIDTH
from scorers.risk.model import read_model
from streams.records.control_log import send_to_all
from streams.records.lessons import encode_lesson
from streams.records.sealed_control import signed
from streams.records.signing import Role
from streams.trainer.trainer import KEPT, SLICE, Trainer
from tests.support.driver import instant
from tests.support.seals import KEYS, SECRET
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings
from vigia.runtime.usage_error import UsageError

pytest.importorskip("confluent_kafka")

MAY = instant("2024-05-01T00:00:00Z")


def lesson(number: int) -> Lesson:
    return Lesson(
        customer_id=f"C{number}",
        asked_at=Instant(MAY + number),
        answered_at=Instant(MAY + number + 11 * DAY),
        horizon=10 * DAY,
        features=tuple(0.01 * (number % 7) + 0.02 * place for place in range(WIDTH)),
        inactive=number % 3 == 0,
        rules=0.4,
        predicted=0.4,
        model_version="cold",
        features_version=FEATURES_VERSION,
    )


class School:
    """An embedded broker with lessons on it, and trainers that come and go."""

    def __init__(self, address: str) -> None:
        self.broker = Broker(address)

    async def __aenter__(self) -> Self:
        self.producer = AIOKafkaProducer(acks="all", linger_ms=50, max_batch_size=900_000, **self.broker.client())
        await self.producer.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.producer.stop()

    async def teach(self, *lessons: Lesson) -> None:
        for one in lessons:
            await self.producer.send("lessons", encode_lesson(one), key=one.customer_id.encode())
        await self.producer.flush()

    async def end_day(self, day: int) -> None:
        figures = msgspec.structs.replace(no_figures(Policy()), in_force=MAY + day * DAY, version=f"day {day}")
        await send_to_all(self.producer, KEYS, "clock", PARTITIONS, FiguresInForce.of(day, figures))

    async def policy(self, risk: str) -> None:
        text = f"[risk]\n{risk}\n"
        await send_to_all(
            self.producer, KEYS, "clock", 1, PolicyInForce(in_force=Instant(MAY), version=risk, text=text)
        )

    @asynccontextmanager
    async def trainer(self, secret: str = SECRET) -> AsyncIterator[Trainer]:
        trainer, stop = Trainer(self.broker, Settings(partitions=PARTITIONS, seal=secret)), asyncio.Event()
        running = asyncio.create_task(trainer.run(stop))
        try:
            yield trainer
        finally:
            stop.set()
            await running


def mark_of(data: bytes, key: str, role: Role = "trainer") -> bytes:
    """The seal of a snapshot under a key of `models`."""
    return KEYS.sign(role, signed("models", key, data))


async def until(trainer: Trainer, lessons: int, clock: int = 0) -> None:
    """Wait until it has learned so many lessons, and dealt with the clock up to an offset."""
    async with asyncio.timeout(60):
        while trainer.learner.lessons < lessons or not trainer.has_answered(clock):
            await asyncio.sleep(0.05)


async def read(broker: Broker, topic: str) -> list[bytes]:
    return [record.value for record in await records(broker, topic) if record.value is not None]


async def records(broker: Broker, topic: str) -> list[Any]:
    consumer, tp = AIOKafkaConsumer(auto_offset_reset="earliest", **broker.client()), TopicPartition(topic, 0)
    await consumer.start()
    consumer.assign([tp])
    end = (await consumer.end_offsets([tp]))[tp]
    found: list[Any] = []
    while await consumer.position(tp) < end:
        found += (await consumer.getmany(timeout_ms=200)).get(tp, [])
    await consumer.stop()
    return found


async def test_a_lesson_is_learned_once_and_models_can_be_believed() -> None:
    """Told twice, stopped and started, or with a damaged snapshot: what is learned is as if it had been told once."""
    with EmbeddedKafka() as kafka:
        kafka.create("lessons", "clock", "models")
        await at(School(kafka.address))


async def at(school: School) -> None:
    async with school:
        async with school.trainer() as trainer:
            await school.teach(*map(lesson, range(20)))
            await until(trainer, 20)
            await school.teach(lesson(3), lesson(7))  # a worker that was killed tells again
            await school.end_day(20)
            await until(trainer, 20, clock=1)
        async with school.trainer() as trainer:
            await school.teach(lesson(5), *map(lesson, range(20, 30)))
            await school.end_day(21)
            await until(trainer, 30, clock=3)
        assert trainer.learner.lessons == 30

        told = [
            control
            for raw in await read(school.broker, "clock")
            if isinstance(control := decode_control(raw), ModelInForce)
        ]
        assert [int(control.in_force) for control in told] == [MAY + 20 * DAY, MAY + 21 * DAY]
        assert read_model(told[-1]) == trainer.learner.snapshot()
        assert trainer.saved.number > KEPT - 1
        newest = f"trainer/{trainer.saved.number}"

        await school.producer.send_and_wait(
            "models", b"damaged", key=newest.encode(), partition=0, headers=[("seal", b"0" * 64)]
        )
        async with school.trainer() as again:
            await until(again, 30)
        assert (again.learner.lessons, again.rejected) == (30, 1)
        assert again.learner.encode() == trainer.learner.encode()
        whole = (await records(school.broker, "models"))[-2].value
        newer = msgspec.msgpack.encode([*msgspec.msgpack.decode(whole)[:6], 2, "auto"])
        pickle = b"cos\nsystem\n(S'true'\ntR."
        for spoilt, mark in (
            (whole[:-9], mark_of(whole[:-9], newest)),  # truncated, and sealed so
            (whole[:-9] + whole[-8:], mark_of(whole, newest)),  # altered
            (whole, b""),  # unsigned
            (whole, mark_of(whole, "trainer/999")),  # under another key
            (whole, mark_of(whole, newest, role="worker")),  # by whom may not sign it
            (newer, mark_of(newer, newest)),  # of a release to come
            (pickle, mark_of(pickle, newest)),
        ):
            headers = [("seal", mark)]
            await school.producer.send_and_wait("models", spoilt, key=newest.encode(), partition=0, headers=headers)
        async with school.trainer() as again:
            await until(again, 30)
        assert (again.learner.lessons, again.rejected) == (30, 8)
        assert again.learner.encode() == trainer.learner.encode()
        async with school.trainer(secret="another secret of the tests") as stranger:
            await until(stranger, 30)
        assert stranger.rejected > 1


async def test_an_old_snapshot_that_is_written_again_is_ignored(caplog: pytest.LogCaptureFixture) -> None:
    """Neither in the log nor after compaction does it stand in the place of a newer one; two snapshots are kept."""
    with EmbeddedKafka() as kafka, EmbeddedKafka() as compacted:
        for one in (kafka, compacted):
            one.create("lessons", "clock", "models")
        async with School(kafka.address) as school, School(compacted.address) as later:
            for number in range(5):
                async with school.trainer() as trainer:
                    await school.teach(*map(lesson, range(10 * number, 10 * number + 10)))
                    await until(trainer, 10 * number + 10)
            told = await records(school.broker, "models")
            standing = {record.key: record.value for record in told}
            assert sum(value is not None for value in standing.values()) == KEPT
            old = [record for record in told if record.value is not None][: 5 - KEPT]
            for record in old:  # byte for byte, by somebody who may write to the topic
                await school.producer.send_and_wait("models", record.value, record.key, 0, headers=list(record.headers))
            async with school.trainer() as again:
                await until(again, 50)
            assert (again.learner.lessons, again.saved.number, again.rejected) == (50, 5, len(old))
            assert "somebody has written an old one again" in caplog.text

            last = {record.key: record for record in await records(school.broker, "models")}
            for record in sorted(last.values(), key=lambda record: record.offset):
                await later.producer.send_and_wait("models", record.value, record.key, 0, headers=list(record.headers))
            async with later.trainer() as again:
                await until(again, 50)
            assert again.learner.encode() == trainer.learner.encode()


async def test_the_policy_names_who_speaks_and_the_change_is_on_record() -> None:
    """A champion named on the clock speaks from the next day on, also after a restart; another name undoes it."""
    with EmbeddedKafka() as kafka:
        kafka.create("lessons", "clock", "models")
        async with School(kafka.address) as school:
            await names(school)


async def names(school: School) -> None:
    async with school.trainer() as trainer:
        await school.teach(*map(lesson, range(20)))
        await until(trainer, 20)
        await school.policy("champion = 'sgd'")
        await school.policy("champion = 3")  # a policy that is none changes nothing
        await until(trainer, 20, clock=2)
    async with school.trainer() as trainer:
        await school.teach(*map(lesson, range(20, 25)))
        await until(trainer, 25)
        await school.end_day(20)
        await until(trainer, 25, clock=3)
        await school.policy("champion = 'kalman'")
        await school.end_day(21)
        await until(trainer, 25, clock=5)
    told = [
        read_model(control)
        for raw in await read(school.broker, "clock")
        if isinstance(control := decode_control(raw), ModelInForce)
    ]
    assert [model.champion.name for model in told] == ["sgd", "kalman"]
    changes = [msgspec.json.decode(raw) for raw in await read(school.broker, "models") if raw.startswith(b'{"from"')]
    assert [(change["from"], change["to"], change["model"]) for change in changes] == [
        ("kalman", "sgd", told[0].version),
        ("sgd", "kalman", told[1].version),
    ]


async def test_a_backlog_leaves_turns_to_others() -> None:
    """While two thousand lessons are learned, another task of the process has its turn after every slice of them."""
    with EmbeddedKafka() as kafka:
        kafka.create("lessons", "clock", "models")
        async with School(kafka.address) as school:
            await school.teach(*map(lesson, range(2_000)))
            seen = [0]
            async with school.trainer() as trainer:
                while seen[-1] < 2_000:
                    await asyncio.sleep(0)
                    seen.append(trainer.learner.lessons)
    assert max(after - before for before, after in pairwise(seen)) <= 2 * SLICE


def test_without_a_secret_nothing_is_learned() -> None:
    """The message says which variable to set."""
    with pytest.raises(UsageError, match="set VIGIA_SEAL"):
        Trainer(Broker(), Settings())
