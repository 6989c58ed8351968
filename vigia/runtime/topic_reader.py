"""Reads topics from one offset to another, and the offsets that groups have committed.

Nothing is committed and no group is joined, so reading changes nothing.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata

from vigia.runtime.broker import Broker
from vigia.runtime.usage_error import UsageError

POLL_MS = 200

Offsets = dict[TopicPartition, int]


async def committed(
    admin: AIOKafkaAdminClient, group: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, OffsetAndMetadata]:
    """What a group has committed, with the metadata; a partition without a commit is left out.

    A broker without a coordinator for the group, as one that has just started, counts as no commits.
    """
    if not partitions:
        return {}
    try:
        found = await admin.list_consumer_group_offsets(group, partitions=list(partitions))
    except GroupCoordinatorNotAvailableError:
        return {}
    return {tp: commit for tp, commit in found.items() if commit.offset >= 0}


async def bounds(consumer: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> tuple[Offsets, Offsets]:
    """The first offset of each partition, and its end: the offset that the next record will get."""
    if not partitions:
        return {}, {}
    return await consumer.beginning_offsets(list(partitions)), await consumer.end_offsets(list(partitions))


async def whole_topic(consumer: AIOKafkaConsumer, topic: str) -> tuple[Offsets, Offsets]:
    """The bounds of all partitions of the topic that a started consumer was made with; it is no longer subscribed then.

    Raises `UsageError` if there is no such topic.
    """
    partitions = consumer.assignment()
    if not partitions:
        raise UsageError(f"the topic {topic} does not exist; run vigia topics apply, or correct --prefix")
    consumer.unsubscribe()
    return await bounds(consumer, partitions)


async def read_range(
    consumer: AIOKafkaConsumer, starts: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> AsyncIterator[Any]:
    """Yield the records of several partitions from a start up to an end, each partition in its order.

    The consumer is assigned the partitions that have something to read, and keeps the assignment.
    """
    unread = [tp for tp, start in starts.items() if start < ends[tp]]
    if not unread:
        return
    consumer.assign(unread)
    for tp in unread:
        consumer.seek(tp, starts[tp])
    while unread:
        for tp, records in (await consumer.getmany(*unread, timeout_ms=POLL_MS)).items():
            for record in records:
                if record.offset < ends[tp]:
                    yield record
        unread = [tp for tp in unread if await consumer.position(tp) < ends[tp]]


async def read(
    broker: Broker, topic: str, show: Callable[[Any], object], *, new_only: bool = False, follow: bool = False
) -> None:
    """Show every record of a topic up to its present end, or follow it for ever, from now on if `new_only`.

    Each partition is read in its order; the order between partitions is not defined. Raises `UsageError` if there is no
    such topic.
    """
    name = broker.name(topic)
    consumer = AIOKafkaConsumer(
        name,
        **broker.consumer(),
        auto_offset_reset="latest" if new_only else "earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        if follow and consumer.assignment():
            async for record in consumer:
                show(record)
        async for record in read_range(consumer, *await whole_topic(consumer, name)):
            show(record)
    finally:
        await consumer.stop()
