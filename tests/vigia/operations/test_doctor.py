"""The doctor: each silent failure is drawn and must be found, by its name, with its mend; health must be found healthy."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.partitioner import murmur2
from typer.testing import CliRunner, Result

from alerts.pipeline.notifier import GROUP
from scorers.contract.events import Instant
from scorers.contract.wire import encode_worklist_entry
from scorers.in_force.control import Tick
from streams.records.sealed_control import Headers, signed
from streams.records.signing import keyring
from tests.support.readmodels import an_entry
from tests.support.seals import KEYS, SECRET, signed_record
from vigia.cli import app
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.operations.diagnosis import CHECKS, DAY, MINUTE, diagnose
from vigia.operations.inspection import GROUPS, TRAINER, Group, Inspection, SeenRecord
from vigia.runtime import topics
from vigia.runtime.broker import Broker
from vigia.runtime.topics import TOPICS, WORKER

NOW = 1_709_632_800_000


def place(key: bytes, partitions: int = 8) -> int:
    """The partition of a key as Java's clients have it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def seen(key: bytes | None = b"C1", **changed: Any) -> SeenRecord:
    """A record of a minute ago, in its customer's partition."""
    signed_record = {"offset": 5, "value": b'{"customer_id": "C1"}', "written": NOW - MINUTE, "headers": {}}
    return SeenRecord(**{"partition": place(key or b""), "key": key, **signed_record, **changed})


def model(secret: str = SECRET, written: int = NOW - DAY) -> SeenRecord:
    """A model that was signed with the keys of that secret."""
    seal = keyring(secret).sign("trainer", signed("north-models", "m1", b"model"))
    return seen(b"m1", value=b"model", written=written, headers={"seal": seal})


def tick(written: int, *, follows: bool = False) -> SeenRecord:
    """A tick of the clock."""
    value, headers = signed_record(Tick(until=Instant(NOW * 1000), follows=follows), place(b""), "north-clock")
    return seen(None, value=value, written=written, headers=dict(headers))


def listed(days: int) -> SeenRecord:
    """An entry of a worklist that ends so many days ago."""
    return seen(value=encode_worklist_entry(an_entry("C1", at=Instant((NOW - days * DAY + 1) * 1000))))


def healthy() -> Inspection:
    """All as it must be, with something everywhere."""
    counts = {topic.name: topic.partitions or 8 for topic in TOPICS}
    ends = {(topic, number): 10 for topic, count in counts.items() for number in range(count)}
    return Inspection(
        now=NOW,
        prefix="north-",
        keys=KEYS,
        brokers=3,
        versions={11: 9, 3: 12},
        broker={"auto.create.topics.enable": "false"},
        counts=counts,
        replicas=dict.fromkeys(counts, 3),
        settings={topic.name: topic.settings() | {topics.IN_SYNC: "2"} for topic in TOPICS},
        begins=dict.fromkeys(ends, 0),
        ends=ends,
        groups={
            name: Group(state="Stable", members=1, before=dict(done), committed=done)
            for name, read in GROUPS.items()
            for done in [{at: end for at, end in ends.items() if at[0] in read}]
        },
        newest={
            **{topic: [seen(b"C%d" % n) for n in range(20)] for topic in ("purchases", "feedback", "alarms")},
            "clock": [tick(NOW - MINUTE)],
            "models": [model(), seen(b"trainer/0", value=b"snapshot", written=NOW - DAY)],
            "lessons": [seen()],
            "worklist": [listed(9), listed(1)],
        },
    )


def faults(inspection: Inspection) -> list[tuple[str, str]]:
    """What is not fine, by check and state."""
    return [(one.check, one.state) for one in diagnose(inspection) if one.state != "fine"]


def test_health_is_found_healthy() -> None:
    """Every question has an answer, and none of them is trouble."""
    found = list(diagnose(healthy()))
    assert [one.check for one in found] == [check.run.__name__.replace("_", "-") for check in CHECKS]
    assert {one.state for one in found} == {"fine"}


Draw = Callable[[Inspection], object]


def setting(topic: str, **signed_record: str) -> Draw:
    """A topic has another setting."""

    def draw(p: Inspection) -> None:
        assert p.settings is not None
        changed = {name.replace("_", "."): value for name, value in signed_record.items()}
        p.settings[topic] = {**p.settings[topic], **changed}

    return draw


