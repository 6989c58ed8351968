"""Dead letters, found and sent back: the original key and bytes to the original topic.

Sending back is harmless however often it is done, as identity makes the second one a duplicate. What was sent back is
marked on `dead-letters` itself, so that it is offered once; the mark is written after the record is acknowledged, so
that a kill between the two offers it again rather than never. Letters without a key (sales of nobody, control records)
go back to the partition that they came from, the others where their key belongs.

It refuses to know why a record was refused, and to mend it.
"""

import asyncio
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from vigia.runtime import dead_letter
from vigia.runtime.broker import Broker
from vigia.runtime.dead_letter import Letter, Origin
from vigia.runtime.topic_reader import read
from vigia.runtime.topics import READ

BATCH = 500
REPLAYABLE = (*READ, "alarms")


class Filter(Struct, frozen=True, kw_only=True):
    """Which letters are meant; what is not given is not asked."""

    codes: Container[str] | None = None
    topics: Container[str] | None = None  # as they are called on the broker
    since: int | None = None  # milliseconds since 1970
    key: bytes | None = None
    again: bool = False  # also those that were sent back already

    def matches(self, letter: Letter) -> bool:
        """Whether the letter is meant, sent back or not."""
        return (
            (self.codes is None or letter.code in self.codes)
            and (self.topics is None or letter.topic in self.topics)
            and (self.since is None or letter.written >= self.since)
            and (self.key is None or letter.key == self.key)
        )


async def find(broker: Broker, wanted: Filter, show: Callable[[Letter, bool], object]) -> None:
    """Show each letter that is meant once, and whether it was sent back; a refusal told twice is one letter."""
    marked: set[Origin] = set()
    seen: set[Origin] = set()

    def note(record: Any) -> None:
        if isinstance(told := dead_letter.read(record), tuple):
            marked.add(told)

    def look(record: Any) -> None:
        told = dead_letter.read(record)
        if not isinstance(told, Letter) or told.origin in seen or not wanted.matches(told):
            return
        seen.add(told.origin)
        if wanted.again or told.origin not in marked:
            show(told, told.origin in marked)

    await read(broker, dead_letter.TOPIC, note)
    await read(broker, dead_letter.TOPIC, look)


class NotSent(Struct, frozen=True):
    """A letter that could not be sent back, and why."""

    letter: Letter
    why: str


async def send_back(
    broker: Broker, found: Iterable[Letter], progress: Callable[[int, int], None] | None = None
) -> tuple[int, list[NotSent]]:
    """Send letters back in the order given, each acknowledged and then marked; how many went, and what did not."""
    ours = {broker.name(topic) for topic in REPLAYABLE}
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **broker.client())
    sent, left = 0, []
    try:
        await producer.start()
        for some in _batches(found):
            going = []
            for letter in some:
                if letter.topic not in ours:
                    left.append(NotSent(letter, f"{letter.topic} is no topic that this Vigía reads; mend --prefix"))
                    continue
                try:
                    place = letter.partition if letter.key is None else None
                    handed = await producer.send(letter.topic, letter.value, key=letter.key, partition=place)
                except (KafkaError, AssertionError) as fault:  # as aiokafka says that there is no such partition
                    left.append(NotSent(letter, f"{letter.topic} does not take it ({type(fault).__name__})"))
                else:
                    going.append((letter, handed))
            await asyncio.gather(*(handed for _, handed in going))
            marks = [await _mark(producer, broker, letter) for letter, _ in going]
            await asyncio.gather(*marks)
            sent += len(going)
            if progress is not None:
                progress(sent, 0)
    finally:
        await producer.stop()
    return sent, left


async def _mark(producer: AIOKafkaProducer, broker: Broker, letter: Letter) -> Any:
    heads = list(dead_letter.replay_headers(letter.origin))
    return await producer.send(broker.name(dead_letter.TOPIC), b"", key=letter.key, headers=heads)


def _batches(found: Iterable[Letter]) -> Iterator[list[Letter]]:
    some: list[Letter] = []
    for letter in found:
        some.append(letter)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some
