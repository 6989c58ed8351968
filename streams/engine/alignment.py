"""The topics of a partition are folded in the order in which their records were written, also out of a backlog.

After a pause one topic may be read for days of events before another gets its turn; what then comes from the other is
later than any allowed lateness. So the chunks of a partition's topics are merged by the time of their records, and by
that of their events where a millisecond holds several. A topic that has nothing to read holds up nobody; one that has
something which has not come yet is waited for, and not for ever: a wrong order is better than none. What was waited for
in vain (offsets that compaction or a transaction took) is not waited for again.

That a topic has nothing to read is what Kafka said when it was asked last, and a moment later more may have been written
to it. In true time that is no matter: what comes a moment late is a moment late. But where the time of events leaps, as
in a backfill that is written while the worker reads, a moment holds days. So a chunk that leaps goes on only when all
silent topics were asked again after it was written: a tenth of a second at most, and nothing for a backlog.

During a rebalance nothing is folded out of order either: what waits is let go and read again by whoever comes next.
"""

import asyncio
import logging
import time
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Self

import msgspec
from faust.types import TP

from scorers.contract.events import HOUR
from scorers.contract.rfc3339 import parse_instant
from streams.engine.chunks import Done, Take

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds of looking, with nothing folded meanwhile, that a topic is waited for
HELD = 50_000  # records that may wait in all
LOOK = 0.05  # seconds between two looks at what waits
LEAP = HOUR  # a chunk that is so far ahead of all before it leaps
SLACK = 100  # milliseconds that an answer of Kafka may have been on its way
BATCH = 200  # records that are passed on in one go: a fold of so many keeps the loop for a tenth of a second

Behind = Callable[[TP, int | None], int | None]
"""How many records of a partition lie after a position (or after what is committed); None where nobody knows."""

Asked = Callable[[TP], int]
"""When Kafka last told of a partition, if only that there is nothing: milliseconds of this machine's clock."""

NEVER = 1 << 62


class _Timed(msgspec.Struct):
    time: str = ""


_timed = msgspec.json.Decoder(_Timed).decode


def _happened(record: Any) -> int:
    """When the event of a record happened; never, if it is none."""
    with suppress(Exception):
        return int(parse_instant(_timed(record.value).time))
    return NEVER


class _Chunk:
    """What is left of a chunk: its records from `at` on; it may go if silent topics were asked at `since` or later."""

    __slots__ = ("_time", "at", "done", "rank", "records", "since", "written")

    def __init__(self, records: Sequence[Any], done: Done, rank: int, since: int) -> None:
        self.records, self.done, self.rank, self.since = records, done, rank, since
        self.move(0)

    def move(self, at: int) -> None:
        """Go on at this record, if there is one."""
        self.at, self._time = at, -1
        self.written: int = (self.records[at].timestamp or 0) if at < len(self.records) else 0

    @property
    def time(self) -> int:
        """When the event of the next record happened; what is no event goes last, as a tick comes after its facts."""
        if self._time < 0:
            self._time = _happened(self.records[self.at])
        return self._time

    def run(self, bound: int, size: int) -> Sequence[Any]:
        """The next record, and those after it that were written before the bound."""
        records, at = self.records, self.at
        limit = min(len(records), at + size)
        end = at + 1 if bound < NEVER else limit
        while end < limit and (records[end].timestamp or 0) < bound:
            end += 1
        self.move(end)
        return records[at:end]


def _written(chunk: _Chunk) -> int:
    return chunk.written


def _in_full(chunk: _Chunk) -> tuple[int, int, int]:
    return (chunk.written, chunk.time, chunk.rank)