def group(name: str = WORKER, **changed: Any) -> Draw:
    """A group is another one."""
    return lambda p: p.groups.__setitem__(name, msgspec.structs.replace(p.groups[name], **changed))


def newest(topic: str, *records: SeenRecord) -> Draw:
    """These are the newest records of a topic."""
    return lambda p: p.newest.__setitem__(topic, list(records))


def behind(name: str = WORKER, *, moving: bool = False) -> Draw:
    """A group has not committed the last three records of a partition."""

    def draw(p: Inspection) -> None:
        one = p.groups[name]
        at = (GROUPS[name][0], 3)
        now = {**one.committed, at: 7}
        p.groups[name] = Group(state="Stable", members=1, before={**now, at: 6} if moving else now, committed=now)

    return draw


def attribute(name: str, value: Any) -> Draw:
    """Something else is so."""
    return lambda p: setattr(p, name, value)


REFUSED = {"code": b"bad_time", "topic": b"purchases", "partition": b"0", "offset": b"1"}
DRAWN: tuple[tuple[str, Draw, str, str, str], ...] = (
    # what it is, the drawing, the check that finds it, in what state, a word that it says
    ("an old broker", attribute("versions", {11: 4, 3: 12}), "old-broker", "fault", "run Kafka 2.3 or newer"),
    ("one without ids of topics", attribute("versions", {11: 9, 3: 9}), "old-broker", "fault", "Kafka 3.1"),
    ("a missing topic", lambda p: p.counts.pop("contacts"), "missing-topics", "fault", "topic north-contacts is missing"),
    ("an input made with one", lambda p: p.counts.update(contacts=1), "partition-counts", "fault", "1 partitions, 8"),
    ("too many", lambda p: p.counts.update(complaints=12), "partition-counts", "fault", "VIGIA_PARTITIONS=12"),
    ("alarms of a week", setting("alarms", retention_ms="604800000"), "kept-wrong", "fault", "retention.ms=2592000000"),
    ("a changelog that forgets", setting(topics.CHANGELOG, cleanup_policy="compact,delete"), "kept-wrong", "fault",
     "cleanup.policy=compact"),
    ("a changelog cut by time", setting(topics.CHANGELOG, cleanup_policy="delete"), "kept-wrong", "fault", "is needed"),
    ("records cut by size", setting("purchases", retention_bytes="1000"), "kept-wrong", "fault", "retention.bytes=-1"),
    ("no settings", attribute("settings", None), "kept-wrong", "unknown", "does not report"),
    ("topics made by themselves", attribute("broker", {"auto.create.topics.enable": "true"}), "auto-create", "fault",
     "auto.create.topics.enable=false"),
    ("no broker settings", attribute("broker", None), "auto-create", "unknown", "does not report"),
    ("one copy", lambda p: p.replicas.update(models=1), "one-copy", "note", "models: one replica on 3 brokers"),
    ("another partitioner", newest("purchases", seen(b"C1"), seen(b"C2\x1b[31m", partition=(place(b"C2\x1b[31m") + 1) % 8)),
     "other-partitioner", "fault", "1 of the newest 2 keyed records of north-purchases"),
    ("no key", newest("feedback", seen(None)), "no-key", "fault", "set the record's key to the customer_id"),
    ("the future", newest("alarms", seen(written=NOW + 2 * MINUTE)), "clock-skew", "fault", "120 s ahead"),
    ("no worker", group(members=0, state="Empty"), "group-moves", "fault", "start vigia worker"),
    ("no notifier", group(GROUP, members=0, state="Empty"), "group-moves", "fault", "start vigia notifier"),
    ("no trainer", group(TRAINER, members=0, state="Empty"), "group-moves", "fault", "start vigia trainer"),
    ("no worker, maybe one that dies again and again", group(members=0, state="Empty"), "group-moves", "fault",
     "give it a VIGIA_STATE that outlives it"),
    ("a worker that dies again and again", behind(), "group-moves", "fault", "give it a VIGIA_STATE that outlives it"),
    ("a stuck recovery", behind(), "group-moves", "fault", "3 records wait for the worker"),
    ("a notifier that hangs", behind(GROUP), "group-moves", "fault", "3 records wait for the notifier"),
    ("no end of sharing", group(state="PreparingRebalance"), "group-moves", "note", "PreparingRebalance"),
    ("recreated", lambda p: p.ends.update({("contacts", 2): 3}), "out-of-range", "fault", "was recreated"),
    ("deleted unread", lambda p: p.begins.update({("contacts", 2): 14}) or p.ends.update({("contacts", 2): 20})
     or p.groups[WORKER].before.clear(), "out-of-range", "fault", "4 records of north-contacts/2 were deleted"),
    ("no keys", attribute("keys", None), "sealing", "fault", "set VIGIA_SEAL"),
    ("another's keys", newest("models", model("another secret of the tests")), "sealing", "fault", "another key"),
    ("a forged tick", newest("clock", seen(None, value=b"{}", headers={"seal": b"x"})), "sealing", "fault", "record of clock"),
    ("no clock", lambda p: p.newest.pop("clock"), "clock-heard", "fault", "start vigia clock"),
    ("a clock that stopped", newest("clock", tick(NOW - 9 * MINUTE)), "clock-heard", "fault", "9 minutes ago"),
    ("quiet events", newest("clock", tick(NOW - 9 * MINUTE, follows=True)), "clock-heard", "note", "follows the events"),
    ("a trainer that stopped", newest("models", model(written=NOW - 5 * DAY)), "trainer-heard", "fault", "vigia trainer"),
    ("no trainer ever", lambda p: (p.newest.pop("models"), newest("lessons", seen(), seen(written=NOW - 4 * DAY))(p)),
     "trainer-heard", "fault", "no trainer has published a model yet"),
    ("no model yet", lambda p: p.newest.pop("models"), "trainer-heard", "note", "no model yet"),
    ("worklists that ended", newest("worklist", listed(9), seen(value=b"not json"), seen(value=None)), "worklist-heard", "note",
     "8 days before the last tick"),
    ("refusals", newest("dead-letters", seen(headers=REFUSED), seen(headers={"replayed": b"1"})), "dead-letters", "note",
     "bad_time 1"),
)  # fmt: skip


