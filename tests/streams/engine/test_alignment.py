"""Topics of a partition are merged by time, whoever is read first, and nothing waits for ever."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from faust.types import TP
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.rfc3339 import rfc3339
from streams.engine.alignment import BATCH, SLACK, Alignment


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
        self.polled = dict.fromkeys(ends, 1 << 62)  # when each topic was polled last

    def polled_at(self, tp: TP) -> int:
        return self.polled[tp.topic]

    def lag(self, tp: TP, position: int | None) -> int:
        return self.ends[tp.topic] - (position or 0)

    async def take(self, partition: int, records: Sequence[Any], done: Any) -> None:
        self.folded += records
        done()

    def alignment(self, patience: float = 1e9) -> Alignment:
        return Alignment(self.take, list(self.ends), self.lag, lambda: self.halted, patience, self.polled_at)

    async def chunk(self, to: Alignment, records: list[Record]) -> None:
        name = records[0].topic, records[-1].offset

        def done(safe: bool = True) -> None:
            self.done[name] = safe

        await to.take(0, records, done)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3)), min_size=1, max_size=60), st.data())
def test_chunks_in_any_order_are_folded_in_the_order_of_their_events(events: list[tuple[str, int]], data: Any) -> None:
    """However a backlog of several topics is cut and delivered, and however the broker has stamped its batches."""
    log, ends = [], dict.fromkeys("abc", 0)
    stamps = data.draw(st.fixed_dictionaries({topic: st.integers(0, 9) for topic in "abc"}))
    clock = 0
    for topic, pause in events:
        clock += pause  # events of one second are folded in the order of their topics
        log.append(record(topic, ends[topic], stamps[topic], clock))
        ends[topic] += 1
    log.sort(key=lambda one: (one.value, one.topic))

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


async def test_one_event_that_is_dated_ahead_holds_back_nothing_behind_it() -> None:
    """It takes its turn with the events that follow it in its topic; the other topic would be days ahead of those."""
    ahead = [record("a", n, 0, at) for n, at in enumerate((1, 90, 3, 5, 7))]
    other = [record("b", n, 0, at) for n, at in enumerate((2, 4, 6, 8))]
    broker = Broker(a=5, b=4)
    alignment = broker.alignment()
    await broker.chunk(alignment, other)
    await broker.chunk(alignment, ahead)
    assert [(one.topic, one.offset) for one in broker.folded] == [
        *(("a", 0), ("b", 0), ("a", 1), ("a", 2), ("b", 1), ("a", 3), ("b", 2), ("a", 4), ("b", 3))
    ]


async def test_a_late_event_is_folded_at_once_and_what_is_before_it_is_not() -> None:
    """What came in order before it waits for the other topic as ever."""
    late = [record("a", n, 0, at) for n, at in enumerate((5, 7, 1, 9, 10))]
    other = [record("b", n, 0, at) for n, at in enumerate((4, 6, 8))]
    broker = Broker(a=5, b=3)
    alignment = broker.alignment()
    await broker.chunk(alignment, other)
    await broker.chunk(alignment, late)
    assert [(one.topic, one.offset) for one in broker.folded] == [
        ("b", 0),
        ("a", 0),
        ("b", 1),
        ("a", 1),
        ("a", 2),
        ("b", 2),
        ("a", 3),
        ("a", 4),
    ]


async def test_a_tick_follows_the_facts_before_it_and_precedes_those_after_it() -> None:
    """It is no event, but has a time; a value that is none takes its turn by when it was written."""
    facts = [record("a", n, 0, at) for n, at in enumerate((1, 5, 9))]
    until = json.dumps({"type": "clock.ticked", "until": rfc3339(1_000_000_005 * 1_000_000)}).encode()
    ticks = [Record("clock", 0, 0, until)]
    nothing = [Record("b", 0, 1_000_000_007_000, b"")]
    broker = Broker(a=3, b=1, clock=1)
    alignment = broker.alignment()
    for records in (ticks, nothing, facts):
        await broker.chunk(alignment, records)
    assert broker.folded == [*facts[:2], *ticks, *nothing, facts[2]]


async def test_a_policy_in_force_from_the_beginning_precedes_every_fact() -> None:
    """Its instant is the earliest that there is, and no event could have it."""
    policy = json.dumps({"type": "policy.in_force", "in_force": rfc3339(0)}).encode()
    told = [Record("clock", 0, NOW, policy)]
    facts = [record("a", 0, NOW - 9_000, 1)]
    broker = Broker(a=1, clock=1)
    alignment = broker.alignment()
    for records in (facts, told):
        await broker.chunk(alignment, records)
    assert broker.folded == [*told, *facts]


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


DAYS = 24 * 3600
NOW = 1_700_000_000_000


async def test_a_leap_in_time_waits_until_silent_topics_were_asked_again() -> None:
    """Days that are written in a moment: what another topic had before them is read first, though it was not there yet."""
    broker = Broker(a=2, b=1)
    broker.polled["b"] = NOW
    alignment = broker.alignment()
    await broker.chunk(alignment, [record("b", 0, NOW - 9_000)])
    await broker.chunk(alignment, [record("a", 0, NOW + 5, 3600), record("a", 1, NOW + 7, 15 * DAYS)])
    assert len(broker.folded) == 1, "b was asked before those days were written"
    broker.polled["b"] = NOW + 7
    await alignment._pass_on(0)
    assert len(broker.folded) == 1, "an answer may have been on its way for a while"
    broker.ends["b"], broker.polled["b"] = 2, NOW + SLACK + 100
    await alignment._pass_on(0)
    assert len(broker.folded) == 1, "and b has something now"
    await broker.chunk(alignment, [record("b", 1, NOW + 6, DAYS)])
    assert [(one.topic, one.offset) for one in broker.folded] == [("b", 0), ("a", 0), ("b", 1), ("a", 1)]


async def test_a_leap_waits_though_another_topic_has_leapt_before_it() -> None:
    """Two topics wait for the third: neither makes the other's days look read."""
    broker = Broker(a=1, b=1, c=0)
    broker.polled["c"] = NOW
    alignment = broker.alignment()
    await broker.chunk(alignment, [record("a", 0, NOW + 5, 60 * DAYS)])
    await broker.chunk(alignment, [record("b", 0, NOW + 5, 30 * DAYS)])
    assert broker.folded == []
    broker.ends["c"], broker.polled["c"] = 1, NOW + 400
    await broker.chunk(alignment, [record("c", 0, NOW + 6, 10 * DAYS)])
    assert [one.topic for one in broker.folded] == ["c", "b", "a"]


