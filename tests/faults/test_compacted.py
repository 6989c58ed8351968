"""F10: a changelog in which, of each row, only the newest is left."""

import asyncio
import shutil
from collections import Counter
from pathlib import Path

import pytest
from aiokafka import TopicPartition
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.faults.conftest import Note
from tests.faults.proof import LATER, Proof, simulated
from vigia.runtime.topics import CHANGELOG

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ONE = "purchases"  # topic of all events: none is read ahead of the others


async def compacted(proof: Proof) -> None:
    """Wait until most records of the changelog have gone."""
    tps = [TopicPartition(proof.broker.name(CHANGELOG), number) for number in range(proof.settings.partitions)]
    async with asyncio.timeout(90):
        while True:
            left = Counter(record.partition for record in await proof.read(CHANGELOG))
            if all(left[tp.partition] < end / 2 for tp, end in (await proof.ends.end_offsets(tps)).items()):
                return
            await asyncio.sleep(1)


async def test_a_compacted_changelog_is_recovered(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """F10: with a disk that stands where records are gone by now, and then with none, all is exact."""
    lines = simulated(tmp_path / "sim", 200, 60, seed)
    soon = {
        "cleanup.policy": "compact",
        "min.compaction.lag.ms": "0",
        "segment.ms": "1000",
        "min.cleanable.dirty.ratio": "0.01",
    }
    changelog = ConfigResource(ConfigResourceType.TOPIC, proof.broker.name(CHANGELOG), soon)
    await proof.admin.alter_configs([changelog])
    quarters = [lines[turn * len(lines) // 4 : (turn + 1) * len(lines) // 4] for turn in range(4)]

    async def work(quarter: list[bytes]) -> None:
        proof.start(VIGIA_MARGIN=LATER)
        for at in range(0, len(quarter), 20):  # several rows each of the same customers
            await proof.publish(quarter[at : at + 20], ONE)
            await proof.drained()
        proof.kill()

    await work(quarters[0])
    shutil.copytree(tmp_path / "a", tmp_path / "earlier")
    await work(quarters[1])
    await asyncio.sleep(1)  # what is written next makes a new segment: the last one is never compacted
    await work(quarters[2])
    await compacted(proof)
    proof.processes.wipe("a")
    (tmp_path / "earlier").rename(tmp_path / "a")
    proof.start(VIGIA_MARGIN=LATER)
    await asyncio.sleep(5)
    proof.kill()
    proof.processes.wipe("a")
    proof.start(VIGIA_MARGIN=LATER)
    await proof.publish(quarters[3], ONE)
    await proof.conclude(lines)
    verdict = await proof.verdict(lines)
    note("F10", "worker: its changelog is compacted", seed, proof.processes.kills, len(lines), verdict)
    assert verdict.exact(), verdict
