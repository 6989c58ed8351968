"""The worker: one Faust app whose one thin agent folds all input topics of its partitions.

Here everything meets and nothing is decided: chunks are `chunks`', the order of writing is `writebehind`'s, what a
record does is `fold`'s. What is added is life: ready when an agent has every assigned partition, drained when told to
stop, gone at once when its event loop has stalled so long that another worker may have its partitions.
"""

import asyncio
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import faust
from aiokafka import AIOKafkaProducer
from faust.types import TP

from scorers.control import ModelInForce
from scorers.policy import Policy
from streams.aggregator import add_up
from streams.align import Alignment
from streams.chunks import ChunkSchema, ChunkTransport, Done, Take, deliver
from streams.fold import Folder, dead_letter
from streams.kept import CODEC, Kept
from streams.metrics import WorkerMetrics
from streams.rows import Rows
from streams.seal import sealed
from streams.shelf import TableShelf
from streams.topics import READ, TABLE, WORKER, check
from streams.writebehind import Output, WriteBehind
from vigia.broker import Broker
from vigia.settings import Settings

log = logging.getLogger(__name__)

BLOCK_CACHE, WRITE_BUFFER = 16 << 20, 8 << 20  # bytes per partition; Faust's choice is two gigabytes
MAX_BATCH, MAX_REQUEST = 900_000, 1_000_000
LAG_EVERY = 1.0  # seconds
STALLED = 70  # exit status, as of any failure that the next start repairs


