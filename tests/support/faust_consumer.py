"""The engine's consumer without a broker: the network is a dictionary, and records are our own."""

from typing import Any, NamedTuple

from faust.app.base import App
from faust.types import TP

from streams.engine.consumer import ChunkConsumer

EVENTS, OTHER = TP("events", 0), TP("other", 0)


class Record(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int = 1_700_000_000_000
    timestamp_type: int = 0
    headers: tuple[()] = ()
    key: bytes = b"k"
    value: bytes = b"v"
    checksum: None = None
    serialized_key_size: int = 1
    serialized_value_size: int = 1


def log(tp: TP, *offsets: int) -> list[Record]:
    return [Record(tp.topic, tp.partition, offset) for offset in offsets]


class Wire(ChunkConsumer):
    """The consumer under test, with the network replaced: what it fetches, finds committed and seeks."""

    def setup(self) -> None:
        self.fetches: list[dict[TP, list[Record]]] = []
        self.found: dict[TP, int | None] = {EVENTS: None, OTHER: None}
        self.earliest = {EVENTS: 0, OTHER: 0}
        self.end = 1_000
        self.sought: list[dict[TP, int]] = []
        self.commits: list[dict[TP, int]] = []
        self.positions: dict[TP, int] = {}

    def assignment(self) -> set[TP]:
        return {EVENTS, OTHER}

    async def seek_to_committed(self) -> dict[TP, int | None]:
        return self.found

    async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
        return {tp: self.earliest[tp] for tp in tps}

    async def seek_wait(self, partitions: dict[TP, int]) -> None:
        self.sought.append(partitions)

    def highwater(self, tp: TP) -> int:
        return self.end

    def _position_of(self, tp: TP) -> int:
        return self.positions.get(tp, -1)

    async def _getmany(self, active_partitions: Any, timeout: float) -> dict[TP, list[Record]]:
        return self.fetches.pop(0)

    async def _commit(self, offsets: dict[TP, int]) -> bool:
        self.commits.append(offsets)
        self.found.update(offsets)
        return True

    async def fetch(self, *batches: dict[TP, list[Record]]) -> list[Any]:
        """The messages that these fetches bring."""
        self.fetches = list(batches)
        return [message for _ in batches for message in [m async for _, m in self.getmany(1.0)]]

    def finish(self, message: Any) -> bool:
        """As the agent does when a chunk is done."""
        message.value.done = True
        message.incref()
        return bool(message.ack(self))


async def nothing(*_: Any, **__: Any) -> None:
    """What the rest of the app does here."""


async def drive(app: App, scenario: Any) -> None:
    """Play a scenario with a consumer that is not connected to anything."""
    app.producer.flush = nothing
    wire = Wire(app.transport, nothing, nothing, nothing, loop=app.loop)
    wire.setup()
    try:
        await scenario(wire)
    finally:
        wire._thread.thread_loop.close()  # made with the consumer, for a thread that never starts


async def begin(wire: Wire) -> None:
    await wire.on_partitions_assigned({EVENTS, OTHER}, 1)
    wire.resume_partitions({EVENTS, OTHER})
    await wire.perform_seek()
    wire.resume_flow()
