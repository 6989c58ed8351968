"""Adds up the reports of the partitions and publishes the figures of each day to every partition.

Every worker runs one; the consumer group assigns the topic's single partition to one of them. A report is committed once its day is
closed, so the next owner reads reports of open days again, and nothing else is stored. A day reported twice has the same figures, which
partitions that have them ignore.
"""

import logging
from collections import deque
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

from scorers.in_force.control import Control
from scorers.policy.tables import Policy
from streams.records.control_log import send_to_all
from streams.records.signing import keyring
from streams.worker.reports import Sums, decode_report
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings
from vigia.runtime.topics import WORKER

log = logging.getLogger(__name__)


class _Open:
    """The reports of one partition of the topic that are read and not committed."""

    def __init__(self, settings: Settings, policy: Policy) -> None:
        self.sums = Sums(settings.partitions, policy, settings.margin)
        self._days: deque[tuple[int, int]] = deque()  # offset, day

    def add(self, record: Any) -> Control | None:
        try:
            report = decode_report(record.value or b"")
        except ValueError as error:
            log.error("%s/%d@%d is not a report: %s", record.topic, record.partition, record.offset, error)
            return None
        self._days.append((record.offset, report.day))
        return self.sums.add(report)

    def done(self) -> int:
        """The offset up to which the day of every report is closed; -1 if it has not moved."""
        closed = -1
        while self._days and self._days[0][1] <= self.sums.day:
            closed = self._days.popleft()[0] + 1
        return closed


class _ForgetOnRebalance(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """Forgets the reports read in an earlier assignment, which will be read again."""

    def __init__(self, open_: dict[TopicPartition, _Open]) -> None:
        self._open = open_

    def on_partitions_revoked(self, revoked: Any) -> None:
        self._open.clear()

    def on_partitions_assigned(self, assigned: Any) -> None:
        self._open.clear()


async def aggregate(broker: Broker, settings: Settings, policy: Policy) -> None:
    """Add up reports until cancelled."""
    keys = keyring(settings.seal, settings.seal_trust)
    consumer = AIOKafkaConsumer(
        group_id=broker.name(f"{WORKER}-figures"),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        session_timeout_ms=int(min(settings.session, 10.0) * 1000),
        heartbeat_interval_ms=1_000,
        **broker.consumer(),
    )
    producer = AIOKafkaProducer(acks="all", **broker.client())
    opened: dict[TopicPartition, _Open] = {}
    await producer.start()
    try:
        consumer.subscribe([broker.name("figures")], listener=_ForgetOnRebalance(opened))
        await consumer.start()
        async for record in consumer:
            tp = TopicPartition(record.topic, record.partition)
            if tp not in opened:
                opened[tp] = _Open(settings, policy)
            figures = opened[tp].add(record)
            if figures is None:
                continue
            await send_to_all(producer, keys, broker.name("clock"), settings.partitions, figures)
            if tp in opened and (closed := opened[tp].done()) >= 0:
                await consumer.commit({tp: closed})
    finally:
        await consumer.stop()
        await producer.stop()