class Worker:
    """One worker: `app` is the Faust app, `ready` says why it does not work yet, `serve` runs it until told to stop."""

    def __init__(self, broker: Broker, settings: Settings, policy: Policy, metrics: WorkerMetrics) -> None:
        self.broker, self.settings, self.policy, self.metrics = broker, settings, policy, metrics
        self.inputs = [broker.name(topic) for topic in READ]
        self.engine: WriteBehind[Kept] | None = None
        self.aligned: Alignment | None = None
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
        )
        app.transport = ChunkTransport(app, self.inputs)
        table = app.Table(
            broker.name(f"{WORKER}-{TABLE}").removeprefix(f"{app.conf.id}-"),
            partitions=settings.partitions,
            key_type=bytes,
            value_type=bytes,
            options={"block_cache_size": BLOCK_CACHE, "write_buffer_size": WRITE_BUFFER},
        )
        source = app.topic(*self.inputs, schema=ChunkSchema(), key_serializer="raw", value_serializer="raw")

        @app.agent(source, concurrency=1)
        async def fold(stream: Any) -> None:
            await self._fold(stream, table)

        app.on_partitions_assigned.connect(self._assigned, weak=False)
        return app

    async def _fold(self, stream: Any, table: Any) -> None:
        broker, settings = self.broker, self.settings
        producer = AIOKafkaProducer(
            acks="all", max_batch_size=MAX_BATCH, max_request_size=MAX_REQUEST, **broker.client()
        )
        await producer.start()
        engine: WriteBehind[Kept] = WriteBehind(
            folder=self._folder,
            codec=CODEC,
            reject=self._reject,
            shelf=TableShelf(table),
            producer=producer,
            changelog=table.changelog_topic.get_topic_name(),
            interval=settings.flush,
            cached=settings.rows,
        )
        aligned = Alignment(self._timed(engine.take), self.inputs, self._behind, self._halted)
        self.engine, self.aligned = engine, aligned
        try:
            async with engine.running(), aligned.running():
                await deliver(stream, aligned.take)
        finally:
            self.engine = self.aligned = None
            await producer.stop()

    def _timed(self, take: Take) -> Take:
        """Measures how long it is from a chunk to its acknowledgement."""

        async def timed(topic: str, partition: int, records: Sequence[Any], done: Done) -> None:
            began = time.perf_counter()

            def measured(safe: bool = True) -> None:
                self.metrics.commit(time.perf_counter() - began)
                done(safe)

            await take(topic, partition, records, measured)

        return timed

    async def _tell_lag(self) -> None:
        while True:
            await asyncio.sleep(LAG_EVERY)
            consumer = self.app.consumer
            for tp in consumer.delivering:
                if (behind := consumer.behind(tp)) is not None:
                    self.metrics.lag(tp.topic.removeprefix(self.broker.prefix), tp.partition, behind)

    def _folder(self, rows: Rows[Kept]) -> Folder:
        trust = partial(_trusted, self.settings.seal)
        return Folder(rows, self.policy, self.broker.name, self.metrics, trust)

    def _reject(self, record: Any, error: Exception) -> Output:
        self.metrics.rejected("core_error")
        log.error("%s/%d@%d: the core failed", record.topic, record.partition, record.offset, exc_info=error)
        detail = f"{type(error).__name__}: {error}"
        return dead_letter(self.broker.name("dead-letters"), record, "core_error", detail)

    def _assigned(self, *_: Any, **__: Any) -> None:
        if self.engine is not None and self.aligned is not None:
            self.engine.reset()
            self.aligned.reset()
        self.metrics.revoked(range(self.settings.partitions))

    def _behind(self, tp: TP, position: int | None) -> int | None:
        behind: int | None = self.app.consumer.behind(tp, position)
        return behind

    def _halted(self) -> bool:
        return bool(self.app.should_stop or not self.app.consumer.flow_active)

    async def ready(self) -> str:
        """Why the worker does not work yet; nothing when an agent is alive on every assigned partition."""
        consumer = self.app.consumer
        if not self.app.started or self.engine is None:
            return "starting"
        if self.app.rebalancing:
            return "partitions are being given out"
        inputs = {tp for tp in consumer.assignment() if tp.topic in consumer.inputs}
        if any(tp not in consumer.delivering for tp in inputs):
            return "rows are being recovered"
        return ""

    async def serve(self, stop: asyncio.Event) -> None:
        """Work until told to stop, then fold and commit what was read; raises what ended it otherwise."""
        await check(self.broker, self.settings.partitions)
        self.settings.state.mkdir(parents=True, exist_ok=True)
        adding = asyncio.create_task(add_up(self.broker, self.settings, self.policy), name="figures")
        telling: asyncio.Task[None] | None = None
        watch = Watchdog(self.settings.session / 2)
        try:
            await self.app.start()
            telling = asyncio.create_task(self._tell_lag(), name="lag")
            ending = [asyncio.create_task(what) for what in (stop.wait(), self.app.wait_until_stopped())]
            await asyncio.wait([*ending, adding], return_when=asyncio.FIRST_COMPLETED)
            for task in ending:
                task.cancel()
            if adding.done():
                adding.result()
            if self.app.crash_reason is not None:
                raise self.app.crash_reason
        finally:
            for task in filter(None, (adding, telling)):
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task
            try:
                await asyncio.wait_for(self.app.stop(), self.settings.drain)
            except TimeoutError:
                log.error("not drained within %g s: what is not committed will be read again", self.settings.drain)
            watch.stop()


def _trusted(secret: str, control: ModelInForce) -> bool:
    return sealed(secret, control.model.encode(), control.seal)


def _credentials(broker: Broker) -> Any:
    told: Mapping[str, Any] = broker.client()
    if broker.user:
        return faust.SASLCredentials(
            username=broker.user,
            password=broker.password,
            mechanism=told["sasl_mechanism"],
            ssl_context=told.get("ssl_context"),
        )
    return faust.SSLCredentials(context=told["ssl_context"]) if broker.tls else None


def _leave() -> None:
    os._exit(STALLED)


class Watchdog:
    """Ends the process when its event loop has stood still for so long that its partitions may be another worker's.

    What it would write then could be older than what the other has written.
    """

    def __init__(self, limit: float, end: Callable[[], object] = _leave) -> None:
        self._limit, self._end = limit, end
        self._alive, self._over = time.monotonic(), threading.Event()
        self._loop = asyncio.get_running_loop()
        self._beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def _beat(self) -> None:
        self._alive = time.monotonic()
        if not self._over.is_set():
            self._loop.call_later(self._limit / 10, self._beat)

    def _watch(self) -> None:
        while not self._over.wait(self._limit / 10):
            if time.monotonic() - self._alive > self._limit:
                log.critical("the event loop stood still for %g s: exiting, as others may go on by now", self._limit)
                self._end()
                return

    def stop(self) -> None:
        """No more watching."""
        self._over.set()
