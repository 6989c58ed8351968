"""D11: a topic whose partitions are not as many as those that customers were spread over."""

import asyncio
import json
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewPartitions

from streams.engine.liveness import EXIT_STATUS
from tests.faults.conftest import Note
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.running import time_of
from vigia.runtime import topics

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

ONE = "purchases"  # topic of all events: what waits unread would be too late after weeks of the others
MORE = 6
WRONG = 2  # exit status: settings or topics, nothing was read


async def grow(proof: Proof, *plain: str) -> None:
    """Give topics more partitions."""
    await proof.admin.create_partitions({proof.broker.name(name): NewPartitions(MORE) for name in plain})
    await asyncio.sleep(0.5)


async def saved(proof: Proof, plain: str, partitions: int) -> list[bytes]:
    """All that lies on a topic, in the order in which it happened."""
    settings, proof.settings = proof.settings, type(proof.settings)(partitions=partitions)
    try:
        return sorted((record.value for record in await proof.read(plain)), key=time_of)
    finally:
        proof.settings = settings


async def test_an_input_that_grows_ends_the_workers(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """Under load: named at once and at each start, no customer in two halves; recreated as it was, all is exact."""
    lines = simulated(tmp_path / "sim", 150, 40, seed)
    third = len(lines) // 3
    proof.start(VIGIA_MARGIN=LATER)
    await proof.publish(lines[:third], ONE)
    await proof.progress()
    with proof.processes.may_die("a"):
        await grow(proof, ONE)
        async with AIOKafkaProducer(acks="all", **proof.broker.client()) as spreads_anew:
            for line in lines[third : 2 * third]:
                name = json.loads(line).get("customer_id")
                await spreads_anew.send(proof.broker.name(ONE), line, key=name and name.encode())
        assert await proof.died(within=30) == EXIT_STATUS
        assert f"has {MORE} partitions, and had 4 at the start" in (tmp_path / "a.log").read_text().splitlines()[-1]
        proof.start(VIGIA_MARGIN=LATER)
        assert await proof.died(within=30) == WRONG
    assert f"has {MORE} partitions and needs 4" in (tmp_path / "a.log").read_text().splitlines()[-1]
    kept = await saved(proof, ONE, MORE)
    await proof.admin.delete_topics([proof.broker.name(ONE)])
    while proof.broker.name(ONE) in await proof.admin.list_topics():
        await asyncio.sleep(0.1)
    await topics.apply(proof.broker, proof.settings.partitions)
    await proof.producer.client.force_metadata_update()
    await proof.publish(kept + lines[2 * third :], ONE)
    proof.start(VIGIA_MARGIN=LATER)
    await proof.conclude(lines)
    verdict = await proof.verdict(lines)
    note("D11", f"worker: the topic of events grows to {MORE} partitions", seed, 2, len(lines), verdict)
    assert verdict.exact(), verdict


async def test_customers_of_another_count_are_not_halved(proof: Proof, tmp_path: Path, seed: int, note: Note) -> None:
    """Where all topics grow and VIGIA_PARTITIONS with them, the rows tell: it ends by name, and no row is changed."""
    lines = simulated(tmp_path / "sim", 150, 40, seed)
    half = len(lines) // 2
    proof.start(VIGIA_MARGIN=LATER)
    await proof.publish(lines[:half])
    await proof.drained()
    assert await proof.stop() == 0
    before = await proof.rows()
    await grow(proof, *(topic.name for topic in topics.TOPICS if not topic.partitions))
    with proof.processes.may_die("a"):
        proof.start(VIGIA_MARGIN=LATER, VIGIA_PARTITIONS=str(MORE))
        assert await proof.died(within=60) == EXIT_STATUS
    assert "were spread over another number of partitions" in (tmp_path / "a.log").read_text().splitlines()[-1]
    assert await proof.rows() == before
    with proof.processes.may_die("a"):
        proof.processes.wipe("a")  # as on another machine
        proof.start(VIGIA_MARGIN=LATER, VIGIA_PARTITIONS=str(MORE))
        assert await proof.died(within=60) == EXIT_STATUS
    assert await proof.rows() == before