class Alignment:
    """Merges the chunks of each partition's topics and passes them on to `take`.

    `behind` tells what a topic has still to read, `asked` how fresh that is, `halted` whether partitions are being given
    away.
    """

    def __init__(
        self,
        take: Take,
        topics: Sequence[str],
        behind: Behind,
        halted: Callable[[], bool],
        patience: float = PATIENCE,
        asked: Asked = lambda tp: NEVER,
    ) -> None:
        self._take, self._topics, self._asked = take, tuple(topics), asked
        self._behind, self._halted, self._looks = behind, halted, round(patience / LOOK)
        self._turn = asyncio.Lock()
        self.reset()

    def reset(self) -> None:
        """Partitions were assigned: what waited is read again."""
        self._waiting: dict[int, dict[str, deque[_Chunk]]] = {}
        self._next: dict[TP, int] = {}
        self._newest: dict[int, int] = {}  # the time of events that has come, by partition
        self._waited: Counter[int] = Counter()  # looks, by partition
        self._vain: dict[TP, tuple[int | None, int | None]] = {}  # what did not come although it was waited for
        self._held = 0

    async def take(self, partition: int, records: Sequence[Any], done: Done) -> None:
        """Take in one chunk, and pass on what may be folded by now."""
        if self._halted():
            done(False)
            return
        topic = records[0].topic
        chunk = _Chunk(records, done, self._topics.index(topic), self._since(partition, records[-1]))
        self._waiting.setdefault(partition, {}).setdefault(topic, deque()).append(chunk)
        self._next[TP(topic, partition)] = records[-1].offset + 1
        self._held += len(records)
        await self._pass_on(partition)

    def _since(self, partition: int, last: Any) -> int:
        """When the others must have been asked, for a chunk to go that ends with this record: any time will do, 0."""
        happened, newest = _happened(last), self._newest.get(partition, 0)
        if not newest < happened < NEVER:
            return 0
        self._newest[partition] = happened
        return 0 if happened <= newest + LEAP else min(last.timestamp or 0, round(time.time() * 1000)) + SLACK

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
                self._waited[partition] += 1  # a loop that is busy looks less often, and is not out of patience sooner
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
                records, done = self._merge(topics, self._fresh(partition, topics))
                if not records:
                    return
                self._waited.pop(partition, None)
                self._held -= len(records)
                if not topics:
                    del self._waiting[partition]
                await self._take(partition, records, done)
                await asyncio.sleep(0)  # a fold need not wait for anything: flushes and sends have their turn

    def _merge(self, topics: dict[str, deque[_Chunk]], fresh: int) -> tuple[Sequence[Any], Done]:
        """The next records of all topics, until a topic must be looked for, and what lets their chunks go."""
        merged: list[Any] = []
        ended: list[Done] = []
        while len(merged) < BATCH:
            heads = [chunks[0] for chunks in topics.values()]
            bound = NEVER
            if len(heads) > 1:
                heads.sort(key=_written)
                bound = heads[1].written
                if heads[0].written == bound:  # as when a backlog is published: the events' own time tells
                    heads.sort(key=_in_full)
            chunk = heads[0]
            if chunk.since > fresh:
                break
            merged += chunk.run(bound, BATCH - len(merged))
            if chunk.at == len(chunk.records):
                ended.append(chunk.done)
                topic = self._topics[chunk.rank]
                topics[topic].popleft()
                if not topics[topic]:
                    del topics[topic]
                    break

        def done(safe: bool = True) -> None:
            for let_go in ended:
                let_go(safe)

        return merged, done

    def _fresh(self, partition: int, topics: dict[str, Any]) -> int:
        """Since when it is known that silent topics have nothing to come, in milliseconds; -1 if one of them has."""
        silent = [TP(topic, partition) for topic in self._topics if topic not in topics]
        fresh = min(map(self._asked, silent), default=NEVER)  # before `behind`, which another thread makes fresher
        behind = {tp: self._behind(tp, self._next.get(tp)) for tp in silent}
        missing = {tp: n for tp, n in behind.items() if n != 0 and self._vain.get(tp) != (self._next.get(tp), n)}
        if self._held > HELD or self._waited[partition] >= self._looks:
            if missing:
                log.warning("partition %d goes on without %s", partition, ", ".join(sorted(tp.topic for tp in missing)))
                self._vain.update((tp, (self._next.get(tp), n)) for tp, n in missing.items())
            return NEVER
        return -1 if missing else fresh
