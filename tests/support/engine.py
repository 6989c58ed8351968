"""The engine on a row store and a producer in memory, which keep a diary of what was done in which order."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from streams.engine.batching_producer import Output
from streams.engine.fences import unpack
from streams.engine.rows import Codec, Rows
from streams.engine.write_behind import WriteBehind

CODEC: Codec[int] = Codec(lambda row: b"%d" % row, int)


class Record(NamedTuple):
    offset: int
    key: bytes | None
    value: bytes
    topic: str = "events"


class Delivered(NamedTuple):
    topic: str
    partition: int
    offset: int


@dataclass
class Table:
    """A row store in memory, which writes what it does into the diary."""

    diary: list[str] = field(default_factory=list)
    rows: dict[tuple[int, bytes], bytes] = field(default_factory=dict)
    reads: int = 0

    def get(self, partition: int, key: bytes) -> bytes | None:
        self.reads += 1
        return self.rows.get((partition, key))

    def items(self, partition: int) -> Iterator[tuple[bytes, bytes]]:
        return iter([(key, value) for (of, key), value in self.rows.items() if of == partition])

    def scrub(self, partition: int) -> int:
        return 0

    def write(self, partition: int, rows: Any, offset: int) -> None:
        self.diary.append("store")
        for key, value in rows:
            if value is None:
                self.rows.pop((partition, key), None)
            else:
                self.rows[partition, key] = value


class Batch(list[tuple[bytes, bytes | None]]):
    """A batch of three records; what is taken by the producer is closed."""

    closed = False

    def append(self, *, timestamp: None, key: bytes, value: bytes | None, headers: Any = ()) -> bool | None:  # type: ignore[override]
        if self.closed or len(self) == 3:
            return None
        super().append((key, value))
        return True

    def record_count(self) -> int:
        return len(self)

    def close(self) -> None:
        self.closed = True


@dataclass
class Producer:
    """A producer whose acknowledgements come when the test says so; `fails` names what is refused."""

    diary: list[str]
    fails: str = ""
    batches: list[tuple[str, Batch]] = field(default_factory=list)
    changelog: list[tuple[bytes, bytes | None]] = field(default_factory=list)

    @property
    def outputs(self) -> list[tuple[str, bytes | None, bytes | None]]:
        return [(topic, key, value) for topic, batch in self.batches for key, value in batch]

    async def partitions_for(self, topic: str) -> set[int]:
        return {0}

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, partition: int) -> asyncio.Future[Delivered]:
        if topic != "changelog":
            self.diary.append("output sent")
            self.batches.append((topic, batch))
            return self._later("output", batch, Delivered(topic, partition, len(self.outputs)))
        self.diary.append("changelog sent")
        base = len(self.changelog)
        self.changelog += batch
        return self._later("changelog", batch, Delivered(topic, partition, base))

    def _later(self, what: str, batch: Batch, result: Delivered) -> asyncio.Future[Delivered]:
        future: asyncio.Future[Delivered] = asyncio.get_running_loop().create_future()

        def acknowledge() -> None:
            batch.close()
            if self.fails == what:
                future.set_exception(OSError(what))
            else:
                self.diary.append(f"{what} acknowledged")
                future.set_result(result)

        asyncio.get_running_loop().call_soon(acknowledge)
        return future


class Sum:
    """Adds numbers to the row of the key; an odd sum is an output, `x` raises after the change."""

    def __init__(self, rows: Rows[int]) -> None:
        self.rows, self.recovered = rows, dict[bytes, int]()

    def recover(self, key: bytes, row: int) -> None:
        self.recovered[key] = row

    def fold(self, record: Record) -> Iterator[Output]:
        if record.key is None:  # as a tick: every row that is known
            for key in self.recovered:
                if not self.rows.folded(key) and (row := self.rows.get(key)) is not None:
                    self.rows.put(key, row * 2)
            return
        if record.value == b"delete":
            self.rows.delete(record.key)
            return
        total = (self.rows.get(record.key) or 0) + int(record.value.strip(b"x"))
        self.rows.put(record.key, total)
        if total % 2:
            yield Output("odd", record.key, b"%d" % total)
        if record.value.startswith(b"x"):
            raise ValueError("x")


def build(table: Table, producer: Producer, fail: Callable[[BaseException], object] | None = None, **more: Any) -> Any:
    def refuse(error: BaseException) -> None:
        raise error

    return WriteBehind(
        processor=Sum,
        codec=CODEC,
        reject=lambda record, error: Output("dead-letters", record.key, record.value),
        store=table,
        producer=producer,
        changelog="changelog",
        fail=fail or refuse,
        **more,
    )


def records(*pairs: tuple[bytes | None, bytes], start: int = 0) -> list[Record]:
    return [Record(start + at, key, value) for at, (key, value) in enumerate(pairs)]


def stored(table: Table) -> dict[bytes, int]:
    return {key: int(unpack(value)[1]) for (_, key), value in table.rows.items()}
