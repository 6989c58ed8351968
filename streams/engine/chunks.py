"""Input records reach the agent in chunks, in order and without holes, and are committed only once they are done.

Faust spends about a tenth of a millisecond on every event it delivers. Here it delivers a *chunk*: up to some hundreds
of records of one partition that look to Faust like one record at the last offset. Changelogs come in chunks as well,
where their table takes them (`shelf.ChunkTable`); recovery is Faust's own. A commit is "the last chunk done, plus one";
Faust's lists of single acknowledgements, their gaps and what goes wrong with them (faust#596, faust#606) play no part.

It refuses to know what is in a record, what a fold is, or that there are customers. The file is long because all that
leans on Faust's consumer stands in one place, and is told here.

What it leans on in faust-streaming 0.15.3 (held by tests/streams/engine/test_chunks.py, which fails first when it changes):

| what                                                    | how                                                        |
|---------------------------------------------------------|------------------------------------------------------------|
| `app.transport` setter, `Schema.loads_*`                | public                                                     |
| `resume_partitions`, `pause_partitions`, `resume_flow`  | public: inputs are held until `resume_flow`                |
| `perform_seek`, `seek_wait`, `earliest_offsets`         | public: they tell where a partition starts                 |
| `getmany`, `ack`, `on_partitions_assigned`              | public: overridden                                         |
| `noack().events()`, `event.ack()`                       | public: only an agent that is done acknowledges            |
| `scheduler` of the consumer                             | attribute, replaced                                        |
| `_to_message`                                           | reads the attributes of a record; a Chunk has them         |
| `_new_offset`                                           | overridden for inputs: the offset to commit                |
| `_acked`                                                | touched: its keys are the partitions with something to commit |
| `_committed_offset`                                     | read after `perform_seek`                                  |
| `_read_offset`                                          | cleared for inputs: switches Faust's duplicate filter off  |
| `_getmany`, `on_buffer_full`                            | overridden: what is fetched, and what holds it             |
| `_new_consumer_thread`, `_create_worker_consumer`       | overridden for aiokafka's `_fetch_max_wait_ms`             |
| `_coordinator.request_rejoin` of aiokafka, `call_thread` | called when a topic was made after the places were given  |
| `_commit`, `_ensure_consumer` of the consumer's thread  | overridden: a commit says which life of the topic it is of |
| `last_poll_timestamp` of aiokafka                       | public: how fresh is what it knows of the end of a topic   |
| `_buffered_partitions`                                  | emptied at assignment: a full buffer of the past holds nobody |
| `_unacked_messages`, `_waiting_for_ack`, `_n_acked`     | kept as `ack` keeps them, for `wait_empty` and commits     |

And beside the chunks:

| what                                                    | who, and how                                               |
|---------------------------------------------------------|------------------------------------------------------------|
| `_db_for_partition`, `offset_key` of the rocksdict store | `shelf`: rows and their changelog offset in one batch     |
| `apply_changelog_batch` of the table, `Table` of the app | public: overridden in `shelf`, for chunks of rows         |
| `recovery_buffer_size` of the table                     | `shelf`: not one, or its changelog is read for ever        |
| `partition_path` ends in `.db`                          | `shelf`: how a damaged store is found and moved aside      |
| `in_recovery`, `active_remaining_total` of the recovery | `app`: ready or not, and how far                           |
| `ConsistencyError` of the recovery                      | ends a worker whose disk knows more than the changelog     |
| `flow_active`, `rebalancing`, `crash_reason`            | `app`: whether partitions are on their way, and what ended |
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata
from faust import Schema
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP
from faust.types.tuples import ack_lock
from mode.utils.futures import notify

RECORDS = 500  # in one chunk: larger gains nothing measurable and makes the others wait longer
FETCH_WAIT_MS = 50
PAUSE = 0.005  # seconds before the next fetch where the last brought little: one that brings a record costs as much as
# one that brings hundreds, so a fetch for each event would take the time that the events need


class Done(Protocol):
    """Called when a chunk has been dealt with; not `safe` means that it is to be read again."""

    def __call__(self, safe: bool = True) -> object: ...


Take = Callable[[int, Sequence[Any], Done], Awaitable[None]]


class TopicShrank(RuntimeError):
    """An input topic ends before the offset this group has already read: it was deleted and made anew."""


class Chunk:
    """Consecutive records of one partition, with the attributes Faust reads of a single record.

    `follows` is the offset that was due when it was delivered, `done` is set by the agent that has dealt with it.
    """

    __slots__ = ("done", "follows", "records")

    timestamp_type = 0
    headers = ()
    key = checksum = serialized_key_size = serialized_value_size = None

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self.follows = -1
        self.done = False

    @property
    def topic(self) -> str:
        topic: str = self.records[0].topic
        return topic

    @property
    def partition(self) -> int:
        partition: int = self.records[0].partition
        return partition

    @property
    def offset(self) -> int:
        offset: int = self.records[-1].offset
        return offset

    @property
    def timestamp(self) -> int | None:
        timestamp: int | None = self.records[-1].timestamp
        return timestamp

    @property
    def value(self) -> "Chunk":
        return self


class ChunkScheduler(DefaultSchedulingStrategy):
    """Yields chunks of some topics and single records of all others; partitions take turns."""

    def __init__(self, topics: frozenset[str], size: int = RECORDS) -> None:
        self.topics = topics
        self.size = size

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        size = self.size
        return super().iterate(
            {
                tp: [Chunk(rows[at : at + size]) for at in range(0, len(rows), size)]
                if tp.topic in self.topics
                else rows
                for tp, rows in records.items()
            }
        )


class _Only:
    """The partitions to fetch from, as Faust changes them while the fetch waits.

    An empty set would mean *all* to aiokafka: records nobody takes, and a position that has moved past them.
    """

    def __init__(self, partitions: set[TP]) -> None:
        self._partitions = partitions

    def __contains__(self, tp: object) -> bool:
        return tp in self._partitions


class _Thread(AIOKafkaConsumerThread):
    """A fetch that finds nothing returns soon.

    One fetch at a time is on its way to a broker. If it asks only for idle topics, as the busy ones have just been
    served, it blocks the next for as long as it may wait: one and a half seconds by Faust's choice.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        return consumer

    async def rejoin(self) -> None:
        """Ask the group for its places anew."""

        async def ask() -> None:
            self._ensure_consumer()._coordinator.request_rejoin()

        await self.call_thread(ask)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """As Faust commits; beside each offset stands which life of its topic it counts in."""
        incarnations: Mapping[str, str] = self.transport.incarnations  # type: ignore[attr-defined]  # of a ChunkTransport
        told = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, incarnations.get(tp.topic, ""))
            for tp, offset in offsets.items()
            if tp in self.assignment()
        }
        try:
            await self._ensure_consumer().commit(told)
        except Exception as error:
            if isinstance(error, CommitFailedError) and "already rebalanced" in str(error):
                return False
            self.log.exception("Offsets cannot be committed: %r", error)
            await self.crash(error)
            return False
        return True


