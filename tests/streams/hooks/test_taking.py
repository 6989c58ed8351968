"""Deliveries to a running gateway, over real HTTP, before a Kafka."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer

from scorers.contract.events import DAY
from streams.hooks.catalogue import ADAPTERS
from streams.hooks.sales import Held, Sales
from streams.hooks.taking import FILE, Hooks
from tests.support.deliveries import (
    CHARGE,
    DISPUTE,
    SAMPLES,
    SHOPIFY,
    SHOPIFY_REDACT,
    SHOPIFY_REFUND,
    SQUARE,
    SQUARE_REFUND,
    STANDARD,
    stripe,
)
from tests.support.door import Door, opened
from tests.support.taking_hooks import hook, raw_of, signed
from vigia.runtime.broker import INPUTS


@pytest.fixture
async def door(broker: str, tmp_path: Path) -> AsyncIterator[Door]:
    """A gateway with a hook of each type, each named like it."""
    async with opened(broker, hooks=Hooks({name: hook(name) for name in SAMPLES}, tmp_path)) as door:
        yield door


class Records:
    """What is written to the inputs from now on."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    async def events(self, count: int) -> list[dict[str, Any]]:
        """The next so many, and whatever there is beyond them, by their ids: partitions have no order among them."""
        found = [await asyncio.wait_for(self._consumer.getone(), 60) for _ in range(count)]
        more = await self._consumer.getmany(timeout_ms=100)
        every = [json.loads(record.value) for record in [*found, *(one for batch in more.values() for one in batch)]]
        return sorted(every, key=lambda event: str(event["id"]))


@pytest.fixture
async def records(broker: str) -> AsyncIterator[Records]:
    """A reader at the end of the inputs."""
    consumer = AIOKafkaConsumer(*INPUTS, bootstrap_servers=broker)
    await consumer.start()
    await consumer.seek_to_end()
    for partition in consumer.assignment():
        await consumer.position(partition)
    yield Records(consumer)
    await consumer.stop()


async def deliver(
    door: Door, name: str, body: object, headers: dict[str, str] | None = None
) -> tuple[int, dict[str, Any]]:
    """Deliver as the vendor does, signed now."""
    raw = raw_of(body)
    return await door.deliver(name, raw, signed(name, raw, headers or {}))


@pytest.mark.parametrize("name", [name for name in SAMPLES if name != "clover"])  # which has a test of its own
async def test_a_signed_delivery_is_taken_and_repeated_without_harm(door: Door, records: Records, name: str) -> None:
    """200 both times, with the same events under the same ids."""
    headers, body = SAMPLES[name][0]
    status, told = await deliver(door, name, body, headers)
    assert (status, told["duplicates"], told["held"]) == (200, 0, 0)
    first = await records.events(told["accepted"])
    assert first
    assert await deliver(door, name, body, headers) == (200, told | {"duplicates": told["accepted"]})
    assert await records.events(told["accepted"]) == first


@pytest.mark.parametrize("name", SAMPLES)
async def test_a_wrong_signature_is_401(door: Door, name: str) -> None:
    """A byte more, or none at all; the answer repeats nothing of the secret."""
    headers, body = SAMPLES[name][0]
    raw = raw_of(body)
    altered = signed(name, raw + b" ", headers)
    for sent in (headers, altered if ADAPTERS[name].signature else {ADAPTERS[name].header: "canary"}):
        status, told = await door.deliver(name, raw, sent)
        assert (status, set(told)) == (401, {"error"})
        assert "secret-of" not in str(told)


async def test_the_statuses_of_what_is_not_taken(door: Door) -> None:
    """An unknown hook, a compressed body, one that is too large, one that is no JSON, and one that is not used."""
    assert (await door.deliver("nowhere", b"{}", {}))[0] == 404
    assert (await door.deliver("square", b"{}", {"Content-Encoding": "gzip"}))[0] == 415
    assert (await door.deliver("square", b" " * (4 * 1024 * 1024 + 1), {}))[0] == 413
    assert (await deliver(door, "square", "text"))[0] == 400
    told = await deliver(door, "square", {"type": "inventory.count.updated"})
    assert told == (200, {"accepted": 0, "duplicates": 0, "unused": "inventory.count.updated is not used"})
    assert (await deliver(door, "standard", STANDARD | {"type": "customer.erased"}))[0] == 403
    late = SQUARE["data"]["object"]["payment"] | {"created_at": "2098-01-01T00:00:00Z"}  # type: ignore[index]
    status, told_late = await deliver(door, "square", SQUARE | {"data": {"object": {"payment": late}}})
    assert (status, told_late["lines"][0]["code"]) == (400, "bad_time")


async def test_a_refund_after_its_sale_has_the_customer(door: Door, records: Records) -> None:
    """It names the sale only."""
    await deliver(door, "square", SQUARE)
    assert (await deliver(door, "square", SQUARE_REFUND))[1] == {"accepted": 1, "duplicates": 0, "held": 0}
    sale, refund = await records.events(2)
    assert (refund["customer_id"], refund["purchase_id"]) == ("CUST1", sale["id"])


