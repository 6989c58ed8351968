"""F16: while Redis is slow, or takes no writes, all else goes on, and the cards are right again by themselves afterwards.

`vigia up` has everything in one process and one event loop: what Redis could hold up would be held up there.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from redis.asyncio import Redis

from alerts.pipeline.notifier import GROUP
from scorers.contract.events import Instant
from scorers.in_force.control import Tick
from tests.faults.conftest import POLICY
from tests.faults.proof import LATER, Proof, simulated
from tests.faults.proxy import Proxy
from tests.kafka.running import Running, time_of
from tests.support.hashes import HASHES
from tests.support.redisserver import Server
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.redis_board import Board

pytestmark = pytest.mark.faults

UP = (
    sys.executable,
    "-m",
    "vigia",
    "up",
    "--no-token",
    "--follow-events",
    "--every",
    "0.1",
    "--port",
    "0",
    "--console-port",
    "0",
)
Cards = dict[str, dict[str, str]]


class Faulty:
    """A Redis that somebody has spoilt, behind a door of its own."""

    def __init__(self, server: Server, door: Proxy) -> None:
        self.server, self.door = server, door
        self.straight: Redis = Redis.from_url(server.url, decode_responses=True)

    async def slow(self, on: bool) -> None:
        """Every answer takes five seconds."""
        self.door.delay = (5.0, 5.0) if on else (0.0, 0.0)

    async def read_only(self, on: bool) -> None:
        """It is the replica of a master that is not there."""
        await self.straight.execute_command("REPLICAOF", *(("127.0.0.1", "1") if on else ("NO", "ONE")))

    async def too_few_replicas(self, on: bool) -> None:
        """It takes writes only if somebody else has them too."""
        await self.straight.config_set("min-replicas-to-write", int(on))


@pytest.fixture
async def redis(tmp_path: Path, seed: int) -> AsyncIterator[Faulty]:
    server = Server(tmp_path)
    server.start()
    async with Proxy(server.port, seed) as door:
        faulty = Faulty(server, door)
        yield faulty
        await faulty.straight.aclose()
    server.stop()


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Proof]:
    with EmbeddedKafka() as kafka:
        async with Proof(kafka.address, "", tmp_path, PARTITIONS, POLICY) as running:
            yield running


async def cards(redis: Redis) -> Cards:
    """All that Redis has, how far it has read apart."""
    found: Cards = {}
    for key in await redis.keys("vigia:card:*"):
        found[key] = await redis.hgetall(key)
    found["at risk"] = {name: str(score) for name, score in await redis.zrange("vigia:at-risk", 0, -1, withscores=True)}
    return found


async def published(running: Running) -> int:
    """How many records there are on `alarms`."""
    places = [TopicPartition("alarms", n) for n in range(PARTITIONS)]
    return sum((await running.ends.end_offsets(places)).values())


def noticed(running: Running) -> Callable[[], Any]:
    """The notifier has taken every alarm."""

    async def so() -> bool:
        places = [TopicPartition("alarms", n) for n in range(PARTITIONS)]
        done = await running.admin.list_consumer_group_offsets(GROUP, partitions=places)
        return sum(max(0, one.offset) for one in done.values()) == await published(running)

    return so


def read(running: Running, redis: Redis) -> Callable[[], Any]:
    """The cards are up to date."""

    async def so() -> bool:
        due = await redis.hgetall("vigia:read")
        return sum(int(offset) for place, offset in due.items() if place.startswith("alarms/")) == await published(
            running
        )

    return so


@pytest.mark.parametrize("fault", [Faulty.slow, Faulty.read_only, Faulty.too_few_replicas])
async def test_redis_holds_up_nobody(running: Proof, redis: Faulty, seed: int, tmp_path: Path, fault: Any) -> None:
    """The alarms are those of a replay, all are noticed, and afterwards the cards are those of a Redis that was well."""
    lines = simulated(tmp_path / "sim", 80, 40, seed)
    half = len(lines) // 2
    environment = {
        "VIGIA_KAFKA": running.broker.address,
        "VIGIA_PARTITIONS": str(PARTITIONS),
        "VIGIA_STATE": str(tmp_path / "state"),
        "VIGIA_COMMIT": "0.1",
        "VIGIA_MARGIN": LATER,
        "VIGIA_SEAL": running.settings.seal,
        "VIGIA_REDIS": redis.server.url.replace(str(redis.server.port), str(redis.door.port)),
    }
    command = [*UP, "--metrics-port", "0", "--policy", str(running.policy_file)]
    running.processes.start("up", command, environment)
    await running.publish(lines[:half])
    await running.until(noticed(running))
    await running.until(read(running, redis.straight))
    await fault(redis, True)
    before = await published(running)
    await running.publish(lines[half:])

    async def folded() -> bool:
        return (await running.standing())[1] == 0

    await running.until(folded)
    await running.until(noticed(running))
    assert await published(running) > before
    assert not await read(running, redis.straight)(), "Redis was not away"
    await fault(redis, False)
    await running.send_and_wait(Tick(until=Instant(max(map(time_of, lines))), follows=True))
    await running.until(read(running, redis.straight))
    assert await running.stop("up") == 0
    verdict = await running.verdict(lines, same_changes=False, least=100)
    assert verdict.exact(), verdict
    well: Redis = Redis.from_url(redis.server.url.replace("/0", "/1"), decode_responses=True)
    board = asyncio.create_task(Board(RedisAddress(redis.server.url.replace("/0", "/1")), running.broker, HASHES).run())
    await running.until(read(running, well))
    assert len(await cards(well)) > 20
    assert await cards(redis.straight) == await cards(well)
    board.cancel()
    await asyncio.gather(board, return_exceptions=True)
    await well.aclose()