class ChunkConsumer(Consumer):
    """Faust's consumer, with its own reckoning of where each input partition stands.

    `_expected` is the next offset to deliver, `_done` the next to commit; both start where `perform_seek` says.
    """

    transport: "ChunkTransport"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.inputs = self.transport.inputs
        self.scheduler = ChunkScheduler(self.inputs | self.transport.changelogs, self.transport.size)
        self._forget()

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def _forget(self) -> None:
        self._expected: dict[TP, int] = {}
        self._done: dict[TP, int] = {}
        self._reread: dict[TP, int] = {}
        self._held: set[TP] = set()
        self._let_go: set[TP] = set()
        self._little = False

    def _is_input(self, tp: TP) -> bool:
        return tp.topic in self.inputs

    def lacking(self) -> frozenset[TP]:
        """Inputs that belong to the partitions given here, and were not given with them: they were not there then.

        A worker that comes back under its name is given what it had, even if a topic has been made since.
        """
        given = {tp for tp in self.assignment() if self._is_input(tp)}
        return frozenset(TP(topic, tp.partition) for topic in self.inputs for tp in given) - given

    async def rejoin(self) -> None:
        """Ask the group for its places anew."""
        await self._thread.rejoin()  # type: ignore[attr-defined]  # of a _Thread

    @property
    def delivering(self) -> frozenset[TP]:
        """The input partitions whose records are on their way: their rows are recovered, and their start is known.

        That a start is known is not enough: a fetch that a rebalance has caught seeks before anything is recovered.
        """
        return frozenset(self._let_go)

    def behind(self, tp: TP, position: int | None = None) -> int | None:
        """How many records of an input partition lie after a position; None while that is not known.

        Without a position, after what is committed.
        """
        at = self._done.get(tp) if position is None else position
        try:
            end = self.highwater(tp)
        except AssertionError:  # it was given away just now
            return None
        return None if at is None or end is None else max(0, end - at)

    def asked(self, tp: TP) -> int:
        """When Kafka last told of an input partition, in milliseconds of this machine's clock; 0 while it has not."""
        try:
            return self._thread._ensure_consumer().last_poll_timestamp(tp) or 0
        except AssertionError:  # it was given away just now
            return 0

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Nothing of an earlier assignment counts any more."""
        self._forget()
        self._buffered_partitions.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    # Faust resumes the inputs before it seeks them to where they stand: what is fetched in between would be lost.

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Inputs are only marked: `resume_flow` lets them go, once it is known where they start."""
        asked = set(tps)
        self._held |= {tp for tp in asked if self._is_input(tp)}
        super().resume_partitions(asked - self._held)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        asked = set(tps)
        self._held -= asked
        self._let_go -= asked
        super().pause_partitions(asked)

    def resume_flow(self) -> None:
        ready = {tp for tp in self._held if tp in self._expected}
        self._held -= ready
        self._let_go |= ready
        super().resume_partitions(ready)
        super().resume_flow()

    async def perform_seek(self) -> None:
        """Every input starts at its committed offset, or at the earliest there is."""
        await super().perform_seek()
        inputs = [tp for tp in self.assignment() if self._is_input(tp)]
        new = [tp for tp in inputs if not self._committed_offset[tp]]
        earliest = await self.earliest_offsets(*new) if new else {}
        if new:
            await self.seek_wait({tp: earliest.get(tp) or 0 for tp in new})  # Faust seeks only what was committed
        for tp in inputs:
            start = self._committed_offset[tp] or earliest.get(tp) or 0
            self._expected[tp] = self._done[tp] = start
            self._read_offset[tp] = None

    def on_buffer_full(self, tp: TP) -> None:
        """A full stream holds the inputs by itself: Faust would pause them, and sleep for a second once all are."""
        if not self._is_input(tp):
            super().on_buffer_full(tp)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        return await super()._getmany(None if active_partitions is None else _Only(active_partitions), timeout)  # type: ignore[arg-type]

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """What Faust would deliver, without holes: a chunk that comes too late is read again from where it is due."""
        if self._little:
            await asyncio.sleep(PAUSE)
        astray: set[TP] = set()
        came = 0
        async for tp, message in super().getmany(timeout):
            came += len(message.value.records) if isinstance(message.value, Chunk) else 1
            if self._is_input(tp):
                self._read_offset[tp] = None
                if tp in astray:
                    continue
                chunk: Any = message.value
                if (back := self._admit(tp, chunk)) is not None:
                    astray.add(tp)
                    if back >= 0:
                        await self.seek_wait({tp: back})
                        self._read_offset[tp] = None
                    continue
            yield tp, message
        self._little = came < self.transport.size

    def _admit(self, tp: TP, chunk: Chunk) -> int | None:
        """None if the chunk is next in line (cut where it repeats); else the offset to go back to, -1 for nowhere.

        A hole is believed only when a second reading shows it too: then it was made by compaction, retention or the
        end of a transaction, not by a rebalance.
        """
        due = self._expected.get(tp) if tp in self._let_go else None
        if due is None:
            return -1
        if chunk.offset < due:
            if (end := self.highwater(tp)) is not None and end < due:
                raise TopicShrank(
                    f"{tp.topic} partition {tp.partition} ends at {end}, but offset {due} is due: the topic was made "
                    f"anew. Start with a new consumer group, or set its offsets, and give the topic a new epoch."
                )
            return -1
        first = chunk.records[0].offset
        if first > due and self._reread.get(tp) != due:
            self._reread[tp] = due
            self.log.warning("%s[%s]: %d due, %d came: reading again", tp.topic, tp.partition, due, first)
            return due
        if first < due:
            chunk.records = [record for record in chunk.records if record.offset >= due]
        self._reread.pop(tp, None)
        chunk.follows = due
        self._expected[tp] = chunk.offset + 1
        return None

    def ack(self, message: Any) -> bool:
        """An input counts if its chunk is done, of this generation, and the very next one: nothing is committed past."""
        if message.topic not in self.inputs:
            return bool(super().ack(message))
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)
            tp, chunk = message.tp, message.value
            of_now = message.generation_id == self.app.consumer_generation_id
            if not (chunk.done and of_now and self._done.get(tp) == chunk.follows):
                return False
            self._done[tp] = chunk.offset + 1
            self._acked[tp] = []  # being listed there is what makes the next commit look at this partition
            self._n_acked += 1
            return True

    def _new_offset(self, tp: TP) -> int | None:
        if self._is_input(tp):
            return self._done.get(tp)
        offset: int | None = super()._new_offset(tp)
        return offset


