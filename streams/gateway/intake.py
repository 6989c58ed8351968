"""Sends facts to Kafka: on the topic of their type, keyed by their customer, acknowledged by every replica.

The bytes are sent as they came, unknown fields included. The partition is murmur2 of the customer's id, as Java's
clients and aiokafka have it, so the facts of a customer meet in one partition whoever sends them; a sale without a
customer goes to any. A second attempt of the same event is harmless: (`source`, `id`) makes it a duplicate.
"""

import asyncio
import logging
import math
from collections.abc import Iterable
from typing import Any, NamedTuple, get_args

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from scorers.contract.events import TOPIC_OF, AnyEvent
from streams.gateway.sending.batches import MAX_BATCH_BYTES, Batches, Record, Stalled
from streams.gateway.sending.reach import Unreachable
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.rights.table import PROCESSES

LOGGER = logging.getLogger("vigia.gateway")
DEADLINE = 10.0  # seconds until what is not acknowledged counts as failed
PATIENCE = 3.0  # seconds of silence after which nobody waits any more
PROBE = 2.0
LOOK = 5.0  # seconds between two looks whether Kafka takes events
NOT_TAKEN = "nothing of it was taken"
UNKNOWN = "some of it may be written all the same"
"""What has become of facts that were not acknowledged."""

TYPES: dict[type[AnyEvent], str] = {kind: str(kind.__struct_config__.tag) for kind in get_args(AnyEvent)}
TOPICS = {kind: TOPIC_OF[name.partition(".")[0]] for kind, name in TYPES.items()}
"""By class of event, its type on the wire, and the plain name of its topic."""


class KafkaAway(RuntimeError):
    """Kafka did not acknowledge in time, and all may be sent again; the text says whether some may be in."""


class Fact(NamedTuple):
    """An event, and the bytes that contained it."""

    event: AnyEvent
    raw: bytes

    @property
    def type(self) -> str:
        """The event's type, as on the wire."""
        return TYPES[type(self.event)]

    @property
    def topic(self) -> str:
        """The plain name of its topic."""
        return TOPICS[type(self.event)]


