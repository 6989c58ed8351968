"""All processes and commands of Vigía, each with a user of its own that has exactly the rights of the table."""

import asyncio
import hashlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aiokafka import ConsumerRecord

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, AlarmAction, Instant
from scorers.contract.wire import decode, encode_event
from scorers.in_force.control import ModelInForce, Tick, decode_control
from tests.faults.proof import LATER, Proof
from tests.kafka.processes import CHECKOUT
from tests.kafka.running import time_of
from tests.streams.worker.test_groups import complaint
from tests.support.least_rights import PASSWORD, login
from vigia.lab.local_kafka import LocalKafka, free_port
from vigia.lab.simulate import simulate
from vigia.operations.dead_letters import REPLAYABLE
from vigia.runtime.dead_letter import encode
from vigia.runtime.rights.acls import acls
from vigia.runtime.rights.table import PROCESSES, RIGHTS

TOKEN = "a-token-of-the-tests"
KEY = "k" * 40
AUDIT = Path(__file__).parent / "audit"
METRICS = ("--metrics-port", "0")
ROUTES = '[channel.desk]\ntype = "log"\n\n[[route]]\nname = "all"\nto = ["desk"]\n'


class Limited(Proof):
    """All processes of Vigía, each with a user and rights of its own."""

    node: LocalKafka
    redis = ""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.begun: dict[str, tuple[list[str], dict[str, str]]] = {}
        self.routes = self.directory / "routes.toml"
        self.routes.write_text(ROUTES)

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

    def unused(self, who: str, *more: str) -> set[str]:
        """The rights of a row that nothing has used under the prefix or one of more; a topic without the prefix."""
        used, prefixes = set(self.used_file(who).read_text().splitlines()), (self.broker.prefix, *more)
        return {
            f"{right.operation} {right.name}"
            for right in acls(RIGHTS[who])
            if not used & {f"{right.operation} {prefix}{right.name}" for prefix in ("", *prefixes)}
        }

    def all_unused(self, rows: Iterable[str], *more: str) -> dict[str, set[str]]:
        """The same of several rows, by row, where there are any."""
        return {who: found for who in rows if (found := self.unused(who, *more))}

    def begin(self) -> str:
        """Start all processes; the address of the gateway."""
        port, policy = free_port(), ("--policy", str(self.policy_file))
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        commands = {
            "clock": ("--follow-events", "--every", "0.1", *METRICS, *policy),
            "trainer": METRICS,
            "notifier": (*METRICS, "--routes", str(self.routes)),
            "gateway": ("--port", str(port), "--redis", self.redis),
            "console": ("--port", "0", *METRICS),
        }
        assert {"worker", *commands} == PROCESSES.keys()
        self.work()
        for who, arguments in commands.items():
            environment = self.environment(who) | {"VIGIA_GATEWAY_TOKENS": digest}
            self.begun[who] = ([sys.executable, "-m", "vigia", who, *arguments], environment)
            self.processes.start(who, *self.begun[who])
        return f"http://127.0.0.1:{port}/v1/events"

    def work(self) -> None:
        """Start the worker, with a session for many commands that run at once."""
        self.start("worker", **self.environment("worker"), VIGIA_MARGIN=LATER, VIGIA_SESSION="40")

    def notify(self) -> None:
        """Start the notifier alone."""
        command = [sys.executable, "-m", "vigia", "notifier", *METRICS, "--routes", str(self.routes)]
        self.processes.start("notifier", command, self.environment("notifier"))

    async def begin_again(self) -> None:
        """Stop those that read at their start what they wrote, and start them again."""
        for who in ("clock", "trainer", "notifier", "worker"):
            assert await self.processes.stop(who) == 0
        self.work()
        for who in ("clock", "trainer", "notifier"):
            self.processes.start(who, *self.begun[who])

    async def lose(self, *plain: str) -> None:
        """Delete topics, and wait until they are gone."""
        names = {self.broker.name(one) for one in plain}
        await self.admin.delete_topics(list(names))

        async def are_gone() -> bool:
            return not names & set(await self.admin.list_topics())

        await self.until(are_gone)

    async def reject(self, offset: int) -> None:
        """Write a dead letter of each topic that one can be sent back to, as of a record at this offset."""
        for topic in REPLAYABLE:
            record = ConsumerRecord(self.broker.name(topic), 0, offset, 0, 0, b"bad", b"no event", None, 3, 8, ())
            key, value, headers = encode(record, "not_json", "made by the test")
            where = self.broker.name("dead-letters")
            await self.producer.send_and_wait(where, value, key=key, headers=list(headers))

    async def command(self, who: str, *arguments: str, words: str = "") -> str:
        """Run a command under its own rights, by its words if they are not its name; all that it said."""
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "vigia", *(words or who).split(), *arguments],
            cwd=CHECKOUT,
            env=os.environ | self.environment(who),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, f"{who}: {done.stdout}{done.stderr}"
        assert PASSWORD not in done.stdout + done.stderr
        return done.stdout + done.stderr

    async def controls(self) -> list[object]:
        """The records of `clock`."""
        return [decode_control(value) for value in await self.written("clock")]

    async def has_ticked(self, until: int) -> bool:
        """Whether the clock has told that this instant has passed."""
        return any(isinstance(control, Tick) and control.until >= until for control in await self.controls())

    async def has_written(self, until: int) -> bool:
        """Whether every process has written what it writes, and the clock has passed an instant."""
        return (
            await self.has_ticked(until)
            and any(
                isinstance(control, ModelInForce) for control in await self.controls()
            )  # the trainer, after figures
            and bool(await self.written("notifications"))
            and bool(await self.written("worklist"))
            and bool(await self.written("groups"))
        )

    async def open_alarm(self) -> Alarm:
        """An alarm about a customer that stands; a change of state is none."""
        last = {alarm.alarm_id: alarm for alarm in await self.alarms() if alarm.kind not in STATE_CHANGES}
        return next(one for one in last.values() if one.type == "alarm.raised" and one.customer_id)

    async def actions(self) -> list[bytes]:
        """What people did, as it was sent."""
        found = [value for value in await self.written("alarm-actions") if isinstance(decode(value), AlarmAction)]
        return sorted(found, key=time_of)

    async def written(self, topic: str) -> list[bytes]:
        """The values on a topic."""
        return [record.value for record in await self.read(topic) if record.value]


