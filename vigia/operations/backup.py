"""Backs up and restores what cannot be computed again: rows, models, incidents; and where the inputs go on.

A backup is every compacted topic up to its present end. Any such cut is consistent: it is what a worker reads that starts after a
crash. Each row says up to which offset of each input it was folded, so a restored system goes on exactly there, if the input topics
are still the same. If they were recreated, what was sent after the backup has to be published again; duplicates count once.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError
from aiokafka.structs import OffsetAndMetadata

from alerts.pipeline.notifier import GROUP as NOTIFIER
from scorers.contract.events import Instant
from scorers.contract.rfc3339 import rfc3339
from vigia.operations.backup_file import POLICY, Manifest, TopicState, Writer, entries, member_name
from vigia.runtime.broker import Broker
from vigia.runtime.distribution import release
from vigia.runtime.topic_incarnations import incarnations
from vigia.runtime.topic_reader import bounds, read_range
from vigia.runtime.topics import CHANGELOG, READ, TOPICS, WORKER, apply
from vigia.runtime.usage_error import UsageError

BACKED_UP = tuple(topic.name for topic in TOPICS if topic.compacted)
CHECKPOINT = b"\x00mark"  # the row that says how far all rows of a partition are folded
GROUPS = (WORKER, NOTIFIER, "vigia-trainer")
IN_FLIGHT = 5_000  # records
NOT_NOW = (14, 15, 16)  # error codes: the coordinator of a group is loading, not available, or another
ASK_AGAIN = 50  # times
PATIENCE = 50.0  # seconds for the sessions of stopped workers to end
MAX_BATCH, MAX_REQUEST = 900_000, 4_000_000  # bytes


async def back_up(broker: Broker, to: Path, policy: str, keys: dict[str, list[str]]) -> Manifest:
    """Write a backup of a running or stopped system to a file. Raises `UsageError` if there are no topics."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **broker.consumer())
    admin = AIOKafkaAdminClient(**broker.client())
    await consumer.start()
    await admin.start()
    try:
        with tempfile.TemporaryDirectory(prefix="vigia-backup-", dir=to.resolve().parent) as folder:
            writer = Writer(Path(folder))
            topics = await _topics(broker, admin, consumer)
            if CHANGELOG not in topics:
                raise UsageError(f"the topic {broker.name(CHANGELOG)} does not exist; correct --prefix")
            for topic in BACKED_UP:
                for partition in range(len(topics[topic].ends) if topic in topics else 0):
                    await _copy(consumer, TopicPartition(broker.name(topic), partition), topics[topic], writer, topic)
            if policy:
                writer.add(POLICY, policy.encode())
            now, partitions = rfc3339(Instant(time.time_ns() // 1000)), len(topics[CHANGELOG].ends)
            manifest = Manifest(release(), now, broker.prefix, partitions, topics, keys=keys)
            writer.finish(manifest, to)
            return manifest
    finally:
        await consumer.stop()
        await admin.close()


async def _copy(consumer: AIOKafkaConsumer, tp: TopicPartition, state: TopicState, writer: Writer, topic: str) -> None:
    starts, ends = {tp: state.begins[tp.partition]}, {tp: state.ends[tp.partition]}
    with writer.records(member_name(topic, tp.partition)) as sink:
        async for record in read_range(consumer, starts, ends):
            sink.add(record)


async def _topics(broker: Broker, admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer) -> dict[str, TopicState]:
    found = await incarnations(admin, [broker.name(topic.name) for topic in TOPICS])
    described = {one["topic"]: one for one in await admin.describe_topics(list(found))} if found else {}
    states = {}
    for topic in TOPICS:
        name = broker.name(topic.name)
        if name in found and not described[name]["error_code"]:
            tps = [TopicPartition(name, number) for number in range(len(described[name]["partitions"]))]
            consumer.assign(tps)
            begins, ends = await bounds(consumer, tps)
            states[topic.name] = TopicState(found[name].id, [begins[tp] for tp in tps], [ends[tp] for tp in tps])
    return states


async def restore(
    broker: Broker, manifest: Manifest, folder: Path, replicas: int, patience: float = PATIENCE
) -> list[str]:
    """Restore an opened backup; what was done, what is lost and what remains to be done, a sentence each.

    Only topics without records are filled. Raises `UsageError` if there are rows already, or if processes of Vigía are running after
    `patience` seconds: a worker with a name counts as running until its session has ended.
    """
    await apply(broker, manifest.partitions, replicas)
    admin = AIOKafkaAdminClient(**broker.client())
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **broker.consumer())
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        max_batch_size=MAX_BATCH,
        max_request_size=MAX_REQUEST,
        linger_ms=20,
        **broker.client(),
    )
    await admin.start()
    await consumer.start()
    await producer.start()
    try:
        await reject_running(admin, broker, patience)
        now = await _topics(broker, admin, consumer)
        if any(end > begin for begin, end in zip(now[CHANGELOG].begins, now[CHANGELOG].ends, strict=True)):
            raise UsageError(
                f"the topic {broker.name(CHANGELOG)} holds rows, so nothing is restored. To go back to the backup, stop all "
                "processes, delete this topic, run vigia topics apply, and repeat"
            )
        done = [line async for line in _fill(broker, producer, manifest, folder, now)]
        folded = {number: _folded(folder / member_name(CHANGELOG, number)) for number in range(manifest.partitions)}
        return [*done, *[line async for line in _continue(broker, manifest, now, folded)], STATE]
    finally:
        await producer.stop()
        await consumer.stop()
        await admin.close()


