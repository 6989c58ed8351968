"""Customer cards and the at-risk board in Redis: a read model of the topic `alarms` for pages that need fast answers.

    <prefix>vigia:card:<customer>   hash: stage, tier, type, risk, value at risk, and each open alarm as `alarm:<id>`
    <prefix>vigia:at-risk           sorted set: customers with open alarms by their value at risk
    <prefix>vigia:read              hash: the next offset of each partition
    <prefix>vigia:gone              hash: the instant of each erasure, by the keyed hash of the id; older alarms make no card.
                                    Also each erasure itself, so that one read again deletes no new card
    <prefix>vigia:alive             the last write, without which the board does not count as up

Every key has a time to live, renewed by each write to it (`VIGIA_REDIS_TTL`), so what nobody keeps up to date ends; a line
of the board without a card is left out, and removed within an hour. Erasures are retained at least as long as the records of `alarms`.

Redis holds no state that cannot be rebuilt. Offsets are stored in Redis and change in the same script as the cards, so a
record counts once however often it is read, several writers do no harm, and an emptied Redis is filled again from the
start of the topic (as far as Kafka retains it). While Redis is down, all other processes continue.
"""

import asyncio
import logging
from collections.abc import Iterator, Mapping, Sequence
from time import monotonic
from typing import Any, NamedTuple, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis
from redis.exceptions import RedisError

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import SECOND, Instant
from scorers.contract.wire import decode_alarm
from vigia.readmodel.redis_address import TTL, RedisAddress
from vigia.runtime.broker import Broker
from vigia.runtime.erasures import read_erasure
from vigia.runtime.metrics import table
from vigia.runtime.privacy.keyed_hash import KeyedHash
from vigia.runtime.rights.table import PROCESSES

LOGGER = logging.getLogger("vigia.readmodel.redis_board")
RETRY = 2.0  # seconds
POLL_MS = 500
SWEEP_EVERY = 3600.0  # seconds
FACTS = ("stage", "tier", "loyalty_type", "risk", "value_at_risk_minor", "currency", "name", "store_id", "owner_id")

# Plain Lua of Redis 7, 8 and Valkey. An end does not create a missing card: the customer may have been erased.
SCRIPT = """
local reads, card, board, gone = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local place, offset, known = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local change, customer, alarm, word, time = ARGV[4], ARGV[5], 'alarm:' .. ARGV[6], ARGV[7], ARGV[8]
local mark, cause = ARGV[9], ARGV[9] .. ' ' .. ARGV[10]
local ttl, long = ARGV[11], ARGV[12]
local due = redis.call('HGET', reads, place)
if known and not due then return -1 end
if due and offset < tonumber(due) then return 0 end
redis.call('HSET', reads, place, string.format('%.0f', offset + 1))
redis.call('EXPIRE', reads, ttl)
if change == 'none' then return 1 end
local erased = redis.call('HEXISTS', gone, cause) == 1
if (change == 'erase' and not erased) or (change == 'end' and erased) then
  redis.call('DEL', card)
  redis.call('ZREM', board, customer)
end
if change == 'erase' and not erased then
  redis.call('HSET', gone, mark, math.max(tonumber(time), tonumber(redis.call('HGET', gone, mark) or '-1')), cause, 1)
  redis.call('EXPIRE', gone, long)
end
if change == 'erase' or erased then return 1 end
if tonumber(redis.call('HGET', gone, mark) or '-1') >= tonumber(time) then return 1 end
if change == 'end' and redis.call('EXISTS', card) == 0 then return 1 end
if change == 'open' then redis.call('HSET', card, alarm, word) end
if change == 'end' then redis.call('HDEL', card, alarm) end
if tonumber(redis.call('HGET', card, 'time') or '0') <= tonumber(time) then
  redis.call('HSET', card, 'time', time, unpack(ARGV, 13))
end
redis.call('EXPIRE', card, ttl)
for _, field in ipairs(redis.call('HKEYS', card)) do
  if string.sub(field, 1, 6) == 'alarm:' then
    redis.call('ZADD', board, redis.call('HGET', card, 'value_at_risk_minor') or '0', customer)
    redis.call('EXPIRE', board, ttl)
    return 1
  end
end
redis.call('ZREM', board, customer)
return 1
"""

# A line whose card has ended; in one step, as another gateway may just write the card.
SWEEP = """
for _, customer in ipairs(ARGV) do
  if redis.call('EXISTS', KEYS[2] .. customer) == 0 then redis.call('ZREM', KEYS[1], customer) end
end
"""


class _Emptied(RuntimeError):
    """Redis has lost its offsets."""


class AtRisk(NamedTuple):
    """A line of the board."""

    customer_id: str
    value_at_risk_minor: int