@pytest.mark.parametrize(("draw", "check", "state", "says"), [row[1:] for row in DRAWN], ids=[row[0] for row in DRAWN])
def test_a_silent_failure_is_named_with_its_mend(draw: Draw, check: str, state: str, says: str) -> None:
    """What is drawn is found, and nothing else is; a fault says how it is mended, and no word of it moves a cursor."""
    inspection = healthy()
    draw(inspection)
    found = [one for one in diagnose(inspection) if one.state != "fine"]
    assert [(one.check, one.state) for one in found] == [(check, state)]
    assert says in f"{found[0].says} {found[0].mend}"
    assert found[0].mend or state != "fault"
    assert f"{found[0].says}{found[0].mend}".isprintable()


@pytest.mark.parametrize(
    "draw", [behind(moving=True), newest("dead-letters", seen(headers=REFUSED, written=NOW - 2 * DAY))]
)
def test_what_only_looks_like_a_failure_is_none(draw: Draw) -> None:
    """A group that lags and moves, a refusal of the day before yesterday."""
    inspection = healthy()
    draw(inspection)
    assert faults(inspection) == []


def run(*typed: str, **environment: str) -> Result:
    """What the doctor says."""
    return CliRunner(env=environment).invoke(app, ["doctor", "--apart", "0", *typed])


async def put(kafka: str, topic: str, *records: tuple[bytes | None, bytes, int | None], headers: Headers = ()) -> None:
    """These records, each in its partition or where its key belongs."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all")
    await producer.start()
    for key, value, partition in records:
        await producer.send_and_wait(topic, value, key=key, partition=partition, headers=list(headers))
    await producer.stop()


async def committed(kafka: str, name: str, offsets: dict[TopicPartition, int]) -> None:
    """The group has committed so far, and nobody is in it."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=name, enable_auto_commit=False)
    await consumer.start()
    consumer.assign(list(offsets))
    await consumer.commit(offsets)
    await consumer.stop()


