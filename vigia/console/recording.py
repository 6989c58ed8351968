"""Writes to Kafka what people do in the console: actions, judgements, and replays of rejected records."""

import asyncio
import time
from collections.abc import Collection
from typing import Protocol
from uuid import uuid4

from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from scorers.contract.events import ActionName, AlarmAction, Instant, OwnerJudged
from scorers.contract.wire import encode_event
from vigia.operations import dead_letters
from vigia.readmodel.store.model import ReadModel
from vigia.runtime.broker import ACTIONS, Broker
from vigia.runtime.dead_letter import Letter, Origin
from vigia.runtime.sending.renewed_producer import RenewedProducer
from vigia.runtime.usage_error import UsageError

SOURCE = "vigia-console"
PATIENCE = 15.0  # seconds until what Kafka has not acknowledged counts as not recorded


class NotRecorded(RuntimeError):
    """What somebody did is not on Kafka; the message says why and what to do."""


class Recorder(Protocol):
    """Records what people do. Each method raises `NotRecorded`."""

    async def act(self, action: AlarmAction, key: str) -> bool:
        """Record an action; whether the read model has it already."""

    async def judge(self, judgement: OwnerJudged) -> bool:
        """Record a judgement."""

    async def send_back(self, origins: Collection[Origin]) -> int:
        """Send rejected records back; returns how many."""


class OnKafka:
    """Records on the topics of a broker."""

    def __init__(self, broker: Broker, model: ReadModel) -> None:
        self._broker, self._model = broker, model
        self._producer = RenewedProducer(broker.client())

    async def act(self, action: AlarmAction, key: str) -> bool:
        """Record an action; whether the read model has it already."""
        return await self._send(ACTIONS, key, encode_event(action))

    async def judge(self, judgement: OwnerJudged) -> bool:
        """Record a judgement."""
        return await self._send("feedback", judgement.customer_id, encode_event(judgement))

    async def send_back(self, origins: Collection[Origin]) -> int:
        """Send rejected records back; returns how many."""
        found: list[Letter] = []
        wanted = dead_letters.Filter(again=True)

        def take(letter: Letter, _: bool) -> None:
            if letter.origin in origins:
                found.append(letter)

        try:
            await dead_letters.find(self._broker, wanted, take)
            sent, left = await dead_letters.send_back(self._broker, found)
        except (KafkaError, OSError, UsageError) as fault:
            raise NotRecorded(f"Kafka did not take them ({type(fault).__name__}); try again") from None
        if left:
            raise NotRecorded(f"{left[0].why}; {sent} were sent")
        return sent

    async def _send(self, topic: str, key: str, value: bytes) -> bool:
        try:
            async with asyncio.timeout(PATIENCE):
                sent = await self._producer.send(self._broker.name(topic), value, key=key.encode())
        except TopicAuthorizationFailedError:
            raise NotRecorded(f"the console has no right to write to {self._broker.name(topic)}") from None
        except (KafkaError, OSError, TimeoutError) as fault:
            raise NotRecorded(f"Kafka did not acknowledge it ({type(fault).__name__}); try again") from None
        return await self._model.reached(topic, sent.partition, sent.offset)

    async def close(self) -> None:
        """Disconnect."""
        await self._producer.close()


class Nowhere:
    """The console of a finished run: nothing can be done."""

    async def act(self, action: AlarmAction, key: str) -> bool:
        """Refuse."""
        raise NotRecorded("this console shows a finished run: start vigia up, or vigia console with Kafka, to act")

    async def judge(self, judgement: OwnerJudged) -> bool:
        """Refuse."""
        raise NotRecorded("this console shows a finished run: start vigia up, or vigia console with Kafka, to act")

    async def send_back(self, origins: Collection[Origin]) -> int:
        """Refuse."""
        raise NotRecorded("this console shows a finished run: rejected lines are in rejected.jsonl")


def an_action(
    now: int,
    by: str,
    action: ActionName,
    *,
    customer_id: str | None,
    alarm_id: str | None = None,
    date: str | None = None,
    until: Instant | None = None,
    reason: str | None = None,
    treatment: str | None = None,
    action_id: str = "",
) -> AlarmAction:
    """An action of the contract, under a new id unless one is given."""
    return AlarmAction(
        id=action_id or uuid4().hex,
        source=SOURCE,
        time=Instant(now),
        customer_id=customer_id,
        alarm_id=alarm_id,
        worklist_date=date,
        action=action,
        by=by,
        until=until,
        reason=reason or None,
        treatment=treatment,
    )


def a_judgement(now: int, by: str, customer_id: str, good: bool) -> OwnerJudged:
    """A judgement of a customer."""
    return OwnerJudged(id=uuid4().hex, source=SOURCE, time=Instant(now), customer_id=customer_id, good=good, by=by)


def wall() -> int:
    """The wall clock in microseconds."""
    return time.time_ns() // 1000
