"""The drill of a restore: the changelog is lost, or the whole broker; and what was backed up comes back, exactly once."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.faults.conftest import POLICY, Note
from tests.faults.proof import LATER, Proof, comparable, context, folded, put_in_force, simulated, states
from tests.faults.verdict import Verdict
from tests.kafka.running import time_of
from tests.support.driver import record
from vigia.lab.local_kafka import LocalKafka
from vigia.operations.backup import back_up, restore
from vigia.operations.backup_file import opened
from vigia.operations.privacy import Trace, in_stores
from vigia.runtime.topics import CHANGELOG
from vigia.runtime.usage_error import UsageError

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ONE = "purchases"  # topic of all events: none is read ahead of the others
KEYS = {"VIGIA_PRIVACY_KEY": "0123456789abcdef" * 2, "VIGIA_MARGIN": LATER}


@pytest_asyncio.fixture
async def rebuilt(tmp_path: Path) -> AsyncIterator[Proof]:
    """Vigía on a broker that was built from nothing."""
    (tmp_path / "rebuilt").mkdir()
    with LocalKafka() as node:
        async with Proof(node.address, "north-", tmp_path / "rebuilt", 4, POLICY) as proof:
            yield proof


async def brought_back(proof: Proof, file: Path, patience: float = 30) -> list[str]:
    """Restore the file; what is told."""
    with opened(file) as (manifest, folder):
        return await restore(proof.broker, manifest, folder, 1, patience)


async def test_a_lost_changelog_is_restored_and_nothing_is_lost(
    proof: Proof, tmp_path: Path, seed: int, note: Note
) -> None:
    """Backed up under traffic, lost a third later with the disk: the inputs go on where the rows stand, and all is exact."""
    lines, file = simulated(tmp_path / "sim", 200, 60, seed), tmp_path / "vigia.tar.gz"
    third = len(lines) // 3
    proof.start(**KEYS)
    await proof.publish(lines[:third], ONE)
    await proof.progress()
    await back_up(proof.broker, file, POLICY, {})  # while rows are written
    await proof.publish(lines[third : 2 * third], ONE)
    await proof.drained()
    with pytest.raises(UsageError, match="has members: stop all processes"):
        await brought_back(proof, file, 0)
    assert await proof.stop() == 0
    with pytest.raises(UsageError, match="holds rows, so nothing is restored"):
        await brought_back(proof, file)
    await proof.admin.delete_topics([proof.broker.name(CHANGELOG)])
    proof.processes.wipe("a")
    began = time.monotonic()
    told = await brought_back(proof, file)
    proof.start(**KEYS)
    await proof.drained()
    print(f"restored and caught up in {time.monotonic() - began:.1f} s: {told}")  # noqa: T201
    assert any(line.startswith("The inputs go on where the rows stand: ") for line in told)
    assert not any(line.startswith("Lost: ") for line in told)
    await proof.publish(lines[2 * third :], ONE)
    await proof.conclude(lines)
    verdict = await proof.verdict(lines)
    note("R1", "changelog and disk lost, restored from a backup", seed, proof.processes.kills, len(lines), verdict)
    assert verdict.exact(), verdict


async def test_a_broker_built_from_nothing_gets_its_customers_back(
    proof: Proof, rebuilt: Proof, tmp_path: Path, seed: int, note: Note
) -> None:
    """What came after the backup is published again, with some of before; every state is as if nothing had happened."""
    lines, file = simulated(tmp_path / "sim", 200, 60, seed), tmp_path / "vigia.tar.gz"
    half = len(lines) // 2
    gone = [record("purchase.completed", time_of(lines[0]), "canary-4711", amount_minor=5, currency="EUR")]
    north = Proof(proof.broker.address, "north-", tmp_path, 4, POLICY)
    async with north:
        north.start(**KEYS)
        await north.publish([*gone, *lines[:half]], ONE)
        await north.drained()
        await back_up(north.broker, file, POLICY, {})
        assert await north.stop() == 0
    began = time.monotonic()
    told = await brought_back(rebuilt, file)
    rebuilt.start(**KEYS)
    erased = record("customer.erased", time_of(lines[half]), "canary-4711")
    await rebuilt.publish([*gone, *lines[half - 200 :][:200], erased, *gone, *lines[half:]], ONE)
    await rebuilt.conclude(lines)
    print(f"restored and caught up in {time.monotonic() - began:.1f} s: {told}")  # noqa: T201
    assert any("Publish again what was sent after" in line and "erasures too" in line for line in told)
    rows, until = await rebuilt.rows(), max(map(time_of, lines))
    wanted = folded(lines, until, rebuilt.policy, [])
    found = {}
    for kept in rows.values():
        found |= states(kept, context(rebuilt.policy, put_in_force(kept)))
    wrong = sum(comparable(wanted).get(name) != state for name, state in comparable(found).items())
    verdict = Verdict(wrong_states=wrong + len(wanted.keys() ^ found.keys()))
    note("R2", "broker built from nothing, restored from a backup", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict
    assert list(in_stores(rebuilt.directory / "a", Trace("canary-4711"))) == []
