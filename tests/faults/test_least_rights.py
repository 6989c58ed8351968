"""F20: every process and command under exactly the rights that the table grants it: all goes through, nothing is lost."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from scorers.contract.events import SECOND, Instant
from tests.faults.conftest import POLICY, Note
from tests.faults.limited import Limited, noted, post, story
from tests.kafka.running import time_of
from tests.support.least_rights import grant, guarded_kafka, login
from tests.support.redisserver import Server
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.erasures import read_erasure
from vigia.runtime.files.history_line import history_line
from vigia.runtime.rights.table import COMMANDS, PROCESSES, RIGHTS
from vigia.runtime.topics import CHANGELOG, TOPICS

pytestmark = pytest.mark.kafka

LETTERS = 1 << 40  # the offset of records that are rejected by the test
OTHERS = {"console", "partitions grow", "import", "import --rebuild", "alarms redeliver"}
"""Whose rights are not tried here: these need tables, people, or a second prefix. The console only starts and ends."""


@pytest.fixture(scope="module")
def node() -> Iterator[LocalKafka]:
    with guarded_kafka() as node:
        yield node


@pytest_asyncio.fixture
async def limited(node: LocalKafka, tmp_path: Path) -> AsyncIterator[Limited]:
    redis = Server(tmp_path)
    redis.start()
    async with Limited(node.address, f"test-{uuid4().hex[:8]}-", tmp_path, 4, POLICY) as limited:
        limited.node, limited.redis = node, redis.url
        yield limited
    redis.stop()


async def test_processes_work_under_their_rights(limited: Limited, node: LocalKafka, tmp_path: Path) -> None:
    """Events and an erasure by a null value go through worker, clock and notifier, and all processes end in order."""
    grant(node, limited.broker.prefix)
    limited.begin()
    lines = story(tmp_path / "sim", 11)
    await limited.publish(lines)

    async def has_begun() -> bool:
        return await limited.has_ticked(max(map(time_of, lines))) and bool(await limited.written("notifications"))

    async def is_repeated() -> bool:
        return any(read_erasure(record) for record in await limited.read("feedback"))

    await limited.until(has_begun, within=120)
    await limited.producer.send_and_wait(limited.broker.name("purchases"), None, key=b"nobody")
    await limited.until(is_repeated, within=120)
    await limited.conclude(lines)
    assert len(limited.processes.exits) == len(PROCESSES)


@pytest.mark.faults
async def test_all_goes_through_under_the_rights_of_the_table(
    limited: Limited, node: LocalKafka, tmp_path: Path, seed: int, note: Note
) -> None:
    """Every process works and every command ends well; what the worker told is exact; and no right was granted in vain."""
    grant(node, limited.broker.prefix)
    lines = story(tmp_path / "sim", seed)
    half, file = len(lines) // 2, tmp_path / "events.jsonl"
    gateway = limited.begin()
    file.write_bytes(b"\n".join(lines[:half]) + b"\n")
    await asyncio.gather(limited.command("topics apply"), limited.command("publish", str(file)))
    await limited.until(
        lambda: limited.has_ticked(time_of(lines[half - 1]))
    )  # so that the ends of days after it are ticked
    file.write_bytes(history_line(Instant(SECOND)) + b"\n".join(lines[half:-20]) + b"\n")  # nothing is so old
    await limited.command("publish", str(file))
    purchases = limited.broker.name("purchases")
    await limited.producer.send_and_wait(purchases, b"no event", key=b"bad")
    await limited.producer.send_and_wait(limited.broker.name("alarm-actions"), b"no event", key=b"bad")
    await limited.producer.send_and_wait(purchases, None, key=b"nobody")  # an erasure, to be repeated on `feedback`
    await limited.drained()
    assert await asyncio.to_thread(post, gateway, lines[-20:]) == 202

    await limited.drained()
    await limited.until(lambda: limited.has_written(max(map(time_of, lines))), within=240)
    await limited.drained()  # the last tick too, so that what stands now stands
    await limited.begin_again()
    alarm, last = await limited.open_alarm(), max(map(time_of, lines))
    file.write_bytes(noted(alarm, 1, last) + b"\n")
    await limited.command("publish", str(file))
    assert await asyncio.to_thread(post, gateway, [noted(alarm, 2, last)]) == 202
    await limited.drained()
    tasks = {
        "topics check": (),
        "alarms tail": ("--until-now",),
        "alarms ack": (alarm.alarm_id,),
        "explain": (alarm.alarm_id,),
        "dead-letters list": (),
        "lessons export": ("--out", str(tmp_path / "lessons.parquet")),
        "control dump": ("--out", str(tmp_path / "control-of-all.jsonl")),
        "privacy check": ("nobody-of-this-name",),  # it ends with 1 for a customer who is known
        "privacy export": ("C1",),
        "backup": ("--out", str(tmp_path / "vigia.tar.gz")),
        "customer show": (str(alarm.customer_id), "--kafka", login(node, "customer show")["VIGIA_KAFKA"]),
        "worklist": ("--kafka", login(node, "worklist")["VIGIA_KAFKA"]),
    }
    said = dict(
        zip(tasks, await asyncio.gather(*(limited.command(who, *args) for who, args in tasks.items())), strict=True)
    )
    await limited.drained()
    said["doctor"] = await limited.command("doctor", "--apart", "1")
    said["dead-letters replay"] = await limited.command("dead-letters replay")
    said["shadow"] = await limited.command("shadow", "--policy", str(limited.policy_file))
    assert {*said, "topics apply", "publish", "restore", *OTHERS} == COMMANDS.keys() | {"console"}
    assert alarm.alarm_id in said["alarms tail"]
    assert alarm.alarm_id in said["explain"]
    assert "Worklist of " in said["worklist"]
    assert "not_json" in said["dead-letters list"]
    back = {line.rpartition("-> ")[2] for line in said["dead-letters replay"].splitlines() if " records -> " in line}
    assert back == {
        limited.broker.name("purchases"),
        limited.broker.name("alarm-actions"),
    }  # the bad event and the bad action
    assert "?" not in said["doctor"].split("\n")[0]

    async def acknowledged() -> bool:
        return any(one.type == "alarm.acknowledged" for one in await limited.alarms())

    await limited.until(acknowledged)
    await limited.notified()
    lines += await limited.actions()
    await limited.conclude(lines)
    verdict = await limited.verdict(lines, same_changes=False)
    assert verdict.exact(), verdict
    await lost(limited, tmp_path / "vigia.tar.gz")
    assert limited.all_unused(RIGHTS.keys() - OTHERS) == {}
    note("F20", "all processes under the rights of the table", seed, 0, len(lines), verdict)


async def lost(limited: Limited, backup: Path) -> None:
    """Rejected records are sent back by a command, and topics that are lost are restored."""
    await limited.reject(LETTERS + 1)
    await limited.command("dead-letters replay")
    prefix, every = limited.broker.prefix, [topic.name for topic in TOPICS]
    await limited.lose(CHANGELOG)
    assert "go on where the rows stand" in await limited.command("restore", str(backup), "--prefix", prefix)
    await limited.lose(*every)
    await limited.command("topics apply")
    await limited.lose(*every)
    assert "restored in" in await limited.command("restore", str(backup), "--prefix", prefix)
