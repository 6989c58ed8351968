"""The topics: their names, how many partitions, what is kept how long; made if they are missing, and checked.

A wrong topic is a named error before anything starts, never a silent wait or half a customer. A broker that cannot
make topics or tell their settings, as the embedded one, has them checked as far as it answers.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, KafkaError, TopicAlreadyExistsError

from vigia.runtime.broker import INPUTS, Broker

log = logging.getLogger(__name__)

DAY_MS = 86_400_000
KEPT = ("retention.ms", "min.compaction.lag.ms")  # for how long: work goes on without, and remembers less
TABLE = "customers"
LOOKS = 100  # for topics that were made just now


class TopicsWrong(RuntimeError):
    """Topics are missing or not as they must be; the message names each with its mend."""


class Topic(NamedTuple):
    """A topic as it has to be; `partitions` 0 is the count of the inputs."""

    name: str
    partitions: int = 0
    days: int = 30
    compacted: bool = False
    more: tuple[tuple[str, str], ...] = ()

    def settings(self) -> dict[str, str]:
        """As Kafka writes them."""
        kept = {"cleanup.policy": "compact"} if self.compacted else {"cleanup.policy": "delete"}
        if not self.compacted:
            kept["retention.ms"] = str(self.days * DAY_MS)
        return {**kept, **dict(self.more)}


WORKER = "vigia"  # the consumer group of workers, and the id of the Faust app
CHANGELOG = f"{WORKER}-{TABLE}-changelog"
READ = (*INPUTS, "alarm-actions", "groups", "clock")  # what the worker's agent reads
WRITTEN = ("alarms", "lessons", "figures", "groups", "dead-letters", CHANGELOG)  # and what it writes, beside `clock`

TOPICS = (
    # Who was erased stands on `feedback`: whoever reads old alarms again has to meet it there.
    *(Topic(name, days=400 if name == "feedback" else 30) for name in INPUTS),
    Topic("alarm-actions", days=400),
    # Facts keyed by another subject than their customer: workers write them for each other.
    Topic("groups"),
    Topic("clock", days=400),
    Topic("alarms", days=400),
    Topic("lessons", days=400),
    Topic("figures", partitions=1),
    Topic("models", partitions=1, compacted=True, more=(("max.message.bytes", "4000000"),)),
    Topic("dead-letters", days=90),
    Topic("notifications", compacted=True),
    # A row that was replaced stays for a while: a worker that was away may still have to read past it.
    Topic(CHANGELOG, compacted=True, more=(("min.compaction.lag.ms", "3600000"),)),
)


async def apply(broker: Broker, partitions: int, replicas: int = 1) -> list[str]:
    """Make what is missing, then check everything; the names of the topics made."""
    async with _admin(broker) as admin:
        there = await _described(admin, broker)
        missing = [topic for topic in TOPICS if broker.name(topic.name) not in there]
        try:
            made = await _make(admin, broker, missing, partitions, replicas) if missing else []
        except IncompatibleBrokerVersion:
            made = []  # it makes topics by itself, or not at all: the check will tell
        for _ in range(LOOKS):  # brokers hear of them a moment after they are made
            if all(broker.name(name) in there for name in made):
                break
            await asyncio.sleep(0.1)
            there = await _described(admin, broker)
    await check(broker, partitions, replicas)
    return made


async def check(broker: Broker, partitions: int, replicas: int = 1, *, strict: bool = False) -> None:
    """Raise `TopicsWrong` unless every topic is as it has to be; what could be kept better is one too if `strict`."""
    async with _admin(broker) as admin:
        there = await _described(admin, broker)
        told = await _settings(admin, list(there))
    wrong, poor = list(_count_faults(broker, there, partitions)), list(_copy_faults(there, replicas))
    for topic in TOPICS:
        for key, fault in _setting_faults(topic, broker.name(topic.name), told):
            (poor if key in KEPT else wrong).append(fault)
    if wrong or (strict and poor):
        raise TopicsWrong("; ".join(wrong + poor))
    for fault in poor:
        log.warning("%s", fault)


async def _make(
    admin: AIOKafkaAdminClient, broker: Broker, missing: Iterable[Topic], partitions: int, replicas: int
) -> list[str]:
    wanted = [
        NewTopic(broker.name(topic.name), topic.partitions or partitions, replicas, topic_configs=topic.settings())
        for topic in missing
    ]
    answer = await admin.create_topics(wanted)
    for name, code, *told in answer.topic_errors:
        if code not in (0, TopicAlreadyExistsError.errno):
            raise TopicsWrong(f"topic {name} cannot be made: {told[0] if told else f'error {code}'}")
    return [topic.name for topic in wanted]


class _There(NamedTuple):
    """A topic as it is."""

    partitions: int
    copies: int  # of the partition that has the fewest


async def _described(admin: AIOKafkaAdminClient, broker: Broker) -> dict[str, _There]:
    told = await admin.describe_topics([broker.name(topic.name) for topic in TOPICS])
    return {
        topic["topic"]: _There(len(parts), min((len(part["replicas"]) for part in parts), default=0))
        for topic in told
        if not topic["error_code"] and (parts := topic["partitions"])
    }


def _count_faults(broker: Broker, there: dict[str, _There], partitions: int) -> Iterator[str]:
    for topic in TOPICS:
        name, wanted = broker.name(topic.name), topic.partitions or partitions
        if name not in there:
            yield f"topic {name} is missing: run 'vigia topics apply'"
            continue
        count = there[name].partitions
        if count < wanted or (count != wanted and not topic.partitions):
            yield (
                f"topic {name} has {count} partitions and needs {wanted}: customers would be read in two halves; "
                f"set VIGIA_PARTITIONS={count}, or delete and make it anew"
            )


def _copy_faults(there: dict[str, _There], replicas: int) -> Iterator[str]:
    for name, topic in there.items():
        if topic.copies < replicas:
            yield (
                f"topic {name} has {topic.copies} copies and needs {replicas}: add them with kafka-reassign-partitions, "
                f"or set VIGIA_REPLICAS={topic.copies}"
            )


def _setting_faults(topic: Topic, name: str, told: dict[str, dict[str, str]]) -> Iterator[tuple[str, str]]:
    for key, wanted in topic.settings().items():
        found = told.get(name, {}).get(key)
        if found is not None and not _suffices(key, found, wanted):
            yield (
                key,
                f"topic {name} has {key}={found} and needs {wanted}: run kafka-configs --alter --entity-type topics "
                f"--entity-name {name} --add-config {key}={wanted}",
            )


def _suffices(key: str, found: str, wanted: str) -> bool:
    """Numbers are the least that is needed; no limit is enough."""
    if not wanted.isdigit():
        return set(found.split(",")) == set(wanted.split(","))
    return (key == "retention.ms" and found == "-1") or int(found) >= int(wanted)


async def _settings(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    """What the broker says of topics; nothing where it cannot be asked."""
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
    """An admin client while the block runs."""

    def __init__(self, broker: Broker) -> None:
        self._client = AIOKafkaAdminClient(**broker.client())

    async def __aenter__(self) -> AIOKafkaAdminClient:
        await self._client.start()
        return self._client

    async def __aexit__(self, *_: Any) -> None:
        await self._client.close()
