"""Publishes the worklists that `Lists` closes, on the topic `worklist`.

An entry has the customer's id as its key. A customer who stood on the early edition of a date and not on its final one gets a record
without a value, whose header `date` names it; one without that header says that the customer was erased. Who was funded lately is read
back from the topic by the next owner.
"""

import asyncio
import logging
from datetime import date
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer

from scorers.contract.events import SECOND
from scorers.contract.wire import encode_worklist_entry
from scorers.contract.worklist import DATE, Worklists, decode_entry
from streams.metrics.worker import WorkerMetrics
from streams.worker.policies import Policies
from streams.worker.worklists.editions import Early, Edition, Lists
from streams.worker.worklists.parts import KEY, ErasedFromLists, ListPart, decode_part
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read_range, whole_topic

log = logging.getLogger(__name__)
TOPIC = "worklist"
_EPOCH = date(1970, 1, 1).toordinal()


class ListPublisher:
    """Closes and publishes editions; what a record is about is its date and edition."""

    KEY = KEY

    def __init__(
        self, broker: Broker, partitions: int, policies: Policies, producer: Any, metrics: WorkerMetrics
    ) -> None:
        self._broker, self._producer, self._metrics = broker, producer, metrics
        self._topic = broker.name(TOPIC)
        self._partitions, self._policies = partitions, policies
        self.lists = Lists(partitions, policies.first.worklist)

    @property
    def mark(self) -> str:
        """The newest date whose final edition is published."""
        return str(self.lists.closed)

    async def begin(self, mark: str) -> None:
        """Begin after the newest date that is closed, and read who was funded before."""
        self.lists = Lists(self._partitions, self._policies.first.worklist, int(mark or -1))
        consumer = AIOKafkaConsumer(
            self._topic, enable_auto_commit=False, auto_offset_reset="earliest", **self._broker.consumer()
        )
        await consumer.start()
        try:
            published = Worklists()
            async for record in read_range(consumer, *await whole_topic(consumer, self._topic)):
                _take(published, record)
            recall(self.lists, published)
        finally:
            await consumer.stop()

    async def take(self, value: bytes) -> tuple[int, bool]:
        """Take a record, and publish the editions that it closes."""
        told = decode_part(value)
        if isinstance(told, ListPart):
            self.lists.rules = (await self._policies.of(told.policy)).worklist
        editions = self.lists.add(told)
        for edition in editions:
            await self._publish(edition)
        return (-1, True) if isinstance(told, ErasedFromLists) else (told.day, told.final)

    def is_closed(self, about: tuple[int, bool]) -> bool:
        """Whether an edition is published."""
        return self.lists.is_closed(*about)

    async def _publish(self, edition: Edition) -> None:
        listed, dropped = edition
        send, topic, header = self._producer.send, self._topic, (DATE, listed.date.encode())
        sent = [await send(topic, encode_worklist_entry(e), key=e.customer_id.encode()) for e in listed.entries]
        sent += [await send(topic, None, key=name.encode(), headers=[header]) for name in sorted(dropped)]
        await asyncio.gather(*sent)
        self._metrics.worklist(listed)


def _take(published: Worklists, record: Any) -> None:
    """Take a record of the topic. One that others have written there and that is no entry is logged, so that it stops nobody."""
    try:
        if record.value is not None:
            date.fromisoformat(decode_entry(record.value).date)
        published.take(record.key, record.value, record.headers)
    except (msgspec.DecodeError, ValueError) as error:
        log.error("%s/%d@%d is no entry of a worklist: %s", record.topic, record.partition, record.offset, error)


def recall(lists: Lists, published: Worklists) -> None:
    """Tell lists what was published: who was funded on the newest edition of each date, and who stands on early ones."""
    for name in published.dates():
        day = date.fromisoformat(name).toordinal() - _EPOCH
        listed = published.of(name)
        end = int(listed[0].at) + SECOND
        lists.ranking.remember(day, end, {entry.customer_id for entry in listed if entry.funded})
        if day > lists.closed and (early := published.edition(name, False)):
            end = int(early[0].at) + SECOND
            lists.early[day] = Early(name, end, frozenset(entry.customer_id for entry in early))
