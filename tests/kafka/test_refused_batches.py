"""A batch that Kafka refuses: what is written after it is taken, without a restart."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from alerts.channels import kafka as audience
from alerts.channels.contract import Refused
from alerts.pipeline.connect import connect
from tests.support.receivers import alarm, closing, notification
from vigia.console.recording import NotRecorded, OnKafka, an_action, wall
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.runtime.broker import ACTIONS, Broker
from vigia.runtime.topic_reader import read

pytestmark = pytest.mark.kafka

DESK = "desk"


@pytest_asyncio.fixture
async def broker(kafka: str) -> AsyncIterator[Broker]:
    """A broker whose topics have one partition and take small records only."""
    broker = Broker(kafka, f"test-{uuid4().hex[:8]}-")
    admin, small = AIOKafkaAdminClient(**broker.client()), {"max.message.bytes": "2500"}
    await admin.start()
    await admin.create_topics([NewTopic(broker.name(plain), 1, 1, topic_configs=small) for plain in (ACTIONS, DESK)])
    yield broker
    await admin.close()


async def test_an_audience_gets_what_follows_a_notification_that_is_too_large(broker: Broker) -> None:
    """The large one is refused for good, those after it arrive."""
    found = list[str]()
    environment = {"VIGIA_KAFKA": broker.address, "VIGIA_PREFIX": broker.prefix}
    large = notification(*(alarm(alarm_id=f"a{number}") for number in range(20)), key="large")
    async with closing(connect(DESK, audience.Settings(topic=DESK), environment)) as channel, asyncio.timeout(120):
        await channel.send(notification(key="before"))
        with pytest.raises(Refused, match="no record of this size"):
            await channel.send(large)
        for number in range(3):
            await channel.send(notification(key=f"after-{number}"))
    await read(broker, DESK, lambda record: found.append(dict(record.headers)["webhook-id"].decode()))
    assert found == ["before", "after-0", "after-1", "after-2"]


async def test_a_console_records_what_follows_an_action_that_is_too_large(broker: Broker, tmp_path: Path) -> None:
    """Who wrote too much is told so, and the next action of anybody is on Kafka."""
    found = list[str]()
    model = ReadModel(SqliteStore(tmp_path / "model.sqlite"))
    recorder = OnKafka(broker, model)

    async def act(name: str, reason: str) -> None:
        action = an_action(wall(), "ada", "note", customer_id="C1", alarm_id="a1", action_id=name, reason=reason)
        await recorder.act(action, "C1")

    try:
        async with asyncio.timeout(120):
            await act("before", "called")
            with pytest.raises(NotRecorded, match="MessageSizeTooLarge"):
                await act("large", "x" * 4000)
            for number in range(3):
                await act(f"after-{number}", "called again")
    finally:
        await recorder.close()
        model.close()
    await read(broker, ACTIONS, lambda record: found.append(json.loads(record.value)["id"]))
    assert found == ["before", "after-0", "after-1", "after-2"]
