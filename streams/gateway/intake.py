"""Facts on their way into Kafka, for whoever brings them: on the topic of their type, under their customer's key, and
acknowledged by every replica before anybody is told that they are in.

The bytes go as they came, unknown fields included. The partition is murmur2 of the customer's id, as Java's clients and
aiokafka have it, so that one customer's facts meet in one partition whoever sends them; a sale without a customer goes
anywhere. A second try of the same event is harmless: (`source`, `id`) makes it a duplicate.
"""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from scorers.contract.events import TOPIC_OF, AnyEvent
from vigia.runtime.broker import INPUTS, Broker

DEADLINE = 10.0  # seconds until what is not acknowledged counts as failed
PROBE = 2.0


class KafkaAway(RuntimeError):
    """Kafka did not acknowledge in time; some may be in, and all may be sent again."""


class Fact(NamedTuple):
    """An event, and the bytes that told it."""

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
    """One producer. It starts when Kafka is there and says so as long as it is not."""

    def __init__(self, broker: Broker, deadline: float = DEADLINE) -> None:
        self.broker = broker
        self.deadline = deadline
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()

    async def send(self, facts: Iterable[Fact]) -> None:
        """Return once every fact is acknowledged; on the topic they stand in the order given."""
        handed: list[asyncio.Future[object]] = []
        try:
            async with asyncio.timeout(self.deadline):
                producer = await self._started()
                for fact in facts:
                    handed.append(await self._hand_over(producer, fact))  # noqa: PERF401  # so that all can be let go
                await asyncio.gather(*handed)
        except (KafkaError, TimeoutError, OSError) as fault:
            for one in handed:
                one.cancel()
            raise KafkaAway(f"Kafka at {self.broker.address} did not acknowledge ({type(fault).__name__})") from fault

    async def hand_over(self, fact: Fact) -> "asyncio.Future[object]":
        """Put one fact into the producer's hands; the future ends when it is acknowledged."""
        try:
            async with asyncio.timeout(self.deadline):
                return await self._hand_over(await self._started(), fact)
        except (KafkaError, TimeoutError, OSError) as fault:
            raise KafkaAway(f"Kafka at {self.broker.address} does not take events ({type(fault).__name__})") from fault

    async def ready(self) -> str:
        """Why it cannot send now; nothing when it can."""
        try:
            async with asyncio.timeout(PROBE):
                producer = await self._started()
                seen = await producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError, OSError) as fault:
            return f"Kafka at {self.broker.address} does not answer ({type(fault).__name__})"
        missing = [name for name in map(self.broker.name, INPUTS) if not seen.partitions_for_topic(name)]
        return f"no topic {', '.join(missing)}: run vigia topics apply" if missing else ""

    async def close(self) -> None:
        """Let go of Kafka; what was never acknowledged is given up."""
        if self._producer is not None:
            try:
                async with asyncio.timeout(PROBE):
                    await self._producer.stop()
            except (KafkaError, TimeoutError, OSError):
                pass  # who waited for an acknowledgement was told otherwise long ago

    async def _hand_over(self, producer: AIOKafkaProducer, fact: Fact) -> "asyncio.Future[object]":
        whose = fact.event.customer_id
        handed: asyncio.Future[object] = await producer.send(
            self.broker.name(fact.topic), fact.raw, key=None if whose is None else whose.encode()
        )
        return handed

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
