"""Three brokers: what is acknowledged survives the loss of one, and a topic that would not is named."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from tests.faults.conftest import POLICY, Note
from tests.faults.proof import LATER, Proof, simulated
from tests.support.three_brokers import NODES, three_brokers
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime import topics
from vigia.runtime.broker import Broker
from vigia.runtime.topics import IN_SYNC

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ONE = "purchases"  # topic of all events: none is read ahead of the others


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[LocalKafka]]:
    with three_brokers() as nodes:
        yield nodes


async def doctor(proof: Proof) -> list[str]:
    """The lines of `vigia doctor` about copies of records."""
    command = [sys.executable, "-m", "vigia", "doctor", "--apart", "0", "--kafka", proof.broker.address]
    environment = os.environ | {
        "VIGIA_PREFIX": proof.broker.prefix,
        "VIGIA_PARTITIONS": "4",
        "VIGIA_SEAL": proof.settings.seal,
    }
    done = await asyncio.to_thread(subprocess.run, command, env=environment, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stdout + done.stderr
    return [line for line in done.stdout.splitlines() if IN_SYNC in line]


async def test_one_of_three_brokers_dies_and_nothing_is_lost(
    nodes: list[LocalKafka], tmp_path: Path, seed: int, note: Note
) -> None:
    """Topics are made with three replicas, of which two acknowledge; under traffic a broker is killed and another later."""
    broker, lines = (
        Broker(",".join(node.address for node in nodes), f"test-{uuid4().hex[:8]}-"),
        simulated(tmp_path / "sim", 150, 40, seed),
    )
    await topics.apply(broker, 4, NODES)
    await topics.check(broker, 4, NODES, strict=True)
    third = len(lines) // 3
    async with Proof(broker.address, broker.prefix, tmp_path, 4, POLICY) as proof:
        for topic in await proof.admin.describe_topics([broker.name(one.name) for one in topics.TOPICS]):
            assert {len(one["replicas"]) for one in topic["partitions"]} == {NODES}, topic
        assert await doctor(proof) == []
        proof.start(VIGIA_MARGIN=LATER)
        await proof.publish(lines[:third], ONE)
        await proof.progress()
        nodes[0].kill()
        await proof.publish(lines[third : 2 * third], ONE)
        await proof.drained()
        nodes[0].start(180)
        await proof.drained()
        nodes[1].kill()  # the first has to have caught up, or there are too few copies and writes wait for it
        await proof.publish(lines[2 * third :], ONE)
        await proof.conclude(lines)
        verdict = await proof.verdict(lines)
        note("F4", "three brokers, one after the other killed", seed, 2, len(lines), verdict)
        nodes[1].start(180)
    assert verdict.exact(), verdict


async def test_a_topic_whose_records_one_broker_may_lose_is_named(nodes: list[LocalKafka], tmp_path: Path) -> None:
    """With min.insync.replicas of 1 or 3 `vigia doctor` names topic and fix, and a strict check fails."""
    broker = Broker(",".join(node.address for node in nodes), f"test-{uuid4().hex[:8]}-")
    await topics.apply(broker, 4, NODES)
    async with Proof(broker.address, broker.prefix, tmp_path, 4, POLICY) as proof:
        for count, why in (("1", "can lose acknowledged records"), ("3", "stops all writes")):
            name = broker.name("alarms")
            wanted = {**next(one for one in topics.TOPICS if one.name == "alarms").settings(), IN_SYNC: count}
            await proof.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, wanted)])

            async def is_named(name: str = name, why: str = why) -> bool:
                found = await doctor(proof)
                return len(found) > 0 and all(name in line for line in found) and why in found[0]

            await proof.until(is_named)
            with pytest.raises(topics.TopicsWrong, match=IN_SYNC):
                await topics.check(broker, 4, NODES, strict=True)
