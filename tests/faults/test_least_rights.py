"""F20: every process and command under exactly the rights that the table grants it: all goes through, nothing is lost."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka import ConsumerRecord

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import SECOND, Instant
from scorers.in_force.control import ModelInForce, Tick, decode_control
from tests.faults.conftest import POLICY, Note
from tests.faults.proof import LATER, Proof, simulated
from tests.kafka.processes import CHECKOUT
from tests.kafka.running import time_of
from tests.streams.worker.test_groups import complaint
from tests.support.least_rights import PASSWORD, grant, guarded_kafka, login
from tests.support.redisserver import Server
from vigia.lab.local_kafka import LocalKafka, free_port
from vigia.operations.dead_letters import REPLAYABLE
from vigia.runtime.dead_letter import encode
from vigia.runtime.erasures import read_erasure
from vigia.runtime.files.history_line import history_line
from vigia.runtime.rights.acls import acls
from vigia.runtime.rights.table import COMMANDS, PROCESSES, RIGHTS
from vigia.runtime.topics import CHANGELOG, TOPICS

pytestmark = pytest.mark.kafka

NOT_TRIED = {"console", "alarms redeliver", "partitions grow", "import", "import --rebuild"}
"""A console does what a person asks for; events of the past notify nobody, so nothing can be delivered again; a growth has two prefixes,
and so has a rebuilding; an import would add to the events that are counted."""
TOKEN = "a-token-of-the-tests"
KEY = "k" * 40
AUDIT = Path(__file__).parent / "audit"
METRICS = ("--metrics-port", "0")


@pytest.fixture(scope="module")
def node() -> Iterator[LocalKafka]:
    with guarded_kafka() as node:
        yield node


class Limited(Proof):
    """All processes of Vigía, each with a user and rights of its own."""

    node: LocalKafka
    redis = ""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.begun: dict[str, tuple[list[str], dict[str, str]]] = {}

    def environment(self, who: str) -> dict[str, str]:
        """What a process or command is started with."""
        return login(self.node, who) | {
            "VIGIA_PREFIX": self.broker.prefix,
            "VIGIA_PARTITIONS": str(self.settings.partitions),
            "VIGIA_SEAL": self.settings.seal,
            "VIGIA_PRIVACY_KEY": KEY,
            "VIGIA_STATE": str(self.directory / who),
            "PYTHONPATH": os.pathsep.join(filter(None, (str(AUDIT), os.environ.get("PYTHONPATH")))),
            "RIGHTS_USED": str(self.used_file(who)),
        }

    def used_file(self, who: str) -> Path:
        """Where a process or command writes which rights it has used."""
        return self.directory / f"{who.replace(' ', '-')}.used"

    def unused(self, who: str) -> set[str]:
        """The rights of a row that nothing has used; a topic without the prefix."""
        used = set(self.used_file(who).read_text().splitlines())
        prefix = self.broker.prefix
        return {
            f"{right.operation} {right.name.removeprefix(prefix)}"
            for right in acls(RIGHTS[who], prefix)
            if f"{right.operation} {right.name}" not in used
        }

    def begin(self) -> str:
        """Start all processes; the address of the gateway."""
        port, policy = free_port(), ("--policy", str(self.policy_file))
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        commands = {
            "clock": ("--follow-events", "--every", "0.1", *METRICS, *policy),
            "trainer": METRICS,
            "notifier": METRICS,
            "gateway": ("--port", str(port), "--redis", self.redis),
        }
        assert {"worker", *commands} == PROCESSES.keys() - NOT_TRIED
        self.start(
            "worker", **self.environment("worker"), VIGIA_MARGIN=LATER, VIGIA_SESSION="40"
        )  # many commands run at once
        for who, arguments in commands.items():
            environment = self.environment(who) | {"VIGIA_GATEWAY_TOKENS": digest}
            self.begun[who] = ([sys.executable, "-m", "vigia", who, *arguments], environment)
            self.processes.start(who, *self.begun[who])
        return f"http://127.0.0.1:{port}/v1/events"

    async def begin_again(self) -> None:
        """Stop those that read at their start what they wrote, and start them again."""
        for who in ("clock", "trainer", "notifier"):
            assert await self.processes.stop(who) == 0
            self.processes.start(who, *self.begun[who])

    async def lose(self, *plain: str) -> None:
        """Delete topics, and wait until they are gone."""
        names = {self.broker.name(one) for one in plain}
        await self.admin.delete_topics(list(names))

        async def are_gone() -> bool:
            return not names & set(await self.admin.list_topics())

        await self.until(are_gone)

    async def reject(self) -> None:
        """Write a dead letter of each topic that one can be sent back to."""
        for topic in REPLAYABLE:
            record = ConsumerRecord(self.broker.name(topic), 0, 1 << 40, 0, 0, b"bad", b"no event", None, 3, 8, ())
            key, value, headers = encode(record, "not_json", "made by the test")
            where = self.broker.name("dead-letters")
            await self.producer.send_and_wait(where, value, key=key, headers=list(headers))

    async def command(self, who: str, *arguments: str) -> str:
        """Run a command under its own rights; what it printed."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "vigia", *who.split(), *arguments],
            cwd=CHECKOUT,
            env=os.environ | self.environment(who),
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{who}: {done.stdout}{done.stderr}"
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout + (done.stderr if who == "restore" else "")

    async def controls(self) -> list[object]:
        """The records of `clock`."""
        return [decode_control(value) for value in await self.written("clock")]

    async def has_ticked(self, until: int) -> bool:
        """Whether the clock has told that this instant has passed."""
        return any(isinstance(control, Tick) and control.until >= until for control in await self.controls())

    async def open_alarm(self) -> Alarm:
        """An alarm about a customer that stands; a change of state is none."""
        last = {alarm.alarm_id: alarm for alarm in await self.alarms() if alarm.kind not in STATE_CHANGES}
        return next(one for one in last.values() if one.type == "alarm.raised" and one.customer_id)

    async def written(self, topic: str) -> list[bytes]:
        """The values on a topic."""
        return [record.value for record in await self.read(topic) if record.value]


