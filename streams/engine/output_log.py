"""Reconciles the outputs that a killed worker sent and its successor does not repeat.

Outputs leave before the state is safe. A worker that dies in between has sent alarms that no row knows. Its successor
reads the same records again, but not always in the same order of topics, and may come to another result. So each
partition keeps a *checkpoint* beside its rows: how far the outputs' topic was written when the rows were last safe. The
worker that opens a partition reads the outputs after the checkpoint; each of them is *pending* until its own fold
repeats it.

When is it certain that the fold will not repeat it? Each output carries its *origin*: the record that caused it, and how
far the worker had folded each topic of the partition. Once the successor has folded as far in every topic, it has folded
every record that the output could follow from, ticks among them: what was folded before is in the rows it began with,
and what comes later the dead worker did not know. Then the row decides: the `Reconciler` sends what the row has, or a
withdrawal if the row knows nothing of it.

Two cases differ. An output whose origin is in its row already (the worker died between two batches of one flush) was
right and is left alone. And what is pending survives the successor's own death: it is written into the checkpoint before
anything is folded, so that rows written later cannot be mistaken for the dead worker's.

With nothing after the checkpoint, all this costs one question for the end of the topic when a partition is opened.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Protocol, Self, cast

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from msgspec import Struct, field

from streams.engine.batching_producer import Output
from streams.engine.rows import Rows
from vigia.runtime.topic_reader import bounds, read_range

HEADER = "origin"
PATIENCE = 60.0  # seconds for reading the outputs after the checkpoint


class Origin(Struct):
    """Where an output comes from: the record that caused it, and how far the topics of its partition were folded."""

    partition: int
    source: str
    offset: int
    folded: Mapping[str, int]


class Checkpoint(Struct):
    """What a partition keeps of its outputs; the stored name of `pending` is `owed`."""

    ends: dict[int, int] = field(default_factory=dict)  # by partition of the outputs' topic: all before is reconciled
    pending: dict[str, str] = field(default_factory=dict, name="owed")  # the last output of each id
    limits: dict[str, int] = field(default_factory=dict)  # by source: how far it must be folded before the row decides


_origin = msgspec.json.Decoder(Origin).decode
_checkpoint = msgspec.json.Decoder(Checkpoint).decode
_encode = msgspec.json.Encoder().encode


class Tail(Protocol):
    """The records after some offsets, by partition, and where the topic ends now."""

    async def since(self, ends: Mapping[int, int]) -> tuple[Sequence[Any], dict[int, int]]: ...


class Reconciler(Protocol):
    """What a processor knows of its outputs."""

    def identify(self, value: bytes) -> tuple[str, bytes]:
        """The id of an output, and the key of the row that it follows from."""

    def reconcile(self, last: bytes) -> Iterable[Output]:
        """What the row says now, given the last output of an id that was not repeated."""


class OutputLog:
    """The outputs of one partition to one topic, and those of an earlier worker that are still pending."""

    def __init__(self, topic: str, rows: Rows[Any], reconciler: Reconciler, tail: Tail) -> None:
        self.topic = topic
        self._rows, self._reconciler, self._tail = rows, reconciler, tail
        self._state = Checkpoint()
        self._stamped, self._folded = ("", -1), cast(Mapping[str, int], {})
        self._stamp = HEADER, b""

    @property
    def has_pending(self) -> bool:
        """Whether an output of an earlier worker is neither repeated nor reconciled yet."""
        return bool(self._state.pending)

    async def resume(self, stored: bytes | None) -> bytes | None:
        """Read on from a stored checkpoint; the one to store before anything is folded, or None if nothing is new."""
        state = self._state = Checkpoint() if stored is None else _checkpoint(stored)
        records, state.ends = await self._tail.since(state.ends)
        found: dict[str, str] = {}
        for record in records:
            origin = _origin_of(record)
            if origin is None or origin.partition != self._rows.partition or record.value is None:
                continue
            name, key = self._reconciler.identify(record.value)
            if self._rows.holds(key, origin.source, origin.offset):
                state.pending.pop(name, None)
                found.pop(name, None)
                continue
            found[name] = record.value.decode()
            for source, offset in origin.folded.items():
                state.limits[source] = max(offset, state.limits.get(source, -1))
        state.pending.update(found)
        return _encode(state) if found else None

    def stamp(self, output: Output, source: str, offset: int, folded: Mapping[str, int]) -> Output:
        """An output of this fold with its origin; an output that is repeated is no longer pending."""
        if self._state.pending and output.value is not None:
            self._state.pending.pop(self._reconciler.identify(output.value)[0], None)
        if self._stamped != (source, offset) or self._folded is not folded:  # a tick causes many outputs
            self._stamped, self._folded = (source, offset), folded
            self._stamp = HEADER, _encode(Origin(self._rows.partition, source, offset, folded))
        return output._replace(headers=(*output.headers, self._stamp))

    def reconcile(self, folded: Mapping[str, int]) -> list[Output]:
        """What to send of pending outputs, now that the topics are folded so far."""
        state = self._state
        for source, offset in folded.items():
            if offset >= state.limits.get(source, offset + 1):
                del state.limits[source]
        if state.limits:
            return []
        pending, state.pending = state.pending, {}
        return [output for last in pending.values() for output in self._reconciler.reconcile(last.encode())]

    def snapshot(self) -> Checkpoint:
        """The checkpoint as it is at this point of the fold."""
        state = self._state
        return Checkpoint(state.ends, dict(state.pending), dict(state.limits))

    def checkpoint(self, taken: Checkpoint, ends: Mapping[int, int]) -> bytes:
        """The checkpoint to store with the rows of a snapshot, whose outputs are written up to these ends."""
        for partition, end in ends.items():
            taken.ends[partition] = max(end, taken.ends.get(partition, 0))
        return _encode(taken)


def _origin_of(record: Any) -> Origin | None:
    for name, value in record.headers:
        if name == HEADER:
            with suppress(msgspec.DecodeError):
                return _origin(value)
    return None


class TopicTail:
    """The tail of a topic on Kafka; its client is connected inside `async with`."""

    def __init__(self, client: Callable[[], Mapping[str, Any]], topic: str, partitions: int) -> None:
        self._client = client
        self._partitions = [TopicPartition(topic, number) for number in range(partitions)]

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(enable_auto_commit=False, auto_offset_reset="earliest", **self._client())
        await self._consumer.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._consumer.stop()

    async def since(self, ends: Mapping[int, int]) -> tuple[list[Any], dict[int, int]]:
        """All records from these offsets on; a partition that ends before its offset was created again and is read whole."""
        async with asyncio.timeout(PATIENCE):
            begins, now = await bounds(self._consumer, self._partitions)
            starts = {tp: ends.get(tp.partition, 0) for tp in now}
            starts = {tp: max(begins[tp], start if start <= now[tp] else 0) for tp, start in starts.items()}
            records = [record async for record in read_range(self._consumer, starts, now)]
            self._consumer.unsubscribe()
        return records, {tp.partition: end for tp, end in now.items()}
