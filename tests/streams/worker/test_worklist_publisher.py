"""The publisher of worklists reads back what it has published, whatever else stands on the topic."""

import logging

import pytest
from aiokafka import AIOKafkaProducer

from scorers.contract.wire import encode_worklist_entry
from scorers.policy.tables import Policy
from streams.metrics.worker import WorkerMetrics
from streams.worker.policies import Policies
from streams.worker.worklists.publisher import ListPublisher
from tests.support.readmodels import an_entry
from tests.support.seals import KEYS
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.runtime.broker import Broker


async def test_what_others_wrote_on_the_topic_does_not_end_the_worker(caplog: pytest.LogCaptureFixture) -> None:
    """It is logged with its place, and the entries beside it are known."""
    good = an_entry("C1", final=False)
    with EmbeddedKafka() as kafka:
        kafka.create("worklist")
        broker = Broker(kafka.address)
        producer = AIOKafkaProducer(**broker.client())
        await producer.start()
        for value in (
            b"not json",
            b"{}",
            encode_worklist_entry(good).replace(b'"date":"', b'"date":"the '),
            encode_worklist_entry(good),
        ):
            await producer.send_and_wait("worklist", value, key=b"C1", partition=0)
        await producer.stop()
        policies = Policies(broker, KEYS, Policy())
        publisher = ListPublisher(broker, 1, policies, None, WorkerMetrics())
        with caplog.at_level(logging.ERROR):
            await publisher.begin("-1")
    assert [record.getMessage().split(" is no entry")[0] for record in caplog.records] == [
        f"worklist/0@{n}" for n in range(3)
    ]
    assert [early.customers for early in publisher.lists.early.values()] == [frozenset({"C1"})]
