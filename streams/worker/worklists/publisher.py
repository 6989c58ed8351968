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
from scorers.contract.worklist import DATE, WorklistEntry, decode_entry
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
            found: list[tuple[int, WorklistEntry]] = []
            erased: dict[bytes, int] = {}
            async for record in read_range(consumer, *await whole_topic(consumer, self._topic)):
                if record.value is not None:
                    found += [(record.offset, entry) for entry in _readable(record)]
                elif not dict(record.headers or ()).get(DATE):
                    erased[record.key] = record.offset
            recall(self.lists, [e for at, e in found if at > erased.get(e.customer_id.encode(), -1)])
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


def _readable(record: Any) -> list[WorklistEntry]:
    """The entry of a record; none of a record that others have written there and that is no entry, so that it stops nobody."""
    try:
        entry = decode_entry(record.value)
        date.fromisoformat(entry.date)
    except (msgspec.DecodeError, ValueError) as error:
        log.error("%s/%d@%d is no entry of a worklist: %s", record.topic, record.partition, record.offset, error)
        return []
    return [entry]


def recall(lists: Lists, entries: list[WorklistEntry]) -> None:
    """Tell lists what was published: who was funded on the newest edition of each date, and who stands on early ones."""
    final = {entry.date for entry in entries if entry.final}
    dates: dict[str, list[WorklistEntry]] = {}
    for entry in entries:
        if entry.final == (entry.date in final):
            dates.setdefault(entry.date, []).append(entry)
    for name, listed in dates.items():
        day = date.fromisoformat(name).toordinal() - _EPOCH
        end = int(listed[0].at) + SECOND
        lists.ranking.remember(day, end, {entry.customer_id for entry in listed if entry.funded})
    for name in {entry.date for entry in entries}:
        day = date.fromisoformat(name).toordinal() - _EPOCH
        early = [entry for entry in entries if entry.date == name and not entry.final]
        if day > lists.closed and early:
            end = int(early[0].at) + SECOND
            lists.early[day] = Early(name, end, frozenset(entry.customer_id for entry in early))
