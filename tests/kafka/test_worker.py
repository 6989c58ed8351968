"""On a real Kafka the worker tells what a replay tells: with one, with two, killed, stopped and started again."""

import asyncio
import random
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from streams import topics
from streams.failpoints import NAMES
from streams.simulate import simulate
from streams.topics import TopicsWrong
from tests.kafka.running import Running, by_day, replayed, standing, time_of, told

pytestmark = pytest.mark.kafka

LATER = "3650d"  # figures come in force after the run: events run ahead of them here
POLICY = "[risk]\nhorizon = '10d'\n"


@pytest_asyncio.fixture
async def running(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"test-{uuid4().hex[:8]}-", tmp_path, 4, POLICY) as running:
        yield running


def simulated(directory: Path, customers: int, days: int, seed: int) -> list[bytes]:
    """The events of an invented business, in their order."""
    simulate(customers, days, seed, directory)
    return (directory / "events.jsonl").read_bytes().splitlines()


def wipe(running: Running, name: str) -> None:
    """Lose the disk of a worker."""
    shutil.rmtree(running.directory / name, ignore_errors=True)


@pytest.mark.parametrize("workers", [1, 2])
async def test_workers_tell_what_a_replay_tells(running: Running, tmp_path: Path, workers: int) -> None:
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
    assert told(found) == told(again)


async def test_killed_at_random_moments(running: Running, tmp_path: Path) -> None:
    """kill -9 again and again, the disk kept and lost in turn: no alarm is missing and none is told that is not so."""
    lines = simulated(tmp_path / "sim", 150, 150, 7)
    dice = random.Random(7)
    running.start(VIGIA_MARGIN=LATER)
    running.tick()
    days = by_day(lines)
    share = len(days) // 5
    for fault in range(4):
        await running.publish(line for day in days[fault * share : (fault + 1) * share] for line in day)
        await running.progress()
        await asyncio.sleep(dice.uniform(0.0, 0.6))
        running.kill()
        if fault % 2:
            wipe(running, "a")
        running.start(VIGIA_MARGIN=LATER)
    await running.publish(line for day in days[4 * share :] for line in day)
    await same_as_a_replay(running, lines, tmp_path)


@pytest.mark.parametrize("point", NAMES)
async def test_killed_at_a_named_place(running: Running, tmp_path: Path, point: str) -> None:
    """Death after the outputs, the changelog, the store or the acknowledgement: the disk kept, then lost."""
    lines = simulated(tmp_path / "sim", 100, 60, 8)
    running.tick()
    half = len(lines) // 2
    for fault, part in enumerate((lines[:half], lines[half:])):
        running.start(VIGIA_MARGIN=LATER, VIGIA_FAILPOINT=f"{point}:2")
        await running.publish(part)
        assert await running.died() == -signal.SIGKILL
        if fault:
            wipe(running, "a")
    running.start(VIGIA_MARGIN=LATER)
    await same_as_a_replay(running, lines, tmp_path)


async def same_as_a_replay(running: Running, lines: list[bytes], tmp_path: Path) -> None:
    """All is folded, and what stands is what stands after a replay; nothing was told that it does not tell."""
    await running.ticked(max(map(time_of, lines)))
    assert await running.stop() == 0
    found = await running.alarms()
    again = replayed(lines, tmp_path / "replay", await running.control(), running.policy)
    assert len(again) > 100
    assert standing(found) == standing(again)
    assert told(found) == told(again)


async def test_wrong_topics_are_named(running: Running) -> None:
    """Another count of partitions or another way of keeping records is an error before anything starts."""
    with pytest.raises(TopicsWrong, match=r"purchases has 4 partitions and needs 8: .*VIGIA_PARTITIONS=4"):
        await topics.check(running.broker, 8)
    with pytest.raises(TopicsWrong, match="topic elsewhere-alarms is missing: run 'vigia topics apply'"):
        await topics.check(type(running.broker)(running.broker.address, "elsewhere-"), 4)
    running.start("wrong", VIGIA_PARTITIONS="8")
    assert await running.died("wrong") == 2
