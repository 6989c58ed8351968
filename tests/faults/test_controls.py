"""The checker says no: four ways of writing state that are known to be wrong are found by it, each where it must be."""

import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from tests.faults.conftest import Note
from tests.kafka.ledger import Ledger

pytestmark = pytest.mark.kafka

T = TypeVar("T")
STILL = 40.0  # seconds until a worker is taken to stand still: it needs some ten for all there is
TRIES = 3


def start(ledger: Ledger, way: str, left: int = 0) -> None:
    """Start a worker that counts in one of the wrong ways."""
    command = (sys.executable, "-m", "tests.faults.stock", ledger.address, ledger.group, str(ledger.directory / "a"))
    ledger.processes.start("a", [*command, way, str(left)], {})


async def live(ledger: Ledger, way: str, left: int, over: Callable[[], Awaitable[T]]) -> T:
    """Start a worker and wait until its life is over; one that stands still after its recovery is restarted.

    Faust itself may do that (faust#596): records that are dropped while partitions are given out stop its commits for good.
    """
    for _ in range(TRIES):
        start(ledger, way, left)
        try:
            return await over()
        except AssertionError:
            if "a" not in ledger.processes.running:
                raise
            ledger.kill()
    start(ledger, way, left)
    return await over()


async def kill_and_go_on(ledger: Ledger, way: str, lefts: list[int]) -> None:
    """Count, die at the weak moment, and go on from the disk as it was, again and again; then lose the disk."""

    async def drained() -> None:
        await ledger.until(lambda _, lag: lag == 0, STILL)

    await ledger.produce(1_500, customers=800)
    for left in lefts:
        assert await live(ledger, way, left, lambda: ledger.died(within=STILL)) == -signal.SIGKILL
    await live(ledger, way, 0, drained)
    ledger.kill()
    ledger.processes.wipe("a")
    await ledger.produce(100, customers=1)
    await live(ledger, way, 0, drained)


async def test_a_plain_counter_counts_twice(ledger: Ledger, seed: int, note: Note) -> None:
    """F1 without a fence: what was read after the last commit is counted again."""
    await kill_and_go_on(ledger, "plain", [400, 300])
    verdict = note("F1", "control: no fence", seed, 3, ledger.number, await ledger.verdict())
    assert verdict.double > 0


@pytest.mark.faults
async def test_fausts_exactly_once_is_none(ledger: Ledger, seed: int, note: Note) -> None:
    """F1 with transactions: the store on disk is in none of them, and is never rolled back."""
    await kill_and_go_on(ledger, "exactly_once", [400, 300])
    verdict = note("F1", "control: Faust's exactly_once", seed, 3, ledger.number, await ledger.verdict())
    assert verdict.double + verdict.missing > 0


async def test_a_fence_that_writes_nothing_again_loses(ledger: Ledger, seed: int, note: Note) -> None:
    """F2, disk kept and then lost: the row that was on disk alone is skipped when read again, and gone with the disk."""
    await kill_and_go_on(ledger, "fence", [400, 300])
    verdict = note("F2", "control: fence without writing again", seed, 3, ledger.number, await ledger.verdict())
    assert verdict.missing > 0


async def test_state_before_output_loses_the_output(ledger: Ledger, seed: int, note: Note) -> None:
    """F3: the fence skips what is in the state, and so does the output that was not sent before the crash."""
    await kill_and_go_on(ledger, "state-first", [5, 4])
    verdict = note("F3", "control: state before output", seed, 3, ledger.number, await ledger.verdict())
    assert verdict.missing_effects > 0
