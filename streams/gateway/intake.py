"""Sends facts to Kafka: on the topic of their type, keyed by their customer, acknowledged by every replica.

The bytes are sent as they came, unknown fields included. The partition is murmur2 of the customer's id, as Java's
clients and aiokafka have it, so the facts of a customer meet in one partition whoever sends them; a sale without a
customer goes to any. A second attempt of the same event is harmless: (`source`, `id`) makes it a duplicate.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from scorers.contract.events import TOPIC_OF, AnyEvent
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.rights.table import PROCESSES

DEADLINE = 10.0  # seconds until what is not acknowledged counts as failed
PROBE = 2.0


class KafkaAway(RuntimeError):
    """Kafka did not acknowledge in time; some may be in, and all may be sent again."""


class Fact(NamedTuple):
    """An event, and the bytes that contained it."""

    event: AnyEvent
    raw: bytes

    @property
    def type(self) -> str:
        """The event's type, as on the wire."""
        return str(self.event.__struct_config__.tag)

    @property
    def topic(self) -> str:
        """The plain name of its topic."""
        return TOPIC_OF[self.type.partition(".")[0]]


class Intake:
    """One producer, started when Kafka is reachable; `KafkaAway` is raised until then."""

    def __init__(self, broker: Broker, deadline: float = DEADLINE) -> None:
        self.broker = broker.limited_to(PROCESSES["gateway"].writes)
        self.deadline = deadline
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, facts: Iterable[Fact]) -> None:
        """Return once every fact is acknowledged; their order is kept on each topic. Raises `KafkaAway`."""
        pending: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(self.deadline):
                producer = await self._started()
                for fact in facts:
                    pending.append(await self._enqueue(producer, fact))  # noqa: PERF401  # so that all can be cancelled
                await asyncio.gather(*pending)
        except (KafkaError, TimeoutError, OSError) as fault:
            for one in pending:
                one.cancel()
            raise KafkaAway(f"Kafka did not acknowledge ({type(fault).__name__})") from fault

    async def enqueue(self, fact: Fact) -> "asyncio.Future[object]":
        """Pass one fact to the producer; the future completes when it is acknowledged. Raises `KafkaAway`."""
        try:
            async with asyncio.timeout(self.deadline):
                return await self._enqueue(await self._started(), fact)
        except (KafkaError, TimeoutError, OSError) as fault:
            raise KafkaAway(f"Kafka does not accept events ({type(fault).__name__})") from fault

    async def ready(self) -> str:
        """Why it cannot send now; empty when it can."""
        try:
            async with asyncio.timeout(PROBE):
                producer = await self._started()
                seen = await producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError, OSError) as fault:
            return f"Kafka does not answer ({type(fault).__name__})"
        missing = [name for name in map(self.broker.name, INPUTS) if not seen.partitions_for_topic(name)]
        return f"no topic {', '.join(missing)}: run vigia topics apply" if missing else ""

    async def close(self) -> None:
        """Disconnect; what was never acknowledged is given up."""
        if self._producer is not None:
            try:
                async with asyncio.timeout(PROBE):
                    await self._producer.stop()
            except (KafkaError, TimeoutError, OSError):
                pass  # whoever waited for an acknowledgement has got `KafkaAway` long before

    async def _enqueue(self, producer: AIOKafkaProducer, fact: Fact) -> "asyncio.Future[object]":
        customer_id = fact.event.customer_id
        future: asyncio.Future[object] = await producer.send(
            self.broker.name(fact.topic), fact.raw, key=None if customer_id is None else customer_id.encode()
        )
        return future

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **self.broker.client(),
                    acks="all",
                    enable_idempotence=True,
                    request_timeout_ms=int(self.deadline * 1000),
                    linger_ms=2,
                )
                try:
                    await producer.start()
                except BaseException:
                    await producer.stop()
                    raise
                self._producer = producer
            return self._producer