class Board:
    """The read model in one Redis; `run` keeps it up to date."""

    def __init__(
        self, address: RedisAddress, broker: Broker, hashes: KeyedHash, registry: CollectorRegistry | None = None
    ) -> None:
        self.broker, self.hashes = broker.limited_to(PROCESSES["gateway"].reads), hashes
        self.redis: Redis = address.client()
        self._ttl = address.seconds
        registry = registry if registry is not None else CollectorRegistry()
        self._up = table.gauge("vigia_board_up", registry)
        self._read = table.counter("vigia_board_records", registry)
        self._emptied = table.counter("vigia_board_refills", registry)
        self._serving: bool | None = None  # None before the first attempt

    async def card(self, customer_id: str) -> dict[str, str]:
        """Return the card of a customer; empty if there is none."""
        return await self._hash(f"card:{customer_id}")

    async def at_risk(self, count: int = 20) -> list[AtRisk]:
        """Return the customers with open alarms that have the highest value at risk."""
        board, start = self._key("at-risk"), 0
        lines: list[AtRisk] = []
        while len(lines) < count:
            found = await self.redis.zrevrange(board, start, start + count - 1, withscores=True)
            some = [AtRisk(str(one), int(score)) for one, score in cast("list[tuple[str, float]]", found)]
            pipe = self.redis.pipeline(transaction=False)
            for line in some:
                pipe.exists(self._key(f"card:{line.customer_id}"))
            present = await pipe.execute() if some else []
            lines += [line for line, there in zip(some, present, strict=True) if there]
            if len(some) < count:
                break
            start += count
        return lines[:count]

    async def run(self) -> None:
        """Follow the topic until cancelled; if Redis or Kafka is down, log it once and retry."""
        try:
            while True:
                try:
                    await self._follow()
                except _Emptied:
                    self._emptied.inc()
                    LOGGER.warning("Redis was emptied: the cards are rebuilt from the start of the topic")
                except (RedisError, KafkaError, OSError, TimeoutError) as fault:
                    if self._serving is not False:
                        LOGGER.warning("no customer cards are written until it is back: %s", type(fault).__name__)
                    self._says(False)
                    await asyncio.sleep(RETRY)
        finally:
            self._says(False)
            await self.redis.aclose()

    def _says(self, serving: bool) -> None:
        """State whether cards are written; up only after a write that Redis accepted."""
        if serving and not self._serving:
            LOGGER.info("customer cards are kept up to date in Redis")
        self._serving = serving
        self._up.set(serving)

    async def _follow(self) -> None:
        due = await self._hash("read")
        consumer = AIOKafkaConsumer(
            *map(self.broker.name, ("alarms", "feedback")),
            **self.broker.consumer(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        try:
            await consumer.start()
            for place in consumer.assignment():
                if (offset := due.get(_name(place))) is not None:
                    consumer.seek(place, int(offset))
            known, swept = set(due), 0.0
            while True:
                await self._write(await consumer.getmany(timeout_ms=POLL_MS), known)
                self._says(True)
                if monotonic() - swept > SWEEP_EVERY or not swept:
                    await self.sweep()
                    swept = monotonic()
        finally:
            await consumer.stop()

    async def sweep(self) -> None:
        """Remove the lines of the board whose card has ended."""
        keys, cursor = (self._key("at-risk"), self._key("card:")), 0
        while True:
            cursor, found = await self.redis.zscan(keys[0], cursor, count=500)
            await self.redis.eval(SWEEP, len(keys), *keys, *(str(one) for one, _ in found))
            if not cursor:
                return

    async def _write(self, batch: Mapping[TopicPartition, Sequence[Any]], known: set[str]) -> None:
        pipe = self.redis.pipeline(transaction=False)
        pipe.set(self._key("alive"), "1", ex=self._ttl)  # without records too: only a write shows that Redis takes any
        for place, records in batch.items():
            name = _name(place)
            for record in records:
                customer, *arguments = self._arguments(record)
                keys = [self._key(one) for one in ("read", f"card:{customer}", "at-risk", "gone")]
                pipe.eval(SCRIPT, len(keys), *keys, name, record.offset, int(name in known), *arguments)
                known.add(name)
        _, *results = await pipe.execute()
        self._read.inc(results.count(1))
        if -1 in results:
            raise _Emptied

    def _arguments(self, record: Any) -> Iterator[str]:
        """Yield the customer, then the script's arguments from `change` on."""
        if record.topic == self.broker.name("feedback"):
            found = read_erasure(record)
            if found is None:
                return self._change("", "none", Instant(0))
            return self._change(found.customer_id, "erase", found.at, found.event_id)
        alarm = decode_alarm(record.value or b"")
        if not isinstance(alarm, Alarm) or alarm.customer_id is None:
            return self._change("", "none", Instant(0))
        over = alarm.type in ("alarm.settled", "alarm.withdrawn")
        change = "end" if over else "fact" if alarm.kind in STATE_CHANGES else "open"
        return self._change(alarm.customer_id, change, alarm.time, "".join(alarm.cause[:1]), alarm)

    def _change(
        self, customer: str, change: str, time: Instant, cause: str = "", alarm: Alarm | None = None
    ) -> Iterator[str]:
        yield from (customer, change, customer)
        yield from (alarm.alarm_id, f"{alarm.kind} {alarm.severity} {int(alarm.at)}") if alarm else ("", "")
        yield from (str(int(time)), self.hashes.of(customer), self.hashes.of(cause))
        yield from (str(self._ttl), str(max(self._ttl, TTL // SECOND)))
        for fact in FACTS:
            if (value := getattr(alarm, fact, None)) is not None:
                yield from (fact, str(value))

    async def _hash(self, name: str) -> dict[str, str]:
        return cast("dict[str, str]", await self.redis.hgetall(self._key(name)))

    def _key(self, name: str) -> str:
        return f"{self.broker.prefix}vigia:{name}"


def _name(place: TopicPartition) -> str:
    return f"{place.topic}/{place.partition}"
