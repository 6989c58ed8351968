"""Requests share batches for Kafka: few batches, each fact once, a request's facts of one customer in their order."""

import asyncio
import json
from collections import Counter, defaultdict
from typing import Any

from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode
from streams.gateway.intake import Fact, Intake
from streams.gateway.sending.batches import MAX_BATCH_BYTES
from tests.support.door import purchase
from vigia.lab.embedded_kafka import PARTITIONS
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read


def fact(id: str, customer: str | None = "C1", size: int = 0) -> Fact:
    """A sale of about so many bytes."""
    raw = json.dumps(purchase(1, customer, id=id, unknown="x" * size)).encode()
    event = decode(raw)
    assert not isinstance(event, Rejection)
    return Fact(event, raw)


class Counted:
    """An intake before a broker, and how many batches it has begun."""

    def __init__(self, address: str) -> None:
        self.intake, self.batches = Intake(Broker(address)), 0

    async def start(self) -> Intake:
        """Begin, with a first fact."""
        await self.intake.send([fact("first")])
        producer: Any = self.intake._producer
        send = producer.send_batch

        async def counting(*arguments: Any, **places: Any) -> Any:
            self.batches += 1
            return await send(*arguments, **places)

        producer.send_batch = counting
        return self.intake


async def sales(address: str) -> list[tuple[int, str]]:
    """Partition and id of each sale, in their order."""
    found: list[tuple[int, str]] = []
    await read(
        Broker(address), "purchases", lambda record: found.append((record.partition, json.loads(record.value)["id"]))
    )
    return found


async def test_requests_share_batches(broker: str) -> None:
    """Three hundred requests of one sale each do not make a batch each."""
    counted = Counted(broker)
    intake = await counted.start()
    try:
        await asyncio.gather(*[intake.send([fact(f"p{n}", f"C{n}")]) for n in range(300)])
    finally:
        await intake.close()
    assert counted.batches <= 10 * PARTITIONS
    assert sorted(id for _, id in await sales(broker)) == sorted(
        ["first", *(f"p{n}" for n in range(300))]
    )  # the first test of the file


async def test_full_batches_are_waited_for_by_one_request_and_keep_the_order(broker: str) -> None:
    """Many requests with half a batch each: their facts fill batches together, and stand in each request's order."""
    counted, size, requests, each = Counted(broker), MAX_BATCH_BYTES // 16, 60, 8
    intake = await counted.start()
    sent = [[fact(f"{r}-{n}", f"C{n % 3}", size) for n in range(each)] for r in range(requests)]
    try:
        await asyncio.gather(*[intake.send(facts) for facts in sent])
    finally:
        await intake.close()
    assert counted.batches <= requests * each // 10  # of 16; each request with batches of its own would have 60
    found = [id for _, id in await sales(broker) if "-" in id]
    assert len(found) == len(set(found)) == requests * each
    orders: dict[tuple[str, int], list[int]] = defaultdict(list)
    for request, place in (map(int, id.split("-")) for id in found):
        orders[(str(request), place % 3)].append(place)
    assert all(order == sorted(order) for order in orders.values())


async def test_kafka_gets_as_many_records_as_the_producer_numbered(broker: str) -> None:
    """Whenever a fact comes, also in the turn of the loop in which the producer takes the open batch."""
    intake, sent = Intake(Broker(broker)), list[Any]()
    facts = [fact(f"numbered-{n}", f"C{n % 7}") for n in range(4_000)]

    async def client(number: int) -> None:
        for one in facts[number::40]:
            sent.append(await intake.enqueue(one))
            await asyncio.sleep(0)

    try:
        await intake.send(facts[:1])
        await asyncio.gather(*map(client, range(40)))
        await asyncio.gather(*sent)
        producer: Any = intake._producer
        numbered = {place.partition: count for place, count in producer._txn_manager._sequence_numbers.items()}
    finally:
        await intake.close()
    assert Counter(at for at, id in await sales(broker) if id.startswith("numbered-")) == numbered


async def test_a_sale_without_a_customer_goes_to_any_partition(broker: str) -> None:
    """So that one partition does not have them all."""
    intake = Intake(Broker(broker))
    try:
        await intake.send([fact(f"p{n}", None) for n in range(100)])
    finally:
        await intake.close()
    assert len({partition for partition, _ in await sales(broker)}) > 1
