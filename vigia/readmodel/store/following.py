"""Keeps a read model up to date from Kafka: no group, offsets in the same transaction as the rows, a rebuild when topics are new.

Erasures are read to their end before anything else, so that a rebuild takes in nothing of who was erased since.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from prometheus_client import CollectorRegistry

from scorers.contract.events import DAY
from vigia.readmodel.store.folding import Folding
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.tables import Tables, Unavailable
from vigia.runtime.broker import Broker
from vigia.runtime.erasures import ERASURES
from vigia.runtime.metrics import table
from vigia.runtime.privacy.keyed_hash import KeyedHash
from vigia.runtime.redaction import describe
from vigia.runtime.rights.table import READ_MODEL
from vigia.runtime.topic_reader import bounds, read_range

LOGGER = logging.getLogger("vigia.readmodel")
RETRY = 2.0  # seconds
POLL_MS, BATCH = 100, 2_000
WAKE_EVERY = 1.0  # seconds
WATCH_EVERY = 0.5  # seconds
CHECK_EVERY, PATIENCE = 5.0, 10.0  # seconds: how often the ends are asked for, and how long an answer may take
FIRST_ONLY = "clock"
"""The topic whose partitions are copies of each other."""

Batch = Mapping[TopicPartition, Sequence[Any]]


class _Missing(RuntimeError):
    """Topics do not exist."""


class Follower:
    """Writes what the topics say into a read model; one in each process."""

    def __init__(
        self, model: ReadModel, broker: Broker, hashes: KeyedHash, registry: CollectorRegistry | None = None
    ) -> None:
        self.model, self.broker, self._hashes = model, broker, hashes
        registry = registry if registry is not None else CollectorRegistry()
        self._read = table.counter("vigia_console_records", registry)
        self._behind = table.gauge("vigia_console_behind", registry)
        age = table.gauge("vigia_console_data_age_seconds", registry)
        age.set_function(lambda: float("inf") if model.age is None else model.age)
        self._plain = {broker.name(topic): topic for topic in READ_MODEL}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-model")
        self._checked = self._woken = self._pruned = 0.0  # by the monotonic clock
        self._unread, self._must_overwrite = 0, False

    async def run(self, stop: asyncio.Event) -> None:
        """Follow the topics until `stop` is set; if Kafka is down, say so once and retry."""
        loop = asyncio.get_running_loop()
        tables = await loop.run_in_executor(self._thread, self.model.store.tables)
        self._folding = Folding(tables, self._hashes, self.model.now)
        following = asyncio.create_task(self._follow_for_ever())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([following, stopped], return_when=asyncio.FIRST_COMPLETED)
            if following.done():
                following.result()
        finally:
            for task in (following, stopped):
                task.cancel()
            await asyncio.gather(following, stopped, return_exceptions=True)
            await loop.run_in_executor(self._thread, tables.close)
            self._thread.shutdown()

    async def _follow_for_ever(self) -> None:
        while True:
            try:
                await self._follow()
            except _Missing as fault:
                self._says(str(fault))
            except Unavailable as fault:
                self._says(str(fault))
            except TopicAuthorizationFailedError as fault:
                self._says(
                    f"no right to read the topic {fault.args[0]}: docs/operations.md lists the rights of each process"
                )
            except (KafkaError, OSError, TimeoutError) as fault:
                LOGGER.debug("%s", describe(fault))
                cause = await self.broker.refused()
                self._says(f"Kafka does not answer: {cause}" if cause else "Kafka does not answer")
            await asyncio.sleep(RETRY)

    @property
    def unread(self) -> int:
        """How many records were not read at the last check."""
        return self._unread

    def _says(self, problem: str) -> None:
        if problem and problem != self.model.problem:
            LOGGER.warning("the console's data are not kept up to date: %s", problem)
        elif not problem and self.model.problem:
            LOGGER.info("the console's data are kept up to date again")
        self.model.problem = problem
        self.model.tell()

    async def _follow(self) -> None:
        while not await self._in_thread(lambda tables: tables.hold()):
            await self._watch()
        consumer = AIOKafkaConsumer(
            *self._plain, **self.broker.consumer(), enable_auto_commit=False, auto_offset_reset="earliest"
        )
        try:
            await asyncio.wait_for(consumer.start(), PATIENCE)
            places = self._places(consumer)
            consumer.unsubscribe()
            due = await self._due(consumer, places)
            await self._erase_first(consumer, due)
            consumer.assign(list(due))
            for place, offset in due.items():
                consumer.seek(place, offset)
            self._checked = 0.0
            while True:
                batch = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH)
                if batch or time.monotonic() - self._woken > WAKE_EVERY:
                    await self._write(batch)
                if time.monotonic() - self._checked > CHECK_EVERY or (self._unread and not batch):
                    await self._check(consumer, list(due))
        finally:
            await consumer.stop()

    async def _watch(self) -> None:
        """Say what another console has read into the store."""
        offsets, current = await self._in_thread(lambda tables: (tables.offsets(), tables.noted_current()))
        has_changed = offsets != self.model.next
        self.model.next, self.model.fresh_at, self._unread = offsets, current, 0
        if has_changed or self.model.problem:
            self._says("")
        await asyncio.sleep(WATCH_EVERY)

    def _places(self, consumer: AIOKafkaConsumer) -> list[TopicPartition]:
        """The partitions to read. Raises `_Missing`."""
        places = sorted(consumer.assignment())
        missing = self._plain.keys() - {place.topic for place in places}
        if missing:
            raise _Missing(f"the topics {', '.join(sorted(missing))} do not exist; run vigia topics apply")
        return [place for place in places if self._plain[place.topic] != FIRST_ONLY or place.partition == 0]

    async def _due(self, consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        """From where each partition is read; emptied tables, if topics are others than those that were read."""
        stored = await self._in_thread(lambda tables: tables.offsets())
        begins, ends = await bounds(consumer, places)
        known = {place: stored.get((self._plain[place.topic], place.partition)) for place in places}
        if any(offset is not None and offset > ends[place] for place, offset in known.items()):
            LOGGER.warning("topics were made again: the read model is built from their start")
            await self._in_thread(lambda tables: tables.empty())
            known = {}
        self.model.next = {
            (self._plain[place.topic], place.partition): offset for place, offset in known.items() if offset is not None
        }
        return {place: max(known.get(place) or 0, begins[place]) for place in places}

    async def _erase_first(self, consumer: AIOKafkaConsumer, due: dict[TopicPartition, int]) -> None:
        """Read the erasures up to their present end, and move `due` past them."""
        starts = {place: due[place] for place in due if self._plain[place.topic] == ERASURES}
        _, ends = await bounds(consumer, list(starts))
        batch: dict[TopicPartition, list[Any]] = {}
        async for record in read_range(consumer, starts, ends):
            batch.setdefault(TopicPartition(record.topic, record.partition), []).append(record)
            if sum(map(len, batch.values())) >= BATCH:
                await self._write(batch)
                batch = {}
        await self._write(batch)
        due.update({place: max(due[place], end) for place, end in ends.items()})

    async def _write(self, batch: Batch) -> None:
        self.model.next.update(await self._in_thread(lambda tables: self._fold(tables, batch)))
        self._read.inc(sum(map(len, batch.values())))
        if batch:
            self.model.tell()

    def _fold(self, tables: Tables, batch: Batch) -> dict[tuple[str, int], int]:
        """Fold records and their offsets in one transaction; returns the next offsets."""
        erased, following = self._folding.erasures, {}
        with tables.transaction():
            for place, records in batch.items():
                topic = self._plain[place.topic]
                for record in records:
                    self._folding.take(topic, record)
                following[topic, place.partition] = records[-1].offset + 1
            tables.put_offsets(following)
            self._folding.wake()
            if time.monotonic() - self._pruned > DAY / 1_000_000 or not self._pruned:
                self._folding.prune(self.model.now())
                self._pruned = time.monotonic()
        self._woken = time.monotonic()
        self._must_overwrite |= self._folding.erasures != erased
        if self._must_overwrite:
            self._must_overwrite = not tables.overwrite()
        return following

    async def _check(self, consumer: AIOKafkaConsumer, places: list[TopicPartition]) -> None:
        """Find out whether everything is read; an answer also shows that Kafka is there."""
        asked = time.time()
        ends = await asyncio.wait_for(consumer.end_offsets(places), PATIENCE)
        self._unread = sum([max(0, end - await consumer.position(place)) for place, end in ends.items()])
        self._behind.set(self._unread)
        self._checked = time.monotonic()
        if not self._unread:
            self.model.fresh_at = asked
            await self._in_thread(lambda tables: tables.note_current(asked))
            self._says("")

    async def _in_thread(self, work: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, lambda: work(self._folding.tables))
