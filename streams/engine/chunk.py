"""A chunk: consecutive records of one partition that Faust handles as one message, at the offset of the last.

Faust spends about a tenth of a millisecond on every event it delivers; a chunk of some hundred records pays that once.
Records stay undecoded here: the fold decodes them and turns what it cannot read into a dead letter.
"""

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from faust import Schema
from faust.transport.utils import DefaultSchedulingStrategy
from faust.types import TP

RECORDS = 500  # in one chunk: larger ones gain nothing measurable and make the other partitions wait longer


class Done(Protocol):
    """Called once a chunk has been dealt with; `safe=False` means that it has to be read again."""

    def __call__(self, safe: bool = True) -> object: ...


Take = Callable[[int, Sequence[Any], Done], Awaitable[None]]
"""Takes the partition, the records of one chunk, and the callback for when they have been dealt with."""


class Chunk:
    """Consecutive records of one partition, with the attributes that Faust reads of a single record.

    `follows` is the offset that was due when the chunk was delivered; `done` is set when the agent has dealt with it.
    """

    __slots__ = ("done", "follows", "records")

    timestamp_type = 0
    headers = ()
    key = checksum = serialized_key_size = serialized_value_size = None

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self.follows = -1
        self.done = False

    def continue_from(self, due: int) -> None:
        """Make this the next chunk of its partition: note the offset that was due and drop the records before it."""
        self.follows = due
        if self.first < due:
            self.records = [record for record in self.records if record.offset >= due]

    @property
    def topic(self) -> str:
        topic: str = self.records[0].topic
        return topic

    @property
    def partition(self) -> int:
        partition: int = self.records[0].partition
        return partition

    @property
    def first(self) -> int:
        offset: int = self.records[0].offset
        return offset

    @property
    def offset(self) -> int:
        offset: int = self.records[-1].offset
        return offset

    @property
    def timestamp(self) -> int | None:
        timestamp: int | None = self.records[-1].timestamp
        return timestamp

    @property
    def value(self) -> "Chunk":
        return self


class ChunkScheduler(DefaultSchedulingStrategy):
    """Yields chunks of some topics and single records of all others; partitions take turns."""

    def __init__(self, topics: frozenset[str], size: int = RECORDS) -> None:
        self.topics = topics
        self.size = size

    def iterate(self, records: Mapping[TP, list[Any]]) -> Iterator[tuple[TP, Any]]:
        size = self.size
        return super().iterate(
            {
                tp: [Chunk(rows[at : at + size]) for at in range(0, len(rows), size)]
                if tp.topic in self.topics
                else rows
                for tp, rows in records.items()
            }
        )


class ChunkSchema(Schema[Any, Any]):
    """Hands a chunk to the stream without decoding it."""

    def loads_key(self, app: Any, message: Any, **_: Any) -> None:
        return None

    def loads_value(self, app: Any, message: Any, **_: Any) -> Any:
        return message.value


async def deliver(stream: Any, take: Take) -> None:
    """Pass every chunk of an agent's stream to `take(partition, records, done)`; `done` acknowledges it."""
    async for event in stream.noack().events():
        chunk: Chunk = event.value

        def done(safe: bool = True, event: Any = event, chunk: Chunk = chunk) -> None:
            chunk.done = safe
            event.ack()

        await take(chunk.partition, chunk.records, done)
