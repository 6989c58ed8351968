"""Remembers in Redis what was accepted, so that all gateways of a business answer alike; Redis 7.0 or newer.

    <prefix>vigia:gateway:<kind>:<digest>    the digest of what was accepted, for a day; `kind` is `event` or `key`

Redis is asked after Kafka has acknowledged, and for a short time only. While it is away each gateway goes on with what it remembers itself.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from streams.gateway.seen import MAX_KEYS, REMEMBER, Memories, Pair, Seen

LOGGER = logging.getLogger("vigia.gateway.redis")
WAIT = 0.5  # seconds for an answer of Redis
AWAY = 5.0  # seconds in which a Redis that did not answer is not asked again
AT_ONCE = 500  # digests in one step, so that others are served between two

# The first value under a key stands; the answer is what stood there before.
FIRST = """
local stood = {}
for place, key in ipairs(KEYS) do
  stood[place] = redis.call('SET', key, ARGV[place + 1], 'NX', 'GET', 'EX', ARGV[1])
end
return stood
"""


class Line:
    """The way to a Redis, which is left alone for a while when it does not answer."""

    def __init__(self, redis: Redis, now: Callable[[], float] = monotonic) -> None:
        self.redis, self._now = redis, now
        self._away_until = 0.0
        self._answers = True
        self._first = redis.register_script(FIRST)

    async def first(self, keys: Sequence[str], values: Sequence[str]) -> list[str | None] | None:
        """Keep the first value under each key; what stood there before, or None if Redis is away."""

        async def ask() -> list[str | None]:
            stood: list[str | None] = []
            for begin in range(0, len(keys), AT_ONCE):
                some, given = keys[begin : begin + AT_ONCE], values[begin : begin + AT_ONCE]
                stood += cast("list[str | None]", await self._first(some, [int(REMEMBER), *given]))
            return stood

        return cast("list[str | None] | None", await self._asked(ask))

    async def get(self, key: str) -> str | None:
        """What stands under a key; None also if Redis is away."""
        return cast("str | None", await self._asked(lambda: cast("Any", self.redis.get(key))))

    async def _asked(self, ask: Callable[[], Any]) -> Any:
        if self._now() < self._away_until:
            return None
        try:
            async with asyncio.timeout(WAIT):
                found = await ask()
        except (RedisError, OSError, TimeoutError) as fault:
            self._away_until = self._now() + AWAY
            if self._answers:
                LOGGER.warning(
                    "Redis does not answer (%s): this gateway knows only what it accepted itself", type(fault).__name__
                )
            self._answers = False
            return None
        if not self._answers:
            LOGGER.info("Redis answers: gateways share again what they accepted")
        self._answers = True
        return found


class SharedSeen:
    """As `Seen`, in Redis; what this process accepted is remembered here too."""

    def __init__(self, line: Line, start: str, own: Seen) -> None:
        self._line, self._start, self._own = line, start, own

    async def get(self, key: bytes) -> bytes | None:
        """As `Memory.get`."""
        stood = await self._line.get(self._start + key.hex())
        return await self._own.get(key) if stood is None else bytes.fromhex(stood)

    async def first(self, pairs: Sequence[Pair]) -> list[bytes | None]:
        """As `Memory.first`."""
        before = [await self._own.get(key) for key, _ in pairs]  # what Redis may have missed while it was away
        keys, contents = [self._start + key.hex() for key, _ in pairs], [content.hex() for _, content in pairs]
        stood = await self._line.first(keys, contents)
        own = await self._own.first(pairs)
        if stood is None:
            return own
        return [mine if theirs is None else bytes.fromhex(theirs) for mine, theirs in zip(before, stood, strict=True)]


def shared(redis: Redis, prefix: str) -> Memories:
    """The memories in a Redis whose client answers text; `prefix` is that of the topics."""
    line, start = Line(redis), f"{prefix}vigia:gateway:"
    return Memories(SharedSeen(line, f"{start}event:", Seen()), SharedSeen(line, f"{start}key:", Seen(MAX_KEYS)))
