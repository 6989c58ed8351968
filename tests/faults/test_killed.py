"""F1 to F3: workers killed at random moments and at named places, with everything that they are told in play."""

import asyncio
import random
import signal
from pathlib import Path

import pytest

from scorers.in_force.control import FiguresInForce, ModelInForce
from tests.faults.conftest import Note
from tests.faults.proof import Proof, put_in_force, simulated
from tests.kafka.running import by_day
from vigia.runtime.crash.failpoints import NAMES

pytestmark = pytest.mark.kafka


async def set_out(proof: Proof, directory: Path, seed: int) -> tuple[list[bytes], list[list[bytes]]]:
    """Trainer, figures, clock and policy are in play: the events, and the days that are still to come."""
    lines = simulated(directory, 300, 20, seed)
    days = by_day(lines)
    proof.start()
    proof.tick()
    proof.train()
    await proof.step_by_step(days[:4])
    return lines, days[4:]


async def conclude(proof: Proof, lines: list[bytes]) -> None:
    """All is told; and what a verdict depends on was not the same from beginning to end."""
    assert await proof.stop() == 0
    for kept in (await proof.rows()).values():
        told = put_in_force(kept)
        assert sum(isinstance(control, FiguresInForce) for control in told) > 10
        assert sum(isinstance(control, ModelInForce) for control in told) > 3


async def test_killed_ten_times_at_random(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """kill -9 under traffic, the disk kept and lost in turn: nothing is lost, doubled, untold or told otherwise."""
    dice = random.Random(seed)
    lines, rest = await set_out(proof, tmp_path / "sim", seed)
    for fault in range(10):
        share = rest[fault * len(rest) // 10 : (fault + 1) * len(rest) // 10]
        traffic = asyncio.create_task(proof.step_by_step(share))
        await asyncio.sleep(dice.uniform(0.0, 1.0))
        proof.kill()
        if fault % 2:
            proof.processes.wipe("a")
        proof.start()
        await traffic
    await conclude(proof, lines)
    verdict = await proof.verdict(lines)
    note(
        "F1", f"worker, kill -9 at random, {proof.late} controls late", seed, proof.processes.kills, len(lines), verdict
    )
    note("F2", "worker, disk kept and lost in turn", seed, proof.processes.kills, len(lines), verdict)
    assert verdict.exact(), verdict


async def test_killed_at_every_named_place(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """Death after outputs, changelog, store and acknowledgement, sooner and later, the disk kept and lost: exact."""
    dice = random.Random(seed)
    lines, rest = await set_out(proof, tmp_path / "sim", seed)
    proof.kill()
    traffic = asyncio.create_task(proof.step_by_step(rest))
    with proof.processes.may_die("a"):
        for fault, point in enumerate(NAMES + NAMES):
            proof.start(VIGIA_FAILPOINT=f"{point}:{dice.randrange(1, 6)}")
            status = await proof.died()
            assert status == -signal.SIGKILL, f"{point} ended with {status}:\n{proof.processes.tail('a')}"
            if fault >= len(NAMES):
                proof.processes.wipe("a")
    proof.start()
    await traffic
    await conclude(proof, lines)
    verdict = await proof.verdict(lines)
    note(
        "F3",
        f"worker, at each named place twice, {proof.late} controls late",
        seed,
        2 * len(NAMES),
        len(lines),
        verdict,
    )
    assert verdict.exact(), verdict
