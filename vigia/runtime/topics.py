"""The topics: names, partitions, retention; `apply` creates missing ones, `check` verifies all.

A wrong topic is an error with a message before anything starts, never a silent wait or half a customer. A broker that
cannot create topics or describe their settings, as the embedded one, is checked as far as it answers.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    KafkaError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
)

from vigia.runtime.broker import INPUTS, Broker

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
KEPT = ("retention.ms", "min.compaction.lag.ms")  # with less of these, processes run and remember less
AT_MOST = ("segment.ms", "max.compaction.lag.ms", "delete.retention.ms")  # with more, records stay longer than stated
STAMP = "message.timestamp.type"
TABLE = "customers"
ATTEMPTS = 100  # to see topics that were just created
MANY = 3  # replicas from which on one broker may be lost without a stop, and without losing a record
IN_SYNC = "min.insync.replicas"


class TopicsWrong(RuntimeError):
    """Topics are missing or wrong; the message names each with the command that fixes it."""


class Topic(NamedTuple):
    """A topic as it has to be; `partitions` 0 stands for VIGIA_PARTITIONS, `days` is the retention."""

    name: str
    partitions: int = 0
    days: int = 30
    compacted: bool = False
    personal: bool = True  # whether it holds ids, names or texts of people (`vigia.runtime.privacy.register`)
    more: tuple[tuple[str, str], ...] = ()

    def settings(self) -> dict[str, str]:
        """The settings in Kafka's terms."""
        settings = {"cleanup.policy": "compact"} if self.compacted else {"cleanup.policy": "delete"}
        if not self.compacted:
            settings["retention.ms"] = str(self.days * DAY_MS)
        if self.personal:  # Kafka deletes and compacts whole segments only, and never the one that is written to
            settings |= COMPACTED_IN_TIME if self.compacted else DELETED_IN_TIME
        return {**settings, **dict(self.more)}