class Intake:
    """One producer, started when Kafka is reachable; `KafkaAway` is raised until then.

    After `patience` seconds in which Kafka was silent, or when the broker that leads a partition is gone, `send` raises `KafkaAway` at once. What was handed to the producer before is on its way
    meanwhile, and as soon as Kafka has it, or a start succeeds, `send` sends again.
    """

    def __init__(self, broker: Broker, deadline: float = DEADLINE, patience: float = PATIENCE) -> None:
        self.broker = broker.limited_to(PROCESSES["gateway"].writes)
        self.deadline, self.patience = deadline, patience
        self._topics = {kind: self.broker.name(topic) for kind, topic in TOPICS.items()}
        self._producer: AIOKafkaProducer | None = None
        self._batches: Batches | None = None
        self._start: asyncio.Task[Batches] | None = None
        self._starting_since: float | None = None
        self._former: set[asyncio.Task[None]] = set()
        self._cause = ""  # why Kafka refuses this client, as of the last look

    async def send(self, facts: Iterable[Fact]) -> None:
        """Return once every fact is acknowledged; their order is kept on each topic. Raises `KafkaAway`."""
        records = [self._record(fact) for fact in facts]
        until = asyncio.get_running_loop().time() + self.deadline
        batches, fate = self._usable(), NOT_TAKEN
        try:
            pending = batches.joined(records, self.patience) if batches is not None else None
            if pending is None:
                async with asyncio.timeout_at(until):
                    batches = batches or await self._started(self.patience)
                    fate = UNKNOWN
                    pending = await batches.add(records, self.patience)
            fate = UNKNOWN
            if len(pending) == 1:
                await pending.pop().by(until)
            else:
                await asyncio.gather(*[one.by(until) for one in pending])
        except (Stalled, Unreachable) as fault:
            raise KafkaAway(f"{fault}; {NOT_TAKEN}") from None
        except (KafkaError, TimeoutError, OSError) as fault:
            raise KafkaAway(f"Kafka did not acknowledge ({type(fault).__name__}); {fate}") from fault

    async def enqueue(self, fact: Fact) -> "asyncio.Future[Any]":
        """Pass one fact to the producer; the future completes when it is acknowledged. Raises `KafkaAway`."""
        try:
            async with asyncio.timeout(self.deadline):
                batches = self._usable() or await self._started()
                return (await batches.add([self._record(fact)])).pop().future
        except (Unreachable, KafkaError, TimeoutError, OSError) as fault:
            raise KafkaAway(f"Kafka does not accept events ({type(fault).__name__})") from fault

    async def ready(self) -> str:
        """Why it cannot send now; empty when it can."""
        why = await self._probed()
        return f"{why}: {self._cause}" if why and self._cause else why

    async def watch(self) -> None:
        """Log why Kafka takes no events whenever that changes, with the cause for which it refuses this client; until cancelled."""
        logged = ""
        while True:
            self._cause = await self.broker.refused() if await self._probed() else ""
            why = await self.ready()
            if why and why != logged:
                LOGGER.error("no event is accepted: %s", why)
            elif logged and not why:
                LOGGER.info("events are accepted again")
            logged = why
            await asyncio.sleep(LOOK)

    async def _probed(self) -> str:
        try:
            async with asyncio.timeout(PROBE):
                if self._usable() is None:
                    await self._started()
                assert self._producer is not None
                seen = await self._producer.client.fetch_all_metadata()
        except (KafkaError, TimeoutError, OSError) as fault:
            return f"Kafka does not answer ({type(fault).__name__})"
        missing = [name for name in map(self.broker.name, INPUTS) if not seen.partitions_for_topic(name)]
        return (
            f"no topic {', '.join(missing)}, or no right to describe it: run vigia topics apply, or grant what vigia topics rights prints"
            if missing
            else ""
        )

    async def close(self) -> None:
        """Disconnect; what was never acknowledged is given up."""
        for task in (self._start, *self._former):
            if task is not None:
                task.cancel()
        await asyncio.gather(*filter(None, (self._start, *self._former)), return_exceptions=True)
        if self._batches is not None:
            self._batches.close()
        if self._producer is not None:
            try:
                async with asyncio.timeout(PROBE):
                    await self._producer.stop()
            except (KafkaError, TimeoutError, OSError):
                pass  # whoever waited for an acknowledgement has got `KafkaAway` long before

    def _record(self, fact: Fact) -> Record:
        customer_id = fact.event.customer_id
        return self._topics[type(fact.event)], None if customer_id is None else customer_id.encode(), fact.raw

    def _usable(self) -> Batches | None:
        """The batches of the producer, if there is one whose batches Kafka takes."""
        return None if self._batches is None or self._batches.is_spoilt else self._batches

    async def _started(self, patience: float = math.inf) -> Batches:
        """A producer's batches; requests wait for one start together. Raises `Stalled` where starts have failed for so long."""
        now = asyncio.get_running_loop().time()
        if self._start is None or self._start.done():
            self._start = asyncio.create_task(self._connect())
            self._start.add_done_callback(_seen)
        if self._starting_since is None:
            self._starting_since = now
        if now - self._starting_since > patience:
            raise Stalled(patience)
        return await asyncio.shield(self._start)

    async def _connect(self) -> Batches:
        """Start a producer, in place of one whose batches Kafka refuses."""
        producer = AIOKafkaProducer(
            **self.broker.client(),
            acks="all",
            enable_idempotence=True,
            request_timeout_ms=int(self.deadline * 1000),
            linger_ms=2,
            max_batch_size=MAX_BATCH_BYTES,
        )
        try:
            await producer.start()
        except BaseException:
            await producer.stop()
            raise
        if self._batches is not None:
            self._batches.close()
        if self._producer is not None:
            former = asyncio.create_task(self._producer.stop())  # its other batches are on their way
            self._former.add(former)
            former.add_done_callback(self._former.discard)
        self._producer, self._batches, self._starting_since = producer, Batches(producer), None
        return self._batches


def _seen(start: "asyncio.Task[Batches]") -> None:
    """Read the error of a start whose requests may have ended, so that asyncio does not report it as unseen."""
    if not start.cancelled():
        start.exception()
