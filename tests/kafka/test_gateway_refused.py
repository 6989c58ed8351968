"""A gateway's producer on a Kafka that refuses a batch."""

import asyncio
import json
from typing import Any
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode
from streams.gateway.intake import Fact, Intake, KafkaAway
from tests.support.door import purchase
from vigia.runtime import topics
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read

pytestmark = pytest.mark.kafka


def fact(id: str, **changed: Any) -> Fact:
    """A sale, or what else it is."""
    raw = json.dumps(purchase(1, "C1", id=id) | changed).encode()
    event = decode(raw)
    assert not isinstance(event, Rejection)
    return Fact(event, raw)


async def sent_until_refused(intake: Intake) -> None:
    """Send large facts: a setting takes a moment to be in force."""
    while True:
        await intake.send([fact("too-large", unknown="x" * 4000)])


async def test_after_a_batch_that_kafka_refused_the_next_is_taken(kafka: str) -> None:
    """Its numbers are missing, so another producer sends what follows; each fact that was acknowledged is there once."""
    broker, found = Broker(kafka, f"test-{uuid4().hex[:8]}-"), list[str]()
    await topics.apply(broker, 1)
    intake, admin = Intake(broker), AIOKafkaAdminClient(**broker.client())
    await admin.start()
    try:
        await intake.send([fact("before")])
        small = {"max.message.bytes": "2000"}
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, broker.name("purchases"), small)])
        async with asyncio.timeout(60):
            with pytest.raises(KafkaAway, match="MessageSizeTooLarge"):
                await sent_until_refused(intake)
        for number in range(3):
            await intake.send([fact(f"after-{number}")])
    finally:
        await intake.close()
        await admin.close()
    await read(broker, "purchases", lambda record: found.append(json.loads(record.value)["id"]))
    assert [id for id in found if id != "too-large"] == ["before", "after-0", "after-1", "after-2"]
