"""Folds the topics of a partition in the order of their events' time, out of a backlog as well.

After a pause, days of one topic may be read before another gets its turn, and what then comes from the other is later
than any allowed lateness. So the chunks of a partition's topics are merged by the time of their events; ticks and what
else is on `clock` have times of their own. The time of writing cannot order them: the broker stamps a whole batch at
once. A topic with nothing to read delays nobody. One with unread records is awaited for a limited time, because a wrong
order is better than none; records that did not come in that time (offsets that compaction or a transaction took) are not
awaited again.

"Nothing to read" is Kafka's last answer, and more may have been written since. In real time that costs a moment. Where
the time of events jumps, as in a backfill that is written while the worker reads or in dead letters that are sent back, a
moment holds days. So what jumps, ahead or back, is folded only when every silent topic was polled after it was written: a third of a second at most, and nothing for a
backlog.

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

from scorers.contract.event_time import event_time
from scorers.contract.events import HOUR
from scorers.contract.rfc3339 import parse_any_instant
from streams.engine.chunk import Done, Take

log = logging.getLogger(__name__)

PATIENCE = 10.0  # seconds that a topic is awaited while nothing of the partition is folded
MAX_WAITING = 50_000  # records that may wait in all partitions together
CHECK_EVERY = 0.05  # seconds
JUMP = HOUR  # records jump if their first or last event is so far from the event before, or from each other
SLACK = 300  # milliseconds that a record or an answer of Kafka may have been on its way
BATCH = 200  # records that are passed on in one go: folding them keeps the loop busy for a tenth of a second
AHEAD = 3  # as many older records after one say that it is dated ahead

Lag = Callable[[TP, int | None], int | None]
"""How many records of a partition lie after a position (or after the committed one); None if unknown."""

PolledAt = Callable[[TP], int]
"""When Kafka last answered for a partition, in milliseconds of this machine's clock."""

NEVER = 1 << 62


class _Dated(msgspec.Struct):
    until: str = ""  # of a tick
    in_force: str = ""  # of figures, a model or a policy


_dated = msgspec.json.Decoder(_Dated).decode


def _control_time(record: Any) -> int:
    """The time of a control record; that of writing if the record has none, as a request to erase."""
    with suppress(Exception):
        dated = _dated(record.value)
        return int(parse_any_instant(dated.until or dated.in_force))
    return (record.timestamp or 0) * 1_000


def _turns(times: list[int]) -> list[int]:
    """The time at which each record takes its turn: its own, or that of the next one if the next few are all older.

    So one event that is dated ahead does not hold back what follows it in its topic, and one that is late moves nothing.
    """
    turns = times[:]
    for n in range(len(times) - 2, -1, -1):
        if times[n] > times[n + 1] and times[n] > max(times[n + 1 : n + 1 + AHEAD]):
            turns[n] = turns[n + 1]
    return turns


class _Chunk:
    """The rest of a chunk, from `at` on; `poll_after` is when silent topics must have been polled if it jumps."""

    __slots__ = ("_happened", "_turns", "at", "done", "poll_after", "rank", "records")

    def __init__(self, records: Sequence[Any], done: Done, rank: int) -> None:
        self.records, self.done, self.rank = records, done, rank
        self.poll_after = min(records[-1].timestamp or 0, round(time.time() * 1000)) + SLACK
        self.at = 0
        self._happened: list[int] = []  # when each event happened, 0 for what is none
        self._turns: list[int] = []

    @property
    def turn(self) -> int:
        """When the next record takes its turn."""
        if not self._turns:
            happened = self._happened = [event_time(record.value) for record in self.records]
            self._turns = _turns([at or _control_time(one) for at, one in zip(happened, self.records, strict=True)])
        return self._turns[self.at]

    def happened(self, at: int) -> int:
        """When the event of a record happened; 0 if the record is no event."""
        return self._happened[at] if self._happened else event_time(self.records[at].value)

    def reach(self, bound: int, size: int) -> int:
        """The end of the next record and those after it that take their turn before the bound, `size` at most."""
        limit = min(len(self.records), self.at + size)
        if bound == NEVER:
            return limit
        end = self.at + 1
        while end < limit and self._turns[end] < bound:
            end += 1
        return end

    def take(self, end: int) -> Sequence[Any]:
        """Take the records before this one."""
        at, self.at = self.at, end
        return self.records[at:end]


def _by_turn(chunk: _Chunk) -> tuple[int, int]:
    return (chunk.turn, chunk.rank)


class Alignment:
    """Merges the chunks of each partition's topics and passes them on to `take`.

    `lag` counts the unread records of a topic, `polled_at` says how fresh that is, `halted` whether a rebalance is on.
    Of records with the same time, those of the topic named first in `topics` are folded first: ticks follow their facts.
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
        self._folded: dict[int, int] = {}  # the time of the event that was folded last, by partition
        self._checks: Counter[int] = Counter()  # since the partition was folded last
        self._given_up: dict[TP, tuple[int | None, int | None]] = {}  # position and lag of what did not come
        self._waiting_records = 0

    async def take(self, partition: int, records: Sequence[Any], done: Done) -> None:
        """Add one chunk, and pass on what may be folded now."""
        if self._halted():
            done(False)
            return
        topic = records[0].topic
        chunk = _Chunk(records, done, self._topics.index(topic))
        self._waiting.setdefault(partition, {}).setdefault(topic, deque()).append(chunk)
        self._next[TP(topic, partition)] = records[-1].offset + 1
        self._waiting_records += len(records)
        await self._pass_on(partition)

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
                records, done = self._merge(partition, topics)
                if not records:
                    return
                self._checks.pop(partition, None)
                self._waiting_records -= len(records)
                if not topics:
                    del self._waiting[partition]
                await self._take(partition, records, done)
                await asyncio.sleep(0)  # a fold that waits for nothing would keep flushes and sends from their turn

    def _merge(self, partition: int, topics: dict[str, deque[_Chunk]]) -> tuple[Sequence[Any], Done]:
        """The next records of all topics, until one topic has no more, and the callback of the chunks that end there."""
        polled = self._polled_since(partition, topics)
        merged: list[Any] = []
        ended: list[Done] = []
        while len(merged) < BATCH:
            heads = [chunks[0] for chunks in topics.values()]
            bound = NEVER
            if len(heads) > 1:
                heads.sort(key=_by_turn)
                bound = heads[1].turn
            chunk = heads[0]
            end = chunk.reach(bound, BATCH - len(merged))
            if not self._may_pass(partition, chunk, end, polled):
                break
            merged += chunk.take(end)
            if end == len(chunk.records):
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

    def _may_pass(self, partition: int, chunk: _Chunk, end: int, polled: int) -> bool:
        """Whether a chunk's records before `end` may be folded; `polled` is the time since which silent topics have nothing."""
        if polled < 0:
            return False
        folded = self._folded.get(partition, 0)
        first = chunk.happened(chunk.at) or folded
        last = (chunk.happened(end - 1) if end - 1 > chunk.at else first) or first
        times = (folded, first, last)
        if max(times) - min(times) > JUMP and chunk.poll_after > polled:
            return False
        self._folded[partition] = last
        return True

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
