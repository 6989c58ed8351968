"""Sends events to Kafka so that a sending that was killed continues where it was, and each event is there once.

Events go in transactions, each with how many have gone: that number is committed as the offset of a group, with the name of what is sent
as its metadata. Only what was committed is read by consumers, and what a killed process had not committed is given up. On a broker without
sound transactions, as the embedded one, a sending always begins anew.
"""

import asyncio
import hashlib
import secrets
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import IncompatibleBrokerVersion, ProducerFenced
from aiokafka.structs import OffsetAndMetadata

from streams.files.publish import Line, ahead
from streams.gateway.intake import Fact, KafkaAway
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.topic_reader import committed

GROUP = "vigia-import"
FORM = 1  # to be raised when a build makes other events of the same rows, or in another order
AT_ONCE = 2_000  # events in one transaction
DEADLINE = 30.0  # seconds until a transaction that is not committed counts as failed


def content_name(sources: Sequence[str], form: str) -> str:
    """A name for what files give by a map: the same for the same bytes; another one each time for a pipe, which cannot be read again.

    Raises OSError.
    """
    if "-" in sources or not all(Path(source).is_file() for source in sources):
        return secrets.token_hex(16)
    found = hashlib.blake2b(f"{FORM}\n{form}".encode(), digest_size=16)
    for source in sources:
        with Path(source).open("rb") as file:
            found.update(hashlib.file_digest(file, "blake2b").digest())
    return found.hexdigest()


class ResumableSending:
    """One sending of events, known by a name that says what is sent; `before` counts those that earlier runs have sent. Without a name
    it begins anew.

    `can_resume` says, inside `async with`, whether the broker notes how far it comes. A second sending on the same Kafka, under one prefix, ends the first one. Used as `async with`.
    """

    def __init__(self, broker: Broker, name: str) -> None:
        self._broker, self._name = broker, name
        self._mark = TopicPartition(broker.name(INPUTS[0]), 0)
        self.before = 0
        self.topics = Counter[str]()  # events sent by this run

    async def __aenter__(self) -> Self:
        client, found = self._broker.client(), {}
        admin = AIOKafkaAdminClient(**client)
        try:
            await admin.start()
            self.can_resume = await _is_kafka(admin, self._mark.topic)
            kind = {"transactional_id": self._broker.name(GROUP)} if self.can_resume else {}
            self._producer = AIOKafkaProducer(acks="all", enable_idempotence=True, linger_ms=2, **kind, **client)
            try:
                await self._producer.start()  # gives up what an earlier run had not committed
                if self.can_resume:
                    found = await committed(admin, self._broker.name(GROUP), [self._mark])
            except BaseException:
                await self._producer.stop()
                raise
        finally:
            await admin.close()
        if (mark := found.get(self._mark)) is not None and self._name and mark.metadata == self._name:
            self.before = mark.offset
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._producer.stop()

    async def send(self, lines: Iterator[Line]) -> None:
        """Send the events after those of earlier runs; the lines must be the same ones. Raises `KafkaAway` and KafkaError."""
        count, chunk = 0, list[Fact]()
        async for line in ahead(lines):
            assert isinstance(line.content, Fact)
            count += 1
            if count <= self.before:
                continue
            chunk.append(line.content)
            if len(chunk) == AT_ONCE:
                await self._commit(chunk, count)
                chunk = []
        if chunk:
            await self._commit(chunk, count)

    async def _commit(self, chunk: list[Fact], count: int) -> None:
        """Send some events and how many have gone with them."""
        try:
            async with asyncio.timeout(DEADLINE):
                if self.can_resume:
                    async with self._producer.transaction():
                        await self._send(chunk)
                        position = {self._mark: OffsetAndMetadata(count, self._name)}
                        await self._producer.send_offsets_to_transaction(position, self._broker.name(GROUP))
                else:
                    await self._send(chunk)
        except TimeoutError:
            raise KafkaAway(
                f"did not commit within {DEADLINE:.0f} s; {count - len(chunk):,} events are there"
            ) from None
        except ProducerFenced:
            raise KafkaAway("another import has begun, and only one goes on") from None
        self.topics.update(fact.topic for fact in chunk)

    async def _send(self, chunk: list[Fact]) -> None:
        sent: list[Any] = [
            await self._producer.send(
                self._broker.name(fact.topic),
                fact.raw,
                key=None if (customer := fact.event.customer_id) is None else customer.encode(),
            )
            for fact in chunk
        ]
        await asyncio.gather(*sent)


async def _is_kafka(admin: AIOKafkaAdminClient, topic: str) -> bool:
    """Whether a broker is more than the embedded one, whose ends of transactions have no checksum: that one describes no settings."""
    try:
        await admin.describe_configs(
            [ConfigResource(ConfigResourceType.TOPIC, topic)]
        )  # the answer is not read, so it needs no right
    except IncompatibleBrokerVersion:
        return False
    return True