async def test_a_refund_before_its_sale_waits_for_it(door: Door, records: Records) -> None:
    """Whatever the order of deliveries, and however often each comes, the events are the same."""
    for _ in range(2):
        held = await deliver(door, "shopify", SHOPIFY_REFUND, {"X-Shopify-Topic": "refunds/create"})
        assert held == (200, {"accepted": 0, "duplicates": 0, "held": 1})
    assert await records.events(0) == []
    await deliver(door, "shopify", SHOPIFY, {"X-Shopify-Topic": "orders/paid"})
    late = {one["id"]: one for one in await records.events(2)}
    await deliver(door, "shopify", SHOPIFY_REFUND, {"X-Shopify-Topic": "refunds/create"})
    assert late["refund:509562969"]["customer_id"] == "207119551"
    assert await records.events(1) == [late["refund:509562969"]]


async def test_what_waits_for_an_anonymous_sale_is_anonymous(door: Door, records: Records) -> None:
    """A refund and a dispute of a guest have no customer."""
    assert (await deliver(door, "stripe", stripe("charge.dispute.created", DISPUTE)))[1]["held"] == 1
    guest = {name: value for name, value in CHARGE.items() if name != "customer"}
    await deliver(door, "stripe", stripe("charge.succeeded", guest))
    assert [one.get("customer_id") for one in await records.events(2)] == [None, None]


async def test_what_waits_survives_a_restart_and_goes_after_three_days(
    broker: str, records: Records, tmp_path: Path
) -> None:
    """Without its sale the refund is taken without a customer, once."""
    async with opened(broker, hooks=Hooks({"square": hook("square")}, tmp_path)) as door:
        assert (await deliver(door, "square", SQUARE_REFUND))[1]["held"] == 1
    hooks, now = Hooks({}, tmp_path), time.time_ns() // 1000
    async with opened(broker, hooks=hooks) as door:
        await hooks.sweep(door.gateway.send, now + 2 * DAY)
        assert await records.events(0) == []
        await hooks.sweep(door.gateway.send, now + 4 * DAY)
        await hooks.sweep(door.gateway.send, now + 4 * DAY)
        (refund,) = await records.events(1)
        assert (refund["id"], refund.get("customer_id")) == ("refund:REF1", None)


async def test_an_erased_customer_is_forgotten(door: Door, records: Records, tmp_path: Path) -> None:
    """Not even in old bytes of the file; a later refund is anonymous."""
    await deliver(door, "shopify", SHOPIFY, {"X-Shopify-Topic": "orders/paid"})
    assert b"207119551" in (tmp_path / FILE).read_bytes()
    await deliver(door, "shopify", SHOPIFY_REDACT, {"X-Shopify-Topic": "customers/redact"})
    assert b"207119551" not in (tmp_path / FILE).read_bytes()
    await deliver(door, "shopify", SHOPIFY_REFUND, {"X-Shopify-Topic": "refunds/create"})
    assert [one.get("customer_id") for one in await records.events(3)] == ["207119551", "207119551", None]  # the refund


async def test_an_erasure_by_any_sender_is_followed(door: Door, tmp_path: Path) -> None:
    """One that is posted as an event, too."""
    await deliver(door, "shopify", SHOPIFY, {"X-Shopify-Topic": "orders/paid"})
    erased = {"type": "customer.erased", "id": "e1", "source": "crm", "time": "2024-05-09T10:00:00Z"}
    assert (await door.post(json.dumps(erased | {"customer_id": "207119551"}).encode()))[0] == 202
    assert b"207119551" not in (tmp_path / FILE).read_bytes()


async def test_nothing_is_answered_200_that_is_not_durable(tmp_path: Path) -> None:
    """Without Kafka it is 503, and the vendor delivers again."""
    async with opened("127.0.0.1:1", deadline=0.3, hooks=Hooks({"square": hook("square")}, tmp_path)) as door:
        assert (await deliver(door, "square", SQUARE))[0] == 503
        assert not (tmp_path / FILE).exists()


def test_the_file_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sales by age and number, and what waits by number."""
    monkeypatch.setattr("streams.hooks.sales.MOST_SALES", 3)
    monkeypatch.setattr("streams.hooks.sales.MOST_HELD", 1)
    sales = Sales()
    for n in range(10):
        sales.add("s", [(f"order:{n}", None)], now=n)
    sales.tidy(now=10)
    assert sorted(sales.customers("s", [f"order:{n}" for n in range(10)])) == [
        "order:6",
        "order:7",
        "order:8",
        "order:9",
    ]
    sales.tidy(now=500 * DAY)
    assert sales.customers("s", ["order:9"]) == {}
    sales.hold([Held("s", "r1", "order:1", b"{}")], now=0)
    with pytest.raises(RuntimeError, match="wait for their sales"):
        sales.hold([Held("s", "r2", "order:1", b"{}")], now=0)
