"""A Kafka topic of an audience, on a broker of the test's own."""

import asyncio
import json
from collections.abc import Iterator

import pytest

from alerts.channels import kafka as audience
from alerts.channels.contract import Retry
from alerts.pipeline.connect import connect
from alerts.settings.toml import BadSetting
from tests.support.console import on
from tests.support.receivers import alarm, closing, notification
from vigia.lab.embedded_kafka import EmbeddedKafka


@pytest.fixture
def broker() -> Iterator[str]:
    """A broker with the topic of an audience."""
    with EmbeddedKafka() as kafka:
        kafka.create("north-desk")
        yield kafka.address


def test_each_notification_is_a_record_under_its_customer(broker: str) -> None:
    """With the prefix of all topics, the JSON of a webhook, and the id by which a repeated one is known; a digest of many has no key."""
    environment = {"VIGIA_KAFKA": broker, "VIGIA_PREFIX": "north-"}

    async def work() -> None:
        async with closing(connect("desk", audience.Settings(topic="desk"), environment)) as channel:
            await channel.send(notification(alarm(customer_id="C7")))
            await channel.send(notification(alarm(alarm_id="a1"), alarm(alarm_id="a2", customer_id="C8"), key="msg_2"))

    asyncio.run(work())
    records = {dict(record.headers)["webhook-id"]: record for record in on(broker, "north-desk")}
    assert records[b"msg_1"].key == b"C7"
    assert records[b"msg_2"].key is None
    assert json.loads(records[b"msg_1"].value)["data"]["alarms"][0]["alarm_id"] == "a1"


async def test_without_a_broker_it_is_tried_again() -> None:
    """A broker that is away loses nothing."""
    async with closing(connect("desk", audience.Settings(topic="desk"), {"VIGIA_KAFKA": "127.0.0.1:1"})) as channel:
        with pytest.raises(Retry, match="does the topic desk exist"):
            await channel.send(notification())


@pytest.mark.parametrize(
    ("topic", "says"),
    [("alarms", "one of Vigía's own"), ("", "write one like"), ("a b", "write one like"), ("a/../b", "write one like")],
)
def test_a_topic_of_vigia_itself_and_a_name_that_is_none_are_refused(topic: str, says: str) -> None:
    """Nothing is written where Vigía reads, and the error says what to write."""
    with pytest.raises(BadSetting, match=says):
        connect("desk", audience.Settings(topic=topic), {})


def test_a_broker_elsewhere_needs_encryption() -> None:
    """The rules of Vigía's own connections hold."""
    with pytest.raises(BadSetting, match="VIGIA_KAFKA_TLS"):
        connect("desk", audience.Settings(topic="desk"), {"VIGIA_KAFKA": "kafka.example.com:9092"})
