"""Sends ticks: every partition learns that time has passed, once everything written before then has been folded.

A tick over a backlog would make customers silent who only have not been read yet. So the clock notes an instant and
where the inputs end, waits until the workers' commits have reached that, and only then sends the tick. The instant is
the wall clock's, or with `follows` that of the newest event, for demonstrations and backfills. Every end of a day whose
figures can be made gets a tick of its own, the same in all partitions, so that their reports are about the same days.

A clock that restarts continues from the ticks it finds. Two clocks send the same time twice, which changes nothing.

A policy comes into force in all partitions at one instant, just after the newest tick that any of them got. It stands in each partition before
the tick that passes that instant.
"""

import asyncio
import logging
import time
from collections.abc import Iterator
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from scorers.contract.event_time import event_time
from scorers.contract.events import SECOND, Instant, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.in_force.control import PHASES, PolicyInForce, Tick
from scorers.in_force.figures import in_force, last_day
from scorers.policy.tables import Policy
from streams.clock.group_phase import GroupPhase, reports_of
from streams.clock.policy_file import WatchedPolicy
from streams.records.control_log import send_to_all
from streams.records.sealed_control import open_control, sealed
from streams.records.signing import keyring
from streams.records.written import is_ahead
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.rights.table import PROCESSES
from vigia.runtime.settings import Settings
from vigia.runtime.topic_reader import bounds, committed, read_range
from vigia.runtime.topics import WORKER

log = logging.getLogger(__name__)

GRACE = 2 * SECOND  # events of the last seconds may still be on their way to Kafka
TAIL = 2_000  # records of each partition in which a new clock looks for the last tick and policy


class Noted(NamedTuple):
    """An instant, and where the inputs of a partition ended when it was noted."""

    until: Micros
    ends: dict[TopicPartition, int]


def steps(sent: Micros, until: Micros, policy: Policy) -> Iterator[Micros]:
    """The ticks from one instant to another: each end of a day plus the lateness on the way, and the instant itself.

    >>> from scorers.contract.events import DAY
    >>> [at / DAY for at in steps(2 * DAY + 1, 5 * DAY - 1, Policy())]
    [3.0, 4.0, 4.999999999988426]
    """
    if sent:
        for day in range(last_day(sent, policy) + 1, last_day(until, policy) + 1):
            if (at := in_force(day, policy)) < until:
                yield at
    yield until


