"""F13: a state directory whose files were damaged, under the real worker."""

import random
from pathlib import Path

import pytest

from tests.faults.conftest import Note
from tests.faults.proof import LATER, Proof, simulated

pytestmark = [pytest.mark.kafka, pytest.mark.faults]


def flip(path: Path, dice: random.Random) -> None:
    """Damage some bytes of a file."""
    data = bytearray(path.read_bytes())
    for _ in range(max(1, len(data) // 20)):
        data[dice.randrange(len(data))] ^= 0xFF
    path.write_bytes(data)


@pytest.mark.parametrize("what", ["MANIFEST", "CURRENT"])
async def test_a_damaged_store_is_put_aside(proof: Proof, tmp_path: Path, seed: int, note: Note, what: str) -> None:
    """Rows that cannot be read are put aside and had again from the changelog; whoever ends is started again."""
    dice = random.Random(seed)
    lines = simulated(tmp_path / "sim", 150, 40, seed)
    half = len(lines) // 2
    proof.start(VIGIA_MARGIN=LATER)
    await proof.publish(lines[:half])
    await proof.drained()
    proof.kill()
    files = [path for path in (proof.directory / "a").rglob(f"*.db/{what}*") if path.is_file()]
    assert files
    for path in files:
        flip(path, dice)
    with proof.processes.supervised("a", lambda name: proof.start(name, VIGIA_MARGIN=LATER)) as ended:
        proof.start(VIGIA_MARGIN=LATER)
        await proof.publish(lines[half:])
        await proof.drained()
    await proof.conclude(lines)
    assert len(ended) < 4, f"ended with {ended}"
    verdict = await proof.verdict(lines)
    note("F13", f"damaged {what}, {len(ended)} workers started again", seed, 1, len(lines), verdict)
    assert verdict.exact(), verdict