async def test_the_doctor_sees_a_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the embedded broker, with records: health is status 0, a strange partitioner and a wrong count are status 1."""
    with EmbeddedKafka() as broker:
        broker.create(*(topic.name for topic in TOPICS))
        kafka, keys = broker.address, [b"C%d" % number for number in range(30)]
        now = Tick(until=Instant(time.time_ns() // 1000))
        value, headers = signed_record(now)
        await put(kafka, "clock", (None, value, 0), headers=headers)
        await put(kafka, "purchases", *((key, b"{}", None) for key in keys))
        consumer = AIOKafkaConsumer(bootstrap_servers=kafka)
        await consumer.start()
        ends = await consumer.end_offsets([TopicPartition("purchases", n) for n in range(PARTITIONS)])
        await consumer.stop()
        given = {"VIGIA_PARTITIONS": str(PARTITIONS), "VIGIA_SEAL": SECRET}

        async def found(**environment: str) -> tuple[int, dict[str, dict[str, str]]]:
            done = await asyncio.to_thread(run, "--json", "--kafka", kafka, **{**given, **environment})
            rows = [json.loads(row) for row in done.stdout.splitlines()]
            return done.exit_code, {row["check"]: row for row in rows if row["state"] in ("fault", "note")}

        code, wrong = await found()
        assert (code, set(wrong)) == (1, {"group-moves"})
        assert "31 records wait for the worker" in wrong["group-moves"]["says"]
        await committed(kafka, WORKER, {**ends, TopicPartition("clock", 0): 1})
        assert await found() == (0, {})
        stray = next(key for key in keys if place(key, PARTITIONS) != 0)
        await put(kafka, "purchases", (stray, b"{}", 0))
        first = TopicPartition("purchases", 0)
        await committed(kafka, WORKER, {first: ends[first] + 1})
        code, wrong = await found()
        assert (code, set(wrong)) == (1, {"other-partitioner"})
        assert "for example 0@" in wrong["other-partitioner"]["says"]  # never whose it is
        assert set((await found(VIGIA_PARTITIONS="3", VIGIA_SEAL=""))[1]) == {
            "partition-counts", "other-partitioner", "sealing",
        }  # fmt: skip
        people = await asyncio.to_thread(run, "--kafka", kafka, **given)
        assert people.exit_code == 1
        assert "WRONG  other-partitioner" in people.stdout
        assert "fix: set that producer's partitioner to murmur2" in people.stdout


def test_a_kafka_that_does_not_answer_is_status_three() -> None:
    """One line, and the mend."""
    done = run("--kafka", "127.0.0.1:1")
    assert done.exit_code == 3
    assert "is it running there?" in done.output


@pytest.mark.kafka
async def test_the_doctor_sees_a_real_kafka(kafka: str) -> None:
    """Missing topics, settings that forget, topics made by the broker, a group without members: as a real broker tells them."""
    prefix = f"doctor-{uuid4().hex[:6]}-"
    broker = Broker(kafka, prefix)
    options = ("--json", "--kafka", kafka, "--prefix", prefix)
    given = {"VIGIA_PARTITIONS": "2", "VIGIA_SEAL": SECRET}

    async def found() -> dict[str, list[str]]:
        done = await asyncio.to_thread(run, *options, **given)
        rows = [json.loads(row) for row in done.stdout.splitlines()]
        wrong: dict[str, list[str]] = {}
        for row in rows:
            assert row["state"] != "unknown", row
            if row["state"] == "fault":
                wrong.setdefault(row["check"], []).append(row["says"])
        assert done.exit_code == bool(wrong), done.output
        return wrong

    assert len((await found())["missing-topics"]) == len(TOPICS)
    with suppress(topics.TopicsWrong):  # a broker may hear of what was made only after it is asked
        await topics.apply(broker, 2)
    while "missing-topics" in await found():
        await asyncio.sleep(0.1)
    now = Tick(until=Instant(time.time_ns() // 1000))
    value, headers = signed_record(now, 0, f"{prefix}clock")
    await put(kafka, f"{prefix}clock", (None, value, 0), headers=headers)
    healthy_but_for = await found()
    assert set(healthy_but_for) == {"group-moves"}
    assert any(
        "no worker is in the group" in said and "1 records wait" in said for said in healthy_but_for["group-moves"]
    )
    assert any("no trainer is in the group" in said for said in healthy_but_for["group-moves"])
    assert any("no notifier is in the group" in said for said in healthy_but_for["group-moves"])
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        forgets = ConfigResource(ConfigResourceType.TOPIC, f"{prefix}alarms", {"retention.ms": "1000"})
        await admin.alter_configs([forgets])
        assert "retention.ms=1000" in (await found())["kept-wrong"][0]
        await admin.delete_topics([f"{prefix}contacts"])
        while "missing-topics" not in (wrong := await found()):
            await asyncio.sleep(0.1)
        assert [f"{prefix}contacts" in said for said in wrong["missing-topics"]] == [True]
    finally:
        await admin.close()
    await committed(kafka, f"{prefix}{WORKER}", {TopicPartition(f"{prefix}purchases", 0): 7})
    assert "was recreated" in (await found())["out-of-range"][0]
