"""The topics of a partition are folded in the order in which their records were written, also out of a backlog.

After a pause one topic may be read for days of events before another gets its turn; what then comes from the other is
later than any allowed lateness. So the chunks of a partition's topics are merged by the time of their records, and by
that of their events where a millisecond holds several. A topic that has nothing to read holds up nobody; one that has
something which has not come yet is waited for, and not for ever: a wrong order is better than none.

During a rebalance nothing is folded out of order either: what waits is let go and read again by whoever comes next.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple, Self

import msgspec
from faust.types import TP

from scorers.instants import parse_instant
from streams.chunks import Done, Take

PATIENCE = 2.0  # seconds that a topic is waited for
HELD = 50_000  # records that may wait in all
LOOK = 0.05  # seconds between two looks at what waits

Behind = Callable[[TP, int | None], int | None]
"""How many records of a partition lie after a position (or after what is committed); None where nobody knows."""


class _Timed(msgspec.Struct):
    time: str = ""


_timed = msgspec.json.Decoder(_Timed).decode


class _Chunk:
    """What is left of a chunk."""

    __slots__ = ("at", "done", "records")

    def __init__(self, records: Sequence[Any], done: Done) -> None:
        self.records, self.done = records, done
        self.at = 0


class _Head(NamedTuple):
    """The next record of a topic."""

    timestamp: int
    record: Any

    def before(self, other: "_Head") -> bool:
        if self.timestamp != other.timestamp:
            return self.timestamp < other.timestamp
        return _event_time(self.record) <= _event_time(other.record)


def _event_time(record: Any) -> int:
    """When the event happened; what is not an event goes last, as a tick comes after the facts before it."""
    with suppress(Exception):
        return int(parse_instant(_timed(record.value).time))
    return 1 << 62


class Alignment:
    """Merges the chunks of each partition's topics and passes them on to `take`.

    `behind` tells what a topic has still to read, `halted` whether partitions are being given away.
    """

    def __init__(
        self,
        take: Take,
        topics: Sequence[str],
        behind: Behind,
        halted: Callable[[], bool],
        patience: float = PATIENCE,
    ) -> None:
        self._take, self._topics = take, tuple(topics)
        self._behind, self._halted, self._patience = behind, halted, patience
        self._turn = asyncio.Lock()
        self.reset()

    def reset(self) -> None:
        """Partitions were assigned: what waited is read again."""
        self._waiting: dict[int, dict[str, deque[_Chunk]]] = {}
        self._next: dict[TP, int] = {}
        self._since: dict[int, float] = {}
        self._held = 0

    async def take(self, topic: str, partition: int, records: Sequence[Any], done: Done) -> None:
        """Take in one chunk, and pass on what may be folded by now."""
        if self._halted():
            done(False)
            return
        self._waiting.setdefault(partition, {}).setdefault(topic, deque()).append(_Chunk(records, done))
        self._next[TP(topic, partition)] = records[-1].offset + 1
        self._held += len(records)
        await self._pass_on(partition)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """What waits is looked at again inside this block."""
        looking = asyncio.create_task(self._look(), name="alignment")
        try:
            yield self
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK)
            if self._halted():
                self._let_go()
            for partition in list(self._waiting):
                await self._pass_on(partition)

    def _let_go(self) -> None:
        waiting, self._waiting, self._held = self._waiting, {}, 0
        for topics in waiting.values():
            for chunks in topics.values():
                for chunk in chunks:
                    chunk.done(False)

    async def _pass_on(self, partition: int) -> None:
        async with self._turn:
            while topics := self._waiting.get(partition):
                if not self._may_go(partition, topics):
                    return
                topic = self._first(topics)
                chunk = topics[topic][0]
                records = self._run(topic, topics)
                chunk.at += len(records)
                self._held -= len(records)
                done: Done = _nothing
                if chunk.at == len(chunk.records):
                    done = chunk.done
                    topics[topic].popleft()
                    if not topics[topic]:
                        del topics[topic]
                    if not topics:
                        del self._waiting[partition]
                await self._take(topic, partition, records, done)

    def _may_go(self, partition: int, topics: dict[str, Any]) -> bool:
        """Whether every topic has come, has nothing to come, or was waited for long enough."""
        missing = (topic for topic in self._topics if topic not in topics)
        if self._held > HELD or not any(self._has_more(TP(topic, partition)) for topic in missing):
            self._since.pop(partition, None)
            return True
        since = self._since.setdefault(partition, time.monotonic())
        return time.monotonic() - since > self._patience

    def _has_more(self, tp: TP) -> bool:
        behind = self._behind(tp, self._next.get(tp))
        return behind is None or behind > 0

    @staticmethod
    def _first(topics: dict[str, deque[_Chunk]]) -> str:
        best: tuple[str, _Head] | None = None
        for topic, chunks in topics.items():
            head = _head(chunks[0])
            if best is None or not best[1].before(head):
                best = topic, head
        assert best is not None
        return best[0]

    @staticmethod
    def _run(topic: str, topics: dict[str, deque[_Chunk]]) -> Sequence[Any]:
        """The records of a topic's first chunk that go before all others."""
        chunk = topics[topic][0]
        others = [_head(chunks[0]) for name, chunks in topics.items() if name != topic]
        end = len(chunk.records)
        if others:
            for at in range(chunk.at + 1, end):
                head = _Head(chunk.records[at].timestamp or 0, chunk.records[at])
                if not all(head.before(other) for other in others):
                    end = at
                    break
        return chunk.records[chunk.at : end] if chunk.at or end < len(chunk.records) else chunk.records


def _head(chunk: _Chunk) -> _Head:
    record = chunk.records[chunk.at]
    return _Head(record.timestamp or 0, record)


def _nothing(safe: bool = True) -> None:
    """A part of a chunk is done: that says nothing yet."""
