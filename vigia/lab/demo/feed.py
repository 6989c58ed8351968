"""Streams a file of events into Kafka as fast as Vigía follows, and no faster.

The story of a partition must come out the same however fast it is told: figures and models come in force so long after
the newest event as `AHEAD` says, and no event at or after such an instant is sent before they are taken in. So nothing
is ever put in force too late, and a replay that is told the same figures and models tells the same alarms.

It refuses to know who folds, and who watches.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, NamedTuple

import msgspec
from aiokafka import AIOKafkaProducer

from scorers.contract.events import DAY, HOUR, TOPIC_OF, Micros
from scorers.contract.rfc3339 import parse_instant
from scorers.in_force.figures import in_force, last_day
from scorers.policy.tables import Policy
from vigia.runtime.broker import Broker

AHEAD = 14 * DAY
"""Figures come in force so long after the newest event that they count: the more, the fewer round trips a year takes."""
LOOK = 0.05  # seconds between two looks
TIMEOUT = 180.0  # seconds in which something must move
SLICE = 12 * HOUR
"""So long a time is sent at once. The topics of a partition take what they are sent in any order, so what lies further apart
than the allowed lateness must not be under way together."""
LOT = 200  # events between two looks at the speed


class _Told(msgspec.Struct):
    type: str
    time: str
    customer_id: str | None = None


_told = msgspec.json.Decoder(_Told).decode


class Reached(NamedTuple):
    """How reached Vigía is.

    `day` is the newest day whose figures, and the models that go with them, every partition has taken in, -1 before
    the first; `ticked` the instant that every partition was told.
    """

    day: int
    ticked: Micros


class Stalled(RuntimeError):
    """Nothing has moved for too long."""


class Feed:
    """Sends the lines of a file, in their order, which is that of time.

    `reached` tells how reached Vigía is, and does not return while it is too reached behind. With a speed, so many days pass in a
    second at most.
    """

    def __init__(
        self, broker: Broker, policy: Policy, reached: Callable[[], Awaitable[Reached]], speed: float = 0.0
    ) -> None:
        self.newest: Micros = 0
        self.sent = 0
        self._broker, self._policy, self._reached = broker, policy, reached
        self._speed = speed * DAY
        self._before = -1  # the day before the first
        self._handed: list[asyncio.Future[Any]] = []

    async def run(self, lines: Iterable[bytes], progress: Callable[[int], None]) -> None:
        """Send everything, and return when Kafka has it; told as progress is how many bytes have gone."""
        producer = AIOKafkaProducer(acks="all", linger_ms=2, max_batch_size=200_000, **self._broker.client())
        await producer.start()
        first, began, gone, until, slice_ = 0, time.monotonic(), 0, 0, 0
        try:
            for line in lines:
                told = _told(line)
                at = int(parse_instant(told.time))
                if not first:
                    first, self._before = at, last_day(at, self._policy)
                if at >= min(slice_, until):
                    await self._acknowledged()
                    slice_ = at + SLICE
                    if at >= until:
                        until = await self._room(at)
                await self._send(producer, told, line)
                self.newest, gone = max(self.newest, at), gone + len(line)
                if self.sent % LOT == 0:
                    progress(gone)
                    gone = 0
                    if self._speed:
                        ahead = began + (at - first) / self._speed - time.monotonic()
                        await asyncio.sleep(max(0.0, ahead))
            await self._acknowledged()
            progress(gone)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, told: _Told, line: bytes) -> None:
        topic = self._broker.name(TOPIC_OF[told.type.partition(".")[0]])
        key = None if told.customer_id is None else told.customer_id.encode()
        self._handed.append(await producer.send(topic, line.rstrip(), key=key))
        self.sent += 1

    async def _acknowledged(self) -> None:
        """What was sent is in Kafka."""
        handed, self._handed = self._handed, []
        await asyncio.gather(*handed)

    async def _room(self, at: Micros) -> Micros:
        """Wait until an event of this instant may be sent; the instant up to which others may follow it."""
        moved, seen = time.monotonic(), Reached(0, 0)
        while True:
            reached = await self._reached()
            until = in_force(max(reached.day, self._before) + 1, self._policy) + AHEAD
            if at < until:
                return until
            if self.sent and reached.ticked >= self.newest and reached.day >= last_day(reached.ticked, self._policy):
                return at + 1  # nobody has bought for days: nothing is under way that could be late
            if reached != seen:
                moved, seen = time.monotonic(), reached
            if time.monotonic() - moved > TIMEOUT:
                raise Stalled(f"nothing has moved for {TIMEOUT:.0f} seconds, {self.sent:,} events into the year")
            await asyncio.sleep(LOOK)