STATE = "Delete the state folders of all workers (all but privacy.key and seal) before you start them."


async def reject_running(admin: AIOKafkaAdminClient, broker: Broker, patience: float) -> None:
    """Raise `UsageError` if workers, notifiers or trainers run after `patience` seconds."""
    until = time.monotonic() + patience
    for group in GROUPS:
        while await _has_members(admin, broker.name(group)):
            if time.monotonic() >= until:
                raise UsageError(
                    f"the group {broker.name(group)} has members: stop all processes of Vigía, then repeat"
                )
            await asyncio.sleep(0.5)


async def _has_members(admin: AIOKafkaAdminClient, group: str) -> bool:
    """Whether a group has members. A broker that does not know now is asked again; one that cannot be asked has none."""
    for _ in range(ASK_AGAIN):
        try:
            (answer,) = await admin.describe_consumer_groups([group])
        except IncompatibleBrokerVersion:
            return False
        except KafkaError:
            await asyncio.sleep(0.3)
            continue
        error, _, _, _, _, members, *_ = answer.groups[0]
        if error not in NOT_NOW:
            return bool(members)
        await asyncio.sleep(0.3)
    raise UsageError(
        f"Kafka does not say whether the group {group} has members: stop all processes of Vigía, and repeat later"
    )


async def _fill(
    broker: Broker, producer: AIOKafkaProducer, manifest: Manifest, folder: Path, now: dict[str, TopicState]
) -> Any:
    for topic in BACKED_UP:
        if topic not in manifest.topics:
            continue
        if sum(now[topic].ends) > sum(now[topic].begins):
            yield f"{topic}: has records already and is left as it is"
            continue
        count = 0
        for partition in range(len(manifest.topics[topic].ends)):
            sent = []
            for entry in entries(folder / member_name(topic, partition)):
                sent.append(
                    await producer.send(
                        broker.name(topic),
                        entry.value,
                        key=entry.key,
                        partition=partition,
                        timestamp_ms=entry.timestamp,
                        headers=entry.headers,
                    )
                )
                if len(sent) >= IN_FLIGHT:
                    await _all(sent)
                count += 1
            await _all(sent)
        yield f"{topic}: {count} records restored"


async def _all(sent: list[Any]) -> None:
    for one in sent:
        await one
    sent.clear()


def _folded(path: Path) -> dict[str, int]:
    """How far each input is folded into all rows of a partition: the offset by topic with its incarnation."""
    newest = None
    for entry in entries(path):
        if entry.key == CHECKPOINT:
            newest = entry.value
    found: dict[str, int] = json.loads(newest.split(b"\n", 1)[0]) if newest is not None else {}
    return found


async def _continue(
    broker: Broker, manifest: Manifest, now: dict[str, TopicState], folded: dict[int, dict[str, int]]
) -> Any:
    """Commit where the workers' group goes on; yield what is lost."""
    commits, recreated = {}, []
    for topic in READ:
        before, state = manifest.topics.get(topic), now[topic]
        if before is None or before.id != state.id:
            recreated.append(topic)
            continue
        for partition, fences in folded.items():
            start = fences.get(f"{broker.name(topic)}@{state.id}", -1) + 1
            begin = state.begins[partition]
            if start < begin:
                yield (
                    f"Lost: {begin - start} records of {topic}, partition {partition}, which its retention has deleted; publish "
                    f"what was sent after {manifest.made_at} again"
                )
            commits[TopicPartition(broker.name(topic), partition)] = OffsetAndMetadata(max(start, begin), state.id)
    if commits:
        consumer = AIOKafkaConsumer(group_id=broker.name(WORKER), enable_auto_commit=False, **broker.consumer())
        await consumer.start()
        try:
            consumer.assign(list(commits))
            await consumer.commit(commits)
        finally:
            await consumer.stop()
        yield f"The inputs go on where the rows stand: {', '.join(topic for topic in READ if topic not in recreated)}."
    if recreated:
        yield (
            f"New since the backup: {', '.join(recreated)}. Publish again what was sent after {manifest.made_at}, erasures too; what "
            "the rows hold already counts once."
        )


def summary(manifest: Manifest, records: Collection[str] = BACKED_UP) -> Iterator[str]:
    """The content of a backup, a line each."""
    yield f"made at {manifest.made_at} by release {manifest.version}, {manifest.partitions} partitions"
    for topic in records:
        count = sum(one.records for name, one in manifest.members.items() if name.startswith(f"topics/{topic}/"))
        yield f"{topic}: {count} records"
    for setting, names in manifest.keys.items():
        yield f"needs {setting} ({', '.join(names)}), which is not in the file"
