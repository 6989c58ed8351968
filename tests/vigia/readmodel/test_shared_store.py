"""A read model in Redis that several consoles share: one writes, all read; what a Redis loses is built again."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from redis import Redis

from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from tests.support.readmodels import NOW, Desk, a_customer, a_desk, an_action
from tests.support.redisserver import Server
from vigia.readmodel.redis_address import RedisAddress
from vigia.readmodel.store.following import Follower
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.redis_store.store import RedisStore
from vigia.readmodel.store.tables import Unavailable


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A Redis of the test's own."""
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def desk(tmp_path: Path, server: Server) -> AsyncIterator[Desk]:
    """A broker and a read model."""
    async with a_desk(tmp_path, lambda: RedisStore(RedisAddress(server.url), "")) as found:
        yield found


@asynccontextmanager
async def another(desk: Desk) -> AsyncIterator[ReadModel]:
    """A second console."""
    model, stop = ReadModel(desk.store(), lambda: desk.now), asyncio.Event()
    running = asyncio.create_task(Follower(model, desk.broker, HASHES).run(stop))
    try:
        yield model
    finally:
        stop.set()
        await running
        model.close()


async def total(model: ReadModel) -> int:
    """How many alarms are open."""
    return (await model.ask(lambda db: db.alarms.page_of({}))).total


async def test_a_second_console_reads_and_takes_over(desk: Desk) -> None:
    """It says how old the data are without writing any, and writes once the first has stopped."""
    await desk.alarms(an_alarm(NOW, "a1"))
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(desk.following())
        async with another(desk) as second:
            await desk.until(lambda: second.fresh_at)
            await desk.alarms(an_alarm(NOW, "a2", "C2"))
            assert await second.reached("alarms", *end_of(desk), 20.0)
            assert (await total(second), second.is_stale, second.problem) == (2, False, "")
            assert first._read._value.get() == 2.0, "the first has written both"
            await stack.aclose()
            await desk.producer.send_and_wait("customers", a_customer("C9", "Nia"), key=b"C9")
            async with asyncio.timeout(40):
                while (await second.ask(lambda db: db.customers.one("C9"))) is None:
                    await asyncio.sleep(0.1)


def end_of(desk: Desk) -> tuple[int, int]:
    """The partition and the offset of the newest alarm that the first console has read."""
    (partition, offset), *_ = [(p, n - 1) for (topic, p), n in desk.model.next.items() if topic == "alarms" and n]
    return partition, offset


async def test_an_emptied_redis_is_built_again(desk: Desk, server: Server) -> None:
    """While the console runs, from the beginning of the topics."""
    await desk.alarms(an_alarm(NOW, "a1"), an_alarm(NOW, "a2", "C2"))
    async with desk.following():
        assert await total(desk.model) == 2
        with Redis.from_url(server.url) as redis:
            redis.flushall()
        async with asyncio.timeout(40):
            while await total(desk.model) != 2:
                await asyncio.sleep(0.1)


async def test_while_redis_is_away_the_console_says_so(desk: Desk, server: Server) -> None:
    """Questions fail with a reason, the data count as old, and all is right again afterwards."""
    await desk.alarms(an_alarm(NOW, "a1"))
    async with desk.following():
        server.stop()
        await desk.until(lambda: desk.model.problem.startswith("Redis does not answer"))
        with pytest.raises(Unavailable, match="Redis does not answer"):
            await total(desk.model)
        server.start()
        await desk.until(lambda: not desk.model.problem)
        assert await total(desk.model) == 1


async def test_every_key_ends_by_itself(desk: Desk, server: Server) -> None:
    """What no console keeps up to date does not stay in Redis; those keys, too, that were made since the hourly renewal."""
    await desk.send("customers", "C1", a_customer("C1", "Ana Ruiz"))
    async with desk.following():
        with Redis.from_url(server.url) as redis:
            first = set(redis.keys("*"))
            await desk.send("customers", "C2", a_customer("C2", "Bo Li", tier="silver"))
            await desk.alarms(an_alarm(NOW, "a1"))
            await desk.act(an_action("a1"))
            keys = set(redis.keys("*"))
            assert len(keys - first) > 10, "made after the renewal of the start"
            assert {key for key in keys if redis.ttl(key) < 0} == set()
