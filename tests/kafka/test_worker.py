"""On a real Kafka the worker tells what a replay tells: with one, and with two of which one is killed."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.faults.proof import simulated
from tests.kafka.running import Running, by_day, changes_of, replayed, standing, time_of
from vigia.runtime import topics
from vigia.runtime.topics import TopicsWrong

pytestmark = pytest.mark.kafka

POLICY = "[risk]\nhorizon = '10d'\n"


@pytest_asyncio.fixture
async def running(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"test-{uuid4().hex[:8]}-", tmp_path, 4, POLICY) as running:
        yield running


@pytest.mark.parametrize("workers", [1, 2])
async def test_workers_publish_the_alarms_of_a_replay(running: Running, tmp_path: Path, workers: int) -> None:
    """With figures and models in force the same alarms stand as in a replay told the same; of two, one is killed."""
    lines = simulated(tmp_path / "sim", 150, 24, 3)
    for name in "ab"[:workers]:
        running.start(name)
    running.tick()
    running.train()
    days = by_day(lines)
    await running.step_by_step(days[:12])
    if workers == 2:
        running.kill("a")  # the other one takes over all that was in force
    await running.step_by_step(days[12:])
    await running.ticked(max(map(time_of, lines)))
    assert await running.stop("ab"[workers - 1]) == 0
    found = await running.alarms()
    again = replayed(lines, tmp_path / "replay", await running.control(), running.policy)
    assert len(again) > 200
    assert standing(found) == standing(again)
    assert changes_of(found) == changes_of(again)


async def test_wrong_topics_are_named(running: Running) -> None:
    """Another count of partitions or another way of keeping records is an error before anything starts."""
    with pytest.raises(TopicsWrong, match=r"purchases has 4 partitions and needs 8: .*VIGIA_PARTITIONS=4"):
        await topics.check(running.broker, 8)
    with pytest.raises(TopicsWrong, match="topic elsewhere-alarms is missing: run 'vigia topics apply'"):
        await topics.check(type(running.broker)(running.broker.address, "elsewhere-"), 4)
    running.start("wrong", VIGIA_PARTITIONS="8")
    assert await running.died("wrong") == 2
