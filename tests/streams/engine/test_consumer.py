"""What the consumer relies on in Faust still holds: driven with records of our own, it commits what it should.

No broker: the network is a dictionary. When Faust's internals change, this fails first and by name.
"""

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import faust
import pytest
import pytest_asyncio
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.consumer.subscription_state import TopicPartitionState
from faust.app.base import App
from faust.stores.rocksdb import Store
from faust.tables.recovery import Recovery
from faust.transport.consumer import Consumer
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

import streams.engine
from scorers.policy.tables import Policy
from streams.engine import consumer
from streams.engine.chunk import Chunk, ChunkScheduler, ChunkSchema
from streams.engine.consumer import ChunkConsumer, ChunkTransport
from streams.engine.contiguity import TopicShrank
from streams.metrics import WorkerMetrics
from streams.worker.worker import Worker
from tests.support.seals import SECRET
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings

EVENTS, OTHER = TP("events", 0), TP("other", 0)
OVERRIDDEN = {
    "resume_partitions", "pause_partitions", "resume_flow", "perform_seek", "seek_wait", "earliest_offsets", "getmany",
    "ack", "on_partitions_assigned", "_to_message", "_new_offset", "_getmany", "on_buffer_full", "_new_consumer_thread",
}  # fmt: skip


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int = 1_700_000_000_000
    timestamp_type: int = 0
    headers: tuple[()] = ()
    key: bytes = b"k"
    value: bytes = b"v"
    checksum: None = None
    serialized_key_size: int = 1
    serialized_value_size: int = 1


def log(tp: TP, *offsets: int) -> list[Record]:
    return [Record(tp.topic, tp.partition, offset) for offset in offsets]


class Wire(ChunkConsumer):
    """The consumer under test, with the network replaced: what it fetches, finds committed and seeks."""

    def setup(self) -> None:
        self.fetches: list[dict[TP, list[Record]]] = []
        self.found: dict[TP, int | None] = {EVENTS: None, OTHER: None}
        self.earliest = {EVENTS: 0, OTHER: 0}
        self.end = 1_000
        self.sought: list[dict[TP, int]] = []
        self.commits: list[dict[TP, int]] = []
        self.positions: dict[TP, int] = {}

    def assignment(self) -> set[TP]:
        return {EVENTS, OTHER}

    async def seek_to_committed(self) -> dict[TP, int | None]:
        return self.found

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return {tp: self.earliest[tp] for tp in tps}

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        self.sought.append(partitions)

    def highwater(self, tp: TP) -> int:
        return self.end

    def _position_of(self, tp: TP) -> int:
        return self.positions.get(tp, -1)

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[TP, list[Record]]:
        return self.fetches.pop(0)

    async def _commit(self, offsets: dict[TP, int]) -> bool:
        self.commits.append(offsets)
        self.found.update(offsets)
        return True

    async def fetch(self, *batches: dict[TP, list[Record]]) -> list[Any]:
        """The messages that these fetches bring."""
        self.fetches = list(batches)
        return [message for _ in batches for message in [m async for _, m in self.getmany(1.0)]]

    def finish(self, message: Any) -> bool:
        """As the agent does when a chunk is done."""
        message.value.done = True
        message.incref()
        return bool(message.ack(self))


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> App:
    """A Faust app with one chunked input and one plain topic; it is never started."""
    loop = asyncio.get_running_loop()
    app = faust.App("test", broker="kafka://127.0.0.1:1", store="memory://", datadir=str(tmp_path), loop=loop)
    app.transport = ChunkTransport(app, ["events"], size=3)
    app.topics._acking_topics.update({"events", "other"})
    app.consumer_generation_id = 1
    return app


async def nothing(*_: Any, **__: Any) -> None:
    """What the rest of the app does here."""


async def drive(app: App, scenario: Any) -> None:
    """Play a scenario with a consumer that is not connected to anything."""
    app.producer.flush = nothing
    wire = Wire(app.transport, nothing, nothing, nothing, loop=app.loop)
    wire.setup()
    try:
        await scenario(wire)
    finally:
        wire._thread.thread_loop.close()  # made with the consumer, for a thread that never starts


