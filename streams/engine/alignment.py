"""Folds the topics of a partition in the order in which their records were written, out of a backlog as well.

After a pause, days of one topic may be read before another gets its turn, and what then comes from the other is later
than any allowed lateness. So the chunks of a partition's topics are merged by the time of their records, and by that of
their events where a millisecond holds several. A topic with nothing to read delays nobody. One with unread records is
awaited for a limited time, because a wrong order is better than none; records that did not come in that time (offsets
that compaction or a transaction took) are not awaited again.

"Nothing to read" is Kafka's last answer, and more may have been written since. In real time that costs a moment. Where
the time of events jumps, as in a backfill that is written while the worker reads, a moment holds days. So a chunk that
jumps is folded only when every silent topic was polled after the chunk was written: a tenth of a second at most, and
nothing for a backlog.

Nothing is folded out of order during a rebalance either: waiting chunks are given up, and the next owner reads them.
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
from streams.engine.chunk import Done, Take

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds that a topic is awaited while nothing of the partition is folded
MAX_WAITING = 50_000  # records that may wait in all partitions together
CHECK_EVERY = 0.05  # seconds
JUMP = HOUR  # a chunk jumps if its last event is so far ahead of all events before it
SLACK = 100  # milliseconds that an answer of Kafka may have been on its way
BATCH = 200  # records that are passed on in one go: folding them keeps the loop busy for a tenth of a second

Lag = Callable[[TP, int | None], int | None]
"""How many records of a partition lie after a position (or after the committed one); None if unknown."""

PolledAt = Callable[[TP], int]
"""When Kafka last answered for a partition, in milliseconds of this machine's clock."""

NEVER = 1 << 62


class _Timed(msgspec.Struct):
    time: str = ""


_timed = msgspec.json.Decoder(_Timed).decode


def _happened(record: Any) -> int:
    """When the event of a record happened; `NEVER` if the record is no event."""
    with suppress(Exception):
        return int(parse_instant(_timed(record.value).time))
    return NEVER


class _Chunk:
    """The rest of a chunk, from `at` on; it may be folded if silent topics were polled at `poll_after` or later."""

    __slots__ = ("_time", "at", "done", "poll_after", "rank", "records", "written")

    def __init__(self, records: Sequence[Any], done: Done, rank: int, poll_after: int) -> None:
        self.records, self.done, self.rank, self.poll_after = records, done, rank, poll_after
        self.move(0)

    def move(self, at: int) -> None:
        """Continue at this record, if there is one."""
        self.at, self._time = at, -1
        self.written: int = (self.records[at].timestamp or 0) if at < len(self.records) else 0

    @property
    def time(self) -> int:
        """When the event of the next record happened; a tick is no event and follows its facts."""
        if self._time < 0:
            self._time = _happened(self.records[self.at])
        return self._time

    def take(self, bound: int, size: int) -> Sequence[Any]:
        """Take the next record, and those after it that were written before the bound, `size` at most."""
        records, at = self.records, self.at
        limit = min(len(records), at + size)
        end = at + 1 if bound < NEVER else limit
        while end < limit and (records[end].timestamp or 0) < bound:
            end += 1
        self.move(end)
        return records[at:end]


def _written(chunk: _Chunk) -> int:
    return chunk.written


def _written_and_happened(chunk: _Chunk) -> tuple[int, int, int]:
    return (chunk.written, chunk.time, chunk.rank)


