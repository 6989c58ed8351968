"""Send a file of events to Kafka as fast as the workers follow.

Figures and models come into force `AHEAD` after the newest event that they count. No event at or after that instant is
sent before every partition has received them. So no control record arrives late at any speed, and a replay with the same
control records gives the same alarms.
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
"""Figures come into force this long after the newest event that they count; a longer span needs fewer round trips."""
POLL = 0.05  # seconds
TIMEOUT = 180.0  # seconds without progress
SLICE = 12 * HOUR
"""Event time sent before waiting for acknowledgement. Records of different topics may arrive in any order, so records
further apart than the allowed lateness must not be in flight together."""
BATCH = 200  # events between two checks of the speed


class _Head(msgspec.Struct):
    type: str
    time: str
    customer_id: str | None = None


_head = msgspec.json.Decoder(_Head).decode


class Reached(NamedTuple):
    """How far the workers are.

    `day` is the newest day whose figures and models every partition has folded, -1 before the first; `ticked` is the
    newest tick sent to every partition.
    """

    day: int
    ticked: Micros


class Stalled(RuntimeError):
    """The workers made no progress within the timeout."""


class Feed:
    """Sends the lines of a file in their order, which is the order of time.

    `reached` returns how far the workers are, and blocks while they lag too far behind. `speed` limits the days of event
    time sent in a second; 0 is no limit.
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
        """Send all lines and return when Kafka has acknowledged them; `progress` gets the number of bytes sent."""
        producer = AIOKafkaProducer(acks="all", linger_ms=2, max_batch_size=200_000, **self._broker.client())
        await producer.start()
        first, began, gone, until, slice_ = 0, time.monotonic(), 0, 0, 0
        try:
            for line in lines:
                head = _head(line)
                at = int(parse_instant(head.time))
                if not first:
                    first, self._before = at, last_day(at, self._policy)
                if at >= min(slice_, until):
                    await self._acknowledged()
                    slice_ = at + SLICE
                    if at >= until:
                        until = await self._room(at)
                await self._send(producer, head, line)
                self.newest, gone = max(self.newest, at), gone + len(line)
                if self.sent % BATCH == 0:
                    progress(gone)
                    gone = 0
                    if self._speed:
                        ahead = began + (at - first) / self._speed - time.monotonic()
                        await asyncio.sleep(max(0.0, ahead))
            await self._acknowledged()
            progress(gone)
        finally:
            await producer.stop()

    async def _send(self, producer: AIOKafkaProducer, head: _Head, line: bytes) -> None:
        topic = self._broker.name(TOPIC_OF[head.type.partition(".")[0]])
        key = None if head.customer_id is None else head.customer_id.encode()
        self._handed.append(await producer.send(topic, line.rstrip(), key=key))
        self.sent += 1

    async def _acknowledged(self) -> None:
        """Wait until Kafka has acknowledged everything sent."""
        handed, self._handed = self._handed, []
        await asyncio.gather(*handed)

    async def _room(self, at: Micros) -> Micros:
        """Wait until an event of this instant may be sent; return the instant before which more may follow."""
        moved, seen = time.monotonic(), Reached(0, 0)
        while True:
            reached = await self._reached()
            until = in_force(max(reached.day, self._before) + 1, self._policy) + AHEAD
            if at < until:
                return until
            if self.sent and reached.ticked >= self.newest and reached.day >= last_day(reached.ticked, self._policy):
                return at + 1  # no event for days: nothing is in flight that could be late
            if reached != seen:
                moved, seen = time.monotonic(), reached
            if time.monotonic() - moved > TIMEOUT:
                raise Stalled(f"the workers made no progress for {TIMEOUT:.0f} seconds, after {self.sent:,} events")
            await asyncio.sleep(POLL)
