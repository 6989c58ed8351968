"""How a worker ends on a real Kafka: asked to, stopped and woken, stuck, or with another incarnation of a topic."""

import asyncio
import random
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.errors import TopicAlreadyExistsError
from aiokafka.structs import OffsetAndMetadata

from streams.engine.liveness import EXIT_STATUS
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.running import time_of
from vigia.runtime.topics import CHANGELOG, READ, WORKER

pytestmark = pytest.mark.kafka

OUTPUTS = (CHANGELOG, "alarms", "lessons", "dead-letters")


@pytest_asyncio.fixture
async def proof(kafka: str, tmp_path: Path) -> AsyncIterator[Proof]:
    async with Proof(kafka, f"life-{uuid4().hex[:8]}-", tmp_path, 4, "[risk]\nhorizon = '10d'\n") as proof:
        yield proof


async def ends(proof: Proof) -> dict[str, int]:
    """How many records each topic has that a worker writes to."""
    return {plain: len(await proof.read(plain)) for plain in OUTPUTS}


async def drained(proof: Proof) -> None:
    """Wait until everything that was published is folded and committed."""

    async def nothing_left() -> bool:
        return (await proof.standing())[1] == 0

    await proof.until(nothing_left)


async def test_a_worker_that_was_stopped_and_wakes_up_writes_nothing(proof: Proof, tmp_path: Path) -> None:
    """F9: stopped for longer than its session, with unwritten rows in its hands, it ends when it wakes; all is exact."""
    lines = simulated(tmp_path / "sim", 150, 40, 21)
    half = len(lines) // 2
    proof.start("a", VIGIA_MARGIN=LATER, VIGIA_SESSION="3", VIGIA_FLUSH="3")
    proof.tick()
    await proof.publish(lines[:half])
    await proof.progress()
    await proof.publish(lines[half:])
    await asyncio.sleep(0.5)  # some of it is folded by now and none of it written
    with proof.processes.may_die("a"):
        proof.processes.signal("a", signal.SIGSTOP)
        proof.start("b", VIGIA_MARGIN=LATER, VIGIA_SESSION="3")
        await drained(proof)
        await proof.ticked(max(map(time_of, lines)))
        before = await ends(proof)
        proof.processes.signal("a", signal.SIGCONT)
        assert await proof.died("a") == EXIT_STATUS
    assert await ends(proof) == before
    assert "others may go on by now; exiting with 70" in (tmp_path / "a.log").read_text()
    assert await proof.stop("b") == 0
    # The last records reach the log topic by topic: what one worker has told of some of them is withdrawn by the next,
    # which reads all in the order of writing. No control record is in play (LATER).
    verdict = await proof.verdict(lines, taken_back=True)
    assert verdict.exact(), verdict


