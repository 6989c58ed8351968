"""Faust's Kafka consumer, changed so that input topics come in chunks, in order and without gaps.

`ContiguityGuard` decides what is delivered and committed; here that is joined to Faust's consumer. Faust's own lists of
acknowledgements, their gaps and the defects in them (faust#596, faust#606) are not used for inputs. Changelogs come in
chunks as well where their table accepts them (`ChunkTable`); recovery is Faust's own. The package lists what this relies
on in Faust.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from faust.types.tuples import ack_lock
from mode.utils.futures import notify

from streams.engine.chunk import RECORDS, Chunk, ChunkScheduler
from streams.engine.contiguity import ContiguityGuard
from vigia.runtime.broker import COMMITTED

FETCH_WAIT_MS = 50
# Seconds before the next fetch if the last one brought less than a chunk. A fetch that brings one record costs as much
# as one that brings hundreds, so a fetch for each event would take the time that the events need.
PAUSE = 0.005
LOOK = 0.1  # seconds between two looks for partitions that end without a record


class _Only:
    """A live view of the partitions to fetch from, true even when it is empty.

    aiokafka takes an empty set for *all*: it would fetch records that nobody takes, and move past them.
    """

    def __init__(self, partitions: set[TP]) -> None:
        self._partitions = partitions

    def __contains__(self, tp: object) -> bool:
        return tp in self._partitions


class _Thread(AIOKafkaConsumerThread):
    """The thread of the consumer, with short fetches of committed records, and commits that name the topic's incarnation.

    One fetch at a time is on its way to a broker. If it asks for idle topics only, because the busy ones have just been
    served, it blocks the next one for as long as it may wait: one and a half seconds by Faust's default.
    """

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = FETCH_WAIT_MS
        consumer._isolation_level = COMMITTED
        return consumer

    def highwater(self, tp: TP) -> int | None:  # type: ignore[override]  # None until Kafka has answered
        """Where the partition ends for a reader of committed records; where Kafka does not say it, the end of all."""
        consumer = self._ensure_consumer()
        stable: int | None = consumer.last_stable_offset(tp)
        end: int | None = consumer.highwater(tp)
        return end if stable is None or stable < 0 else stable

    def position_of(self, tp: TP) -> int:
        """The offset that is fetched next, -1 if none is known."""
        state = self._ensure_consumer()._subscription.subscription.assignment.state_value(tp)
        return state.position if state is not None and state.has_valid_position else -1

    async def rejoin(self) -> None:
        """Ask the group for a new assignment."""

        async def ask() -> None:
            self._ensure_consumer()._coordinator.request_rejoin()

        await self.call_thread(ask)

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit as Faust does, with the topic's incarnation as metadata of each offset."""
        incarnations: Mapping[str, str] = self.transport.incarnations  # type: ignore[attr-defined]  # of a ChunkTransport
        commit = {
            TopicPartition(tp.topic, tp.partition): OffsetAndMetadata(offset, incarnations.get(tp.topic, ""))
            for tp, offset in offsets.items()
            if tp in self.assignment()
        }
        try:
            await self._ensure_consumer().commit(commit)
        except Exception as error:
            if isinstance(error, CommitFailedError) and "already rebalanced" in str(error):
                return False
            self.log.exception("Offsets cannot be committed: %r", error)
            await self.crash(error)
            return False
        return True


