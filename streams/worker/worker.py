"""The worker: a Faust app with one agent that folds all input topics of its partitions.

It wires the engine to the processor and adds the life cycle: ready when the rows of every assigned partition are read and its records
arrive, drained when asked to stop, and ended at once with a message when it makes no progress. It decides nothing about records.
"""

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import islice
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from faust.types import TP

from scorers.policy.tables import Policy
from streams.engine.alignment import Alignment
from streams.engine.batching_producer import Output, partition_of
from streams.engine.chunk import ChunkSchema, Done, Take, deliver
from streams.engine.consumer import ChunkTransport
from streams.engine.crash.in_hand import InHand
from streams.engine.liveness import GuardedProducer, Liveness, Recovery, Watchdog, exit_process
from streams.engine.offsets import InputOffsets
from streams.engine.output_log import OutputLog, TopicTail
from streams.engine.row_store import (
    ChunkTable,
    TableRowStore,
    damaged_stores,
    room_of,
    set_aside,
    set_damaged_aside,
)
from streams.engine.rows import Rows
from streams.engine.throttle import Throttle
from streams.engine.write_behind import WriteBehind
from streams.metrics.worker import WorkerMetrics
from streams.records.signing import keyring
from streams.worker.aggregator import aggregate
from streams.worker.forwarded import home_key
from streams.worker.partition_processor import PartitionProcessor
from streams.worker.reconciler import Reconciler
from streams.worker.rows.stored_row import CODEC, StoredRow
from streams.worker.step_outputs import dead_letter
from vigia.runtime.broker import Broker
from vigia.runtime.privacy.keyed_hash import keyed_hash
from vigia.runtime.redaction import describe
from vigia.runtime.rights.table import PROCESSES
from vigia.runtime.settings import Settings
from vigia.runtime.topics import CHANGELOG, READ, WORKER, WRITTEN, check

log = logging.getLogger(__name__)

BLOCK_CACHE, WRITE_BUFFER = 16 << 20, 8 << 20  # bytes per partition; Faust's choice is two gigabytes
GARBAGE_AFTER = 100_000  # new objects before a collection: millions of rows have no cycles to collect
SWITCH = 0.0005  # seconds after which a thread yields; with Python's 5 ms a fetch takes as long as 50 events
MAX_BATCH, MAX_REQUEST = 900_000, 1_000_000
OBSERVE, OBSERVE_OFTEN = 0.5, 0.05  # seconds between two self-observations when ready, and until then
SAMPLE = 200  # rows of a partition whose keys are checked before the others are read
SCRUB = 3600.0  # seconds between two removals of the old bytes of deleted rows
MEASURE = 30.0  # seconds between two looks at the size of the state
ASK = 5.0  # seconds between two requests to Kafka, at most


