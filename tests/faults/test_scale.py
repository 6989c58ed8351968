"""F7, F8 and F15 with Vigía's own workers: from one to four and back under traffic, and told to stop again and again."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from tests.faults.conftest import Note
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.running import by_day, time_of

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

STOPS = int(os.environ.get("VIGIA_TEST_STOPS", "50"))
PAUSE = 0.5  # seconds between the days that are published


async def start(proof: Proof, name: str) -> None:
    """Start a worker, and wait until it has recovered what it was given."""
    proof.start(name, VIGIA_MARGIN=LATER)
    await proof.ready(name)


@asynccontextmanager
async def traffic(proof: Proof, lines: list[bytes]) -> AsyncIterator[list[bytes]]:
    """Inside this block a day is published every PAUSE seconds; the events that were."""
    published: list[bytes] = []
    over = asyncio.Event()

    async def publish() -> None:
        for day in by_day(lines):
            await proof.publish(day)
            published.extend(day)
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), PAUSE)
                return

    publishing = asyncio.create_task(publish())
    proof.tick()
    try:
        yield published
    finally:
        over.set()
        await publishing


async def concluded(proof: Proof, lines: list[bytes], name: str) -> None:
    """Everything is folded, and the last worker stopped."""
    await proof.ticked(max(map(time_of, lines)))
    assert await proof.stop(name) == 0


async def test_from_one_worker_to_four_and_back(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """Workers join one by one, one is killed while it recovers, the others leave politely or not: exact throughout."""
    dice = random.Random(seed)
    async with traffic(proof, simulated(tmp_path / "sim", 800, 300, seed)) as lines:
        for name in "abcd":
            await start(proof, name)
        proof.kill("d")
        proof.processes.wipe("d")
        proof.start("d", VIGIA_MARGIN=LATER)
        await asyncio.sleep(dice.uniform(1.5, 4.0))
        proof.kill("d")
        await start(proof, "d")
        assert await proof.stop("c") == 0
        proof.kill("a")
        await proof.progress()
        assert await proof.stop("d") == 0
    await concluded(proof, lines, "b")
    verdict = await proof.verdict(lines)
    note("F7", "worker, from one to four and back", seed, proof.processes.kills, len(lines), verdict)
    assert verdict.exact(), verdict


async def test_stopped_many_times(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """F15: SIGTERM at any moment under traffic, VIGIA_TEST_STOPS times: status 0 within 20 s, nothing is lost."""
    dice = random.Random(seed)
    async with traffic(proof, simulated(tmp_path / "sim", 50, 30 * STOPS, seed)) as lines:
        for _ in range(STOPS):
            await start(proof, "a")
            await asyncio.sleep(dice.uniform(0.0, 1.5))
            assert await proof.processes.stop("a", within=20) == 0
        await start(proof, "a")
    await concluded(proof, lines, "a")
    verdict = await proof.verdict(lines)
    note("F15", "worker, SIGTERM under traffic", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict
