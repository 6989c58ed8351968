"""The consumer, driven with records of our own and without a broker: it delivers in chunks and commits what it should."""

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from faust.app.base import App
from faust.tables.recovery import Recovery
from faust.types import TP

from scorers.policy.tables import Policy
from streams.engine import consumer
from streams.engine.chunk import Chunk, ChunkScheduler, ChunkSchema
from streams.engine.consumer import ChunkTransport
from streams.engine.contiguity import TopicShrank
from streams.metrics.worker import WorkerMetrics
from streams.worker.worker import Worker
from tests.support.faust_consumer import EVENTS, OTHER, Wire, begin, drive, log
from tests.support.seals import SECRET
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings


def test_inputs_come_in_chunks_and_the_rest_one_by_one() -> None:
    """Chunks hold consecutive records of one partition; partitions take turns; other topics are left alone."""
    second = TP("events", 1)
    scheduled = list(ChunkScheduler(frozenset({"events"}), 3).iterate(
        {EVENTS: log(EVENTS, 0, 1, 2, 3), second: log(second, 7), OTHER: log(OTHER, 5, 6)}
    ))  # fmt: skip
    parts = [(tp, [r.offset for r in item.records]) for tp, item in scheduled if isinstance(item, Chunk)]
    assert parts == [(EVENTS, [0, 1, 2]), (second, [7]), (EVENTS, [3])]
    assert [item.offset for tp, item in scheduled if tp == OTHER] == [5, 6]


async def test_changelogs_come_in_chunks_where_their_table_takes_them(app: App) -> None:
    """A changelog that was named is chunked like an input, and is none: it is not held, sought or committed."""
    app.transport = ChunkTransport(app, ["events"], size=3, changelogs=["rows"])
    rows = TP("rows", 0)

    async def scenario(wire: Wire) -> None:
        scheduled = dict(wire.scheduler.iterate({rows: log(rows, 4, 5), OTHER: log(OTHER, 9)}))
        assert [record.offset for record in scheduled[rows].records] == [4, 5]
        assert scheduled[OTHER].offset == 9
        assert not wire._is_input(rows)

    await drive(app, scenario)


async def test_a_chunk_is_a_message_at_its_last_offset_and_is_not_decoded(app: App) -> None:
    """Faust sees one record; the schema hands its records over as they are."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 0, 1, 2)})
        assert (message.topic, message.partition, message.offset, message.tp) == ("events", 0, 2, EVENTS)
        assert message.generation_id == 1
        event = await ChunkSchema().decode(app, message)
        assert event.key is None
        assert [record.offset for record in event.value.records] == [0, 1, 2]

    await drive(app, scenario)


async def test_what_is_done_in_order_is_committed(app: App) -> None:
    """The commit is the last chunk done plus one; a chunk done before its predecessor commits nothing."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        first, second, third = await wire.fetch({EVENTS: log(EVENTS, 0, 1, 2, 3, 4, 5, 6)})
        assert wire.finish(first)
        await wire.commit()
        assert not wire.finish(third)
        await wire.commit()
        assert wire.commits == [{EVENTS: 3}]
        assert wire.finish(second)
        await wire.commit()
        assert wire.commits == [{EVENTS: 3}, {EVENTS: 6}]

    await drive(app, scenario)


async def test_a_chunk_that_nobody_finished_is_not_committed(app: App) -> None:
    """A stream that skips or drops a chunk acknowledges it too: only one that is marked done counts."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 0, 1)})
        message.incref()
        assert not message.ack(wire)
        await wire.commit()
        assert wire.commits == []
        assert message not in wire.unacked

    await drive(app, scenario)


async def test_other_topics_are_acknowledged_as_ever(app: App) -> None:
    """Faust's own reckoning stays in force outside the inputs."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        messages = await wire.fetch({OTHER: log(OTHER, 0, 1)})
        for message in messages:
            message.incref()
            assert message.ack(wire)
        await wire.commit()
        assert wire.commits == [{OTHER: 2}]

    await drive(app, scenario)