class Alignment:
    """Merges the chunks of each partition's topics and passes them on to `take`.

    `lag` counts the unread records of a topic, `polled_at` says how fresh that is, `halted` whether a rebalance is on.
    Of records with the same time, those of the topic named first in `topics` are folded first.
    """

    def __init__(
        self,
        take: Take,
        topics: Sequence[str],
        lag: Lag,
        halted: Callable[[], bool],
        patience: float = PATIENCE,
        polled_at: PolledAt = lambda tp: NEVER,
    ) -> None:
        self._take, self._topics, self._polled_at = take, tuple(topics), polled_at
        self._lag, self._halted, self._max_checks = lag, halted, round(patience / CHECK_EVERY)
        self._turn = asyncio.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget everything: partitions were assigned, and what waited is read again."""
        self._waiting: dict[int, dict[str, deque[_Chunk]]] = {}
        self._next: dict[TP, int] = {}
        self._newest: dict[int, int] = {}  # the latest time of an event, by partition
        self._checks: Counter[int] = Counter()  # since the partition was folded last
        self._given_up: dict[TP, tuple[int | None, int | None]] = {}  # position and lag of what did not come
        self._waiting_records = 0

    async def take(self, partition: int, records: Sequence[Any], done: Done) -> None:
        """Add one chunk, and pass on what may be folded now."""
        if self._halted():
            done(False)
            return
        topic = records[0].topic
        chunk = _Chunk(records, done, self._topics.index(topic), self._poll_after(partition, records[-1]))
        self._waiting.setdefault(partition, {}).setdefault(topic, deque()).append(chunk)
        self._next[TP(topic, partition)] = records[-1].offset + 1
        self._waiting_records += len(records)
        await self._pass_on(partition)

    def _poll_after(self, partition: int, last: Any) -> int:
        """When silent topics must have been polled before a chunk with this last record is folded; 0 for any time."""
        happened, newest = _happened(last), self._newest.get(partition, 0)
        if not newest < happened < NEVER:
            return 0
        self._newest[partition] = happened
        return 0 if happened <= newest + JUMP else min(last.timestamp or 0, round(time.time() * 1000)) + SLACK

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Check waiting chunks again and again inside this block."""
        checking = asyncio.create_task(self._check_forever(), name="alignment")
        try:
            yield self
        finally:
            checking.cancel()
            with suppress(asyncio.CancelledError):
                await checking

    async def _check_forever(self) -> None:
        while True:
            await asyncio.sleep(CHECK_EVERY)
            if self._halted():
                self._give_up()
            for partition in list(self._waiting):
                self._checks[partition] += 1  # checks, not seconds: a busy loop does not run out of patience sooner
                await self._pass_on(partition)

    def _give_up(self) -> None:
        """Let all waiting chunks be read again."""
        waiting, self._waiting, self._waiting_records = self._waiting, {}, 0
        for topics in waiting.values():
            for chunks in topics.values():
                for chunk in chunks:
                    chunk.done(False)

    async def _pass_on(self, partition: int) -> None:
        async with self._turn:
            while topics := self._waiting.get(partition):
                records, done = self._merge(topics, self._polled_since(partition, topics))
                if not records:
                    return
                self._checks.pop(partition, None)
                self._waiting_records -= len(records)
                if not topics:
                    del self._waiting[partition]
                await self._take(partition, records, done)
                await asyncio.sleep(0)  # a fold that waits for nothing would keep flushes and sends from their turn

    def _merge(self, topics: dict[str, deque[_Chunk]], polled: int) -> tuple[Sequence[Any], Done]:
        """The next records of all topics, until one topic has no more, and the callback of the chunks that end there.

        `polled` is the time since which silent topics are known to have nothing.
        """
        merged: list[Any] = []
        ended: list[Done] = []
        while len(merged) < BATCH:
            heads = [chunks[0] for chunks in topics.values()]
            bound = NEVER
            if len(heads) > 1:
                heads.sort(key=_written)
                bound = heads[1].written
                if heads[0].written == bound:  # as when a backlog is published: the events' own time decides
                    heads.sort(key=_written_and_happened)
            chunk = heads[0]
            if chunk.poll_after > polled:
                break
            merged += chunk.take(bound, BATCH - len(merged))
            if chunk.at == len(chunk.records):
                ended.append(chunk.done)
                topic = self._topics[chunk.rank]
                topics[topic].popleft()
                if not topics[topic]:
                    del topics[topic]
                    break

        def done(safe: bool = True) -> None:
            for chunk_done in ended:
                chunk_done(safe)

        return merged, done

    def _polled_since(self, partition: int, topics: dict[str, Any]) -> int:
        """Since when silent topics are known to have nothing to read, in milliseconds; -1 if one of them has."""
        silent = [TP(topic, partition) for topic in self._topics if topic not in topics]
        polled = min(map(self._polled_at, silent), default=NEVER)  # before `lag`, which another thread updates
        lags = {tp: self._lag(tp, self._next.get(tp)) for tp in silent}
        missing = {tp: n for tp, n in lags.items() if n != 0 and self._given_up.get(tp) != (self._next.get(tp), n)}
        if self._waiting_records > MAX_WAITING or self._checks[partition] >= self._max_checks:
            if missing:
                log.warning("partition %d goes on without %s", partition, ", ".join(sorted(tp.topic for tp in missing)))
                self._given_up.update((tp, (self._next.get(tp), n)) for tp, n in missing.items())
            return NEVER
        return -1 if missing else polled