def story(directory: Path, seed: int) -> list[bytes]:
    """Events of an invented business up to last midnight, some with a complaint about a store: what has to be forwarded.

    They are of these days, because what people do is of this moment: an action judges its customer up to its own time.
    """
    days = 40
    midnight = time.time_ns() // 1000 // DAY * DAY
    simulate(60, days, seed, directory, start=midnight - days * DAY)
    found = []
    for number, line in enumerate((directory / "events.jsonl").read_bytes().splitlines()):
        found.append(line)
        customer = json.loads(line).get("customer_id")
        if customer is not None and number % 10 == 0:
            found.append(complaint(time_of(line), customer, f"S{number % 7}", f"K{number}"))
    return found


def noted(alarm: Alarm, number: int, at: int) -> bytes:
    """What a desk says about an alarm, as an event."""
    return encode_event(
        AlarmAction(
            id=f"note-{number}",
            source="desk",
            time=Instant(at),
            customer_id=alarm.customer_id,
            alarm_id=alarm.alarm_id,
            action="note",
            by="ada",
            reason="called",
        )
    )


def post(url: str, lines: list[bytes]) -> int:
    """Send events to the gateway; the status of its answer."""
    head = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/x-ndjson"}
    with urllib.request.urlopen(urllib.request.Request(url, b"\n".join(lines), head), timeout=30) as answer:
        return int(answer.status)