BY_BROKER = ((STAMP, "LogAppendTime"),)
DELETED_IN_TIME = {"segment.ms": str(DAY_MS)}
# With each step a quarter of a day, a deletion is compacted and forgotten within a day.
COMPACTED_IN_TIME = {"max.compaction.lag.ms": str(DAY_MS // 4), "delete.retention.ms": str(DAY_MS // 4)}

WORKER = "vigia"  # the consumer group of workers, and the id of the Faust app
CHANGELOG = f"{WORKER}-{TABLE}-changelog"
READ = (*INPUTS, "alarm-actions", "groups", "clock")  # what the worker's agent reads
# and what it writes, beside `clock`
WRITTEN = ("alarms", "worklist", "customers", "lessons", "figures", "groups", "dead-letters", CHANGELOG)

TOPICS = (
    # Erasures are on `feedback`, which is kept as long as `alarms`: whoever reads old alarms again has to find them there.
    # The broker stamps what a worker reads: an event's time is believed up to a day after its record was written.
    *(Topic(name, more=BY_BROKER) for name in (*INPUTS, "alarm-actions")),
    # Facts keyed by another subject than their customer: workers write them for each other.
    Topic("groups", more=BY_BROKER),
    Topic("clock", days=400, personal=False, more=BY_BROKER),
    Topic("alarms"),
    # Who is worth an effort on each date, ranked over all partitions.
    Topic("worklist"),
    # A row for each customer, null for the erased: what rosters and other views of the running system are built from.
    Topic("customers", compacted=True),
    Topic("lessons", days=400),
    # What workers tell for the whole base: reports of days, and candidates for worklists, which are customers.
    Topic("figures", partitions=1),
    Topic("models", partitions=1, compacted=True, personal=False, more=(("max.message.bytes", "4000000"),)),
    Topic("dead-letters"),
    Topic("notifications", compacted=True),
    # A replaced row stays for an hour: a worker that was away may still have to read past it.
    Topic(CHANGELOG, compacted=True, more=(("min.compaction.lag.ms", "3600000"),)),
)


async def apply(broker: Broker, partitions: int, replicas: int = 1, needs: Collection[str] | None = None) -> list[str]:
    """Create missing topics, then check all; the names, with the prefix, of the topics created.

    A topic that may not be described is left out, unless it is one of `needs` (None: every topic is).
    """
    async with _admin(broker) as admin:
        found, denied = await _described(admin, broker)
        missing = [topic for topic in _nameable(broker) if broker.name(topic.name) not in (*found, *denied)]
        try:
            made = await _make(admin, broker, missing, partitions, replicas) if missing else []
        except IncompatibleBrokerVersion:
            made = []  # it creates topics by itself or not at all; the check decides
        for _ in range(ATTEMPTS):  # brokers learn of them a moment after they are created
            if found.keys() >= set(made):
                break
            await asyncio.sleep(0.1)
            found, _ = await _described(admin, broker)
    await check(broker, partitions, replicas, needs=needs)
    return made


async def check(
    broker: Broker,
    partitions: int,
    replicas: int = 1,
    *,
    strict: bool = False,
    needs: Collection[str] | None = None,
) -> None:
    """Raise `TopicsWrong` unless every topic that the broker's process may name is as it has to be.

    Too little retention or too few replicas count if `strict`. A topic that may not be described is a fault if it is one
    of `needs` (None: every topic is).
    """
    async with _admin(broker) as admin:
        found, denied = await _described(admin, broker)
        settings = await _settings(admin, list(found))
    topics = [topic for topic in _nameable(broker) if broker.name(topic.name) not in denied]
    wrong = [
        f"no right to describe the topic {broker.name(topic.name)}: docs/operations.md lists the rights of each process"
        for topic in _nameable(broker)
        if broker.name(topic.name) in denied and (needs is None or topic.name in needs)
    ]
    wrong += _partition_faults(broker, topics, found, partitions)
    poor = [*_replica_faults(found, replicas), *_in_sync_faults(found, settings)]
    for topic in topics:
        for key, fault in _setting_faults(topic, broker.name(topic.name), settings):
            (poor if key in (*KEPT, *AT_MOST, STAMP) else wrong).append(fault)
    if wrong or (strict and poor):
        raise TopicsWrong("; ".join(wrong + poor))
    for fault in poor:
        log.warning("%s", fault)


async def _make(
    admin: AIOKafkaAdminClient, broker: Broker, missing: Iterable[Topic], partitions: int, replicas: int
) -> list[str]:
    in_sync = {IN_SYNC: "2"} if replicas >= MANY else {}
    wanted = [
        NewTopic(
            broker.name(topic.name), topic.partitions or partitions, replicas, topic_configs=topic.settings() | in_sync
        )
        for topic in missing
    ]
    answer = await admin.create_topics(wanted)
    for name, code, *message in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise TopicsWrong(f"topic {name} cannot be created: {message[0] if message else f'error {code}'}")
    return [topic.name for topic in wanted]


class _Found(NamedTuple):
    """A topic as it is."""

    partitions: int
    replicas: int  # of the partition that has the fewest


def _nameable(broker: Broker) -> list[Topic]:
    return [topic for topic in TOPICS if broker.may_name(topic.name)]


async def _described(admin: AIOKafkaAdminClient, broker: Broker) -> tuple[dict[str, _Found], set[str]]:
    """The topics as they are, and those that may not be described."""
    described = await admin.describe_topics([broker.name(topic.name) for topic in _nameable(broker)])
    found = {
        topic["topic"]: _Found(len(parts), min((len(part["replicas"]) for part in parts), default=0))
        for topic in described
        if not topic["error_code"] and (parts := topic["partitions"])
    }
    denied = {topic["topic"] for topic in described if topic["error_code"] == TopicAuthorizationFailedError.errno}
    return found, denied


def _partition_faults(
    broker: Broker, topics: Iterable[Topic], found: dict[str, _Found], partitions: int
) -> Iterator[str]:
    for topic in topics:
        name, wanted = broker.name(topic.name), topic.partitions or partitions
        if name not in found:
            yield f"topic {name} is missing: run 'vigia topics apply'"
            continue
        count = found[name].partitions
        if count < wanted or (count != wanted and not topic.partitions):
            yield (
                f"topic {name} has {count} partitions and needs {wanted}: customers would be read in two halves; "
                f"set VIGIA_PARTITIONS={count}, or delete and create it again"
            )


def _replica_faults(found: dict[str, _Found], replicas: int) -> Iterator[str]:
    for name, topic in found.items():
        if topic.replicas < replicas:
            yield (
                f"topic {name} has {topic.replicas} replicas and needs {replicas}: add them with kafka-reassign-partitions, "
                f"or set VIGIA_REPLICAS={topic.replicas}"
            )


def _in_sync_faults(found: dict[str, _Found], settings: dict[str, dict[str, str]]) -> Iterator[str]:
    for name, topic in found.items():
        if fault := in_sync_fault(name, topic.replicas, settings.get(name, {}).get(IN_SYNC)):
            yield f"{fault.says}: run {fault.fix}"


class InSyncFault(NamedTuple):
    """What is wrong with min.insync.replicas of a topic, and the command that fixes it."""

    says: str
    fix: str


def in_sync_fault(name: str, replicas: int, has: str | None) -> InSyncFault | None:
    """Whether an acknowledged record could be lost with one broker, or the loss of one stops all writes.

    Nothing is asked of fewer than three replicas, or of a broker that does not report its settings (None).
    """
    if has is None or replicas < MANY or 2 <= int(has) < replicas:
        return None
    why = (
        "the loss of one broker can lose acknowledged records"
        if int(has) < 2
        else "the loss of one broker stops all writes"
    )
    fix = f"kafka-configs --alter --entity-type topics --entity-name {name} --add-config {IN_SYNC}=2"
    return InSyncFault(f"topic {name} has {replicas} replicas and {IN_SYNC}={has}: {why}", fix)


def _setting_faults(topic: Topic, name: str, settings: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for key, wanted in topic.settings().items():
        found = settings.get(name, {}).get(key)
        if found is not None and not suffices(key, found, wanted):
            yield (
                key,
                f"topic {name} has {key}={found} and needs {wanted}: run kafka-configs --alter --entity-type topics "
                f"--entity-name {name} --add-config {key}={wanted}",
            )


def suffices(key: str, found: str, wanted: str) -> bool:
    """A number is the least that is needed, or the most of what is in `AT_MOST`; no limit is enough."""
    if not wanted.isdigit():
        return set(found.split(",")) == set(wanted.split(","))
    if key in AT_MOST:
        return int(found) <= int(wanted)
    return (key == "retention.ms" and found == "-1") or int(found) >= int(wanted)


async def _settings(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """The settings of topics; empty where the broker cannot be asked."""
    try:
        answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    except (IncompatibleBrokerVersion, KafkaError):
        return {}
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in answers
        for code, _, _, name, entries in answer.resources
        if not code
    }


class _admin:
    """An admin client inside the block."""

    def __init__(self, broker: Broker) -> None:
        self._client = AIOKafkaAdminClient(**broker.client())

    async def __aenter__(self) -> AIOKafkaAdminClient:
        await self._client.start()
        return self._client

    async def __aexit__(self, *_: Any) -> None:
        await self._client.close()