class Clock:
    """One clock for all partitions."""

    def __init__(
        self,
        broker: Broker,
        settings: Settings,
        policy: Policy,
        *,
        follows: bool,
        every: float,
        file: WatchedPolicy | None = None,
    ) -> None:
        self.broker = broker = broker.limited_to(PROCESSES["clock"].names)
        self.settings, self.policy = settings, policy
        self.follows, self.every = follows, every
        self.newest: Micros = 0  # of the events, where they are followed
        self._topic = broker.name("clock")
        self._inputs = {
            number: [TopicPartition(broker.name(name), number) for name in INPUTS]
            for number in range(settings.partitions)
        }
        self._all = [tp for tps in self._inputs.values() for tp in tps]
        clock = [TopicPartition(self._topic, number) for number in self._inputs]
        groups = [TopicPartition(broker.name("groups"), number) for number in self._inputs]
        self._keys = keyring(settings.seal, settings.seal_trust).require("clock")
        self.groups = GroupPhase(groups, clock, self._keys, follows=follows, margin=settings.margin)
        self._noted: dict[int, Noted] = {}
        self.sent: dict[int, Micros] = dict.fromkeys(self._inputs, 0)
        self._policy_sent = ""  # its version
        self._policy_sent_at: Micros = 0
        self._is_ticking = False
        self.file = file
        self._look = asyncio.Event()  # at the file, now

    @property
    def waiting(self) -> int:
        """How many partitions have not yet committed what was written before their next tick."""
        return len(self._noted)

    async def ready(self) -> str:
        """Why no ticks are sent yet; empty when they are."""
        return "" if self._is_ticking else "looks for the last tick"

    def look_at_policy(self) -> None:
        """Look at the file of the policy now, and not only at the next turn."""
        self._look.set()

    async def run(self, stop: asyncio.Event, policy_text: str) -> None:
        """Send the policy, unless it was the last one sent, and then ticks until `stop` is set; and each policy that the file holds later."""
        consumer = AIOKafkaConsumer(enable_auto_commit=False, fetch_max_wait_ms=100, **self.broker.consumer())
        admin = AIOKafkaAdminClient(**self.broker.client())
        producer = AIOKafkaProducer(acks="all", **self.broker.client())
        try:
            for client in (consumer, admin, producer):
                await client.start()
            await self.resume(consumer)
            await self._send_policy(producer, policy_text)
            await self._go_to_the_end(consumer)
            self._is_ticking = True
            while not stop.is_set():
                await self.turn(consumer, admin, producer)
                await self._wait(stop)
                changed = None if self.file is None else self.file.look()
                if self.file is not None and changed is not None:
                    self.policy = changed.policy
                    self.file.changes += await self._send_policy(producer, changed.text)
        finally:
            for client in (producer, consumer):
                await client.stop()
            await admin.close()

    async def _wait(self, stop: asyncio.Event) -> None:
        """Wait for the next turn, the end, or a request to look at the policy."""
        waiting = [asyncio.create_task(event.wait()) for event in (stop, self._look)]
        await asyncio.wait(waiting, timeout=self.every, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        self._look.clear()

    async def _send_policy(self, producer: AIOKafkaProducer, text: str) -> bool:
        """Send the policy, unless it was the last one sent; whether it was sent."""
        if self._policy_sent == self.policy.version:
            return False
        sent = Instant(max(time.time_ns() // 1000, self._policy_sent_at + 1))
        newest = max(self.sent.values())
        in_force = Instant(newest + 1 if newest else 0)  # before the first tick nothing was judged
        control = PolicyInForce(in_force=in_force, version=self.policy.version, text=text, sent=sent)
        await send_to_all(producer, self._keys, self._topic, self.settings.partitions, control)
        self._policy_sent, self._policy_sent_at = control.version, int(sent)
        since = f", in force from {rfc3339(in_force)}" if newest else ""
        log.info("policy %s is sent%s", control.version, since)
        return True

    async def turn(self, consumer: AIOKafkaConsumer, admin: AIOKafkaAdminClient, producer: AIOKafkaProducer) -> None:
        """Send the ticks that may be sent now, and note the next instants."""
        until = self.newest if self.follows else time.time_ns() // 1000 - GRACE
        if self.follows:
            await self._read_times(consumer)
        ends = await consumer.end_offsets(self._all)
        done = await self._committed(admin)
        caught_up = {
            number: noted.until
            for number, noted in self._noted.items()
            if all(done.get(tp, 0) >= end for tp, end in noted.ends.items())
        }
        if caught_up:
            end = reports_of(min(caught_up.values()), self.policy)
            # A partition that was ticked up to the newest event has nothing noted.
            is_over = all(number in caught_up or self.sent[number] >= end for number in self._inputs)
            if is_over:
                await self.groups.advance(end, self._newest_event(), done, consumer, producer)
        for number, tps in self._inputs.items():
            noted = caught_up.get(number)
            if noted is not None and not self.groups.holds_back(reports_of(noted, self.policy)):
                del self._noted[number]
                await self._tick(producer, number, noted)
            if number not in self._noted and until > self.sent[number]:
                self._noted[number] = Noted(until, {tp: ends[tp] for tp in tps})

    def _newest_event(self) -> Micros:
        """No event that was judged is newer."""
        return self.newest if self.follows else time.time_ns() // 1000

    async def _tick(self, producer: AIOKafkaProducer, number: int, until: Micros) -> None:
        for at in steps(self.sent[number], until, self.policy):
            tick = Tick(until=Instant(at), follows=self.follows)
            value, headers = sealed(self._keys, self._topic, number, tick)
            await producer.send_and_wait(self._topic, value, headers=list(headers), partition=number)
        self.sent[number] = until

    async def _committed(self, admin: AIOKafkaAdminClient) -> dict[TopicPartition, int]:
        watched = [*self._all, *self.groups.groups, *self.groups.clock]
        found = await committed(admin, self.broker.name(WORKER), watched)
        return {tp: commit.offset for tp, commit in found.items()}

    async def _read_times(self, consumer: AIOKafkaConsumer) -> None:
        """Read the times of new events: what was noted last turn is written by now, what is read now is for the next."""
        while batches := await consumer.getmany(timeout_ms=20):
            for records in batches.values():
                for record in records:
                    happened = event_time(record.value)  # 0 for what the worker rejects
                    if not is_ahead(Instant(happened), record):
                        self.newest = max(self.newest, happened)

    async def _go_to_the_end(self, consumer: AIOKafkaConsumer) -> None:
        """Follow the events, from the last one of each partition on."""
        consumer.assign(self._all if self.follows else [])
        if self.follows:
            begins, ends = await bounds(consumer, self._all)
            for tp, end in ends.items():
                consumer.seek(tp, max(begins[tp], end - 1))

    async def resume(self, consumer: AIOKafkaConsumer) -> None:
        """Find the newest tick of each partition, of the groups, and the policy that was sent last."""
        tps = self.groups.clock
        begins, ends = await bounds(consumer, tps)
        starts = {tp: max(begins[tp], ends[tp] - TAIL) for tp in tps}
        reported = dict.fromkeys(self._inputs, 0)
        async for record in read_range(consumer, starts, ends):
            control, number = open_control(self._keys, record), record.partition
            if isinstance(control, Tick) and control.groups:
                if control.phase != PHASES[-1]:
                    continue
                reported[number] = max(reported[number], int(control.until))
            elif isinstance(control, Tick):
                self.sent[number] = max(self.sent[number], int(control.until))
            elif isinstance(control, PolicyInForce) and control.sent >= self._policy_sent_at:
                self._policy_sent, self._policy_sent_at = control.version, int(control.sent)
        self.groups.reported = min(reported.values())
