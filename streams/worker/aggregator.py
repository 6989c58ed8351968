"""Adds up what the partitions tell on the topic `figures`, and publishes what follows: figures of days, and worklists.

Every worker runs one; the consumer group assigns the topic's single partition to one of them. A record is committed once what it is
about is closed, so the next owner reads again what is still open. What a kind of contribution needs to know beside that is in the
metadata of the committed offset. A record that comes twice changes nothing.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Protocol

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import OffsetAndMetadata

from scorers.in_force.counted.flows import Told
from scorers.policy.tables import Policy
from streams.engine.throttle import Throttle
from streams.metrics.worker import WorkerMetrics
from streams.records.control_log import send_to_all
from streams.records.signing import Keyring, keyring
from streams.worker.forwarded import tell_flow
from streams.worker.policies import Policies
from streams.worker.reports import Report, Sums, decode_report
from streams.worker.worklists.publisher import ListPublisher
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings
from vigia.runtime.topic_reader import committed
from vigia.runtime.topics import WORKER

log = logging.getLogger(__name__)
GROUP = f"{WORKER}-figures"


class Contributions(Protocol):
    """Adds up one kind of contribution, from the committed offset on."""

    KEY: bytes  # of its records

    async def begin(self, mark: str) -> None:
        """Begin with the mark that was committed; empty if there is none."""

    async def take(self, value: bytes) -> Any:
        """Take a record, publish what follows, and return what `is_closed` asks for. Raises ValueError if it is none."""

    def is_closed(self, about: Any) -> bool:
        """Whether nothing that a record was about is open any more."""

    @property
    def mark(self) -> str:
        """What the next owner needs to know; at most some hundred bytes."""


class FigureReports:
    """The reports of days; what they are about is their day. Flows are told what a day has brought on the topic `groups`."""

    KEY = Report.KEY
    mark = ""

    def __init__(
        self, settings: Settings, policies: Policies, producer: Any, keys: Keyring, names: Callable[[str], str]
    ) -> None:
        self.sums = Sums(settings.partitions, policies.first, settings.margin)
        self._policies = policies
        self._send = producer, keys, names("clock"), settings.partitions
        self._groups, self._partitions, self._producer = names("groups"), settings.partitions, producer

    async def begin(self, mark: str) -> None:
        """Begin with nothing."""

    async def take(self, value: bytes) -> int:
        """Add a report, and put the figures of its day in force if it was the last one missing."""
        report = decode_report(value)
        self.sums.policy = await self._policies.of(report.policy)
        closed = self.sums.add(report)
        if closed is not None:
            await send_to_all(*self._send, closed.figures)
            await self._tell(closed.told)
        return report.day

    async def _tell(self, told: Iterable[Told]) -> None:
        sent = []
        for one in told:
            out = tell_flow(self._groups, self._partitions, one)
            sent.append(await self._producer.send(out.topic, out.value, key=out.key, partition=out.partition))
        await asyncio.gather(*sent)

    def is_closed(self, day: int) -> bool:
        """Whether the figures of a day were sent."""
        return day <= self.sums.day


class _Open:
    """The records of one partition of the topic that are read and not committed."""

    def __init__(self, kinds: list[Contributions]) -> None:
        self.kinds = {kind.KEY: kind for kind in kinds}
        self._about: deque[tuple[int, Contributions, Any]] = deque()  # with the offset
        self._committed = ""

    async def begin(self, marks: Mapping[str, str]) -> None:
        for key, kind in self.kinds.items():
            await kind.begin(marks.get(key.decode(), ""))

    async def take(self, record: Any) -> None:
        kind = self.kinds.get(record.key or b"")
        try:
            if kind is None:
                raise ValueError(f"its key is none of {', '.join(key.decode() for key in self.kinds)}")
            about = await kind.take(record.value or b"")
        except ValueError as error:
            log.error("%s/%d@%d is no contribution: %s", record.topic, record.partition, record.offset, error)
            return
        self._about.append((record.offset, kind, about))

    def closed(self) -> OffsetAndMetadata | None:
        """What to commit: the offset up to which everything is closed; None if it has not moved."""
        offset = -1
        while self._about and self._about[0][1].is_closed(self._about[0][2]):
            offset = self._about.popleft()[0] + 1
        if offset < 0:
            return None
        marks = {key.decode(): kind.mark for key, kind in self.kinds.items() if kind.mark}
        return OffsetAndMetadata(offset, msgspec.json.encode(marks).decode())


class _ForgetOnRebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Forgets what was read in an earlier assignment and will be read again."""

    def __init__(self, forget: Callable[[], None]) -> None:
        self._forget = forget

    def on_partitions_revoked(self, revoked: Any) -> None:
        self._forget()

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._forget()


async def aggregate(broker: Broker, settings: Settings, policy: Policy, metrics: WorkerMetrics) -> None:
    """Add up contributions until cancelled."""
    keys = keyring(settings.seal, settings.seal_trust)
    consumer = AIOKafkaConsumer(
        group_id=broker.name(GROUP),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        session_timeout_ms=int(min(settings.session, 10.0) * 1000),
        heartbeat_interval_ms=1_000,
        **broker.consumer(),
    )
    producer = AIOKafkaProducer(acks="all", **broker.client())
    Throttle().heed(producer)
    admin = AIOKafkaAdminClient(**broker.client())
    opened: dict[TopicPartition, _Open] = {}

    def forget() -> None:
        opened.clear()
        metrics.worklist(None)

    policies = Policies(broker, keys, policy)

    def kinds() -> list[Contributions]:
        return [
            FigureReports(settings, policies, producer, keys, broker.name),
            ListPublisher(broker, settings.partitions, policies, producer, metrics),
        ]

    try:
        await producer.start()
        await admin.start()
        consumer.subscribe([broker.name("figures")], listener=_ForgetOnRebalance(forget))
        await consumer.start()
        async for record in consumer:
            tp = TopicPartition(record.topic, record.partition)
            if tp not in opened:
                one = _Open(kinds())
                await one.begin(await _marks(admin, broker.name(GROUP), tp))
                opened[tp] = one
            one = opened[tp]
            await one.take(record)
            if opened.get(tp) is one and (done := one.closed()) is not None:
                await consumer.commit({tp: done})
    finally:
        await consumer.stop()
        await admin.close()
        await producer.stop()


async def _marks(admin: AIOKafkaAdminClient, group: str, tp: TopicPartition) -> dict[str, str]:
    """The marks in the metadata of the committed offset."""
    found = await committed(admin, group, [tp])
    metadata = found[tp].metadata if tp in found else ""
    return msgspec.json.decode(metadata, type=dict[str, str]) if metadata else {}
