"""Folds records into rows in memory and writes the rows behind, in an order that loses nothing and counts nothing twice.

A chunk of records is folded into decoded rows, and its outputs leave at once. A moment later one flush writes what has
changed, strictly in this order, and only then are the inputs acknowledged:

    outputs acknowledged -> changelog acknowledged -> store written -> inputs acknowledged

So the store is never ahead of the changelog, and no state is kept whose outputs were not sent. After a crash the inputs
since the last acknowledgement come again; fences (`fences`) keep a record from changing a row that holds it already, and
such a row is written once more.

Crash-only: if a send, the changelog, the store or an acknowledgement fails, the process exits at once and the next start
repairs it by reading again. A fault in the fold of one record is different: its changes are undone, the record becomes a
dead letter and the stream goes on. Outputs that only a dead worker sent are reconciled by the `OutputLog`, whose
checkpoint is the last row of each flush. Nothing here knows what a row or a record means, where rows are stored, or
Faust.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, NoReturn, Protocol, Self

from streams.engine.batching_producer import BatchingProducer, Output
from streams.engine.changelog import SLICE, Changelog, Pair
from streams.engine.crash.in_hand import NOTHING, InHand, Quarantined
from streams.engine.fences import pack, unpack
from streams.engine.output_log import Checkpoint, OutputLog
from streams.engine.row_store import RowStore
from streams.engine.rows import CHECKPOINT, Codec, Row, Rows, Unreadable
from vigia.runtime.crash.failpoints import failpoint

log = logging.getLogger(__name__)


class PartitionProcessor(Protocol):
    """Processes the records of one partition for as long as this process owns it.

    `recover` is called with each stored row before the first record: the place to rebuild what is derived from rows.
    `fold` changes rows through the `Rows` it was made with and returns what is to be sent. It must depend on nothing but
    the record and the rows. It puts a row after each change; before it raises, it restores what it changed in place.
    """

    def recover(self, key: bytes, row: Any) -> None: ...

    def fold(self, record: Any) -> Iterable[Output]: ...


class _Opened(NamedTuple):
    """A partition whose rows were read."""

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
class _Pending:
    """What the next flush has to make safe."""

    records: int
    outputs: BatchingProducer
    done: list[Callable[[], object]]
    folded: dict[int, dict[str, int]]  # the last offset, by partition and source


class _Taken(NamedTuple):
    """What a flush writes of one partition, as it was at one point of the fold."""

    opened: _Opened
    pairs: list[Pair]
    fence: dict[str, int]
    checkpoint: Checkpoint | None

    def with_checkpoint(self, ends: Mapping[str, Mapping[int, int]]) -> list[Pair]:
        """The rows with the checkpoint as the last one, if there is anything to write; `ends` by topic."""
        output_log, checkpoint = self.opened.output_log, self.checkpoint
        if output_log is None or checkpoint is None or not (self.pairs or output_log.has_pending):
            return self.pairs
        stored = output_log.checkpoint(checkpoint, ends.get(output_log.topic, {}))
        return [*self.pairs, (CHECKPOINT, pack(self.fence, stored))]


def exit_on_failure(reason: BaseException) -> NoReturn:
    """End the process now: whatever is unfinished was not acknowledged and will be read again."""
    log.critical("the commit path failed; exiting so that the next start repairs it", exc_info=reason)
    logging.shutdown()
    os._exit(70)


class WriteBehind(Generic[Row]):
    """Folds chunks, sends outputs, and flushes state behind, in the order that the module states.

    `processor(rows)` makes the processor of a partition, `reject(record, error)` the dead letter of a record whose fold
    raised. `producer` is an AIOKafkaProducer (acks of all replicas; `max_batch_size` near its request limit, because each
    batch is a round trip). `incarnations` names the incarnation of topics; offsets of another one fence nothing. A flush
    starts `interval` seconds after the first record, or after `records`; `cached` rows stay in memory. `fail` is called
    with what broke the commit path. A record at which `in_hand` says that the process died twice is rejected, not folded.
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
        in_hand: InHand | None = None,
        fail: Callable[[BaseException], object] = exit_on_failure,
    ) -> None:
        self.counts = Counts()
        self._processor, self._codec, self._reject = processor, codec, reject
        self._store, self._producer, self._changelog = store, producer, Changelog(producer, changelog)
        self._incarnations = {} if incarnations is None else incarnations
        self._interval, self._limit, self._cached = interval, records, cached
        self._output_log, self._in_hand, self._fail = output_log, in_hand, fail
        self._partitions: dict[int, _Opened] = {}
        self._pending = self._nothing()
        self._flushing_folded: dict[int, dict[str, int]] = {}  # `folded` of what is being flushed
        self._flushing_records = 0
        self._fold_lock, self._flush_lock = asyncio.Lock(), asyncio.Lock()
        self._has_work, self._is_full, self._has_room = asyncio.Event(), asyncio.Event(), asyncio.Event()

    @property
    def backlog(self) -> int:
        """How many records are folded and not yet acknowledged."""
        return self._pending.records + self._flushing_records

    @property
    def opened(self) -> frozenset[int]:
        """The partitions whose rows have been read."""
        return frozenset(self._partitions)

    def _nothing(self) -> _Pending:
        return _Pending(0, BatchingProducer(self._producer), [], {})

    def reset(self) -> None:
        """Forget everything: partitions were assigned, and what is not in the changelog will be read again."""
        self._partitions = {}
        self._pending = self._nothing()
        self._flushing_records, self._flushing_folded = 0, {}
        self._has_work.clear()
        self._is_full.clear()
        self._has_room.set()

    # --- folding ----------------------------------------------------------------------------------------------

    async def open(self, partition: int) -> None:
        """Read the rows of a partition before its first record comes."""
        try:
            async with self._fold_lock:
                await self._open(partition)
        except (Exception, Unreadable) as error:
            self._fail(error)

    async def take(self, partition: int, records: Sequence[Any], done: Callable[[], object]) -> None:
        """Fold records of one partition and send their outputs; `done` is called once all of that is safe."""
        try:
            while self.backlog >= 2 * self._limit:
                self._has_room.clear()
                await self._has_room.wait()
            async with self._fold_lock:  # a flush must not take rows whose outputs are not yet sent
                pending = self._pending
                opened = await self._open(partition)
                if self._pending is not pending:
                    return  # reset meanwhile: these records are read again
                await pending.outputs.send(self._fold(records, opened))
                pending.done.append(done)
                pending.records += len(records)
            self._has_work.set()
            if pending.records >= self._limit:
                self._is_full.set()
        except (Exception, Unreadable) as error:
            self._fail(error)

    def _fold(self, records: Sequence[Any], opened: _Opened) -> list[Output]:
        rows, processor, output_log = opened
        outputs: list[Output] = []
        fold, begin, counts = processor.fold, rows.begin, self.counts
        topic = source = logged = ""
        if output_log is not None:
            logged, reached, folded = output_log.topic, *self._reached(rows.partition, records)
        in_hand, banned = self._in_hand, frozenset[int]()
        at_hand = [0] if in_hand is None else in_hand.offset
        for record in records:
            if record.topic != topic:
                topic = record.topic
                source = self._source(topic)
                banned = banned if in_hand is None else in_hand.begin(source, rows.partition)
            if not begin(source, record.offset, record.key):
                counts.fenced += 1
                continue
            at_hand[0] = record.offset
            try:
                if banned and record.offset in banned:
                    raise Quarantined("the process died twice while it folded this record")
                made = list(fold(record))
            except Exception as error:
                rows.undo()
                made = [self._reject(record, error)]
                counts.rejected += 1
            if made and output_log is not None:
                offset = record.offset
                made = [output_log.stamp(one, source, offset, folded) if one.topic == logged else one for one in made]
            outputs += made
        at_hand[0] = NOTHING
        if output_log is not None and output_log.has_pending:
            last = records[-1].offset
            outputs += [output_log.stamp(one, source, last, folded) for one in output_log.reconcile(reached)]
        counts.records += len(records)
        counts.outputs += len(outputs)
        return outputs

    def _source(self, topic: str) -> str:
        return f"{topic}@{self._incarnations.get(topic, '0')}"

    def _reached(self, partition: int, records: Sequence[Any]) -> tuple[dict[str, int], dict[str, int]]:
        """How far these records reach, by source, and how far all records reach that are folded and not yet safe."""
        last = {record.topic: record.offset for record in records}
        reached = {self._source(topic): offset for topic, offset in last.items()}
        self._pending.folded.setdefault(partition, {}).update(reached)
        return reached, {**self._flushing_folded.get(partition, {}), **self._pending.folded[partition]}

    async def _open(self, partition: int) -> _Opened:
        partitions = self._partitions
        if partition not in partitions:
            rows = Rows(partition, self._store, self._codec)
            processor = self._processor(rows)
            for number, (key, row) in enumerate(rows.recovered()):
                processor.recover(key, row)
                if number % SLICE == SLICE - 1:
                    await asyncio.sleep(0)
            output_log = None if self._output_log is None else self._output_log(rows, processor)
            if output_log is not None:
                await self._resume(rows, output_log)
            partitions[partition] = _Opened(rows, processor, output_log)
        return partitions[partition]

    async def _resume(self, rows: Rows[Any], output_log: OutputLog) -> None:
        """Read on from the stored checkpoint, and store at once what has become pending."""
        partitions, partition = self._partitions, rows.partition
        stored = self._store.get(partition, CHECKPOINT)
        checkpoint = await output_log.resume(None if stored is None else unpack(stored)[1])
        if checkpoint is not None and self._partitions is partitions:
            pairs: list[Pair] = [(CHECKPOINT, pack(rows.fence, checkpoint))]
            self._store.write(partition, pairs, await self._changelog.append(partition, pairs))

    async def scrub(self) -> None:
        """Remove the old bytes of deleted rows from the stores of all partitions."""
        async with self._flush_lock, self._fold_lock:
            for partition in self.opened:
                if rows := self._store.scrub(partition):
                    log.info("partition %d: the old bytes of %d deleted rows are removed", partition, rows)

    # --- flushing ---------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Flush inside this block: every `interval` while there is work, sooner when there is much."""
        flusher = asyncio.create_task(self._flush_forever(), name="write-behind")
        try:
            yield self
        finally:
            flusher.cancel()
            with suppress(asyncio.CancelledError):
                await flusher

    async def _flush_forever(self) -> None:
        while True:
            await self._has_work.wait()
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    self._interval
                ):  # `wait_for` may swallow the cancellation at the end of `running`
                    await self._is_full.wait()
            await self.flush()

    async def flush(self) -> None:
        """Make safe all that is folded by now, in the order that the module states."""
        try:
            async with self._flush_lock:
                await self._flush()
        except Exception as error:
            self._fail(error)

    async def _flush(self) -> None:
        partitions, pending, taken = await self._take()
        ends = await pending.outputs.delivered()
        failpoint("outputs")
        changed = [(one.opened.rows.partition, pairs) for one in taken if (pairs := one.with_checkpoint(ends))]
        offsets = await asyncio.gather(*(self._changelog.append(partition, pairs) for partition, pairs in changed))
        failpoint("changelog")
        if self._partitions is not partitions:
            return  # reset meanwhile: the changelog has these rows, and the store is being recovered from there
        for (partition, pairs), offset in zip(changed, offsets, strict=True):
            self._store.write(partition, pairs, offset)
        failpoint("store")
        for done in pending.done:
            done()
        failpoint("ack")
        for one in partitions.values():
            one.rows.evict(self._cached // len(partitions))
        self.counts.flushes += 1
        self.counts.rows_written += sum(len(pairs) for _, pairs in changed)
        self._flushing_records, self._flushing_folded = 0, {}
        self._has_room.set()

    async def _take(self) -> tuple[dict[int, _Opened], _Pending, list[_Taken]]:
        """Take what there is to flush, while nothing is folded; what is folded next belongs to the next flush."""
        async with self._fold_lock:
            pending, self._pending = self._pending, self._nothing()
            pending.outputs.close()
            self._has_work.clear()
            self._is_full.clear()
            self._flushing_records, self._flushing_folded = pending.records, pending.folded
            partitions = self._partitions
            taken = []
            for one in partitions.values():
                pairs = await _encoded(one.rows)
                checkpoint = None if one.output_log is None else one.output_log.snapshot()
                taken.append(_Taken(one, pairs, one.rows.fence, checkpoint))
        return partitions, pending, taken


async def _encoded(rows: Rows[Any]) -> list[Pair]:
    """The changed rows, encoded with pauses for the event loop."""
    pairs: list[Pair] = []
    for number, pair in enumerate(rows.take_changed(), 1):
        pairs.append(pair)
        if number % SLICE == 0:
            await asyncio.sleep(0)
    return pairs