async def test_an_acknowledgement_of_an_earlier_generation_does_not_count(app: App) -> None:
    """What was delivered before a rebalance is read again after it."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 0, 1)})
        app.consumer_generation_id = 2
        assert not wire.finish(message)
        await begin(wire)
        assert not wire.finish(message)
        await wire.commit()
        assert wire.commits == []
        (again,) = await wire.fetch({EVENTS: log(EVENTS, 0, 1)})
        assert wire.finish(again)
        await wire.commit()
        assert wire.commits == [{EVENTS: 2}]

    await drive(app, scenario)


async def test_a_late_chunk_is_read_again_from_where_it_was_due(app: App) -> None:
    """After a hole nothing of the partition is delivered until the consumer has gone back."""

    async def scenario(wire: Wire) -> None:
        wire.found[EVENTS] = 5
        await begin(wire)
        assert await wire.fetch({EVENTS: log(EVENTS, 8, 9, 10, 11)}) == []
        assert wire.sought == [{OTHER: 0}, {EVENTS: 5}] or wire.sought == [{EVENTS: 5}]
        wire._read_offset[EVENTS] = 11  # as Faust's loop leaves it: by its own filter, 5 would be old
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 5, 6, 7)})
        assert message.value.follows == 5
        assert wire._read_offset[EVENTS] is None

    await drive(app, scenario)


async def test_a_hole_that_a_second_reading_shows_is_real(app: App) -> None:
    """Compaction and transaction markers leave offsets that never come: they are passed, and the commit too."""

    async def scenario(wire: Wire) -> None:
        wire.found[EVENTS] = 5
        await begin(wire)
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 8, 9)}, {EVENTS: log(EVENTS, 8, 9)})
        assert wire.finish(message)
        await wire.commit()
        assert wire.commits == [{EVENTS: 10}]

    await drive(app, scenario)


async def test_a_partition_that_ends_without_a_record_is_committed_to_its_end(app: App, monkeypatch: Any) -> None:
    """Behind the last record lies the end of a transaction: it is passed after a second reading, never before all is done."""
    monkeypatch.setattr(consumer, "LOOK", 0.0)

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        wire.positions[EVENTS] = 4
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 0, 1)}, {})
        assert {EVENTS: 2} not in wire.sought, "what is not done may still be read again"
        wire.finish(message)
        await wire.commit()
        assert await wire.fetch({}) == []
        assert wire.sought[-1] == {EVENTS: 2}
        wire.positions[EVENTS] = 2  # the second reading has not begun
        assert await wire.fetch({}) == []
        await wire.commit()
        assert wire.commits == [{EVENTS: 2}]
        wire.positions[EVENTS], wire.end = 4, 4
        assert await wire.fetch({}) == []
        await wire.commit()
        assert wire.commits == [{EVENTS: 2}, {EVENTS: 4}]
        assert wire.lag(EVENTS, 2) == 0, "nobody waits for it"
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 4, 5)})
        assert message.value.follows == 4

    await drive(app, scenario)


async def test_what_was_already_delivered_is_not_delivered_again(app: App) -> None:
    """A chunk before the due offset is dropped, one that overlaps it is cut."""

    async def scenario(wire: Wire) -> None:
        wire.found[EVENTS] = 5
        await begin(wire)
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 2, 3, 4)}, {EVENTS: log(EVENTS, 4, 5, 6)})
        assert [record.offset for record in message.value.records] == [5, 6]

    await drive(app, scenario)


async def test_a_fetch_that_brought_little_is_followed_by_a_pause(app: App) -> None:
    """Events that come one by one are fetched by the dozen; where a whole chunk came, more may be there."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        loop = asyncio.get_running_loop()
        assert len(await wire.fetch({EVENTS: log(EVENTS, 0, 1, 2), OTHER: log(OTHER, 0)})) == 2
        assert not wire._pause_before_fetch
        assert len(await wire.fetch({EVENTS: log(EVENTS, 3, 4)})) == 1
        began = loop.time()
        assert len(await wire.fetch({EVENTS: log(EVENTS, 5)})) == 1
        assert loop.time() - began > 0.9 * consumer.PAUSE

    await drive(app, scenario)