async def test_stopped_under_load(proof: Proof, tmp_path: Path) -> None:
    """F15: SIGTERM in the middle of traffic, again and again: status 0 within 20 s, drained, and what follows is exact."""
    lines = simulated(tmp_path / "sim", 120, 40, 22)
    dice = random.Random(22)
    proof.tick()
    for turn in range(3):
        proof.start("a", VIGIA_MARGIN=LATER)
        share = lines[turn * len(lines) // 3 : (turn + 1) * len(lines) // 3]
        traffic = asyncio.create_task(proof.publish(share))
        await proof.progress()
        await asyncio.sleep(dice.uniform(0.0, 0.5))
        assert await proof.processes.stop("a", within=20) == 0
        await traffic
    assert "not drained" not in (tmp_path / "a.log").read_text()
    proof.start("a", VIGIA_MARGIN=LATER)
    await proof.ticked(max(map(time_of, lines)))
    assert await proof.stop("a") == 0
    verdict = await proof.verdict(lines)
    assert verdict.exact(), verdict


async def test_a_worker_whose_commits_do_not_move_ends_by_name(proof: Proof, tmp_path: Path) -> None:
    """It folds, and flushes once an hour: it says where it stands and ends, and its successor goes on exactly."""
    lines = simulated(tmp_path / "sim", 100, 30, 23)
    await proof.publish(lines[:1])
    with proof.processes.may_die("a"):
        proof.start("a", VIGIA_MARGIN=LATER, VIGIA_STUCK="5", VIGIA_FLUSH="3600")
        await proof.publish(lines[1:])
        assert await proof.died("a") == EXIT_STATUS
    said = (tmp_path / "a.log").read_text()
    assert re.search(r"vigia: the commit of \S+ stands at 0 for \d+ s, though records wait and Kafka answers", said)
    proof.start("a", VIGIA_MARGIN=LATER, VIGIA_STUCK="5")
    proof.tick()
    await proof.ticked(max(map(time_of, lines)))
    await asyncio.sleep(8)  # there is nothing to commit now, which is no reason to end
    assert await proof.stop("a") == 0
    verdict = await proof.verdict(lines)
    assert verdict.exact(), verdict


async def make_anew(proof: Proof, plain: str) -> None:
    """Delete a topic and make it again under its name."""
    await proof.admin.delete_topics([proof.broker.name(plain)])
    await make(proof, plain)


async def make(proof: Proof, plain: str) -> None:
    """Make a topic, once the one before it is gone."""
    name = proof.broker.name(plain)
    while True:
        answer = await proof.admin.create_topics([NewTopic(name, proof.settings.partitions, 1)])
        if answer.topic_errors[0][1] != TopicAlreadyExistsError.errno:
            break
        await asyncio.sleep(0.1)
    while len((await proof.admin.describe_topics([name]))[0]["partitions"]) < proof.settings.partitions:
        await asyncio.sleep(0.1)
    await proof.producer.client.force_metadata_update()


async def test_a_recreated_topic_is_read_from_its_beginning(proof: Proof, tmp_path: Path) -> None:
    """F11: with as many records again as before, while the worker is away and while it runs: none is taken for known."""
    lines = simulated(tmp_path / "sim", 100, 60, 24)
    thirds = [lines[turn * len(lines) // 3 : (turn + 1) * len(lines) // 3] for turn in range(3)]
    proof.start("a", VIGIA_MARGIN=LATER)
    await proof.publish(thirds[0])
    await drained(proof)
    assert await proof.stop("a") == 0
    await make_anew(proof, "purchases")
    await proof.publish(thirds[1])
    proof.start("a", VIGIA_MARGIN=LATER)
    await drained(proof)
    with proof.processes.may_die("a"):
        await make_anew(proof, "purchases")
        assert await proof.died("a") != 0
    assert "the topic" in (tmp_path / "a.log").read_text()
    await proof.publish(thirds[2])
    proof.start("a", VIGIA_MARGIN=LATER)
    proof.tick()
    await proof.ticked(max(map(time_of, lines)))
    assert await proof.stop("a") == 0
    verdict = await proof.verdict(lines)
    assert verdict.exact(), verdict


async def test_who_comes_back_is_given_what_was_made_meanwhile(proof: Proof, tmp_path: Path) -> None:
    """Kafka gives a worker that comes back by its name what it had last, when a topic was gone: it asks for a new assignment."""
    lines = simulated(tmp_path / "sim", 60, 30, 25)
    half = len(lines) // 2
    proof.start("a", VIGIA_MARGIN=LATER)
    await proof.publish(lines[:half])
    await drained(proof)
    await proof.admin.delete_topics([proof.broker.name("purchases")])
    while "Ignoring missing topic" not in (tmp_path / "a.log").read_text():
        proof.processes.check()
        await asyncio.sleep(0.1)
    await asyncio.sleep(2)  # by now it has its places without that topic
    proof.kill("a")
    await make(proof, "purchases")
    await proof.publish(lines[half:])
    proof.start("a", VIGIA_MARGIN=LATER, VIGIA_STUCK="20")
    proof.tick()
    await proof.ticked(max(map(time_of, lines)))
    assert "not assigned with the rest; asking for a new assignment" in (tmp_path / "a.log").read_text()
    assert await proof.stop("a") == 0
    verdict = await proof.verdict(lines, least=20)
    assert verdict.exact(), verdict


async def test_a_commit_of_an_earlier_incarnation_is_named(proof: Proof, tmp_path: Path) -> None:
    """F11: an offset that was committed before the topic was created again is refused, with the command that mends it."""
    group = AIOKafkaConsumer(group_id=proof.broker.name(WORKER), enable_auto_commit=False, **proof.broker.client())
    await group.start()
    tp = TopicPartition(proof.broker.name(READ[0]), 0)
    group.assign([tp])
    await group.commit({tp: OffsetAndMetadata(7, "earlier1")})
    await group.stop()
    proof.start("a")
    with proof.processes.may_die("a"):
        assert await proof.died("a") == 2
    said = (tmp_path / "a.log").read_text().splitlines()[-1]
    assert f"{tp.topic} partition 0 was committed up to 7 before the topic was created again" in said
    assert "kafka-consumer-groups --group" in said
