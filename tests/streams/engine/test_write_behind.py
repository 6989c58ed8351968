"""State is written behind in one order only, fenced, undone on a fault, and bounded in memory."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.fences import unpack
from streams.engine.rows import Rows
from tests.support.engine import CODEC, Batch, Delivered, Producer, Record, Table, build, records, stored


async def test_inputs_are_acknowledged_last() -> None:
    """Outputs, changelog, store, acknowledgement: each is complete before the next begins."""
    table = Table()
    producer = Producer(table.diary)
    engine = build(table, producer)
    await engine.take(0, records((b"a", b"1"), (b"b", b"2")), lambda: table.diary.append("input acknowledged"))
    assert table.diary == ["output sent"], "an output leaves with its chunk, before any flush"
    await engine.flush()
    assert table.diary == [
        "output sent",
        "output acknowledged",
        "changelog sent",
        "changelog acknowledged",
        "store",
        "input acknowledged",
    ]
    assert stored(table) == {b"a": 1, b"b": 2}
    assert engine.backlog == 0


@pytest.mark.parametrize("what", ["output", "changelog"])
async def test_after_a_failure_nothing_further_is_done(what: str) -> None:
    """A refused output or changelog write reaches `fail`, and neither store nor acknowledgement follows."""
    table, failures = Table(), list[BaseException]()
    engine = build(table, Producer(table.diary, fails=what), failures.append)
    await engine.take(0, records((b"a", b"1")), lambda: table.diary.append("input acknowledged"))
    await engine.flush()
    assert [str(failure) for failure in failures] == [what]
    assert "store" not in table.diary
    assert "input acknowledged" not in table.diary


@dataclass
class Busy(Producer):
    """A producer that takes no batch until it is free: a request is on its way."""

    free: asyncio.Event = field(default_factory=asyncio.Event)

    def _later(self, what: str, batch: Batch, result: Delivered) -> asyncio.Future[Delivered]:
        async def acknowledged() -> Delivered:
            await self.free.wait()
            return await super(Busy, self)._later(what, batch, result)

        return asyncio.ensure_future(acknowledged())


async def test_outputs_of_two_flushes_share_no_batch() -> None:
    """The checkpoint ends with the last batch of a flush: no output of later rows may be before that."""
    table = Table()
    producer = Busy(table.diary)
    engine = build(table, producer)
    await engine.take(0, records((b"a", b"1")), lambda: None)
    await engine.take(0, records((b"a", b"2"), start=1), lambda: None)
    flush = asyncio.create_task(engine.flush())
    await asyncio.sleep(0.001)
    await engine.take(0, records((b"a", b"2"), start=2), lambda: None)
    assert [[value for _, value in batch] for _, batch in producer.batches] == [[b"1", b"3"], [b"5"]]
    assert [batch.closed for _, batch in producer.batches] == [True, False], "not for anybody else's either"
    producer.free.set()
    await flush


async def test_a_batch_of_rows_waits_for_the_one_before() -> None:
    """What lies in the last one speaks for all rows; should an earlier one be refused, it must not be there."""
    table, failures = Table(), list[BaseException]()
    producer = Producer(table.diary, fails="changelog")
    engine = build(table, producer, failures.append)
    await engine.take(0, records((b"a", b"2"), (b"b", b"2"), (b"c", b"2"), (b"d", b"2")), lambda: None)
    await engine.flush()
    assert [str(failure) for failure in failures] == ["changelog"]
    assert [key for key, _ in producer.changelog] == [b"a", b"b", b"c"]


async def test_a_record_that_is_already_in_the_row_has_no_effect_but_the_row_is_written_again() -> None:
    """After a crash the inputs come again: no output, no change, and a second copy of the row for the changelog."""
    table = Table()
    await _through(table, records((b"a", b"1"), (b"a", b"2")))
    producer = Producer(table.diary)
    engine = build(table, producer)
    await engine.take(0, records((b"a", b"1"), (b"a", b"2"), (b"a", b"4")), lambda: None)
    await engine.flush()
    assert producer.outputs == [("odd", b"a", b"7")]
    assert engine.counts.fenced == 2
    again = Producer(table.diary)
    engine = build(table, again)
    await engine.take(0, records((b"a", b"1")), lambda: None)
    await engine.flush()
    assert again.changelog == [(b"a", table.rows[0, b"a"])]
    assert stored(table) == {b"a": 7}


async def test_a_recreated_topic_is_not_fenced() -> None:
    """Offsets of another incarnation of the topic are other records."""
    table = Table()
    await _through(table, records((b"a", b"1")))
    engine = build(table, Producer(table.diary), incarnations={"events": "2"})
    await engine.take(0, records((b"a", b"4")), lambda: None)
    await engine.flush()
    assert stored(table) == {b"a": 5}
    assert unpack(table.rows[0, b"a"])[0] == {"events@0": 0, "events@2": 0}


async def test_a_fault_undoes_the_record_and_only_it() -> None:
    """Rows and outputs are as if the record had not been, it goes to the dead-letters, and the rest is folded."""
    table = Table()
    producer = Producer(table.diary)
    engine = build(table, producer)
    await engine.take(0, records((b"a", b"2"), (b"a", b"x3"), (b"b", b"x3"), (b"a", b"4")), lambda: None)
    await engine.flush()
    assert stored(table) == {b"a": 6}
    assert producer.outputs == [("dead-letters", b"a", b"x3"), ("dead-letters", b"b", b"x3")]
    assert engine.counts.rejected == 2


async def test_a_record_may_change_its_row_more_than_once() -> None:
    """The fence of a row never keeps out the record that has just set it."""
    rows: Rows[int] = Rows(0, Table(), CODEC)
    assert rows.begin("events@0", 5, b"a")
    rows.put(b"a", 1)
    assert not rows.folded(b"a")
    rows.put(b"a", 2)
    assert rows.get(b"a") == 2
    rows.delete(b"a")
    assert rows.get(b"a") is None
    rows.put(b"a", 3)
    assert rows.get(b"a") == 3
    rows.undo()
    assert rows.get(b"a") is None


async def test_a_row_that_is_ahead_keeps_what_it_has() -> None:
    """A fold that does not ask cannot put back a row that already holds the record; it is only written again."""
    table = Table()
    await _through(table, records((b"a", b"1"), (b"a", b"2")))
    rows: Rows[int] = Rows(0, table, CODEC)
    assert rows.begin("events@0", 0, b"other")
    assert rows.folded(b"a")
    rows.put(b"a", 99)
    rows.delete(b"a")
    assert rows.get(b"a") == 3
    assert [key for key, _ in rows.take_changed()] == [b"a"]


async def test_a_record_for_many_rows_touches_each_once() -> None:
    """Read again after a crash that kept some rows, it changes only those that were not kept."""
    table = Table()
    await _through(table, records((b"a", b"1"), (b"b", b"2")))
    before = dict(table.rows)
    tick = [Record(0, None, b"", "clock")]
    await _through(table, tick)
    assert stored(table) == {b"a": 2, b"b": 4}
    table.rows[0, b"b"] = before[0, b"b"]
    await _through(table, tick)
    assert stored(table) == {b"a": 2, b"b": 4}


async def test_a_deleted_row_is_a_tombstone() -> None:
    """Deletion reaches the changelog as a null and the store as an absence."""
    table = Table()
    producer = Producer(table.diary)
    engine = build(table, producer)
    await engine.take(0, records((b"a", b"2")), lambda: None)
    await engine.flush()
    await engine.take(0, records((b"a", b"delete"), start=1), lambda: None)
    await engine.flush()
    assert producer.changelog[-1] == (b"a", None)
    assert table.rows == {}


async def test_a_partition_is_recovered_before_its_first_record() -> None:
    """The fold of a partition sees all stored rows of it, and of no other."""
    table = Table()
    await _through(table, records((b"a", b"1")), partition=0)
    await _through(table, records((b"z", b"1")), partition=1)
    engine = build(table, Producer(table.diary))
    await engine.take(0, records((b"b", b"1"), start=9), lambda: None)
    assert engine._partitions[0][1].recovered == {b"a": 1}


async def test_an_assignment_forgets_what_was_not_flushed() -> None:
    """After `reset` nothing of the former assignment is written or acknowledged, and rows are read again."""
    table = Table()
    producer = Producer(table.diary)
    engine = build(table, producer)
    await engine.take(0, records((b"a", b"2")), lambda: table.diary.append("input acknowledged"))
    engine.reset()
    await engine.flush()
    assert (table.rows, producer.changelog, table.diary, engine.backlog) == ({}, [], [], 0)
    await engine.take(0, records((b"a", b"2")), lambda: None)
    await engine.flush()
    assert stored(table) == {b"a": 2}


async def test_a_flush_that_an_assignment_overtakes_stops_before_the_store() -> None:
    """What went to the changelog is recovered from there: the store is not touched and nothing is acknowledged."""
    table = Table()
    producer = Producer(table.diary)
    engine = build(table, producer)
    await engine.take(0, records((b"a", b"2")), lambda: table.diary.append("input acknowledged"))
    flush = asyncio.create_task(engine.flush())
    while "changelog sent" not in table.diary:
        await asyncio.sleep(0)
    engine.reset()
    await flush
    assert table.diary == ["changelog sent", "changelog acknowledged"]
    assert engine.backlog == 0


async def test_memory_is_bounded() -> None:
    """Beyond the limit rows leave the cache, and come back from the store as they were."""
    table = Table()
    engine = build(table, Producer(table.diary), cached=10)
    keys = [b"%d" % number for number in range(40)]
    await engine.take(0, records(*((key, b"2") for key in keys)), lambda: None)
    await engine.flush()
    assert len(engine._partitions[0][0]._cache) == 10
    await engine.take(0, records(*((key, b"2") for key in keys), start=40), lambda: None)
    await engine.flush()
    assert stored(table) == dict.fromkeys(keys, 4)


async def test_folding_waits_for_the_flusher() -> None:
    """Beyond twice the limit no further chunk is folded until a flush has caught up."""
    table = Table()
    engine = build(table, Producer(table.diary), records=2)
    for start in (0, 2):
        await engine.take(0, records((b"a", b"2"), (b"a", b"2"), start=start), lambda: None)
    third = asyncio.create_task(engine.take(0, records((b"a", b"2"), start=4), lambda: None))
    for _ in range(20):
        await asyncio.sleep(0)
    assert engine.counts.records == 4
    await engine.flush()
    await third
    assert engine.counts.records == 5


async def test_the_flusher_flushes_by_itself() -> None:
    """While the engine runs, what is folded becomes safe without anybody asking."""
    table, safe = Table(), asyncio.Event()
    engine = build(table, Producer(table.diary), interval=0.001)
    async with engine.running():
        await engine.take(0, records((b"a", b"2")), safe.set)
        await asyncio.wait_for(safe.wait(), 60)
    assert stored(table) == {b"a": 2}


Steps = st.lists(
    st.tuples(st.sampled_from([b"a", b"b", b"c"]), st.sampled_from([b"1", b"2", b"x5", b"delete"])), max_size=12
)


@settings(deadline=None, max_examples=60)
@given(steps=Steps, cuts=st.sets(st.integers(0, 12), max_size=4), crash=st.integers(0, 12))
async def test_chunks_flushes_and_a_crash_do_not_show(steps: list[Any], cuts: set[int], crash: int) -> None:
    """However the records are cut into chunks and flushes, and wherever the process died, the rows are the same."""
    wanted: dict[bytes, int] = {}
    for key, value in steps:
        if value == b"delete":
            wanted.pop(key, None)
        elif not value.startswith(b"x"):
            wanted[key] = wanted.get(key, 0) + int(value)

    async def run() -> dict[bytes, int]:
        table, every = Table(), records(*steps)
        engine = build(table, Producer(table.diary), cached=1)
        at = 0
        for until in sorted({*cuts, len(every)}):
            if every[at:until]:
                await engine.take(0, every[at:until], lambda: None)
                await engine.flush()
            at = until
            if until >= crash:
                break
        engine = build(table, Producer(table.diary))
        if not any(value == b"delete" for _, value in steps):
            await engine.take(0, every, lambda: None)
        elif every[at:]:
            await engine.take(0, every[at:], lambda: None)
        await engine.flush()
        return stored(table)

    assert await run() == wanted


async def _through(table: Table, chunk: list[Record], partition: int = 0) -> None:
    """One whole run of an engine."""
    engine = build(table, Producer(table.diary))
    await engine.take(partition, chunk, lambda: None)
    await engine.flush()


def test_a_row_is_stored_behind_its_fence() -> None:
    """The stored form can be read with a console consumer and ten lines of anything."""
    fence, row = b'{"events@0":4}\n{"n": 1}'.split(b"\n")
    assert unpack(fence + b"\n" + row) == ({"events@0": 4}, row)
    assert json.loads(row) == {"n": 1}
