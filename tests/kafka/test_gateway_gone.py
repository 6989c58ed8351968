"""A gateway whose Kafka dies: nobody waits for it, whatever the partition, and nothing is half taken."""

import asyncio
import json

import pytest

from streams.engine.batching_producer import partition_of
from streams.gateway.intake import NOT_TAKEN
from streams.gateway.sending.reach import FRESH
from tests.support.door import LINES, Door, batch, opened, purchase
from tests.support.three_brokers import three_brokers
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime import topics
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read

pytestmark = pytest.mark.kafka

PARTITIONS = 4
NEVER = 3600.0  # seconds until the deadline: what is answered was not answered by it
CUSTOMERS = [next(f"C{n}" for n in range(99) if partition_of(PARTITIONS, b"C%d" % n) == at) for at in range(PARTITIONS)]


class Till:
    """Sends sales of customers, each with an id of its own, and knows which were accepted."""

    def __init__(self, door: Door) -> None:
        self.door, self.sent, self.accepted = door, 0, list[str]()

    async def sell(self, *customers: str) -> tuple[int, str]:
        """The status of a body with a sale of each, and what the answer says is wrong."""
        ids = [f"s{self.sent + place}" for place in range(len(customers))]
        self.sent += len(customers)
        sales = [purchase(customer=one, id=id) for one, id in zip(customers, ids, strict=True)]
        async with asyncio.timeout(60):
            status, answer = await self.door.post(batch(*sales), LINES)
        self.accepted += ids if status == 202 else []
        return status, answer.get("error", "")

    async def sell_until_taken(self, *customers: str) -> None:
        """Sell until Kafka is back."""
        async with asyncio.timeout(120):
            while (await self.sell(*customers))[0] != 202:
                await asyncio.sleep(0.1)


async def seen_to_be_gone(door: Door) -> None:
    """Wait until the gateway has noticed: what it hands over before waits for its deadline."""
    batches = door.gateway.intake._batches
    assert batches is not None
    async with asyncio.timeout(60):
        while any(connection.connected() for connection in batches._brokers._client._conns.values()):
            await asyncio.sleep(0.01)
    await asyncio.sleep(2 * FRESH)  # the gateway believes an earlier answer for this long


async def test_when_kafka_dies_no_partition_waits_and_what_is_refused_is_not_taken() -> None:
    """The deadline is an hour away, so each answer is given because the broker is known to be gone; it is back by itself."""
    with LocalKafka() as node:
        await topics.apply(Broker(node.address), PARTITIONS)
        async with opened(node.address, deadline=NEVER) as door:
            till = Till(door)
            assert (await till.sell(*CUSTOMERS))[0] == 202
            for again in range(2):
                await asyncio.to_thread(node.kill)
                await seen_to_be_gone(door)
                for customer in CUSTOMERS * (again + 1):
                    status, error = await till.sell(customer)
                    assert (status, NOT_TAKEN in error) == (503, True), error
                status, error = await till.sell(*CUSTOMERS)
                assert (status, NOT_TAKEN in error) == (503, True), error
                answers = await asyncio.gather(*[till.sell(one) for one in CUSTOMERS * 5])
                assert {status for status, _ in answers} == {503}
                await asyncio.to_thread(node.start)
                for customer in CUSTOMERS:
                    await till.sell_until_taken(customer)
                assert (await till.sell(*CUSTOMERS))[0] == 202
        found: list[str] = []
        await read(Broker(node.address), "purchases", lambda record: found.append(json.loads(record.value)["id"]))
        assert sorted(found) == sorted(till.accepted)


@pytest.mark.faults
async def test_of_three_brokers_only_the_partitions_of_the_dead_one_are_refused_until_others_lead_them() -> None:
    """What the other two lead is taken all the time, and in the end all is; nothing that was refused is in Kafka."""
    with three_brokers() as nodes:
        broker = Broker(nodes[0].address)
        await topics.apply(broker, PARTITIONS, 3)
        async with opened(",".join(node.address for node in nodes), deadline=NEVER) as door:
            till = Till(door)
            for customer in CUSTOMERS:
                await till.sell_until_taken(customer)
            batches = door.gateway.intake._batches
            assert batches is not None
            leaders = [batches._brokers.leader(("purchases", at)) for at in range(PARTITIONS)]
            gone = leaders[0]
            assert gone is not None
            others = [one for one, leader in zip(CUSTOMERS, leaders, strict=True) if leader != gone]
            assert others
            await asyncio.to_thread(nodes[gone - 1].kill)
            for customer in others:
                assert (await till.sell(customer))[0] == 202
            status, error = await till.sell(CUSTOMERS[0])
            assert status == 202 or NOT_TAKEN in error
            for customer in CUSTOMERS:
                await till.sell_until_taken(customer)
        found: list[str] = []
        living = next(node for number, node in enumerate(nodes, 1) if number != gone)
        await read(Broker(living.address), "purchases", lambda record: found.append(json.loads(record.value)["id"]))
        assert sorted(found) == sorted(till.accepted)
