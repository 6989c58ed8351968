"""Run all of Vigía against an embedded broker, for the demo.

The worker runs in its own process, because folding is most of the work and a Python process computes on one core; clock,
trainer, notifier and gateway run in this one. The worker's standard input is a pipe to this process, so it ends when this
process ends, even if it is killed.
"""

import asyncio
import logging
import os
import re
import secrets
import socket
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from prometheus_client import CollectorRegistry

from alerts.pipeline.connect import connect_all
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.notifier import GROUP, Notifier
from alerts.pipeline.routes import read
from scorers.contract.events import DAY, Instant, Micros
from scorers.policy.tables import Policy
from streams.clock.clock import Clock
from streams.gateway.gateway import accepting
from streams.gateway.intake import Intake
from streams.gateway.tokens import Tokens
from streams.trainer.trainer import Trainer
from vigia.console.config import Config
from vigia.console.entry.accounts import Accounts
from vigia.console.running import FILE, Setup, live
from vigia.lab.demo.feed import AHEAD, Reached
from vigia.lab.demo_tail import DemoTail
from vigia.lab.embedded_kafka import PARTITIONS
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore
from vigia.runtime import health
from vigia.runtime.broker import Broker
from vigia.runtime.privacy.keyed_hash import keyed_hash
from vigia.runtime.settings import Settings
from vigia.runtime.supervisor import Part, run_together
from vigia.runtime.topic_reader import committed
from vigia.runtime.topics import READ, WORKER, apply

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
ROUTES = """
[channel.log]
type = "log"
names = true

[[route]]
name = "everything"
to = ["log"]
"""
DRAIN = 20.0  # seconds for the worker to drain
TIMEOUT = 180.0  # seconds for the last records to be processed
MAX_NOTIFIER_LAG = 5_000  # alarms that the notifier may lag behind before the feed pauses
_ADDRESS = re.compile(r"metrics on (http://\S+)")


class WorkerEnded(RuntimeError):
    """The worker's process has ended; the message holds the last lines of its log."""


class Overdue(RuntimeError):
    """Records were not processed in time."""