@pytest_asyncio.fixture
async def limited(node: LocalKafka, tmp_path: Path) -> AsyncIterator[Limited]:
    redis = Server(tmp_path)
    redis.start()
    async with Limited(node.address, f"test-{uuid4().hex[:8]}-", tmp_path, 4, POLICY) as limited:
        limited.node, limited.redis = node, redis.url
        yield limited
    redis.stop()


def story(directory: Path, seed: int) -> list[bytes]:
    """Events of an invented business, some with a complaint about a store: what has to be forwarded."""
    found = []
    for number, line in enumerate(simulated(directory, 60, 40, seed)):
        found.append(line)
        customer = json.loads(line).get("customer_id")
        if customer is not None and number % 10 == 0:
            found.append(complaint(time_of(line), customer, f"S{number % 7}", f"K{number}"))
    return found


def post(url: str, lines: list[bytes]) -> int:
    """Send events to the gateway; the status of its answer."""
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
    with urllib.request.urlopen(urllib.request.Request(url, b"\n".join(lines), head), timeout=30) as answer:
        return int(answer.status)


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
    assert len(limited.processes.exits) == len(PROCESSES.keys() - NOT_TRIED)


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

    async def all_have_written() -> bool:
        return (
            await limited.has_ticked(max(map(time_of, lines)))
            and any(
                isinstance(control, ModelInForce) for control in await limited.controls()
            )  # the trainer, after figures
            and bool(await limited.written("notifications"))
            and bool(await limited.written("worklist"))
            and any(read_erasure(record) for record in await limited.read("feedback"))
            and bool(await limited.written("groups"))
        )

    await limited.drained()
    await limited.until(all_have_written, within=120)
    await limited.drained()  # the last tick too, so that what stands now stands
    await limited.begin_again()
    alarm = await limited.open_alarm()
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
        "doctor": ("--apart", "1"),
    }
    said = dict(
        zip(tasks, await asyncio.gather(*(limited.command(who, *args) for who, args in tasks.items())), strict=True)
    )
    said["dead-letters replay"] = await limited.command("dead-letters replay")
    said["shadow"] = await limited.command("shadow", "--policy", str(limited.policy_file))
    assert {*said, "topics apply", "publish", "restore", *NOT_TRIED} == COMMANDS.keys() | {"console"}
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
    await limited.conclude(lines)
    verdict = await limited.verdict(lines, same_changes=False)
    await limited.reject()
    await limited.command("dead-letters replay")
    backup, prefix, every = str(tmp_path / "vigia.tar.gz"), limited.broker.prefix, [topic.name for topic in TOPICS]
    await limited.lose(CHANGELOG)
    assert "go on where the rows stand" in await limited.command("restore", backup, "--prefix", prefix)
    await limited.lose(*every)
    await limited.command("topics apply")
    await limited.lose(*every)
    assert "restored in" in await limited.command("restore", backup, "--prefix", prefix)
    assert {who: rights for who in RIGHTS.keys() - NOT_TRIED if (rights := limited.unused(who))} == {}
    note("F20", "all processes under the rights of the table", seed, 0, len(lines), verdict)
    assert verdict.exact(), verdict
