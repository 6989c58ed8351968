"""Copies what the inputs hold into files that a replay folds: what the workers fold, and nothing that they reject.

Committed records only. Each call adds what has come since the last one; nothing is written to Kafka, and no group is joined.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from scorers.contract.events import AlarmAction, AnyEvent, CustomerErased, Instant
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode, encode_event
from streams.records.actions import read_action
from streams.records.written import is_ahead, written_at
from vigia.runtime.broker import ACTIONS, INPUTS, Broker
from vigia.runtime.erasures import customer_of, null_id
from vigia.runtime.topic_reader import bounds, read_range

COPIED = (*INPUTS, ACTIONS)


class InputCopy:
    """The copy of the inputs in a folder, a file for each partition of a topic."""

    def __init__(self, broker: Broker, partitions: int, folder: Path) -> None:
        self._broker, self._folder = broker, folder
        self._plain = {TopicPartition(broker.name(topic), n): topic for topic in COPIED for n in range(partitions)}
        self._read: dict[TopicPartition, int] = {}
        self.records = 0

    async def extend(self) -> list[str]:
        """Add what has come since the last call; return the files that hold anything."""
        consumer = AIOKafkaConsumer(enable_auto_commit=False, **self._broker.consumer())
        await consumer.start()
        try:
            begins, ends = await bounds(consumer, list(self._plain))
            for tp in self._plain:
                start = max(begins[tp], self._read.get(tp, 0))
                with self._file(tp).open("ab") as file:
                    async for record in read_range(consumer, {tp: start}, ends):
                        for line in lines_of(record, self._plain[tp]):
                            file.write(line + b"\n")
                            self.records += 1
                self._read[tp] = ends[tp]
        finally:
            await consumer.stop()
        return [str(path) for tp in self._plain if (path := self._file(tp)).stat().st_size]

    def _file(self, tp: TopicPartition) -> Path:
        return self._folder / f"{self._plain[tp]}-{tp.partition}.jsonl"


def lines_of(record: Any, topic: str) -> Iterator[bytes]:
    """The event of a record as a line; none for what a worker rejects. `topic` is the plain name."""
    event = _event(record, topic)
    if event is None or is_ahead(event.time, record):
        return
    key = None if event.customer_id is None else event.customer_id.encode()
    if record.key == key:
        yield encode_event(event)


def _event(record: Any, topic: str) -> AnyEvent | None:
    if topic == ACTIONS:
        action: AlarmAction | None = read_action(record)
        return action
    if record.value is None:
        name = customer_of(record.key)
        place = null_id(topic, record.partition, record.offset)
        return (
            CustomerErased(id=place, source=record.topic, time=Instant(written_at(record)), customer_id=name)
            if name
            else None
        )
    event = decode(record.value)
    return None if isinstance(event, Rejection) else event
