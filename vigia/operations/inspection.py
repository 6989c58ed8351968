"""Collect the state of a running Vigía from outside: topics, settings, groups, the newest records.

Reads only: it joins no group, commits nothing and writes nothing. The groups are read twice, some seconds apart, to see
whether offsets move. What a broker cannot answer, as the embedded one, is None. `diagnosis` interprets the result.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError
from aiokafka.protocol.admin import ApiVersionRequest
from msgspec import Struct, field

from alerts.pipeline.notifier import GROUP as NOTIFIER
from alerts.pipeline.notifier import TOPICS as NOTIFIED
from streams.records.signing import Keyring
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import bounds, committed, read_range
from vigia.runtime.topics import READ, TOPICS, WORKER

SAMPLE = 50  # newest records read of each partition
PATIENCE = 10.0  # seconds for the sample
TRAINER = "vigia-trainer"
GROUPS: dict[str, tuple[str, ...]] = {WORKER: READ, NOTIFIER: NOTIFIED, TRAINER: ()}
"""Each consumer group and the topics it commits; the trainer's group only elects the active trainer."""

Settings = Mapping[str, str]


class SeenRecord(NamedTuple):
    """A record of the sample."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    written: int  # milliseconds since 1970
    headers: Mapping[str, bytes]


class Group(Struct, kw_only=True):
    """A consumer group, read twice; `state` and `members` are None if the broker cannot answer."""

    state: str | None = None
    members: int | None = None
    before: dict[tuple[str, int], int] = field(default_factory=dict)
    committed: dict[tuple[str, int], int] = field(default_factory=dict)


class Inspection(Struct, kw_only=True):
    """The state of a running Vigía; topics by their names without prefix."""

    now: int  # milliseconds since 1970, by this machine's clock
    prefix: str = ""
    partitions: int = 8  # the setting of this machine
    keys: Keyring | None = None
    brokers: int = 1
    versions: dict[int, int] = field(default_factory=dict)  # the newest version of each API request, by its number
    broker: Settings | None = None
    counts: dict[str, int] = field(default_factory=dict)
    replicas: dict[str, int] = field(default_factory=dict)
    settings: dict[str, Settings] | None = None
    begins: dict[tuple[str, int], int] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    groups: dict[str, Group] = field(default_factory=dict)
    newest: dict[str, list[SeenRecord]] = field(default_factory=dict)


async def inspect(broker: Broker, partitions: int, keys: Keyring, apart: float) -> Inspection:
    """Inspect the system; `apart` is the number of seconds between the two reads of the groups."""
    inspection = Inspection(now=time.time_ns() // 1_000_000, prefix=broker.prefix, partitions=partitions, keys=keys)
    inspection.versions = await _versions(broker)
    admin = AIOKafkaAdminClient(**broker.client())
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **broker.consumer())
    try:
        await admin.start()
        await consumer.start()
        await _topics(inspection, broker, admin)
        for name, topics in GROUPS.items():
            before = await _committed(inspection, broker, admin, name, topics)
            inspection.groups[name] = Group(before=before)
        began = time.monotonic()
        await _sample(inspection, broker, consumer)
        await asyncio.sleep(max(0.0, apart - (time.monotonic() - began)))
        for name, topics in GROUPS.items():
            group = inspection.groups[name]
            group.committed = await _committed(inspection, broker, admin, name, topics)
            group.state, group.members = await _state(admin, broker.name(name))
        await _ends(inspection, broker, consumer)
    finally:
        await consumer.stop()
        await admin.close()
    return inspection


async def _versions(broker: Broker) -> dict[int, int]:
    client = AIOKafkaClient(**broker.client())
    try:
        await client.bootstrap()
        node = next(iter(client.cluster.brokers())).nodeId
        answer = await client.send(node, ApiVersionRequest())
        return {number: newest for number, _, newest in answer.api_versions}
    finally:
        await client.close()


async def _topics(inspection: Inspection, broker: Broker, admin: AIOKafkaAdminClient) -> None:
    plain = {broker.name(topic.name): topic.name for topic in TOPICS}
    for topic in await admin.describe_topics(list(plain)):
        if not topic["error_code"]:
            name = plain[topic["topic"]]
            inspection.counts[name] = len(topic["partitions"])
            inspection.replicas[name] = min(len(one["replicas"]) for one in topic["partitions"])
    nodes = (await admin.describe_cluster())["brokers"]
    inspection.brokers = len(nodes)
    node = await _described(admin, ConfigResourceType.BROKER, [str(nodes[0]["node_id"])])
    inspection.broker = None if node is None else next(iter(node.values()), {})
    described = await _described(admin, ConfigResourceType.TOPIC, [broker.name(name) for name in inspection.counts])
    inspection.settings = None if described is None else {plain[name]: one for name, one in described.items()}


async def _described(
    admin: AIOKafkaAdminClient, kind: ConfigResourceType, names: Sequence[str]
) -> dict[str, Settings] | None:
    try:
        answers = await admin.describe_configs([ConfigResource(kind, name) for name in names]) if names else []
    except (IncompatibleBrokerVersion, KafkaError):
        return None
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for code, _, _, name, entries in answer.resources
        if not code
    }


async def _state(admin: AIOKafkaAdminClient, group: str) -> tuple[str | None, int | None]:
    try:
        (answer,) = await admin.describe_consumer_groups([group])
    except (IncompatibleBrokerVersion, KafkaError):
        return None, None
    _, _, state, _, _, members, *_ = answer.groups[0]
    return state, len(members)


def _places(inspection: Inspection, broker: Broker, topics: Iterable[str]) -> dict[TopicPartition, tuple[str, int]]:
    return {
        TopicPartition(broker.name(topic), number): (topic, number)
        for topic in topics
        for number in range(inspection.counts.get(topic, 0))
    }


async def _committed(
    inspection: Inspection, broker: Broker, admin: AIOKafkaAdminClient, group: str, topics: Iterable[str]
) -> dict[tuple[str, int], int]:
    places = _places(inspection, broker, topics)
    return {places[tp]: one.offset for tp, one in (await committed(admin, broker.name(group), places)).items()}


async def _ends(inspection: Inspection, broker: Broker, consumer: AIOKafkaConsumer) -> None:
    places = _places(inspection, broker, inspection.counts)
    if not places:
        return
    consumer.assign(list(places))  # the client then requests all topics at once
    begins, ends = await bounds(consumer, places)
    inspection.begins = {places[tp]: at for tp, at in begins.items()}
    inspection.ends = {places[tp]: at for tp, at in ends.items()}


async def _sample(inspection: Inspection, broker: Broker, consumer: AIOKafkaConsumer) -> None:
    """Read the newest records of the sampled topics."""
    places = _places(inspection, broker, {*READ, "alarms", "lessons", "models", "worklist", "dead-letters"})
    await _ends(inspection, broker, consumer)
    ends = {tp: inspection.ends[at] for tp, at in places.items()}
    starts = {tp: max(inspection.begins[at], ends[tp] - SAMPLE) for tp, at in places.items()}
    with suppress(TimeoutError):
        async with asyncio.timeout(PATIENCE):
            async for record in read_range(consumer, starts, ends):
                topic, _ = places[TopicPartition(record.topic, record.partition)]
                inspection.newest.setdefault(topic, []).append(_seen(record))


def _seen(record: Any) -> SeenRecord:
    headers = {name: value for name, value in record.headers if value is not None}
    return SeenRecord(record.partition, record.offset, record.key, record.value, record.timestamp, headers)
