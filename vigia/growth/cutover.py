"""A cut-over from one installation to another: notifications are not repeated, and what producers still send is forwarded.

The notifier's incidents go over as they are. Of the topics that it reads, first what it has read goes over, then its offsets are
committed behind that, then the rest goes over: so it continues where it was. Inputs are forwarded exactly once, each batch in one
transaction with the position that it was read up to; a forwarder that is killed is followed by one that continues. The positions are those
of an input that stays, so they name the incarnation of the new topics: where these were deleted meanwhile, nothing has begun.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import OffsetAndMetadata

from alerts.pipeline.notifier import GROUP as NOTIFIER
from scorers.contract.wire import encode_event
from streams.engine.output_log import HEADER as ORIGIN
from streams.records.actions import UNTYPED, read_action
from vigia.growth.crossing import Crossing
from vigia.operations.backup import MAX_BATCH, MAX_REQUEST
from vigia.runtime.broker import ACTIONS
from vigia.runtime.topic_incarnations import incarnations
from vigia.runtime.topic_reader import Offsets, bounds, committed
from vigia.runtime.topics import READ

GROUP = "vigia-cutover"
CLOCK = "clock"  # the topic whose incarnation stands for that of all new ones
FORWARDED = tuple(topic for topic in READ if topic != "clock")
MOST = 2_000  # records in one transaction
POLL_MS = 200


async def hand_over_notifications(crossing: Crossing) -> int:
    """Copy incidents, alarms and worklists; the new notifier continues behind what the former one had read."""
    count = await crossing.copy("notifications")
    for plain in ("alarms", "worklist"):
        read = await crossing.committed(NOTIFIER, plain) or (await crossing.bounds(plain))[0]
        count += await crossing.copy(plain, ends=read, without=ORIGIN)
        _, ends = await crossing.bounds(plain, new=True)
        await crossing.commit(NOTIFIER, ends)
        count += await crossing.copy(plain, starts=read, without=ORIGIN)
    return count


class InputForwarder:
    """Forwards the inputs of the old installation to the new one. `begin` says from where, once; `run` forwards."""

    def __init__(self, crossing: Crossing, topics: Sequence[str] = FORWARDED) -> None:
        self._crossing = crossing
        self._plain = {crossing.old.name(topic): topic for topic in topics}
        self.count = 0

    @property
    def _inputs(self) -> list[TopicPartition]:
        return [tp for topic in self._plain.values() for tp in self._crossing.partitions(topic)]

    async def has_begun(self) -> bool:
        """Whether `begin` was called in this or an earlier process, for the new topics that there are now."""
        found = await committed(self._crossing.admin, self._crossing.new.name(GROUP), self._inputs)
        there = await incarnations(self._crossing.admin, [name := self._crossing.new.name(CLOCK)])
        return name in there and there[name].id in {commit.metadata for commit in found.values()}

    async def begin(self, starts: Offsets) -> None:
        """Forward from these offsets on."""
        mark = await self._mark()
        await self._crossing.commit(GROUP, {tp: OffsetAndMetadata(at, mark) for tp, at in starts.items()})

    async def _mark(self) -> str:
        """What the positions are committed with."""
        return (await self._crossing.incarnations([CLOCK], new=True))[CLOCK]

    async def run(self, stop: asyncio.Event | None = None) -> None:
        """Forward what there is now, or what comes until `stop` is set."""
        new = self._crossing.new
        consumer = AIOKafkaConsumer(
            group_id=new.name(GROUP),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=MOST,
            **new.consumer(),
        )
        producer = AIOKafkaProducer(
            acks="all",
            transactional_id=new.name(GROUP),
            max_batch_size=MAX_BATCH,
            max_request_size=MAX_REQUEST,
            **new.client(),
        )
        mark = await self._mark()
        await consumer.start()
        await producer.start()
        try:
            consumer.assign(self._inputs)
            _, ends = await bounds(consumer, self._inputs)
            while not stop.is_set() if stop is not None else await self._has_more(consumer, ends):
                batch = await consumer.getmany(timeout_ms=POLL_MS, max_records=MOST)
                if batch:
                    await self._forward(producer, batch, mark)
        finally:
            await producer.stop()
            await consumer.stop()

    async def _has_more(self, consumer: AIOKafkaConsumer, ends: Offsets) -> bool:
        return any([await consumer.position(tp) < end for tp, end in ends.items()])

    async def _forward(self, producer: AIOKafkaProducer, batch: dict[TopicPartition, Sequence[Any]], mark: str) -> None:
        crossing = self._crossing
        async with producer.transaction():
            for tp, records in batch.items():
                plain = self._plain[tp.topic]
                home = crossing.home_of_groups if plain == "groups" else crossing.home
                for record in records:
                    await producer.send(
                        crossing.new.name(plain),
                        value_of(plain, record),
                        key=record.key,
                        partition=home(record),
                        headers=list(record.headers),
                    )
            positions = {tp: OffsetAndMetadata(records[-1].offset + 1, mark) for tp, records in batch.items()}
            await producer.send_offsets_to_transaction(positions, crossing.new.name(GROUP))
        self.count += sum(map(len, batch.values()))


def value_of(plain: str, record: Any) -> bytes | None:
    """The value of a forwarded record. An action without `type` gets the time and the id that follow from its old place."""
    value: bytes | None = record.value
    action = read_action(record) if plain == ACTIONS else None
    return encode_event(action) if action is not None and action.source == UNTYPED else value
