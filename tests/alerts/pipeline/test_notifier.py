"""The notifier as a process, on a broker, with a receiver that kills and restarts it."""

import asyncio
import base64
import json
import os
import re
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random, randrange
from time import time_ns
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from aiohttp import web
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from confluent_kafka import Producer

from alerts.pipeline.notifier import ALARMS, GROUP
from alerts.pipeline.oldest_member import oldest_member_assignor
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, SECOND, Instant
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import decode_alarm, encode_alarm, encode_worklist_entry
from tests.alerts.pipeline.test_daily_worklists import entry
from tests.support.alarms import an_alarm
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.runtime import dead_letter
from vigia.runtime.health import serving

SECRET = f"whsec_{base64.b64encode(bytes(32)).decode()}"
ROUTES = """
[channel.desk]
type = "webhook"
url = "{url}"
allow_hosts = ["127.0.0.1"]
secrets_env = ["HOOK_SECRET"]

[[route]]
name = "all"
to = ["desk"]
"""


@pytest.fixture
def kafka() -> Iterator[str]:
    """A broker of the test's own."""
    with EmbeddedKafka() as broker:
        broker.create("alarms", "alarm-actions", "feedback", "worklist", "notifications", "dead-letters")
        yield broker.address


def alarm(alarm_id: str, customer: str = "C1", *, age: int = 0, **changed: Any) -> Alarm:
    """An alarm that became true just now, or so long ago."""
    return an_alarm(Instant(time_ns() // 1000 - age), alarm_id, customer, **{"kind": "gone-quiet"} | changed)


async def publish(kafka: str, topic: str, *records: tuple[str, bytes | None]) -> None:
    """Write these records to the topic."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    for key, value in records:
        await producer.send_and_wait(topic, value, key=key.encode())
    await producer.stop()


async def publish_alarms(kafka: str, *alarms: Alarm, prefix: str = "") -> None:
    """Write these changes to the topic `alarms`."""
    await publish(kafka, f"{prefix}alarms", *((one.subject.id, encode_alarm(one)) for one in alarms))


class Desk:
    """A receiver of webhooks: what came, in order; `meet` is called before it answers."""

    def __init__(self) -> None:
        self.got: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self.meet: Callable[[], Awaitable[None]] | None = None
        self.url = ""

    async def _answer(self, request: web.Request) -> web.Response:
        told = json.loads(await request.read())
        await self.got.put((request.headers["webhook-id"], told["data"]["alarms"][0]["alarm_id"]))
        if self.meet is not None:
            await self.meet()
        return web.Response(status=204)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Desk"]:
        """It listens while the block runs."""
        app = web.Application()
        app.router.add_post("/", self._answer)
        async with serving(app, "127.0.0.1", 0) as port:
            self.url = f"http://127.0.0.1:{port}/"
            yield self


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A receiver on this machine."""
    async with Desk().open() as desk:
        yield desk


class Process:
    """`vigia notifier` as users start it."""

    def __init__(self, kafka: str, routes: Path, prefix: str = "", environment: Mapping[str, str] = {}) -> None:
        self.arguments = ["notifier", "--kafka", kafka, "--routes", str(routes), "--metrics-port", "0"]
        self.arguments += ["--prefix", prefix] if prefix else []
        self.log = routes.with_name(f"{uuid4().hex}.log")
        self.environment = os.environ | {"HOOK_SECRET": SECRET} | environment
        self.process: asyncio.subprocess.Process | None = None

    async def port(self) -> int:
        """The port of its metrics."""
        while not (found := re.search(r":(\d+)/metrics", self.log.read_text())):
            await asyncio.sleep(0.05)
        return int(found[1])

    async def __aenter__(self) -> "Process":
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "vigia", *self.arguments),
                env=self.environment,
                stderr=log,
            )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    async def end(self, how: signal.Signals) -> int:
        """Its exit status after this signal."""
        assert self.process is not None
        self.process.send_signal(how)
        await self.process.wait()
        assert self.process.returncode is not None
        return self.process.returncode