async def test_a_recreated_topic_is_an_error_and_not_silence(app: App) -> None:
    """Records below an offset that the topic no longer reaches are not old: the topic is another one."""

    async def scenario(wire: Wire) -> None:
        wire.found[EVENTS], wire.end = 500, 3
        await begin(wire)
        with pytest.raises(TopicShrank, match=r"events partition 0 ends at 3, but offset 500 is due"):
            await wire.fetch({EVENTS: log(EVENTS, 0, 1, 2)})

    await drive(app, scenario)


async def test_an_assignment_forgets_where_the_inputs_stood(app: App) -> None:
    """Until the new start is known nothing is delivered, whatever was due before."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        assert len(await wire.fetch({EVENTS: log(EVENTS, 0, 1)})) == 1
        await wire.on_partitions_assigned({EVENTS, OTHER}, 2)
        assert await wire.fetch({EVENTS: log(EVENTS, 2, 3)}) == []

    await drive(app, scenario)


async def test_inputs_wait_until_it_is_known_where_they_start(app: App) -> None:
    """Between resumption and seek nothing is fetched from inputs, and what comes all the same is not delivered."""

    async def scenario(wire: Wire) -> None:
        await wire.on_partitions_assigned({EVENTS, OTHER}, 1)
        wire.pause_partitions({EVENTS, OTHER})
        wire.resume_partitions({EVENTS, OTHER})
        wire.resume_flow()
        assert wire._get_active_partitions() == {OTHER}
        assert await wire.fetch({EVENTS: log(EVENTS, 0, 1)}) == []
        wire.found[EVENTS] = 7
        await wire.perform_seek()
        wire.resume_flow()
        assert wire._get_active_partitions() == {EVENTS, OTHER}

    await drive(app, scenario)


async def test_a_seek_in_the_middle_of_a_rebalance_lets_nothing_go(app: App) -> None:
    """Faust seeks when a rebalance catches a fetch; rows that were read then would be those of an empty store."""

    async def scenario(wire: Wire) -> None:
        await begin(wire)
        wire.pause_partitions({EVENTS, OTHER})
        await wire.on_partitions_assigned({EVENTS, OTHER}, 2)
        wire.pause_partitions({EVENTS, OTHER})
        await wire.perform_seek()  # as `getmany` does that finds the flow stopped
        wire.resume_flow()  # for the changelogs
        assert wire.delivering == set()
        assert await wire.fetch({EVENTS: log(EVENTS, 0, 1)}) == []
        wire.resume_partitions({EVENTS, OTHER})
        await wire.perform_seek()
        wire.resume_flow()
        assert wire.delivering == {EVENTS}
        assert len(await wire.fetch({EVENTS: log(EVENTS, 0, 1)})) == 1

    await drive(app, scenario)


async def test_a_partition_without_a_commit_is_sought_to_its_beginning(app: App) -> None:
    """Faust seeks only what was committed: a position that had moved on would lose the first records."""

    async def scenario(wire: Wire) -> None:
        wire.earliest[EVENTS] = 4
        await begin(wire)
        assert {EVENTS: 4} in wire.sought
        (message,) = await wire.fetch({EVENTS: log(EVENTS, 4, 5)})
        assert message.value.follows == 4

    await drive(app, scenario)


def test_an_empty_set_of_partitions_never_means_all() -> None:
    """aiokafka fetches everything for a false value; the view that it gets is true, even of nothing."""
    live: set[TP] = set()
    view = consumer._Only(live)
    assert view
    assert EVENTS not in view
    live.add(EVENTS)
    assert EVENTS in view


def test_a_worker_does_not_go_on_reading_what_it_writes(tmp_path: Path) -> None:
    """After a recovery with a buffer of one, Faust resumes the changelog: old rows would be put over new ones."""
    assert "recovery_buffer_size == 1" in inspect.getsource(Recovery)
    worker = Worker(Broker(), Settings(state=tmp_path, seal=SECRET), Policy(), WorkerMetrics())
    assert [table.recovery_buffer_size > 1 for table in worker.app.tables.values()] == [True]