def _free(port: int) -> int:
    """The port if nobody has it, else 0, which takes any."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return 0
    return port


class DemoStack:
    """Clock, trainer, notifier, gateway and console in this process, a worker in another, on one broker."""

    def __init__(
        self,
        kafka: str,
        folder: Path,
        state: Path,
        policy: Policy,
        port: int,
        metrics_port: int,
        console_port: int = 0,
    ) -> None:
        self.broker = Broker(kafka)
        self.policy, self.folder, self.state = policy, folder, state
        self.settings = Settings(partitions=PARTITIONS, state=state, margin=AHEAD, seal=secrets.token_hex(32))
        self.clock = Clock(self.broker, self.settings, policy, follows=True, every=0.02)
        self.trainer = Trainer(self.broker, self.settings)
        self.registry = CollectorRegistry()
        routes = read(ROUTES)
        self.metrics = NotifierMetrics(self.registry)
        self.notifier = Notifier(
            self.broker,
            routes,
            lambda: connect_all(routes, os.environ),
            self.metrics,
            keyed_hash(self.settings.privacy_key, state),
            policy.time.notify_within,
            lambda: Instant(self.ticked()),
        )
        self.gateway_port, self.metrics_port, self.console_port = port, metrics_port, console_port
        self.is_shown = asyncio.Event()  # the console serves, on `console_port`
        self._day, self._lag_checked = -1, 0.0
        # a day, and the offsets of `clock` that the workers must commit before it is complete
        self._pending: tuple[int, dict[TopicPartition, int]] | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["asyncio.Task[None]"]:
        """Run all parts while the block runs; the task ends when one of them fails."""
        await apply(self.broker, PARTITIONS)
        text = (self.folder / "policy.toml").read_text()
        parts = (
            Part("gateway", self._take_events),
            Part("clock", lambda stop: self.clock.run(stop, text)),
            Part("worker", self._work),
            Part("trainer", self.trainer.run),
            Part("notifier", self.notifier.run),
            Part("console", self._show),
        )
        stop = asyncio.Event()
        async with (
            self._admin() as (self._group, self._topics),
            health.serving_health(self.registry, self.metrics_port, HOST, self.notifier.ready) as self.metrics_port,
        ):
            running = asyncio.create_task(run_together(parts, stop), name="demo-stack")
            try:
                yield running
            finally:
                stop.set()
                await asyncio.wait([running])

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[tuple[AIOKafkaAdminClient, AIOKafkaConsumer]]:
        admin = AIOKafkaAdminClient(**self.broker.client())
        consumer = AIOKafkaConsumer(enable_auto_commit=False, **self.broker.consumer())
        try:
            await admin.start()
            await consumer.start()
            yield admin, consumer
        finally:
            await consumer.stop()
            await admin.close()

    async def _take_events(self, stop: asyncio.Event) -> None:
        async with accepting(
            Intake(self.broker), Tokens(()), HOST, self.gateway_port, self.registry
        ) as self.gateway_port:
            await stop.wait()

    async def _show(self, stop: asyncio.Event) -> None:
        metrics = {"notifier": f"http://{HOST}:{self.metrics_port}"}
        setup = Setup(
            accounts=Accounts(self.state / "console"),
            config=Config(processes=metrics),
            policy=self.policy,
            policy_text=(self.folder / "policy.toml").read_text(),
        )
        model = ReadModel(SqliteStore(self.state / "console" / FILE), lambda: self.ticked() or time.time_ns() // 1000)
        hashes, registry = keyed_hash(self.settings.privacy_key, self.state), CollectorRegistry()
        async with live(setup, model, self.broker, hashes, registry, HOST, _free(self.console_port), stop) as bound:
            self.console_port = bound
            self.is_shown.set()
            await stop.wait()

    # --- the worker's process ---------------------------------------------------------------------------------

    async def _work(self, stop: asyncio.Event) -> None:
        with (self.folder / "worker.log").open("wb") as log_file:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "vigia.runtime.parent_watch", "worker"),
                *("--metrics-port", "0", "--policy", str(self.folder / "policy.toml")),
                env=self._environment(),
                stdin=asyncio.subprocess.PIPE,
                stdout=log_file,
                stderr=log_file,
                start_new_session=True,  # Ctrl-C reaches this process only, which then stops the worker
            )
        (self.folder / "worker.pid").write_text(f"{process.pid}\n")
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([ended, stopped], return_when=asyncio.FIRST_COMPLETED)
            if not stop.is_set():
                raise WorkerEnded(f"exit status {process.returncode}; the end of its log:\n{self._log_tail()}")
            process.terminate()
            await asyncio.wait([ended], timeout=DRAIN)
        finally:
            stopped.cancel()
            if process.returncode is None:
                process.kill()
                await ended

    def _environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if not name.startswith("VIGIA_")},
            "VIGIA_KAFKA": self.broker.address,
            "VIGIA_PREFIX": "",
            "VIGIA_HOST": HOST,
            "VIGIA_PARTITIONS": str(PARTITIONS),
            "VIGIA_STATE": str(self.state),
            "VIGIA_SEAL": self.settings.seal,
            "VIGIA_MARGIN": f"{AHEAD // DAY}d",
            "VIGIA_FLUSH": "0.1",
            "VIGIA_COMMIT": "0.1",
        }

    def _log_tail(self) -> str:
        lines = (self.folder / "worker.log").read_text(errors="replace").splitlines()
        return "\n".join(lines[-5:])

    def worker_metrics(self) -> str:
        """Return the URL of the worker's metrics, once its log names it."""
        found = _ADDRESS.search((self.folder / "worker.log").read_text(errors="replace"))
        return found[1] if found else ""

    # --- progress -----------------------------------------------------------------------------------------------

    def ticked(self) -> Micros:
        """Return the newest tick that has been sent to every partition."""
        return min(self.clock.sent.values())

    async def reached(self, tail: DemoTail) -> Reached:
        """Return how far the workers are; waits while the notifier lags, which is checked once a second."""
        if self._pending is None and tail.day > self._day and self.trainer.has_answered(tail.day_offset + 1):
            self._pending = tail.day, await self._topics.end_offsets(self._places("clock"))
        if self._pending is not None:
            day, ends = self._pending
            done = await self._committed(WORKER, list(ends))
            if all(done[place] >= end for place, end in ends.items()):
                self._day, self._pending = day, None
        if time.monotonic() > self._lag_checked + 1.0:
            while await self.behind(GROUP, "alarms") > MAX_NOTIFIER_LAG:
                await asyncio.sleep(0.2)
            self._lag_checked = time.monotonic()
        return Reached(self._day, self.ticked())

    def notified(self) -> tuple[int, int]:
        """Count delivered notifications and changes that were not delivered."""
        count: Counter[str] = Counter()
        for sample in (sample for family in self.registry.collect() for sample in family.samples):
            labels = sample.labels
            if sample.name == "vigia_deliveries_total" and labels["outcome"] == "sent":
                count["delivered"] += int(sample.value)
            if sample.name == "vigia_notifications_decided_total" and labels["state"] == "stopped":
                count["stopped"] += int(sample.value)
        return count["delivered"], count["stopped"]

    async def behind(self, group: str, *topics: str) -> int:
        """Count the records of topics that a group has not committed."""
        ends = await self._topics.end_offsets(self._places(*topics))
        done = await self._committed(group, list(ends))
        return sum(max(0, end - done[place]) for place, end in ends.items())

    def _places(self, *topics: str) -> list[TopicPartition]:
        return [TopicPartition(self.broker.name(topic), n) for topic in topics for n in range(PARTITIONS)]

    async def _committed(self, group: str, places: list[TopicPartition]) -> dict[TopicPartition, int]:
        found = await committed(self._group, self.broker.name(group), places)
        return {place: found[place].offset if place in found else 0 for place in places}

    async def all_done(self, until: Micros) -> None:
        """Wait until a tick of this instant has reached every partition and its results are processed."""
        deadline = time.monotonic() + TIMEOUT
        while True:
            folded = self.ticked() >= until and not await self.behind(WORKER, *READ)
            if folded and not await self.behind(GROUP, "alarms"):
                return
            if time.monotonic() > deadline:
                raise Overdue(
                    f"the last events were not processed within {TIMEOUT:.0f} seconds; see {self.folder}/*.log"
                )
            await asyncio.sleep(0.1)