async def begin(wire: Wire) -> None:
    await wire.on_partitions_assigned({EVENTS, OTHER}, 1)
    wire.resume_partitions({EVENTS, OTHER})
    await wire.perform_seek()
    wire.resume_flow()


def _source(of: Any) -> str:
    return inspect.getsource(of)


PRIVATE: dict[str, Callable[[], bool]] = {
    **{name: partial(hasattr, driver.Consumer, name) for name in sorted(OVERRIDDEN)},
    **{
        name: partial(lambda name: f"self.{name}" in _source(Consumer), name)
        for name in (
            "scheduler", "_acked", "_committed_offset", "_read_offset", "_buffered_partitions", "_n_acked",
            "_unacked_messages", "_waiting_for_ack",
        )
    },
    "_fetch_max_wait_ms": lambda: "self._fetch_max_wait_ms" in _source(driver.aiokafka.AIOKafkaConsumer),
    "_isolation_level": lambda: "isolation_level=self._isolation_level" in _source(driver.aiokafka.AIOKafkaConsumer),
    "highwater": lambda: "highwater" in vars(driver.AIOKafkaConsumerThread),
    "last_stable_offset": lambda: callable(driver.aiokafka.AIOKafkaConsumer.last_stable_offset),
    "_subscription.subscription.assignment": lambda: (
        "self._subscription.subscription.assignment" in _source(driver.aiokafka.AIOKafkaConsumer)
        and {"has_valid_position", "position"} <= vars(TopicPartitionState).keys()
    ),
    "_create_worker_consumer": lambda: "_create_worker_consumer" in vars(driver.AIOKafkaConsumerThread),
    "_commit": lambda: list(inspect.signature(driver.AIOKafkaConsumerThread._commit).parameters) == ["self", "offsets"],
    "_coordinator.request_rejoin": lambda: (
        "self._coordinator =" in _source(driver.aiokafka.AIOKafkaConsumer) and callable(GroupCoordinator.request_rejoin)
    ),
    "call_thread": lambda: callable(driver.AIOKafkaConsumerThread.call_thread),
    "_ensure_consumer": lambda: "_ensure_consumer" in vars(driver.AIOKafkaConsumerThread),
    "last_poll_timestamp": lambda: "state_value(partition).timestamp" in _source(
        driver.aiokafka.AIOKafkaConsumer.last_poll_timestamp
    ),
    "_db_for_partition": lambda: list(inspect.signature(Store._db_for_partition).parameters) == ["self", "partition"],
    "apply_changelog_batch": lambda: (
        "table.apply_changelog_batch(buf)" in _source(Recovery) and "len(buf) >= bufsize" in _source(Recovery)
    ),
    "offset_key": lambda: "int(offset)" in _source(Store.persisted_offset) and isinstance(Store.offset_key, bytes),
    "partition_path": lambda: 'suffix: str = ".db"' in _source(Store._path_with_suffix),
    "in_recovery": lambda: "in_recovery" in vars(Recovery),
    "active_remaining_total": lambda: callable(Recovery.active_remaining_total),
    "flow_active": lambda: "self.flow_active" in _source(Consumer),
    "rebalancing": lambda: hasattr(App, "rebalancing"),
    "crash_reason": lambda: hasattr(App, "crash_reason"),
    "ConsistencyError": lambda: "raise ConsistencyError" in _source(Recovery),
}  # fmt: skip


@pytest.mark.parametrize("name", PRIVATE)
def test_faust_has_what_the_engine_relies_on(name: str) -> None:
    """Each part of Faust that is overridden, replaced or looked into is where it was, and stands in the list."""
    assert PRIVATE[name](), f"faust-streaming has changed: {name} is not what it was"
    assert f"`{name}" in str(streams.engine.__doc__), f"{name} is not in the list in streams/engine/__init__.py"


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
    assert "recovery_buffer_size == 1" in _source(Recovery)
    worker = Worker(Broker(), Settings(state=tmp_path, seal=SECRET), Policy(), WorkerMetrics())
    assert [table.recovery_buffer_size > 1 for table in worker.app.tables.values()] == [True]
