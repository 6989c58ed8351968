"""F1, F7, F8 and D9 at length: many kills, workers that come and go all the time, also while they recover; a hot key."""

import asyncio
import os
import random
import signal

import pytest

from tests.faults.conftest import Note
from tests.kafka.ledger import Ledger

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

SECONDS = float(os.environ.get("VIGIA_TEST_STORM", "60"))


async def test_twenty_kills(ledger: Ledger, seed: int, note: Note) -> None:
    """F1, F2: kill -9 twenty times under traffic, the disk kept and lost in turn."""
    dice = random.Random(seed)
    async with ledger.traffic(customers=10_000, rate=1_200):
        for fault in range(20):
            ledger.start()
            await ledger.progress()
            await asyncio.sleep(dice.uniform(0.0, 1.5))
            ledger.kill()
            if fault % 2:
                ledger.processes.wipe("a")
    ledger.start()
    await ledger.drained()
    verdict = await ledger.verdict()
    note("F1", "counting, kill -9 at random", seed, 20, ledger.number, verdict)
    note("F2", "counting, disk kept and lost in turn", seed, 20, ledger.number, verdict)
    assert verdict.exact(), verdict


async def test_a_storm_of_rebalances(ledger: Ledger, seed: int, note: Note) -> None:
    """F7: three workers, one of which leaves or joins every five seconds, politely or not (VIGIA_TEST_STORM seconds)."""
    dice = random.Random(seed)
    for name in "abc":
        ledger.start(name)
    faults = 0
    async with ledger.traffic(customers=5_000, rate=600):
        for _ in range(int(SECONDS / 5)):
            await asyncio.sleep(5)
            name = dice.choice("abc")
            faults += 1
            if name not in ledger.processes.running:
                ledger.start(name)
            elif dice.random() < 0.5:
                ledger.kill(name)
            else:
                assert await ledger.stop(name) in (0, -signal.SIGTERM)  # the latter while it is still being loaded
        before, _ = await ledger.standing()
        if not ledger.processes.running:
            ledger.start("a")
        await ledger.until(lambda done, _: done > before)
    await ledger.drained()
    verdict = note(
        "F7", f"{faults} joins and leaves", seed, ledger.processes.kills, ledger.number, await ledger.verdict()
    )
    assert verdict.exact(), verdict


async def test_killed_while_recovering(ledger: Ledger, seed: int, note: Note) -> None:
    """F8: with its disk lost a worker is killed in the middle of its recovery, and another joins in the next one."""
    dice = random.Random(seed)
    await ledger.produce(60_000, customers=40_000)
    ledger.start()
    await ledger.drained()
    ledger.kill()
    for _ in range(4):
        ledger.processes.wipe("a")
        await ledger.produce(500, customers=40_000)
        ledger.start()
        log = ledger.directory / "a.log"
        seen = log.read_text().count("active offsets at start of reading")
        while log.read_text().count("active offsets at start of reading") == seen:
            ledger.processes.check()
            await asyncio.sleep(0.02)
        await asyncio.sleep(dice.uniform(0.0, 0.4))
        ledger.kill()
    ledger.processes.wipe("a")
    ledger.start("a")
    await asyncio.sleep(dice.uniform(2.0, 4.0))
    ledger.start("b")
    await ledger.drained()
    verdict = note("F8", "killed while recovering, joined", seed, 5, ledger.number, await ledger.verdict())
    assert verdict.exact(), verdict


async def test_a_hot_key(ledger: Ledger, seed: int, note: Note) -> None:
    """D9: half of all events are one customer's, and the worker is killed meanwhile."""
    dice = random.Random(seed)

    async def flow() -> None:
        for _ in range(60):
            await ledger.produce(500, customers=5_000, rate=4_000)
            await ledger.produce(500, customers=1, rate=4_000)

    flowing = asyncio.create_task(flow())
    for _ in range(3):
        ledger.start()
        await asyncio.sleep(dice.uniform(5.0, 8.0))
        ledger.kill()
    await flowing
    ledger.start()
    await ledger.drained()
    verdict = note("D9", "half of the events are one key's", seed, 3, ledger.number, await ledger.verdict())
    assert verdict.exact(), verdict
