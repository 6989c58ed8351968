"""Erasures that another producer writes to Kafka are followed in the hooks' file, whether or not the gateway runs then."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from streams.hooks.erasures import follow
from streams.hooks.sales import Sales
from streams.hooks.taking import FILE, Hooks
from tests.support.taking_hooks import hook
from vigia.runtime.broker import Broker

CUSTOMER = "customer-207119551"
ERASED = {
    "type": "customer.erased",
    "id": "e1",
    "source": "crm",
    "time": "2024-05-09T10:00:00Z",
    "customer_id": CUSTOMER,
}


@pytest.fixture
async def kafka(broker: str) -> AsyncIterator[AIOKafkaProducer]:
    """A producer of somebody else."""
    async with AIOKafkaProducer(bootstrap_servers=broker) as producer:
        yield producer


@asynccontextmanager
async def following(broker: str, state: Path) -> AsyncIterator[Hooks]:
    """A gateway's hooks that follow erasures during the block, from where the file says."""
    hooks = Hooks({"square": hook("square")}, state)
    task = asyncio.create_task(follow(Broker(broker), hooks))
    try:
        await until(lambda: has_begun(state))
        yield hooks
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def has_begun(state: Path) -> bool:
    """Whether the follower knows where it begins."""
    return bool(Sales(state / FILE).erasures_read())


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds, at most 30 s."""
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(holds):
            await asyncio.sleep(0.05)


def names(state: Path) -> bool:
    """Whether the file has the customer anywhere."""
    return CUSTOMER.encode() in (state / FILE).read_bytes()


async def sell(hooks: Hooks, order: str) -> None:
    """Remember a sale to the customer."""
    await hooks.use(Sales.add, "shop", [(order, CUSTOMER)], 1)


@pytest.mark.parametrize("value", [json.dumps(ERASED).encode(), None])
async def test_an_erasure_by_another_producer_is_followed(
    broker: str, kafka: AIOKafkaProducer, tmp_path: Path, value: bytes | None
) -> None:
    """As an event, and as a null value; the sale stays, without its customer."""
    async with following(broker, tmp_path) as hooks:
        await sell(hooks, "order:1")
        assert names(tmp_path)
        await kafka.send_and_wait("feedback", value, key=CUSTOMER.encode())
        await until(lambda: not names(tmp_path))
        assert await hooks.use(Sales.customers, "shop", ["order:1"]) == {"order:1": None}


async def test_an_erasure_while_the_gateway_is_down_is_followed_later_and_once(
    broker: str, kafka: AIOKafkaProducer, tmp_path: Path
) -> None:
    """A customer who comes back afterwards stays known over another start."""
    async with following(broker, tmp_path) as hooks:
        await sell(hooks, "order:1")
    await kafka.send_and_wait("feedback", json.dumps(ERASED).encode(), key=CUSTOMER.encode())
    async with following(broker, tmp_path) as hooks:
        await until(lambda: not names(tmp_path))
        await sell(hooks, "order:2")
    async with following(broker, tmp_path) as hooks:
        other = json.dumps(ERASED | {"id": "e2", "customer_id": "C2"}).encode()
        await hooks.use(Sales.add, "shop", [("order:3", "C2")], 1)
        for partition in await kafka.partitions_for("feedback"):  # read behind all that was there before
            sent = await kafka.send_and_wait("feedback", other, key=b"C2", partition=partition)
            await until(lambda sent=sent: Sales(tmp_path / FILE).erasures_read()[sent.partition] > sent.offset)
        assert await hooks.use(Sales.customers, "shop", ["order:2", "order:3"]) == {
            "order:2": CUSTOMER,
            "order:3": None,
        }


async def test_a_file_without_sales_begins_at_the_end(broker: str, kafka: AIOKafkaProducer, tmp_path: Path) -> None:
    """Whoever was erased before the gateway had its first sale, and has come back, is not erased again."""
    await kafka.send_and_wait("feedback", json.dumps(ERASED).encode(), key=CUSTOMER.encode())
    async with following(broker, tmp_path) as hooks:
        await sell(hooks, "order:1")
        sent = await kafka.send_and_wait("feedback", b"{}", key=CUSTOMER.encode())
        await until(lambda: Sales(tmp_path / FILE).erasures_read()[sent.partition] > sent.offset)
        assert names(tmp_path)
