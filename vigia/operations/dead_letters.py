"""Find dead letters and send their original key and bytes back to the original topic.

Sending one back twice is harmless, because the second record is a duplicate. A letter that was sent back is marked on
`dead-letters` after the acknowledgement, so a kill between the two offers it again. A letter without a key goes to the
partition it came from, any other to the partition of its key.
"""

import asyncio
from collections.abc import Callable, Container, Iterable, Iterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from msgspec import Struct

from scorers.contract.event_time import event_time
from vigia.runtime import dead_letter
from vigia.runtime.broker import Broker
from vigia.runtime.dead_letter import Letter, Origin
from vigia.runtime.topic_reader import read
from vigia.runtime.topics import READ

BATCH = 500
REPLAYABLE = (*READ, "alarms")


class Filter(Struct, frozen=True, kw_only=True):
    """Which letters are selected; None selects all."""

    codes: Container[str] | None = None
    topics: Container[str] | None = None  # their names on the broker
    since: int | None = None  # milliseconds since 1970
    key: bytes | None = None
    again: bool = False  # include those already sent back

    def matches(self, letter: Letter) -> bool:
        """Return whether the letter is selected, whether sent back or not."""
        return (
            (self.codes is None or letter.code in self.codes)
            and (self.topics is None or letter.topic in self.topics)
            and (self.since is None or letter.written >= self.since)
            and (self.key is None or letter.key == self.key)
        )


async def find(broker: Broker, wanted: Filter, show: Callable[[Letter, bool], object]) -> None:
    """Call `show` once for each selected letter, with whether it was sent back; duplicate letters count once."""
    marked: set[Origin] = set()
    seen: set[Origin] = set()

    def note(record: Any) -> None:
        if isinstance(entry := dead_letter.read(record), tuple):
            marked.add(entry)

    def select(record: Any) -> None:
        entry = dead_letter.read(record)
        if not isinstance(entry, Letter) or entry.origin in seen or not wanted.matches(entry):
            return
        seen.add(entry.origin)
        if wanted.again or entry.origin not in marked:
            show(entry, entry.origin in marked)

    await read(broker, dead_letter.TOPIC, note)
    await read(broker, dead_letter.TOPIC, select)


class NotSent(Struct, frozen=True):
    """A letter that could not be sent back, and why."""

    letter: Letter
    why: str


async def send_back(
    broker: Broker, found: Iterable[Letter], progress: Callable[[int, int], None] | None = None
) -> tuple[int, list[NotSent]]:
    """Send letters back in the order of their events and mark each once acknowledged; return how many were sent, and the failures.

    The letters of one topic lie in several partitions of `dead-letters`; read one after another, they are out of order by weeks.
    """
    ours = {broker.name(topic) for topic in REPLAYABLE}
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **broker.client())
    sent, left = 0, []
    try:
        await producer.start()
        for some in _batches(sorted(found, key=lambda letter: event_time(letter.value))):
            going = []
            for letter in some:
                if letter.topic not in ours:
                    left.append(NotSent(letter, f"{letter.topic} is not a topic of this Vigía; correct --prefix"))
                    continue
                try:
                    place = letter.partition if letter.key is None else None
                    handed = await producer.send(letter.topic, letter.value, key=letter.key, partition=place)
                except (KafkaError, AssertionError) as fault:  # aiokafka's error for a partition that does not exist
                    left.append(NotSent(letter, f"{letter.topic} rejected it ({type(fault).__name__})"))
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
