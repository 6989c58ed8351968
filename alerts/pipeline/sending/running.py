"""Runs a dispatcher: one loop for each channel, one for each that repeats what is open, and one for what follows if nobody acts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

from alerts.pipeline.channel_queue import ChannelQueue, wait_until
from alerts.pipeline.sending.standing import Standing
from scorers.contract.alarms import Alarm
from scorers.contract.events import Instant

Clock = Callable[[], Instant]
Publish = Callable[[Alarm], Awaitable[None]]


class Runs(Protocol):
    """What is run of a dispatcher."""

    queues: dict[str, ChannelQueue]
    standing: Standing
    planned: asyncio.Event

    @property
    def next_follow_up(self) -> Instant | None: ...

    async def deliver(self, channel: str, now: Instant) -> Instant | None: ...

    async def tick(self, now: Instant) -> list[Alarm]: ...


async def run_until(one: Runs, clock: Clock, publish: Publish, stop: asyncio.Event) -> None:
    """Deliver, remind and escalate until stopped; an attempt in progress is completed."""
    try:
        async with asyncio.TaskGroup() as tasks:
            for name in one.queues:
                tasks.create_task(_deliver(one, name, clock, stop))
            for name in one.standing.names:
                tasks.create_task(one.standing.repeat_until(name, clock, stop))
            tasks.create_task(_follow_up(one, clock, publish, stop))
    finally:
        for queue in one.queues.values():
            await queue.channel.close()


async def _deliver(one: Runs, name: str, clock: Clock, stop: asyncio.Event) -> None:
    wake = one.queues[name].wake
    while not stop.is_set():
        wake.clear()
        again = await one.deliver(name, clock())
        await wait_until(again, clock, wake, stop)


async def _follow_up(one: Runs, clock: Clock, publish: Publish, stop: asyncio.Event) -> None:
    while not stop.is_set():
        one.planned.clear()
        for alarm in await one.tick(clock()):
            await publish(alarm)
        await wait_until(one.next_follow_up, clock, one.planned, stop)