@pytest.fixture
def notifier(kafka: str, desk: Desk, tmp_path: Path) -> Callable[[], Process]:
    """Starts a notifier that sends to the desk."""
    routes = tmp_path / "routes.toml"
    routes.write_text(ROUTES.format(url=desk.url))
    return lambda: Process(kafka, routes)


async def acknowledged(kafka: str, count: int) -> None:
    """Wait until the notifier has committed so many alarms."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=GROUP, enable_auto_commit=False)
    await consumer.start()
    places = [TopicPartition(ALARMS, partition) for partition in range(PARTITIONS)]
    consumer.assign(places)
    while sum([await consumer.committed(place) or 0 for place in places]) < count:
        await asyncio.sleep(0.1)
    await consumer.stop()


async def records(kafka: str, topic: str) -> AsyncIterator[Any]:
    """The records of a topic from its beginning, without end."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async for record in consumer:
            yield record
    finally:
        await consumer.stop()


async def on_topic(kafka: str, topic: str, until: Callable[[bytes | None], bool]) -> list[bytes | None]:
    """The values on a topic, up to the one that was waited for."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=kafka, auto_offset_reset="earliest")
    await consumer.start()
    values: list[bytes | None] = []
    async for record in consumer:
        values.append(record.value)
        if until(record.value):
            break
    await consumer.stop()
    return values


async def test_what_was_made_over_a_weekend_is_sent_on_monday(
    kafka: str, desk: Desk, notifier: Callable[[], Process]
) -> None:
    """The time of the record on `alarms` says when an alarm was made, however late it is read."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    for name, age in (("old", 6 * DAY), ("fresh", 3 * DAY)):
        made = (time_ns() // 1000 - 3 * DAY) // 1000
        value = encode_alarm(alarm(name, name, age=age))
        await producer.send_and_wait("alarms", value, key=b"C1", timestamp_ms=made)
    await producer.stop()
    async with notifier() as first:
        assert (await desk.got.get())[1] == "fresh"
        assert await first.end(signal.SIGTERM) == 0
    assert desk.got.empty()


async def test_the_worklist_of_a_date_waits_for_its_digest(kafka: str, notifier: Callable[[], Process]) -> None:
    """Entries of the topic `worklist` are stored until they go; a record without a value takes its customer off."""
    now = Instant(time_ns() // 1000 // SECOND * SECOND)
    entries = [encode_worklist_entry(entry(name, at=now)) for name in ("C1", "C2")]
    async with notifier() as first:
        await publish(kafka, "worklist", ("C1", entries[0]), ("C1", None), ("C2", entries[1]))

        def is_stored(value: bytes | None) -> bool:
            return value is not None and b"worklist/2024-01-01" in value and b"C2" in value and b'"C1"' not in value

        assert await on_topic(kafka, "notifications", is_stored)
        assert await first.end(signal.SIGTERM) == 0


async def test_a_restart_repeats_nothing_and_a_kill_only_the_id(
    kafka: str, desk: Desk, notifier: Callable[[], Process]
) -> None:
    """N3: killed between commit and stored delivery, it sends again under the same id; after a clean stop it repeats nothing."""
    await publish_alarms(kafka, alarm("old", "C0", age=3 * DAY), alarm("a1"))
    async with notifier() as first:

        async def kill() -> None:
            await acknowledged(kafka, 2)
            await first.end(signal.SIGKILL)

        desk.meet = kill
        met = await desk.got.get()
        assert met[1] == "a1"
    desk.meet = None
    async with notifier() as second:
        assert await desk.got.get() == met
        await publish_alarms(kafka, alarm("a2", "C2"))
        assert (await desk.got.get())[1] == "a2"
        assert await second.end(signal.SIGTERM) == 0
    async with notifier() as third:
        await publish_alarms(kafka, alarm("a3", "C3"))
        assert (await desk.got.get())[1] == "a3"
        assert await third.end(signal.SIGTERM) == 0
    assert desk.got.empty()


async def test_what_people_did_is_kept_and_published(kafka: str, desk: Desk, notifier: Callable[[], Process]) -> None:
    """An acknowledgement from before the start finds its alarm; records that cannot be used stop nothing."""
    acted = {"alarm_id": "a1", "customer_id": "C1", "action": "ack", "by": "eva"}
    await publish(kafka, "alarm-actions", ("C1", b"no JSON"), ("C9", json.dumps(acted | {"alarm_id": "?"}).encode()))
    await publish(kafka, "alarm-actions", ("C1", json.dumps(acted).encode()))
    await publish(kafka, "alarms", ("C1", b"\xff"), ("C1", encode_alarm(alarm("a1"))))
    async with notifier() as process:

        def told_back(value: bytes | None) -> bool:
            return value is not None and b"alarm.acknowledged" in value

        values = await on_topic(kafka, "alarms", told_back)
        told = decode_alarm(values[-1] or b"")
        assert isinstance(told, Alarm)
        assert (told.alarm_id, told.type) == ("a1", "alarm.acknowledged")
        assert (await desk.got.get())[1] == "a1"
        assert await process.end(signal.SIGTERM) == 0


async def test_a_record_that_cannot_be_used_is_a_dead_letter(kafka: str, notifier: Callable[[], Process]) -> None:
    """D1: each record that is no alarm, no action, or an action without its alarm, with its reason, origin and bytes."""
    lost = {"alarm_id": "a9", "customer_id": "C1", "action": "ack", "by": "eva"}
    bad = json.dumps(lost | {"action": "fly"}).encode(), json.dumps(lost).encode(), b"\xff\xfe", b"[" * 200_000
    await publish(kafka, "alarms", ("C1", b"\xff"), ("C1", b"{}"), ("C1", b""))
    nothing = Producer({"bootstrap.servers": kafka})  # aiokafka sends no record of nothing, others do
    nothing.produce("alarms", None, partition=3)
    nothing.flush()
    await publish(kafka, "alarm-actions", *(("C1", raw) for raw in bad))
    found: list[dead_letter.Letter] = []
    async with notifier() as process:
        async for record in records(kafka, "dead-letters"):
            letter = dead_letter.read(record)
            assert isinstance(letter, dead_letter.Letter)
            found.append(letter)
            if len(found) == 8:
                break
        assert await process.end(signal.SIGTERM) == 0
    assert {(one.topic, one.code, one.value) for one in found} == {
        ("alarms", "bad_text", b"\xff"),
        ("alarms", "missing_field", b"{}"),
        ("alarms", "not_json", b""),
        ("alarm-actions", "bad_value", bad[0]),
        ("alarm-actions", "bad_value", bad[1]),
        ("alarm-actions", "bad_text", bad[2]),
        ("alarm-actions", "too_deep", bad[3]),
    }
    assert {one.key for one in found} == {b"C1", None}
    assert {(one.topic, one.offset) for one in found} == {("alarms", n) for n in range(3)} | {
        ("alarm-actions", n) for n in range(4)
    }


async def test_erased_customers_stay_deleted(kafka: str, desk: Desk, notifier: Callable[[], Process]) -> None:
    """D13: after an erasure no incident is left, open or over, also after a restart that reads older alarms."""
    old, over, other = alarm("a1"), alarm("a2", kind="risk-high"), alarm("a3", "C2")
    ended = msgspec.structs.replace(over, type="alarm.settled", outcome="saved", time=Instant(over.time + 1))
    await publish_alarms(kafka, old, over, ended, other, alarm("a4", "C3"))
    asked = {"id": "e1", "source": "crm", "type": "customer.erased", "time": rfc3339(time_ns() // 1000)}
    wrong = json.dumps(asked | {"customer_id": "C2"}).encode()  # under another's key: the worker refuses it as well
    incidents: dict[str, bytes | None] = {}

    async def until(gone: set[str], left: set[str]) -> None:
        async with asyncio.timeout(60):
            async for record in records(kafka, "notifications"):
                incidents[record.key.decode()] = record.value
                there = {key for key, value in incidents.items() if value is not None}
                if left <= there and not gone & there and sum(key.startswith("erased/") for key in there) == 2:
                    break

    async with notifier() as first:
        while "a3" not in [told := (await desk.got.get())[1]]:
            pass
        assert told == "a3"
        await publish(kafka, "feedback", ("C1", json.dumps(asked | {"customer_id": "C1"}).encode()), ("C1", wrong))
        await publish(kafka, "feedback", ("C3", None))
        await until({"a1", "a2", "a4"}, {"a3"})
        assert await first.end(signal.SIGTERM) == 0
    assert not any(value is not None and b'"C1"' in value for value in incidents.values())
    async with notifier() as second:
        await publish_alarms(
            kafka, alarm("a5", age=DAY), alarm("a6", "C3", age=DAY), alarm("a7", "C2"), alarm("a8", "C1")
        )
        await until({"a1", "a2", "a4", "a5", "a6"}, {"a3", "a7", "a8"})
        assert await second.end(signal.SIGTERM) == 0


async def flooded(
    kafka: str, desk: Desk, start: Callable[[], Process], kills: int, alarms: int, seed: int, prefix: str = ""
) -> dict[str, set[str]]:
    """The ids under which each alarm came, of a flood under which the notifier is killed at random."""
    rng, got = Random(seed), dict[str, set[str]]()
    await publish_alarms(kafka, *(alarm(f"a{n}", f"C{n}") for n in range(alarms)), prefix=prefix)
    for left in range(kills, -1, -1):
        upto = len(got) + rng.randint(1, max(1, (alarms - len(got)) // (left + 1))) if left else alarms
        async with start() as process, asyncio.timeout(120):
            while len(got) < upto:
                key, came = await desk.got.get()
                got.setdefault(came, set()).add(key)
            if left:
                await process.end(signal.SIGKILL)
            else:
                assert await process.end(signal.SIGTERM) == 0
        while not desk.got.empty():
            key, came = desk.got.get_nowait()
            got.setdefault(came, set()).add(key)
    return got


async def test_under_a_flood_and_kills_nothing_is_missing(
    kafka: str, desk: Desk, notifier: Callable[[], Process]
) -> None:
    """N3, N5: killed at random while hundreds wait, it delivers every alarm, each under one id, and clean restarts add none."""
    seed = randrange(10**6)
    got = await flooded(kafka, desk, notifier, kills=2, alarms=200, seed=seed)
    assert got.keys() == {f"a{n}" for n in range(200)}, f"seed {seed}"
    assert {len(keys) for keys in got.values()} == {1}, f"seed {seed}"
    assert len({key for keys in got.values() for key in keys}) == 200


class Cluster:
    """As much of aiokafka's cluster as an assignor asks."""

    def partitions_for_topic(self, topic: str) -> set[int]:
        """Three of each."""
        return {0, 1, 2}


@pytest.mark.parametrize("ages", [{"a": 7, "b": 9}, {"a": 9, "b": 7, "c": 8}, {"b": 7, "a": 7}])
def test_the_oldest_has_everything(ages: dict[str, int]) -> None:
    """All partitions go to the member that has run longest, whichever member assigns; the others are standbys."""
    members = {
        member: oldest_member_assignor(since).metadata(["alarms", "alarm-actions"]) for member, since in ages.items()
    }
    everything = [("alarm-actions", [0, 1, 2]), ("alarms", [0, 1, 2])]
    for since in ages.values():
        given = oldest_member_assignor(since).assign(Cluster(), members)  # type: ignore[arg-type]
        counts = Counter(member for member in given if given[member].assignment)
        assert counts.keys() == {min(ages, key=lambda member: (ages[member], member))}
        assert [list(x) for x in given[next(iter(counts))].assignment] == [list(x) for x in everything]
