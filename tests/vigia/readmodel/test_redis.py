"""Customer cards and the at-risk board, in a real Redis and fed from a broker."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from redis.exceptions import RedisError

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, CustomerErased, Instant
from scorers.contract.wire import encode_alarm, encode_event
from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from tests.support.redisserver import Server
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import AtRisk, Board
from vigia.runtime.broker import Broker

START = Instant(1_704_067_200_000_000)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A Redis of the test's own."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


class Shop:
    """A broker with alarms on it, and a board that follows them."""

    def __init__(self, broker: Broker, board: Board, producer: AIOKafkaProducer) -> None:
        self.broker = broker
        self.board = board
        self.producer = producer

    async def publish(self, *alarms: Alarm) -> None:
        """These changes stand on the topic."""
        for alarm in alarms:
            await self.producer.send_and_wait("alarms", encode_alarm(alarm), key=alarm.subject.id.encode())

    async def erase(self, customer: str, at: Instant) -> None:
        """The customer asked to be forgotten."""
        event = CustomerErased(id="e", source="crm", time=at, customer_id=customer)
        await self.producer.send_and_wait("feedback", encode_event(event), key=customer.encode())

    async def until(self, true: Callable[[], Awaitable[object]]) -> None:
        """Wait for it to be so."""
        while True:
            try:
                if await true():
                    return
            except (RedisError, OSError):
                pass  # not up again yet
            await asyncio.sleep(0.02)

    async def board_is(self, *expected: tuple[str, int]) -> None:
        """Wait until the board says exactly this."""

        async def so() -> bool:
            return await self.board.at_risk() == [AtRisk(*line) for line in expected]

        await self.until(so)


@pytest.fixture
async def shop(server: Server) -> AsyncIterator[Shop]:
    """A broker and a board."""
    with EmbeddedKafka() as kafka:
        kafka.create("alarms", "feedback")
        broker = Broker(kafka.address)
        producer = AIOKafkaProducer(bootstrap_servers=kafka.address)
        await producer.start()
        registry = CollectorRegistry()
        board = Board(RedisAddress(server.url), broker, HASHES, registry)
        running = asyncio.create_task(board.run())
        yield Shop(broker, board, producer)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await producer.stop()


def alarm(alarm_id: str, customer: str, hours: int, **changed: Any) -> Alarm:
    """An alarm so long after the start."""
    facts = {"stage": "core_customer", "risk": 0.7, "value_at_risk_minor": 5000, "currency": "EUR"}
    return an_alarm(Instant(START + hours * HOUR), alarm_id, customer, **facts | changed)


def over(of: Alarm, hours: int) -> Alarm:
    """The end of that alarm."""
    return msgspec.structs.replace(of, type="alarm.settled", time=Instant(START + hours * HOUR), outcome="saved")


async def test_the_board_ranks_those_with_open_alarms(shop: Shop) -> None:
    """The dearest first; whose last alarm is over leaves the board and keeps a card; state changes put nobody on it."""
    first, second = alarm("a1", "C1", 1), alarm("a2", "C1", 2, kind="gone-quiet", value_at_risk_minor=9000)
    await shop.publish(first, second, alarm("a3", "C2", 1, value_at_risk_minor=7000))
    await shop.publish(alarm("a4", "C3", 1, kind="stage-changed", severity="info"))
    await shop.board_is(("C1", 9000), ("C2", 7000))
    card = await shop.board.card("C1")
    assert {name for name in card if name.startswith("alarm:")} == {"alarm:a1", "alarm:a2"}
    assert (card["stage"], card["tier"], card["risk"], card["currency"]) == ("core_customer", "gold", "0.7", "EUR")
    await shop.publish(over(second, 3), over(first, 4))
    await shop.board_is(("C2", 7000))
    assert "alarm:a1" not in await shop.board.card("C1")
    await shop.until(lambda: shop.board.card("C3"))


async def test_an_emptied_redis_is_filled_again(shop: Shop, server: Server) -> None:
    """F16: emptied while it runs, or dead and back with nothing, it ends with the same board, and is told of new ones."""
    await shop.publish(alarm("a1", "C1", 1), alarm("a2", "C2", 1, value_at_risk_minor=7000))
    await shop.board_is(("C2", 7000), ("C1", 5000))
    redis: Redis = Redis.from_url(server.url)
    await redis.flushall()
    await redis.aclose()
    await shop.publish(alarm("a3", "C1", 2, value_at_risk_minor=8000))
    await shop.board_is(("C1", 8000), ("C2", 7000))
    server.stop()
    server.start()
    await shop.publish(over(alarm("a2", "C2", 1), 3))
    await shop.board_is(("C1", 8000))


async def test_read_twice_it_counts_once(server: Server) -> None:
    """A writer that lags behind another, and reads what is long past, takes nothing back."""
    first, registry, place = alarm("a1", "C1", 1), CollectorRegistry(), TopicPartition("alarms", 0)
    told = [first, over(first, 2), alarm("a2", "C2", 3)]
    records = [SimpleNamespace(topic="alarms", offset=n, value=encode_alarm(one)) for n, one in enumerate(told)]
    board = Board(RedisAddress(server.url), Broker(), HASHES, registry)
    await board._write({place: records}, set())
    await board._write({place: records[:1]}, set())
    assert await board.at_risk() == [AtRisk("C2", 5000)]
    assert registry.get_sample_value("vigia_board_records_total") == 3
    await board.redis.aclose()


async def test_the_erased_are_gone_and_stay_gone(shop: Shop, server: Server) -> None:
    """D13: card and line go with the erasure; older alarms, read later or again, bring nothing back; newer ones do."""
    await shop.publish(alarm("a1", "C1", 1, name="Ana"), alarm("a2", "C2", 1))
    await shop.until(lambda: shop.board.card("C1"))
    await shop.erase("C1", Instant(START + DAY))
    await shop.board_is(("C2", 5000))
    await shop.publish(over(alarm("a1", "C1", 1, name="Ana"), 24), alarm("a3", "C1", 2, name="Ana"))
    await shop.publish(alarm("a4", "C2", 2, value_at_risk_minor=1))
    await shop.board_is(("C2", 1))
    assert await shop.board.card("C1") == {}
    redis: Redis = Redis.from_url(server.url)
    assert not [key for key in await redis.keys() if b"C1" in key]
    await redis.aclose()
    await shop.publish(alarm("a5", "C1", 48))
    await shop.board_is(("C1", 5000), ("C2", 1))
    await shop.erase("C1", Instant(START + DAY))  # read again, it leaves the new card alone
    await shop.publish(alarm("a6", "C2", 49, value_at_risk_minor=2))
    await shop.board_is(("C1", 5000), ("C2", 2))
    await shop.producer.send_and_wait("feedback", None, key=b"C1")  # a null value asks for it as well
    await shop.board_is(("C2", 2))
    assert await shop.board.card("C1") == {}


async def test_every_key_has_a_time_to_live(shop: Shop, server: Server) -> None:
    """What nobody keeps up to date ends; an erasure stays as long as older alarms may be read."""
    await shop.publish(alarm("a1", "C1", 1), alarm("a2", "C2", 2))
    await shop.erase("C3", START)
    await shop.board_is(("C2", 5000), ("C1", 5000))
    redis: Redis = Redis.from_url(server.url, decode_responses=True)
    await shop.until(lambda: redis.hlen("vigia:gone"))
    keys = {key: await redis.ttl(key) for key in await redis.keys()}
    assert set(keys) == {f"vigia:{one}" for one in ("card:C1", "card:C2", "at-risk", "read", "gone", "alive")}
    assert all(399 * 86_400 < left <= 400 * 86_400 for left in keys.values())
    await redis.delete("vigia:card:C2")  # as at the end of its time
    assert await shop.board.at_risk() == [AtRisk("C1", 5000)]
    assert await redis.zcard("vigia:at-risk") == 2
    await shop.board.sweep()
    assert await redis.zrange("vigia:at-risk", 0, -1) == ["C1"]
    await redis.aclose()


async def test_the_board_is_up_only_after_a_write(server: Server, caplog: pytest.LogCaptureFixture) -> None:
    """A Redis that answers and takes no writes is not up, with and without alarms; then it is, and down at the end."""
    straight: Redis = Redis.from_url(server.url, decode_responses=True)
    await straight.execute_command("REPLICAOF", "127.0.0.1", "1")
    registry = CollectorRegistry()
    with EmbeddedKafka() as kafka:
        kafka.create("alarms", "feedback")
        board = Board(RedisAddress(server.url), Broker(kafka.address), HASHES, registry)
        running = asyncio.create_task(board.run())
        while "no customer cards" not in caplog.text:
            assert registry.get_sample_value("vigia_board_up") == 0
            await asyncio.sleep(0.02)
        await straight.execute_command("REPLICAOF", "NO", "ONE")
        while not registry.get_sample_value("vigia_board_up"):
            await asyncio.sleep(0.02)
        assert await straight.exists("vigia:alive")
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert registry.get_sample_value("vigia_board_up") == 0
    await straight.aclose()
