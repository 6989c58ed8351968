"""Whatever happens to the workers, each event is in its row exactly once and each output is sent."""

import asyncio
import json
import random
import signal

import pytest

from tests.kafka.ledger import Ledger
from vigia.runtime.crash.failpoints import NAMES

pytestmark = pytest.mark.kafka


async def test_a_stopped_worker_goes_on_where_it_was(ledger: Ledger) -> None:
    """SIGTERM under load ends with status 0, and the next worker continues from its store."""
    await ledger.produce(6_000, customers=300)
    ledger.start()
    await ledger.progress()
    assert await ledger.stop() == 0
    await ledger.produce(2_000, customers=600)
    ledger.start()
    await ledger.drained()
    assert (await ledger.verdict()).exact()


@pytest.mark.parametrize("seed", [7])
async def test_killed_at_random_moments(ledger: Ledger, seed: int) -> None:
    """kill -9 under traffic, with the disk kept and lost in turn, loses nothing and counts nothing twice."""
    dice = random.Random(seed)
    async with ledger.traffic(customers=2_000, rate=1_200):
        for fault in range(3):
            ledger.start()
            await ledger.progress()
            await asyncio.sleep(dice.uniform(0.1, 1.5))
            ledger.kill()
            if (fault + seed) % 2:
                ledger.processes.wipe("a")
    ledger.start()
    await ledger.drained()
    assert (await ledger.verdict()).exact()


@pytest.mark.parametrize("point", NAMES)
async def test_killed_at_a_named_place(ledger: Ledger, point: str) -> None:
    """Death right after the outputs, the changelog, the store or the acknowledgement, disk kept, lost, kept."""
    async with ledger.traffic(customers=2_000, rate=800):
        for fault in range(3):
            ledger.start(failpoint=f"{point}:{4 + fault}")
            assert await ledger.died() == -signal.SIGKILL
            if fault == 1:
                ledger.processes.wipe("a")
    ledger.start()
    await ledger.drained()
    assert (await ledger.verdict()).exact()


@pytest.mark.parametrize("seed", [3])
async def test_workers_join_and_leave(ledger: Ledger, seed: int) -> None:
    """Two workers that come and go, politely and not, hand partitions over without losing or repeating a record."""
    dice = random.Random(seed)
    async with ledger.traffic(customers=2_000, rate=1_000):
        ledger.start("0")
        await ledger.progress()
        for fault in range(4):
            ledger.start(str(fault + 1))
            await asyncio.sleep(dice.uniform(3, 5))
            leaver = dice.choice(sorted(ledger.processes.running))
            if fault % 2:
                ledger.kill(leaver)
            else:
                assert await ledger.stop(leaver) == 0
    await ledger.drained()
    assert (await ledger.verdict()).exact()


async def test_a_tick_reaches_every_row_once(ledger: Ledger) -> None:
    """A record that touches many rows touches each once, although the worker dies between changelog and commit."""
    await ledger.produce(3_000, customers=1_000)
    ledger.start()
    await ledger.drained()
    ledger.kill()
    await ledger.tick()
    ledger.start(failpoint="changelog")
    assert await ledger.died() == -signal.SIGKILL
    await ledger.tick()
    ledger.start(failpoint="store")
    assert await ledger.died() == -signal.SIGKILL
    ledger.processes.wipe("a")
    ledger.start()
    await ledger.drained()
    assert (await ledger.verdict()).exact()


async def test_a_fault_in_one_fold_is_one_dead_letter(ledger: Ledger) -> None:
    """A record whose fold raises goes to the dead-letters, its row and outputs as if it had not been."""
    await ledger.produce(5_000, customers=300, poison_every=50)
    ledger.start()
    await ledger.drained()
    letters = [json.loads(value or b"{}") for _, _, value in await ledger.read(f"{ledger.group}.dead-letters")]
    assert sorted(letter["number"] for letter in letters) == list(range(50, 5_001, 50))
    verdict = await ledger.verdict()
    assert (verdict.missing, verdict.double, verdict.wrong_states) == (0, 0, 0)
    assert verdict.missing_effects == 50, "poisoned records have no outputs"
