"""What operators type, run in this process, and the topics that it reads and writes."""

import asyncio
from collections.abc import Iterator
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from typer.testing import CliRunner, Result

from scorers.contract.alarms import Alarm
from scorers.contract.events import Instant
from tests.support.alarms import an_alarm
from vigia.cli import app
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import INPUTS

NOW = Instant(1_709_632_800_000_000)  # 2024-03-05T10:00:00Z
HOSTILE = "Ana\r\n\x1b[31mred\u202e=cmd()"
TOPICS = (*INPUTS, "alarms", "alarm-actions", "clock", "dead-letters", "notifications")


def broker() -> Iterator[str]:
    """A broker with all topics, also of a Vigía with a prefix; its address."""
    with EmbeddedKafka() as kafka:
        kafka.create(*TOPICS, *(f"north-{topic}" for topic in TOPICS))
        yield kafka.address


def run(*typed: str, stdin: str | None = None) -> Result:
    """What a command says and how it ends."""
    return CliRunner(env={"COLUMNS": "200"}).invoke(app, list(typed), input=stdin)


def alarm(alarm_id: str = "a1", **changed: Any) -> Alarm:
    """An alarm about one customer."""
    return an_alarm(NOW, alarm_id, **{"kind": "gone-quiet"} | changed)


def write(kafka: str, topic: str, *records: tuple[str | bytes | None, bytes | None], headers: Any = ()) -> None:
    """These records stand on the topic."""

    async def work() -> None:
        producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
        await producer.start()
        for key, value in records:
            raw = key.encode() if isinstance(key, str) else key
            await producer.send_and_wait(topic, value, key=raw, headers=list(headers))
        await producer.stop()

    asyncio.run(work())


def on(kafka: str, topic: str) -> list[Any]:
    """The records on a topic."""

    async def work() -> list[Any]:
        consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
        await consumer.start()
        places = consumer.assignment()
        ends = await consumer.end_offsets(places)
        found: list[Any] = []
        while any([await consumer.position(place) < ends[place] for place in places]):
            for records in (await consumer.getmany(timeout_ms=100)).values():
                found += records
        await consumer.stop()
        return found

    return asyncio.run(work())