class ChunkConsumer(Consumer):
    """Faust's consumer with a contiguity guard over the input partitions."""

    transport: "ChunkTransport"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.inputs = self.transport.inputs
        self.scheduler = ChunkScheduler(self.inputs | self.transport.changelogs, self.transport.size)
        self._guard = ContiguityGuard()
        self._pause_before_fetch = False
        self._look_at = 0.0

    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _Thread(self, loop=self.loop, beacon=self.beacon)

    def _is_input(self, tp: TP) -> bool:
        return tp.topic in self.inputs

    # --- what the worker asks ---------------------------------------------------------------------------------

    def lacking(self) -> frozenset[TP]:
        """Inputs that belong to the assigned partitions and were not assigned with them: they did not exist then.

        A worker that returns under its name is assigned what it had, even if a topic has been created since.
        """
        assigned = {tp for tp in self.assignment() if self._is_input(tp)}
        return frozenset(TP(topic, tp.partition) for topic in self.inputs for tp in assigned) - assigned

    async def rejoin(self) -> None:
        """Ask the group for a new assignment."""
        await self._thread.rejoin()  # type: ignore[attr-defined]  # of a _Thread

    @property
    def delivering(self) -> frozenset[TP]:
        """The input partitions whose records are delivered: their rows are recovered and their start is known.

        A known start is not enough: a fetch that a rebalance interrupts seeks before anything is recovered.
        """
        return self._guard.delivering

    def lag(self, tp: TP, position: int | None = None) -> int | None:
        """How many records of an input partition lie after a position (or the committable offset); None if unknown."""
        done = self._guard.committable(tp)
        at = done if position is None else max(position, done or 0)  # it may have ended without a record
        try:
            end = self.highwater(tp)
        except AssertionError:  # the partition was revoked just now
            return None
        return None if at is None or end is None else max(0, end - at)

    def polled_at(self, tp: TP) -> int:
        """When Kafka last answered for an input partition, in milliseconds of this machine's clock; 0 for never."""
        try:
            return self._thread._ensure_consumer().last_poll_timestamp(tp) or 0
        except AssertionError:  # the partition was revoked just now
            return 0

    # --- assignment and start ---------------------------------------------------------------------------------
    # Faust resumes the inputs before it seeks them to their start; what is fetched in between would be lost.

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """Forget the earlier assignment."""
        self._guard.reset()
        self._pause_before_fetch = False
        self._buffered_partitions.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        """Resume all but the inputs: those are held until `resume_flow`, when their start is known."""
        resumed = set(tps)
        inputs = {tp for tp in resumed if self._is_input(tp)}
        self._guard.hold(inputs)
        super().resume_partitions(resumed - inputs)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        paused = set(tps)
        self._guard.pause(paused)
        super().pause_partitions(paused)

    def resume_flow(self) -> None:
        super().resume_partitions(self._guard.release())
        super().resume_flow()

    async def perform_seek(self) -> None:
        """Start every input at its committed offset, or at the earliest there is."""
        await super().perform_seek()
        inputs = [tp for tp in self.assignment() if self._is_input(tp)]
        uncommitted = [tp for tp in inputs if not self._committed_offset[tp]]
        earliest = await self.earliest_offsets(*uncommitted) if uncommitted else {}
        if uncommitted:  # Faust seeks only what was committed
            await self.seek_wait({tp: earliest.get(tp) or 0 for tp in uncommitted})
        for tp in inputs:
            self._guard.start(tp, self._committed_offset[tp] or earliest.get(tp) or 0)
            self._disable_duplicate_filter(tp)

    def _disable_duplicate_filter(self, tp: TP) -> None:
        """Faust drops what lies before its read offset; for inputs the guard decides that."""
        self._read_offset[tp] = None

    # --- delivery ---------------------------------------------------------------------------------------------

    def on_buffer_full(self, tp: TP) -> None:
        """Ignore a full stream of an input, which holds it back by itself: Faust would pause, and sleep for a second."""
        if not self._is_input(tp):
            super().on_buffer_full(tp)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        return await super()._getmany(None if active_partitions is None else _Only(active_partitions), timeout)  # type: ignore[arg-type]

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Yield what Faust fetched, without gaps in the inputs.

        Once a chunk is not delivered, neither is the rest of its partition in this fetch.
        """
        if self._pause_before_fetch:
            await asyncio.sleep(PAUSE)
        skipped: set[TP] = set()
        fetched = 0
        async for tp, message in super().getmany(timeout):
            fetched += len(message.value.records) if isinstance(message.value, Chunk) else 1
            if self._is_input(tp):
                self._disable_duplicate_filter(tp)
                if tp in skipped:
                    continue
                chunk: Any = message.value
                admission = self._guard.admit(tp, chunk, self.highwater)
                if not admission.deliver:
                    skipped.add(tp)
                    if admission.seek is not None:
                        await self.seek_wait({tp: admission.seek})
                        self._disable_duplicate_filter(tp)
                    continue
            yield tp, message
        self._pause_before_fetch = fetched < self.transport.size
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + LOOK
            await self._pass_empty(skipped)

    async def _pass_empty(self, skipped: set[TP]) -> None:
        """Pass offsets at the end of an input that hold no record; all that was fetched has been admitted."""
        again: dict[TP, int] = {}
        for tp in self._guard.delivering - skipped:
            passed = self._guard.pass_empty(tp, self._position_of(tp))
            if passed.seek is not None:
                again[tp] = passed.seek
            elif passed.deliver:
                self._acked[tp] = []
                self._n_acked += 1
        if again:
            await self.seek_wait(again)
            for tp in again:
                self._disable_duplicate_filter(tp)

    def _position_of(self, tp: TP) -> int:
        position: int = self._thread.position_of(tp)  # type: ignore[attr-defined]  # of a _Thread
        return position

    # --- acknowledgement and commit ---------------------------------------------------------------------------

    def ack(self, message: Any) -> bool:
        """Acknowledge a message; an input counts if its chunk is done, of this generation, and the next to commit."""
        if message.topic not in self.inputs:
            return bool(super().ack(message))
        with ack_lock:
            if message.acked:
                return False
            message.acked = True
            self._unacked_messages.discard(message)
            notify(self._waiting_for_ack)
            tp = message.tp
            is_current = message.generation_id == self.app.consumer_generation_id
            if not (is_current and self._guard.finish(tp, message.value)):
                return False
            self._acked[tp] = []  # a key here makes the next commit look at this partition
            self._n_acked += 1
            return True

    def _new_offset(self, tp: TP) -> int | None:
        if self._is_input(tp):
            return self._guard.committable(tp)
        offset: int | None = super()._new_offset(tp)
        return offset


class ChunkTransport(Transport):
    """Faust's Kafka transport for an app whose `inputs` come in chunks, and so do `changelogs` of tables that take them.

    `app.transport = ChunkTransport(app, ["purchases", "clock"])`, before the app starts. `incarnations` names the
    incarnation of each input topic, for the metadata of commits.
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
