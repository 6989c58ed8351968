"""Topics of a partition are merged by time, whoever is read first, and nothing waits for ever."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.instants import rfc3339
from streams.align import BATCH, Alignment


class Record(NamedTuple):
    topic: str
    offset: int
    timestamp: int
    value: bytes


def record(topic: str, offset: int, timestamp: int, at: int = 0) -> Record:
    return Record(topic, offset, timestamp, json.dumps({"time": rfc3339((1_000_000_000 + at) * 1_000_000)}).encode())


class Broker:
    """What is still to be read of each topic, and what was folded."""

    def __init__(self, **ends: int) -> None:
        self.ends = ends
        self.folded: list[Record] = []
        self.done: dict[tuple[str, int], bool] = {}
        self.halted = False

    def behind(self, tp: TP, position: int | None) -> int:
        return self.ends[tp.topic] - (position or 0)

    async def take(self, partition: int, records: Sequence[Any], done: Any) -> None:
        self.folded += records
        done()

    def alignment(self, patience: float = 1e9) -> Alignment:
        return Alignment(self.take, list(self.ends), self.behind, lambda: self.halted, patience)

    async def chunk(self, to: Alignment, records: list[Record]) -> None:
        name = records[0].topic, records[-1].offset

        def done(safe: bool = True) -> None:
            self.done[name] = safe

        await to.take(0, records, done)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=60), st.data())
def test_chunks_in_any_order_are_folded_in_the_order_written(written: list[tuple[str, int]], data: Any) -> None:
    """However a backlog of several topics is cut and delivered, it is folded as it was written."""
    clock, log, ends = 0, [], dict.fromkeys("abc", 0)
    for topic, pause in written:
        clock += pause  # several records may share a millisecond: then the events' own time tells
        log.append(record(topic, ends[topic], clock, len(log)))
        ends[topic] += 1

    async def run() -> Broker:
        broker = Broker(**ends)
        alignment = broker.alignment()
        left = {topic: [one for one in log if one.topic == topic] for topic in "abc"}
        while any(left.values()):
            topic = data.draw(st.sampled_from([topic for topic in "abc" if left[topic]]))
            size = data.draw(st.integers(1, len(left[topic])))
            await broker.chunk(alignment, left[topic][:size])
            del left[topic][:size]
        return broker

    broker = asyncio.run(run())
    assert broker.folded == log
    assert all(broker.done.values())


async def test_a_topic_that_does_not_come_is_waited_for_and_not_for_ever() -> None:
    """A topic with more to read holds the others up until patience ends."""
    broker = Broker(a=1, b=1)
    alignment = broker.alignment(patience=0.1)
    async with alignment.running():
        await broker.chunk(alignment, [record("a", 0, 5)])
        assert broker.folded == []
        while not broker.folded:
            await asyncio.sleep(0.01)
    assert broker.done == {("a", 0): True}


async def test_what_was_waited_for_in_vain_is_not_waited_for_again() -> None:
    """Offsets that compaction or a transaction took never come: they hold the others up once, until there is more."""
    broker = Broker(a=3, b=1)
    alignment = broker.alignment(patience=0.1)
    async with alignment.running():
        await broker.chunk(alignment, [record("a", 0, 5)])
        while not broker.folded:
            await asyncio.sleep(0.01)
    await broker.chunk(alignment, [record("a", 1, 6)])
    assert len(broker.folded) == 2
    broker.ends["b"] = 2
    await broker.chunk(alignment, [record("a", 2, 7)])
    assert len(broker.folded) == 2


async def test_a_topic_with_nothing_to_read_holds_up_nobody() -> None:
    """Live, a record is folded the moment it comes."""
    broker = Broker(a=1, b=0)
    await broker.chunk(broker.alignment(), [record("a", 0, 5)])
    assert broker.done == {("a", 0): True}


async def test_what_waits_is_let_go_when_partitions_are_given_away() -> None:
    """In a rebalance what waits is not folded out of order: it is handed back, to be read again."""
    broker = Broker(a=1, b=1)
    alignment = broker.alignment()
    async with alignment.running():
        await broker.chunk(alignment, [record("a", 0, 5)])
        broker.halted = True
        while not broker.done:
            await asyncio.sleep(0.01)
    assert broker.done == {("a", 0): False}
    assert broker.folded == []


async def test_a_backlog_leaves_the_loop_to_others_between_batches() -> None:
    """Folding that never waits would hold up flushes, sends and heartbeats until all that waits is folded."""
    broker, turns = Broker(a=10 * BATCH), 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    await broker.chunk(broker.alignment(), [record("a", n, n) for n in range(10 * BATCH)])
    other.cancel()
    assert len(broker.folded) == 10 * BATCH
    assert turns >= 10
