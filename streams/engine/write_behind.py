"""State is folded in memory and written behind, in an order that loses nothing and counts nothing twice.

A chunk of records is folded into decoded rows; its outputs leave at once. Some moments later one flush writes what has
changed, strictly in this order, and only then are the inputs acknowledged:

    outputs acknowledged -> changelog acknowledged -> store written -> inputs acknowledged

So the store is never ahead of the changelog and no state is ever kept whose outputs were not sent. After a crash the
inputs since the last acknowledgement come again; each stored row carries a *fence* (how far each topic and topic epoch
was folded when it was written), so a record that it already holds has no effect and the row is written once more.

Crash-only: if a send, the changelog, the store or an acknowledgement fails, the process exits at once and the next one
repairs by reading again. A fault in the fold of one record is not that: its changes are undone, the record goes to the
dead-letters and the stream goes on.

Outputs that a crash leaves behind, and that the next life may not repeat, are the affair of an `OutputLog` (`orphans`): it
stamps outputs of its topic with their origin, and its mark is the last row of each flush.

It refuses to know what a row or a record means, where rows lie (`shelf`), and what Faust is.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, NoReturn, Protocol, Self

from streams.engine.batching_producer import BatchingProducer, Output
from streams.engine.failpoints import failpoint
from streams.engine.fences import pack, unpack
from streams.engine.output_log import OutputLog
from streams.engine.row_store import RowStore
from streams.engine.rows import CHECKPOINT, Codec, Row, Rows, Unreadable

log = logging.getLogger(__name__)

SLICE = 500  # rows that are encoded in one go: thousands would stop heartbeats

Pair = tuple[bytes, bytes | None]
"""A key and a row as it is stored; None where the row is gone."""


class PartitionProcessor(Protocol):
    """What is done with the records of one partition, for as long as this process has it.

    `recover` is called with each stored row before the first record: the place to rebuild what is derived from rows.
    `fold` changes rows through the accessor it was made with and returns what is to be sent. It must depend on nothing
    but the record and the rows. A row is put after each change; one that changes in place is undone by the fold itself
    before it raises.
    """

    def recover(self, key: bytes, row: Any) -> None: ...

    def fold(self, record: Any) -> Iterable[Output]: ...


class _Opened(NamedTuple):
    """A partition that this process has."""

    rows: Rows[Any]
    processor: PartitionProcessor
    output_log: OutputLog | None


@dataclass(slots=True)
class Counts:
    """What the engine has done since it started, for metrics and tests."""

    records: int = 0
    fenced: int = 0
    rejected: int = 0
    outputs: int = 0
    flushes: int = 0
    rows_written: int = 0


@dataclass(slots=True)
class _Due:
    """What the next flush owes."""

    records: int
    outbox: BatchingProducer
    done: list[Callable[[], object]]
    folded: dict[int, dict[str, int]]  # by partition and source: how far


def exit_on_failure(reason: BaseException) -> NoReturn:
    """End the process now: whatever is unfinished was not acknowledged and will be read again."""
    log.critical("the commit path failed; exiting so that the next start repairs it", exc_info=reason)
    logging.shutdown()
    os._exit(70)


class WriteBehind(Generic[Row]):
    """Folds chunks, sends outputs, and flushes state behind: see the module's head for the order it keeps.

    `processor(rows)` makes the fold of a partition, `reject(record, error)` the dead-letter of a record whose fold raised.
    `producer` is an AIOKafkaProducer (acks of all replicas; `max_batch_size` near its request limit: a batch is a round
    trip). `incarnations` names the life of a topic that was made anew; offsets of another epoch fence nothing.
    """

    def __init__(
        self,
        *,
        processor: Callable[[Rows[Row]], PartitionProcessor],
        codec: Codec[Row],
        reject: Callable[[Any, Exception], Output],
        store: RowStore,
        producer: Any,
        changelog: str,
        incarnations: Mapping[str, str] | None = None,
        interval: float = 0.25,
        records: int = 50_000,
        cached: int = 100_000,
        output_log: Callable[[Rows[Row], PartitionProcessor], OutputLog] | None = None,
        fail: Callable[[BaseException], object] = exit_on_failure,
    ) -> None:
        self.counts = Counts()
        self._processor, self._codec, self._reject = processor, codec, reject
        self._store, self._producer, self._changelog = store, producer, changelog
        self._incarnations = {} if incarnations is None else incarnations
        self._interval, self._limit, self._cached = interval, records, cached
        self._output_log, self._fail = output_log, fail
        self._partitions: dict[int, _Opened] = {}
        self._flying: dict[int, dict[str, int]] = {}  # as `folded` of what is being flushed
        self._due = self._nothing()
        self._in_flight = 0
        self._folding, self._flushing = asyncio.Lock(), asyncio.Lock()
        self._work, self._full, self._room = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def backlog(self) -> int:
        """How many records are folded and not yet acknowledged."""
        return self._due.records + self._in_flight

    def _nothing(self) -> _Due:
        return _Due(0, BatchingProducer(self._producer), [], {})

    def reset(self) -> None:
        """Forget everything: partitions were assigned, and what is not in the changelog will be read again."""
        self._partitions = {}
        self._due = self._nothing()
        self._in_flight, self._flying = 0, {}
        self._work.clear()
        self._full.clear()
        self._room.set()

    @property
    def opened(self) -> frozenset[int]:
        """The partitions whose rows have been read."""
        return frozenset(self._partitions)

    async def open(self, partition: int) -> None:
        """Read the rows of a partition before its first record comes."""
        try:
            async with self._folding:
                await self._open(partition)
        except (Exception, Unreadable) as error:
            self._fail(error)

    async def take(self, partition: int, records: Sequence[Any], done: Callable[[], object]) -> None:
        """Fold records of one partition and send their outputs; `done` is called when all that came of it is safe."""
        try:
            while self.backlog >= 2 * self._limit:
                self._room.clear()
                await self._room.wait()
            async with self._folding:  # a flush must not take rows whose outputs are not yet sent
                due = self._due
                opened = await self._open(partition)
                if self._due is not due:
                    return  # assigned anew meanwhile: this is read again
                await due.outbox.post(self._fold(records, opened))
                due.done.append(done)
                due.records += len(records)
            self._work.set()
            if due.records >= self._limit:
                self._full.set()
        except (Exception, Unreadable) as error:
            self._fail(error)

    def _fold(self, records: Sequence[Any], opened: _Opened) -> list[Output]:
        rows, processor, output_log = opened
        outputs: list[Output] = []
        fold, begin, counts = processor.fold, rows.begin, self.counts
        topic = source = told = ""
        if output_log is not None:
            told, reached, folded = output_log.topic, *self._reached(rows.partition, records)
        for record in records:
            if record.topic != topic:
                topic = record.topic
                source = self._source(topic)
            if not begin(source, record.offset, record.key):
                counts.fenced += 1
                continue
            try:
                made = list(fold(record))
            except Exception as error:
                rows.undo()
                made = [self._reject(record, error)]
                counts.rejected += 1
            if made and output_log is not None:
                offset = record.offset
                made = [output_log.stamp(one, source, offset, folded) if one.topic == told else one for one in made]
            outputs += made
        if output_log is not None and output_log.has_pending:
            outputs += [
                output_log.stamp(output, source, records[-1].offset, folded) for output in output_log.reconcile(reached)
            ]
        counts.records += len(records)
        counts.outputs += len(outputs)
        return outputs

    def _source(self, topic: str) -> str:
        return f"{topic}@{self._incarnations.get(topic, '0')}"

    def _reached(self, partition: int, records: Sequence[Any]) -> tuple[dict[str, int], dict[str, int]]:
        """How far these records go, by source, and how far all goes that is not yet safe."""
        last = {record.topic: record.offset for record in records}
        reached = {self._source(topic): offset for topic, offset in last.items()}
        self._due.folded.setdefault(partition, {}).update(reached)
        return reached, {**self._flying.get(partition, {}), **self._due.folded[partition]}

    async def _open(self, partition: int) -> _Opened:
        partitions = self._partitions
        if partition not in partitions:
            rows = Rows(partition, self._store, self._codec)
            processor = self._processor(rows)
            for number, (key, row) in enumerate(rows.recovered()):
                processor.recover(key, row)
                if number % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
            output_log = (
                None if self._output_log is None else await self._inherit(rows, self._output_log(rows, processor))
            )
            partitions[partition] = _Opened(rows, processor, output_log)
        return partitions[partition]

    async def _inherit(self, rows: Rows[Any], output_log: OutputLog) -> OutputLog:
        partitions, partition = self._partitions, rows.partition
        stored = self._store.get(partition, CHECKPOINT)
        mark = await output_log.resume(None if stored is None else unpack(stored)[1])
        if mark is not None and self._partitions is partitions:
            pairs: list[Pair] = [(CHECKPOINT, pack(rows.fence, mark))]
            self._store.write(partition, pairs, await self._log(partition, pairs))
        return output_log

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Flushes go on inside this block: every `interval` while there is work, sooner when there is much."""
        flusher = asyncio.create_task(self._flush_forever(), name="write-behind")
        try:
            yield self
        finally:
            flusher.cancel()
            with suppress(asyncio.CancelledError):
                await flusher

    async def _flush_forever(self) -> None:
        while True:
            await self._work.wait()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._full.wait(), self._interval)
            await self.flush()

    async def flush(self) -> None:
        """Make safe all that was folded up to now, in the order of the module's head."""
        try:
            async with self._flushing:
                await self._flush()
        except Exception as error:
            self._fail(error)

    async def _flush(self) -> None:
        async with self._folding:
            due, self._due = self._due, self._nothing()
            due.outbox.close()
            self._work.clear()
            self._full.clear()
            partitions, self._in_flight, self._flying = self._partitions, due.records, due.folded
            taken = [
                (
                    one,
                    await _taken(one.rows),
                    one.rows.fence,
                    None if one.output_log is None else one.output_log.snapshot(),
                )
                for one in partitions.values()
            ]
        ends = await due.outbox.delivered()
        failpoint("outputs")
        changed: list[tuple[int, list[Pair]]] = []
        for (rows, _, output_log), pairs, fence, mark in taken:
            if output_log is not None and mark is not None and (pairs or output_log.has_pending):
                pairs.append((CHECKPOINT, pack(fence, output_log.checkpoint(mark, ends.get(output_log.topic, {})))))
            if pairs:
                changed.append((rows.partition, pairs))
        offsets = await asyncio.gather(*(self._log(partition, pairs) for partition, pairs in changed))
        failpoint("changelog")
        if self._partitions is not partitions:
            return  # assigned anew meanwhile: the changelog has it, and the store is being recovered from there
        for (partition, pairs), offset in zip(changed, offsets, strict=True):
            self._store.write(partition, pairs, offset)
        failpoint("store")
        for done in due.done:
            done()
        failpoint("ack")
        for rows, _, _ in partitions.values():
            rows.evict(self._cached // len(partitions))
        self.counts.flushes += 1
        self.counts.rows_written += sum(len(pairs) for _, pairs in changed)
        self._in_flight, self._flying = 0, {}
        self._room.set()

    async def _log(self, partition: int, pairs: Sequence[Pair]) -> int:
        """Write rows to the changelog; the offset of the last.

        A batch is sent when the one before is there: the last row says what all hold, and must not be there without them.
        """
        batch, size = self._producer.create_batch(), 0
        for number, (key, value) in enumerate(pairs, 1):
            if batch.append(timestamp=None, key=key, value=value) is None:
                await self._sent(batch, partition)
                batch, size = self._producer.create_batch(), 0
                if batch.append(timestamp=None, key=key, value=value) is None:
                    raise ValueError(f"a row of {len(value or b'')} bytes does not fit into an empty batch")
            size += 1
            if number % SLICE == 0:
                await asyncio.sleep(0)
        return await self._sent(batch, partition) + size - 1

    async def _sent(self, batch: Any, partition: int) -> int:
        sent = await self._producer.send_batch(batch, self._changelog, partition=partition)
        offset: int = (await sent).offset
        return offset


async def _taken(rows: Rows[Any]) -> list[Pair]:
    """What has changed, encoded with pauses in which the loop lives, but nothing is folded."""
    pairs: list[Pair] = []
    for number, pair in enumerate(rows.take_changed(), 1):
        pairs.append(pair)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return pairs
