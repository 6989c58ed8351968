"""On a real Kafka the silence of a store is found as in a replay, by all workers, whoever is killed on the way."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from scorers.contract.events import DAY, HOUR
from scorers.in_force.control import GroupInForce, decode_control
from tests.faults.proof import LATER
from tests.kafka.running import Running, by_day, replayed, standing, time_of
from tests.streams.worker.test_feeds import DAYS, SHUT_FROM, SHUT_UNTIL, story
from tests.support.desk import MAY

pytestmark = pytest.mark.kafka

SHUT = MAY + SHUT_FROM * DAY
STEP = 2  # days that are published at once: a worker always has something in hand when it is killed


@pytest_asyncio.fixture
async def shop(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"test-{uuid4().hex[:8]}-", tmp_path) as shop:
        yield shop


@pytest.mark.parametrize("workers", [2, 4])
async def test_a_silent_store_is_found_as_in_a_replay(shop: Running, tmp_path: Path, workers: int) -> None:
    """Its alarm and the held alarms of its customers are those of a replay, though a worker dies before, in and after the silence."""
    names = "abcd"[:workers]

    def begin(name: str) -> None:
        shop.start(name, VIGIA_SESSION="6", VIGIA_MARGIN=LATER)  # figures come in force for no partition

    for name in names:
        begin(name)
    shop.tick()
    await shop.until(lambda: _ticks(shop))
    days = by_day(story())
    for n in range(0, len(days), STEP):
        lines = [line for day in days[n : n + STEP] for line in day]
        await shop.publish(lines)
        if n in (SHUT_FROM - 7, SHUT_FROM + 1, SHUT_UNTIL):
            await asyncio.sleep(0.1)
            killed = names[n % workers]
            shop.kill(killed)
            begin(killed)
        await shop.ticked(max(map(time_of, lines)))
    assert set(await asyncio.gather(*map(shop.stop, list(shop.workers)))) == {0}

    found = await shop.alarms()
    again = replayed(story(), tmp_path / "replay", await shop.control(), shop.policy, until=shop.clock.newest)
    assert standing(found) == standing(again)
    silent = {(a.subject.id, int(a.at), a.outcome) for a in found if a.kind == "feed-silent" and a.outcome}
    assert {(feed, outcome) for feed, _, outcome in silent} == {("source:till", "resolved")}
    assert all(SHUT < at < MAY + SHUT_UNTIL * DAY + 9 * HOUR for _, at, _ in silent)
    for partition in range(shop.settings.partitions):
        told = [decode_control(r.value) for r in await shop.read("clock") if r.partition == partition]
        assert {c.subject.id for c in told if isinstance(c, GroupInForce)} >= {"store:S1", "source:till"}
    assert len(days) == DAYS
    assert not await shop.read("dead-letters")


async def _ticks(shop: Running) -> bool:
    """Whether the clock follows every event from now on."""
    return await shop.clock.ready() == ""