async def test_a_leap_back_waits_as_well() -> None:
    """Days that are sent again are older than all before; those of another topic must not come after them."""
    broker = Broker(a=0, b=1)
    broker.polled["b"] = NOW
    alignment = broker.alignment()
    await broker.chunk(alignment, [record("b", 0, NOW - 9_000, 60 * DAYS)])
    broker.ends["a"] = 2
    await broker.chunk(alignment, [record("a", 0, NOW + 5, 10 * DAYS), record("a", 1, NOW + 5, 60 * DAYS)])
    assert len(broker.folded) == 1
    broker.ends["b"], broker.polled["b"] = 2, NOW + 400
    await broker.chunk(alignment, [record("b", 1, NOW + 6, 20 * DAYS)])
    assert [(one.topic, one.offset) for one in broker.folded] == [("b", 0), ("a", 0), ("b", 1), ("a", 1)]


async def test_without_a_leap_and_in_a_backlog_nobody_is_asked_again() -> None:
    """In true time an event goes at once; what was written long before the others were asked has nothing before it."""
    broker = Broker(a=3, b=0)
    broker.polled["b"] = NOW
    alignment = broker.alignment()
    await broker.chunk(alignment, [record("a", 0, NOW - 9_000)])
    await broker.chunk(alignment, [record("a", 1, NOW - 8_000, 15 * DAYS)])
    await broker.chunk(alignment, [record("a", 2, NOW + 50, 15 * DAYS + 3600)])
    assert len(broker.folded) == 3


async def test_a_leap_does_not_wait_for_ever() -> None:
    """A broker that does not answer for a topic holds the others up until patience ends."""
    broker = Broker(a=1, b=0)
    broker.polled["b"] = 0
    alignment = broker.alignment(patience=0.1)
    async with alignment.running():
        await broker.chunk(alignment, [record("a", 0, NOW)])
        assert broker.folded == []
        while not broker.folded:
            await asyncio.sleep(0.01)


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
