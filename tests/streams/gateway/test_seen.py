"""What gateways remember of what they accepted: in the process, and in a Redis that they share."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from redis.asyncio import Redis

from streams.gateway import seen_in_redis
from streams.gateway.seen import Memories, Memory, Seen, embedded
from streams.gateway.seen_in_redis import AWAY, Line, SharedSeen, shared
from tests.support.door import DIGEST, LINES, ONE, Door, batch, opened, purchase
from tests.support.redisserver import Server
from vigia.lab.embedded_kafka import EmbeddedKafka
from vigia.readmodel.redis_address import RedisAddress
from vigia.runtime.broker import INPUTS

KEYED = ONE | {"Idempotency-Key": "the-first"}


@pytest.fixture(scope="module")
def kafka() -> Iterator[str]:
    """A broker with the input topics."""
    with EmbeddedKafka() as broker:
        broker.create(*INPUTS)
        yield broker.address


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A Redis that runs, and is given time on a busy machine."""
    monkeypatch.setattr(seen_in_redis, "WAIT", 60.0)
    server = Server(tmp_path)
    server.start()
    yield server
    server.stop()


@asynccontextmanager
async def connected(server: Server) -> AsyncIterator[Redis]:
    """A client as the command makes it."""
    redis = RedisAddress(server.url).client()
    yield redis
    await redis.aclose()


@pytest.fixture(params=["process", "redis"])
async def memories(request: pytest.FixtureRequest) -> AsyncIterator[Memories]:
    """Each of the stores, empty."""
    if request.param == "process":
        yield embedded()
        return
    async with connected(request.getfixturevalue("server")) as redis:
        yield shared(redis, "shop-")


async def test_the_first_content_under_a_key_stands(memories: Memories) -> None:
    """The first content of a key stands, within one call and in later ones; events and bodies have memories of their own."""
    pairs = [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"a", b"1")]
    assert await memories.events.first(pairs) == [None, None, b"1", b"1"]
    assert await memories.events.first([(b"a", b"3"), (b"c", b"3")]) == [b"1", None]
    assert [await memories.events.get(key) for key in (b"a", b"c", b"d")] == [b"1", b"3", None]
    assert await memories.bodies.get(b"a") is None


async def test_a_long_body_is_remembered_whole(memories: Memories) -> None:
    """More events than Redis is given in one step."""
    pairs = [(n.to_bytes(4), b"x") for n in range(1_234)]
    assert await memories.events.first(pairs) == [None] * len(pairs)
    assert await memories.events.first(pairs) == [b"x"] * len(pairs)


async def test_of_one_event_at_the_same_time_one_is_the_first(memories: Memories) -> None:
    """However many say it at once, exactly one of them is new."""
    found = await asyncio.gather(*[memories.events.first([(b"a", b"1")]) for _ in range(20)])
    assert (found.count([None]), found.count([b"1"])) == (1, 19)


async def test_a_gateway_answers_by_what_it_remembers(kafka: str, memories: Memories) -> None:
    """An equal event is a duplicate, another payload none; an idempotency key belongs to one body."""
    async with opened(kafka, DIGEST, seen=memories) as door:
        assert await door.post(batch(purchase(1), purchase(1)), LINES) == (202, {"accepted": 2, "duplicates": 1})
        assert await door.post(batch(purchase(1, amount_minor=7))) == (202, {"accepted": 1, "duplicates": 0})
        assert (await door.post(batch(purchase(2)), KEYED))[0] == 202
        assert await door.post(batch(purchase(2)), KEYED) == (202, {"accepted": 1, "duplicates": 1})
        assert (await door.post(batch(purchase(3)), KEYED))[0] == 422


async def test_two_gateways_with_one_redis_answer_alike(kafka: str, server: Server) -> None:
    """What one accepted is a duplicate at the other, and its idempotency keys are known there; what is kept ends after a day."""
    async with connected(server) as one, connected(server) as two:
        async with (
            opened(kafka, DIGEST, seen=shared(one, "shop-")) as first,
            opened(kafka, DIGEST, seen=shared(two, "shop-")) as second,
            opened(kafka, DIGEST, seen=shared(two, "other-")) as other,
        ):
            assert await first.post(batch(purchase(1)), KEYED) == (202, {"accepted": 1, "duplicates": 0})
            assert await second.post(batch(purchase(1)), KEYED) == (202, {"accepted": 1, "duplicates": 1})
            assert (await second.post(batch(purchase(2)), KEYED))[0] == 422
            assert await other.post(batch(purchase(1)), KEYED) == (202, {"accepted": 1, "duplicates": 0})
        keys = await one.keys("*")
        assert len(keys) == 4
        assert all([0 < await one.ttl(key) <= 86_400 for key in keys])
        assert "C1" not in json.dumps(keys)


async def test_while_redis_is_away_each_gateway_goes_on_alone(
    kafka: str, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Events are accepted, own duplicates are known, the log says it once; afterwards gateways share again."""
    caplog.set_level("INFO")
    async with connected(server) as redis:
        now = 0.0
        line = Line(redis, lambda: now)
        seen = Memories(SharedSeen(line, "e:", Seen()), SharedSeen(line, "k:", Seen()))
        async with opened(kafka, DIGEST, seen=seen) as door:
            assert await told(door, 1) == (202, 0)
            server.stop()
            assert await told(door, 1) == (202, 1)
            assert [await told(door, 2), await told(door, 2)] == [(202, 0), (202, 1)]
            server.start()
            assert await redis.keys("*") == []
            assert await told(door, 3) == (202, 0)  # it is not asked again yet
            assert await redis.keys("*") == []
            now = AWAY + 1
            assert await told(door, 4) == (202, 0)
            assert len(await redis.keys("e:*")) == 1
            assert await told(door, 2) == (202, 1)
    assert [one.message.partition(" (")[0] for one in caplog.records if "Redis" in one.message] == [
        "Redis does not answer",
        "Redis answers: gateways share again what they accepted",
    ]


async def told(door: Door, number: int) -> tuple[int, int]:
    """The status of a sale, and the duplicates."""
    status, answer = await door.post(batch(purchase(number)))
    return status, answer["duplicates"]


async def test_a_day_later_it_is_new_again() -> None:
    """The memory of a process ends with the day, and forgets the oldest when it is full."""
    now = 0.0
    seen: Memory = Seen(2, lambda: now)
    await seen.first([(b"a", b"1")])
    now = 86_401.0
    assert await seen.first([(b"a", b"2")]) == [None]
    assert await seen.first([(b"b", b"1"), (b"c", b"1"), (b"a", b"3")]) == [None, None, None]
