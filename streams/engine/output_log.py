"""An alarm that a killed worker has told, and that its successor does not tell again, is taken back.

Outputs leave before the state is safe. A worker that dies in between has told the world what no row knows; its successor
reads the same records again, but not always in the same order of topics, and may come to another view. So beside its
customers each partition keeps a *mark*: how far the topic of alarms was told when its rows were last safe. Who opens a
partition reads what stands after the mark, and owes the world a word on each alarm in it that its own fold never
mentions.

When is it certain that the fold will not mention it? Each alarm carries its *origin*: the record that told it, and how
far the worker had folded each topic of the partition since its rows were last safe. Once the successor has folded as far
in every topic, it has folded every record that the alarm could follow from, ticks among them: what was folded before is
in the rows it began with, what comes later the dead worker did not know. Then the row speaks. If it holds the alarm open,
it is raised or updated as the row has it; if ended, settled again; if it knows nothing of it, the alarm is withdrawn.

Two cases look alike and are not. An alarm whose origin is in its customer's row already (the worker died between two
batches of one flush) was told rightly and is left alone. And what is owed survives the successor's own death: before it
folds anything, the debt is written into the mark, so that rows it writes later cannot be mistaken for the dead worker's.

With nothing after the mark, all this costs one question for the end of the topic when a partition is opened.
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

HEADER = "origin"
PATIENCE = 60.0  # seconds for the reading of what was told


class Origin(Struct):
    """Where an output comes from: the record that told it, and how far the topics of its partition were folded."""

    partition: int
    source: str
    offset: int
    folded: Mapping[str, int]


class Checkpoint(Struct):
    """What a partition keeps of its outputs: the ends up to which all is told rightly, and what is pending beyond."""

    ends: dict[int, int] = field(default_factory=dict)  # by partition of the outputs' topic
    pending: dict[str, str] = field(default_factory=dict, name="owed")  # the last output of each id
    limits: dict[str, int] = field(default_factory=dict)  # by source: how far it must be folded before the row speaks


_origin = msgspec.json.Decoder(Origin).decode
_mark = msgspec.json.Decoder(Checkpoint).decode
_encode = msgspec.json.Encoder().encode


class Tail(Protocol):
    """What was told after some offsets, and where the topic ends now."""

    async def since(self, ends: Mapping[int, int]) -> tuple[Sequence[Any], dict[int, int]]: ...


class Reconciler(Protocol):
    """What a fold knows of its outputs: the id of one, the key of the row it follows from, and what to say instead."""

    def identify(self, value: bytes) -> tuple[str, bytes]: ...

    def reconcile(self, last: bytes) -> Iterable[Output]: ...


class OutputLog:
    """What one partition owes for the outputs of the worker before; `waiting` while it owes anything."""

    def __init__(self, topic: str, rows: Rows[Any], reconciler: Reconciler, tail: Tail) -> None:
        self.topic = topic
        self._rows, self._reconciler, self._tail = rows, reconciler, tail
        self._now = Checkpoint()
        self._stamped, self._folded = ("", -1), cast(Mapping[str, int], {})
        self._stamp = HEADER, b""

    @property
    def has_pending(self) -> bool:
        return bool(self._now.pending)

    async def resume(self, stored: bytes | None) -> bytes | None:
        """Read on from a stored mark; the mark to store before anything is folded, or None if nothing is owed anew."""
        mark = self._now = Checkpoint() if stored is None else _mark(stored)
        records, mark.ends = await self._tail.since(mark.ends)
        owed: dict[str, str] = {}
        for record in records:
            origin = _of(record)
            if origin is None or origin.partition != self._rows.partition or record.value is None:
                continue
            name, key = self._reconciler.identify(record.value)
            if self._rows.holds(key, origin.source, origin.offset):
                mark.pending.pop(name, None)
                owed.pop(name, None)
                continue
            owed[name] = record.value.decode()
            for source, offset in origin.folded.items():
                mark.limits[source] = max(offset, mark.limits.get(source, -1))
        mark.pending.update(owed)
        return _encode(mark) if owed else None

    def stamp(self, output: Output, source: str, offset: int, folded: Mapping[str, int]) -> Output:
        """An output of this fold with its origin; what the fold mentions by itself is owed no more."""
        if self._now.pending and output.value is not None:
            self._now.pending.pop(self._reconciler.identify(output.value)[0], None)
        if self._stamped != (source, offset) or self._folded is not folded:  # a tick tells many from one place
            self._stamped, self._folded = (source, offset), folded
            self._stamp = HEADER, _encode(Origin(self._rows.partition, source, offset, folded))
        return output._replace(headers=(*output.headers, self._stamp))

    def reconcile(self, folded: Mapping[str, int]) -> list[Output]:
        """The topics are folded so far: what there is to say by now."""
        mark = self._now
        for source, offset in folded.items():
            if offset >= mark.limits.get(source, offset + 1):
                del mark.limits[source]
        if mark.limits:
            return []
        owed, mark.pending = mark.pending, {}
        return [output for last in owed.values() for output in self._reconciler.reconcile(last.encode())]

    def snapshot(self) -> Checkpoint:
        """The mark as it is at this point of the fold."""
        mark = self._now
        return Checkpoint(mark.ends, dict(mark.pending), dict(mark.limits))

    def checkpoint(self, taken: Checkpoint, ends: Mapping[int, int]) -> bytes:
        """The mark to keep with the rows of that point, whose outputs were told up to these ends."""
        for partition, end in ends.items():
            taken.ends[partition] = max(end, taken.ends.get(partition, 0))
        return _encode(taken)


def _of(record: Any) -> Origin | None:
    for name, value in record.headers:
        if name == HEADER:
            with suppress(msgspec.DecodeError):
                return _origin(value)
    return None


class TopicTail:
    """The tail of a topic on Kafka; its client lives inside `async with`."""

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
        """All records from these offsets on; where one is past the end, the topic was made anew and is read whole."""
        async with asyncio.timeout(PATIENCE):
            return await self._since(ends)

    async def _since(self, ends: Mapping[int, int]) -> tuple[list[Any], dict[int, int]]:
        consumer, records = self._consumer, list[Any]()
        now: dict[TopicPartition, int] = await consumer.end_offsets(self._partitions)
        begin: dict[TopicPartition, int] = await consumer.beginning_offsets(self._partitions)
        starts = {tp: ends.get(tp.partition, 0) for tp in now}
        starts = {tp: max(begin[tp], start if start <= now[tp] else 0) for tp, start in starts.items()}
        behind = [tp for tp, start in starts.items() if start < now[tp]]
        if behind:
            consumer.assign(behind)
            for tp in behind:
                consumer.seek(tp, starts[tp])
            while behind:
                for tp, batch in (await consumer.getmany(*behind, timeout_ms=200)).items():
                    records += [record for record in batch if record.offset < now[tp]]
                behind = [tp for tp in behind if await consumer.position(tp) < now[tp]]
            consumer.unsubscribe()
        return records, {tp.partition: end for tp, end in now.items()}