class Worker:
    """One worker: `app` is the Faust app, `ready` says why it is not ready, `serve` runs it until asked to stop."""

    def __init__(self, broker: Broker, settings: Settings, policy: Policy, metrics: WorkerMetrics) -> None:
        broker = broker.limited_to(PROCESSES["worker"].names)
        self.broker, self.settings, self.policy, self.metrics = broker, settings, policy, metrics
        self._keys = keyring(settings.seal, settings.seal_trust).require("worker")
        self.inputs = [broker.name(topic) for topic in READ]
        self.engine: WriteBehind[StoredRow] | None = None
        self.aligned: Alignment | None = None
        self.offsets = InputOffsets(broker, self.inputs, [broker.name(topic) for topic in WRITTEN])
        self.recovery = Recovery(metrics.recovered)
        self.hashes = keyed_hash(settings.privacy_key, settings.state)
        self._assigned_once = False  # also to no partitions
        self._kafka_away = False  # at the last request
        self._throttle = Throttle()
        self.app = self._build()

    def _build(self) -> Any:
        broker, settings = self.broker, self.settings
        app = faust.App(
            broker.name(WORKER),
            broker=[f"kafka://{address.strip()}" for address in broker.address.split(",")],
            broker_credentials=_credentials(broker),
            store="rocksdb://",
            datadir=settings.state,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            topic_partitions=settings.partitions,
            table_standby_replicas=0,
            stream_wait_empty=True,
            stream_buffer_maxsize=32,
            stream_recovery_delay=0,
            broker_commit_interval=settings.commit,
            broker_session_timeout=settings.session,
            broker_heartbeat_interval=min(3.0, settings.session / 6),
            broker_rebalance_timeout=max(60.0, settings.session),
            consumer_auto_offset_reset="earliest",
            consumer_group_instance_id=settings.name or None,
            autodiscover=False,
            Table=ChunkTable,
        )
        changelogs = [broker.name(CHANGELOG)]
        app.transport = ChunkTransport(app, self.inputs, incarnations=self.offsets.incarnations, changelogs=changelogs)
        self._table: Any = app.Table(
            broker.name(CHANGELOG).removeprefix(f"{app.conf.id}-").removesuffix("-changelog"),
            partitions=settings.partitions,
            key_type=bytes,
            value_type=bytes,
            options={"block_cache_size": BLOCK_CACHE, "write_buffer_size": WRITE_BUFFER},
        )
        self._store = TableRowStore(self._table)
        source = app.topic(*self.inputs, schema=ChunkSchema(), key_serializer="raw", value_serializer="raw")

        @app.agent(source, concurrency=1)
        async def fold(stream: Any) -> None:
            try:
                await self._fold(stream)
            except Exception as fault:  # Faust would restart the agent after records that were not folded
                log.critical("the fold failed", exc_info=fault)
                exit_process(f"the fold failed ({type(fault).__name__}: {fault})")

        app.on_partitions_assigned.connect(self._assigned, weak=False)
        return app

    async def _fold(self, stream: Any) -> None:
        broker, settings = self.broker, self.settings
        producer = AIOKafkaProducer(
            acks="all", max_batch_size=MAX_BATCH, max_request_size=MAX_REQUEST, **broker.client()
        )
        self._throttle.heed(producer)
        await producer.start()
        tail = TopicTail(broker.consumer, broker.name("alarms"), settings.partitions)
        watch = Watchdog(settings.session / 2)
        engine: WriteBehind[StoredRow] = WriteBehind(
            processor=self._processor,
            codec=CODEC,
            reject=self._reject,
            store=self._store,
            producer=GuardedProducer(producer, watch),
            changelog=self._table.changelog_topic.get_topic_name(),
            incarnations=self.offsets.incarnations,
            interval=settings.flush,
            cached=settings.rows,
            output_log=partial(self._output_log, tail),
            in_hand=InHand(settings.state),
        )
        aligned = Alignment(self._timed(engine.take), self.inputs, self._lag, self._halted, polled_at=self._polled_at)
        self.engine, self.aligned = engine, aligned
        self.metrics.engine(engine.counts)
        try:
            async with tail, engine.running(), aligned.running():
                await deliver(stream, aligned.take)
        finally:
            self.engine = self.aligned = None
            await producer.stop()
            watch.stop()

    def _timed(self, take: Take) -> Take:
        """Measure the time from taking a chunk to its acknowledgement."""

        async def timed(partition: int, records: Sequence[Any], done: Done) -> None:
            began = time.perf_counter()

            def measured(safe: bool = True) -> None:
                self.metrics.commit(time.perf_counter() - began)
                done(safe)

            await take(partition, records, measured)

        return timed

    async def _observe(self) -> None:
        """Report progress, and read the rows of assigned partitions before their first record arrives."""
        while True:
            await asyncio.sleep(OBSERVE_OFTEN if await self.ready() else OBSERVE)
            recovery = self.app.tables.recovery
            remaining = recovery.active_remaining_total() if recovery.in_recovery else None
            self.recovery.look(self._table.recovered, remaining)
            consumer, engine = self.app.consumer, self.engine
            for tp in consumer.delivering:
                if engine is not None and tp.partition not in engine.opened:
                    await engine.open(tp.partition)
                if (lag := consumer.lag(tp)) is not None:
                    self.metrics.lag(tp.topic.removeprefix(self.broker.prefix), tp.partition, lag)

    async def _scrub(self) -> None:
        """Remove the old bytes of deleted rows from time to time; a stop does so too."""
        while True:
            await asyncio.sleep(SCRUB)
            if self.engine is not None:
                await self.engine.scrub()

    async def _measure(self) -> None:
        """Report how much room the state takes."""
        while True:
            self.metrics.disk(*await asyncio.to_thread(room_of, self.settings.state))
            await asyncio.sleep(MEASURE)

    async def _watch(self) -> None:
        """End the process if, according to Kafka, records wait and nothing is committed."""
        liveness = Liveness(self.settings.stuck)
        while True:
            await asyncio.sleep(min(ASK, self.settings.stuck / 5))
            try:
                async with asyncio.timeout(ASK):
                    await self.offsets.check_incarnations(exit_process)
                    moving = await self._moving()
            except (KafkaError, TimeoutError, OSError) as fault:
                log.warning("Kafka does not answer: %s", str(fault) or type(fault).__name__)
                self._kafka_away = True
                liveness.forgive()
                continue
            self._kafka_away = False
            if self._throttle.holds:
                liveness.forgive()
            elif stuck := liveness.look(moving):
                exit_process(f"{stuck}, though records wait and Kafka answers (VIGIA_STUCK)")

    async def _moving(self) -> dict[str, Hashable]:
        """By name, the position of everything that must make progress now."""
        if self.app.tables.recovery.in_recovery:
            return {"the recovery of rows": self.recovery.done}
        if self.app.rebalancing:
            return {"the assignment of partitions": self.app.consumer_generation_id}
        if lacking := self.app.consumer.lacking():
            log.warning(
                "%s not assigned with the rest; asking for a new assignment",
                ", ".join(f"{t}/{n}" for t, n in sorted(lacking)),
            )
            await self.app.consumer.rejoin()
            return {"the assignment of partitions": "a part"}
        inputs = [tp for tp in self.app.consumer.assignment() if tp.topic in self.app.consumer.inputs]
        waiting = await self.offsets.lagging(inputs)
        return {f"the commit of {tp.topic}/{tp.partition}": committed for tp, committed in waiting.items()}

    def _processor(self, rows: Rows[StoredRow]) -> PartitionProcessor:
        home = partial(partition_of, self.settings.partitions)
        if misplaced(rows, home):
            exit_process(
                f"the customers of partition {rows.partition} were spread over another number of partitions than "
                f"VIGIA_PARTITIONS={self.settings.partitions}: set the former number (docs/operations.md, More partitions)"
            )
        return PartitionProcessor(
            rows, self.policy, self.broker.name, self.metrics, self.hashes, self._keys, home, self.settings.partitions
        )

    def _output_log(self, tail: TopicTail, rows: Rows[StoredRow], processor: Any) -> OutputLog:
        alarms = self.broker.name("alarms")
        return OutputLog(alarms, rows, Reconciler(processor, alarms), tail)

    def _reject(self, record: Any, error: Exception) -> Output:
        self.metrics.rejected("core_error", record.topic.removeprefix(self.broker.prefix))
        log.error("%s/%d@%d: the core failed: %s", record.topic, record.partition, record.offset, describe(error))
        detail = f"{type(error).__name__}: {error}"
        return dead_letter(self.broker.name("dead-letters"), record, "core_error", detail)

    async def _assigned(self, *_: Any, **__: Any) -> None:
        if self.engine is not None and self.aligned is not None:
            self.engine.reset()
            self.aligned.reset()
        with suppress(KafkaError, TimeoutError, OSError):  # `_watch` asks again
            async with asyncio.timeout(ASK):
                await self.offsets.check_incarnations(exit_process)
        self.metrics.assigned(range(self.settings.partitions))
        self._assigned_once = True

    def _lag(self, tp: TP, position: int | None) -> int | None:
        lag: int | None = self.app.consumer.lag(tp, position)
        return lag

    def _polled_at(self, tp: TP) -> int:
        polled: int = self.app.consumer.polled_at(tp)
        return polled

    def _halted(self) -> bool:
        return bool(self.app.should_stop or not self.app.consumer.flow_active)

    async def ready(self) -> str:
        """Why the worker is not ready; empty when the records of every assigned partition are being folded."""
        consumer = self.app.consumer
        if not self.app.started or self.engine is None:
            return "starting"
        if self._kafka_away:
            return "Kafka does not answer"
        if self.app.tables.recovery.in_recovery:
            return "rows are being recovered"
        if self.app.rebalancing or not self._assigned_once:
            return "partitions are being assigned"
        if consumer.lacking():
            return "partitions of some topics are not assigned yet"
        inputs = {tp for tp in consumer.assignment() if tp.topic in consumer.inputs}
        if any(tp not in consumer.delivering for tp in inputs):
            return "records are not coming yet"
        if any(tp.partition not in self.engine.opened for tp in inputs):
            return "rows are being read"
        return ""

    async def _work(self) -> None:
        await self.app.start()
        await self.app.wait_until_stopped()
        if self.app.crash_reason is not None:
            set_aside(self.app.crash_reason)  # Faust's recovery writes into the stores too
            raise self.app.crash_reason

    async def serve(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then fold and commit what was read. Raises the error that ends it otherwise."""
        await check(self.broker, self.settings.partitions, self.settings.replicas)
        self.settings.state.mkdir(parents=True, exist_ok=True)
        set_damaged_aside(self.settings.state)
        self.metrics.damaged(len(damaged_stores(self.settings.state)))
        gc.set_threshold(GARBAGE_AFTER)
        sys.setswitchinterval(SWITCH)
        async with self.offsets:
            aggregating = aggregate(self.broker, self.settings, self.policy, self.metrics)
            parts = (
                self._work(),
                aggregating,
                self._observe(),
                self._watch(),
                self._scrub(),
                self._measure(),
                stop.wait(),
            )
            tasks = [asyncio.create_task(part) for part in parts]
            try:
                ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
                for task in ended:
                    task.result()
            finally:
                is_fault = sys.exc_info()[0] is not None
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                try:
                    await asyncio.wait_for(self.app.stop(), self.settings.drain)
                except TimeoutError:
                    log.error("not drained within %g s: what is not committed is read again", self.settings.drain)
                except (asyncio.CancelledError, Exception):
                    if not is_fault:  # which may have closed the clients: a stop that fails must not hide it
                        raise
                    log.exception("not drained: what is not committed is read again")
                if not is_fault:
                    self._scrub_all()

    def _scrub_all(self) -> None:
        """Remove the old bytes of deleted rows when the worker stops; if that fails, the next start does it."""
        for partition in self._store.deleted_in():
            try:
                self._store.scrub(partition)
            except Exception as fault:
                log.warning("partition %d: old bytes of deleted rows remain: %s", partition, describe(fault))


def _credentials(broker: Broker) -> Any:
    client: Mapping[str, Any] = broker.client()
    if broker.tokens is not None:
        return faust.OAuthCredentials(oauth_cb=broker.tokens, ssl_context=client.get("ssl_context"))
    if broker.user:
        return faust.SASLCredentials(
            username=broker.user,
            password=broker.password,
            mechanism=client["sasl_mechanism"],
            ssl_context=client.get("ssl_context"),
        )
    return faust.SSLCredentials(context=client["ssl_context"]) if broker.tls else None


def misplaced(rows: Rows[StoredRow], home: Callable[[bytes], int]) -> bool:
    """Whether more than a quarter of a sample of the rows belongs to other partitions."""
    keys = list(islice((key for key, _ in rows.recovered() if not key.startswith(b"\x00")), SAMPLE))
    return 4 * sum(home(home_key(key)) != rows.partition for key in keys) > len(keys)