class ChunkTransport(Transport):
    """Faust's Kafka transport for an app whose `inputs` come in chunks, and so do `changelogs` of tables that take them.

    `app.transport = ChunkTransport(app, ["purchases", "clock"])`, before the app starts.
    """

    Consumer = ChunkConsumer

    def __init__(
        self,
        app: Any,
        inputs: Iterable[str],
        size: int = RECORDS,
        incarnations: Mapping[str, str] | None = None,
        changelogs: Iterable[str] = (),
    ) -> None:
        super().__init__(app.conf.broker_consumer, app)
        self.inputs = frozenset(inputs)
        self.changelogs = frozenset(changelogs)
        self.size = size
        self.incarnations = {} if incarnations is None else incarnations


class ChunkSchema(Schema[Any, Any]):
    """Hands a chunk to the stream as it is: what is in its records is decoded by the fold, where errors have a home."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        return message.value


async def deliver(stream: Any, take: Take) -> None:
    """Pass every chunk of an agent's stream to `take(partition, records, done)`; calling `done` lets it go."""
    async for event in stream.noack().events():
        chunk: Chunk = event.value

        def done(safe: bool = True, event: Any = event, chunk: Chunk = chunk) -> None:
            chunk.done = safe
            event.ack()

        await take(chunk.partition, chunk.records, done)
