"""The notifier's one object: takes alarms in, keeps their incidents, and empties the queues before the channels.

    alarm -> decide (stages) -> delivery in the incident -> queue -> channel -> delivery in the incident

What is to be sent is written down as `waiting` before it is sent, and as `sent` after; the incident with all its deliveries
is one value under one key. So a clean restart repeats nothing, and a kill between sending and writing repeats a
delivery under the same id. Kafka is not known here: a store is anything with `get` and `put`.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from alerts.channels.contract import Channel
from alerts.pipeline import erasure
from alerts.pipeline.channel_queue import ChannelQueue, waiting
from alerts.pipeline.incident import (
    ENDINGS,
    Action,
    ActionRejected,
    Delivery,
    Incident,
    Move,
    acknowledged,
    act,
    escalated,
    fold,
    identity,
    next_move,
    noted,
    woken,
)
from alerts.pipeline.routes import Routes
from alerts.pipeline.stages import World, ask, decide, explain, hour_of
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, MINUTE, SECOND, Duration, Instant

RELEASE: Duration = 10 * MINUTE
"""What a larger alarm had muted waits this long after its end: what ended it may end the smaller ones too."""


class Store(Protocol):
    """Where incidents are kept: the last value put under an alarm's id is the one got."""

    def get(self, alarm_id: str, /) -> Incident | None:
        """The incident, at once, from memory."""

    async def put(self, alarm_id: str, incident: Incident | None, /) -> None:
        """Keep the incident; visible to `get` at once, durable on return. None forgets it."""


class Memory:
    """A store that is rebuilt from the incidents it is given."""

    def __init__(self, incidents: Iterable[Incident] = ()) -> None:
        self.incidents = {incident.alarm.alarm_id: incident for incident in incidents}

    def get(self, alarm_id: str) -> Incident | None:
        """The incident under this id."""
        return self.incidents.get(alarm_id)

    async def put(self, alarm_id: str, incident: Incident | None) -> None:
        """Keep the incident, or forget it."""
        if incident is None:
            self.incidents.pop(alarm_id, None)
        else:
            self.incidents[alarm_id] = incident


class Dispatcher:
    """Decides about each change, and delivers what was decided."""

    def __init__(
        self, routes: Routes, channels: Mapping[str, Channel], store: Store, notify_within: Duration = 2 * DAY
    ) -> None:
        self.routes = routes
        self.store = store
        self.queues = {name: ChannelQueue(channels[name], lane, routes.zone) for name, lane in routes.channels.items()}
        self.world = World(routes, self._open_of, self._used, notify_within)
        self.moved = asyncio.Event()
        self._by_customer: dict[str, set[str]] = {}
        self._moves: list[tuple[Instant, str]] = []
        self._announced: dict[str, int] = {}
        self._hours: dict[str, tuple[Instant, int]] = {}

    async def resume(self, incidents: Iterable[Incident], now: Instant) -> None:
        """Take up what an earlier run has left: open alarms, ladders, and all that still waits."""
        left: list[Delivery] = []
        for incident in incidents:
            self._index(incident)
            left += waiting(incident.deliveries)
            for delivery in incident.deliveries:
                self._count(delivery)
        for delivery in waiting(left):
            if delivery.channel in self.queues:
                self.queues[delivery.channel].offer(delivery, again=True)
            else:
                await self._save(
                    [msgspec.structs.replace(delivery, state="stopped", rule="channel_removed", done=now, alarm=None)]
                )

    async def take(self, alarm: Alarm, now: Instant) -> tuple[Delivery, ...]:
        """The deliveries of this change of an alarm, kept; none for a change that was seen before."""
        incident = self.store.get(alarm.alarm_id)
        if incident is not None and identity(alarm) in incident.seen:
            return ()
        if self._is_forgotten(alarm):
            await self._drop(alarm.alarm_id, incident)
            return ()
        if incident is not None and alarm.type in ENDINGS:
            incident = self._withdraw(incident, now)
        deliveries = self._offer(decide(ask(alarm, incident, now, self.world)))
        after = noted(fold(incident, alarm, now), *deliveries)
        await self._keep(after)
        if after.ended and alarm.customer_id is not None:
            await self._release(alarm.customer_id, now)
        return deliveries

    async def act(self, action: Action, now: Instant) -> Alarm | None:
        """Keep what a person did; the delivery for the `alarms` topic when it is the first sign that somebody knows."""
        incident = self.store.get(action.alarm_id)
        if incident is None:
            raise ActionRejected(
                f"there is no alarm {action.alarm_id!r}; take the id from the message or from alarms tail"
            )
        done = next((queue.time for queue in incident.audit if queue.action == action), None)
        after = act(incident, action, now)
        await self._keep(after)
        told = any(delivery.change == "alarm.acknowledged" for delivery in incident.deliveries)
        cut_off = done is not None and incident.acked_by == action.by and not told  # by a kill, before it was published
        if after.acked_by is not None and (incident.acked_by is None or cut_off):
            return acknowledged(after, done or now, (action.id,) if action.id else ())
        return None

    async def tick(self, now: Instant) -> list[Alarm]:
        """Remind where it is time; the escalations for the `alarms` topic, which come back through `take`."""
        climbed = []
        while self._moves and self._moves[0][0] <= now:
            incident = self.store.get(heapq.heappop(self._moves)[1])
            move = next_move(incident, self.routes.ladder(incident.alarm)) if incident else None
            if incident is None or move is None or move[0] > now:
                continue  # an older plan: the newer one lies further down
            if move[1] != "escalate":
                await self._remind(incident, move, now)
            elif self._announced.get(incident.alarm.alarm_id) != incident.rung:
                self._announced[incident.alarm.alarm_id] = incident.rung
                climbed.append(escalated(incident, move[0]))
        return climbed

    async def deliver(self, channel: str, now: Instant) -> Instant | None:
        """Try the first notification that waits for the channel; when to call again."""
        step = await self.queues[channel].step(now)
        await self._save(step.deliveries)
        return step.again

    async def forget(self, customer_id: str, at: Instant, event_id: str, now: Instant) -> None:
        """Forget the customer's incidents, open or over, whatever of them still waits, and what is yet to be read of them.

        Alarms lie on another topic than erasures, so what was told before this one may be read after it.
        """
        key = erasure.erased_key(customer_id)
        await self.store.put(key, erasure.mark(key, at, event_id, now, self.store.get(key)))
        for alarm_id in sorted(self._by_customer.pop(customer_id, ())):
            await self._drop(alarm_id, self.store.get(alarm_id))

    def explain(self, alarm: Alarm, now: Instant) -> list[str]:
        """Where the change would go, and why or why not."""
        incident = self.store.get(alarm.alarm_id)
        if incident is not None and identity(alarm) in incident.seen:
            return ["seen before: changes nothing"]
        if incident is not None and alarm.type in ENDINGS:
            incident = noted(incident, *self._overtaken(incident, now))
        return explain(alarm, now, self.world, incident)

    async def run(
        self, clock: Callable[[], Instant], publish: Callable[[Alarm], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        """Deliver, remind and escalate until stopped; what is being sent is sent to its end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for name in self.queues:
                    tasks.create_task(self._empty(name, clock, stop))
                tasks.create_task(self._climb(clock, publish, stop))
        finally:
            for queue in self.queues.values():
                await queue.channel.close()

    async def _empty(self, name: str, clock: Callable[[], Instant], stop: asyncio.Event) -> None:
        wake = self.queues[name].wake
        while not stop.is_set():
            wake.clear()
            again = await self.deliver(name, clock())
            await _until(again, clock, wake, stop)

    async def _climb(
        self, clock: Callable[[], Instant], publish: Callable[[Alarm], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        while not stop.is_set():
            self.moved.clear()
            for alarm in await self.tick(clock()):
                await publish(alarm)
            await _until(self._moves[0][0] if self._moves else None, clock, self.moved, stop)

    async def _remind(self, incident: Incident, move: Move, now: Instant) -> None:
        awake = woken(incident) if move[1] == "wake" else incident
        deliveries = self._offer(decide(ask(incident.alarm, awake, now, self.world, move[0])))
        after = noted(awake, *deliveries)
        if move[1] == "remind":
            after = msgspec.structs.replace(after, reminded=incident.reminded + 1)
        ladder = self.routes.ladder(incident.alarm)
        while (missed := next_move(after, ladder)) and missed[1] == "remind" and missed[0] <= now:
            after = msgspec.structs.replace(after, reminded=after.reminded + 1)  # one reminder makes up for all missed
        await self._keep(after)

    async def _release(self, customer_id: str, now: Instant) -> None:
        for incident in list(self._open_of(customer_id)):
            if incident.notified() or not incident.deliveries or incident.deliveries[-1].rule != "inhibited":
                continue
            deliveries = decide(ask(incident.alarm, incident, now, self.world, incident.raised_at))
            late = [
                msgspec.structs.replace(one, due=max(one.due, Instant(now + RELEASE)))
                if one.state == "waiting"
                else one
                for one in deliveries
            ]
            await self._keep(noted(incident, *self._offer(late)))

    def _withdraw(self, incident: Incident, now: Instant) -> Incident:
        gone = self._overtaken(incident, now)
        for delivery in gone:
            self.queues[delivery.channel].withdraw(delivery)
        return noted(incident, *gone)

    def _overtaken(self, incident: Incident, now: Instant) -> list[Delivery]:
        """What waits untried although the alarm is over."""
        return [
            msgspec.structs.replace(delivery, state="stopped", rule="ended_first", done=now, alarm=None)
            for delivery in waiting(incident.deliveries)
            if delivery.channel in self.queues and self.queues[delivery.channel].untried(delivery)
        ]

    def _offer(self, deliveries: Iterable[Delivery]) -> tuple[Delivery, ...]:
        offered = []
        for delivery in deliveries:
            self._count(delivery)
            offered.append(self.queues[delivery.channel].offer(delivery) if delivery.state == "waiting" else delivery)
        return tuple(offered)

    def _count(self, delivery: Delivery) -> None:
        """Count what goes alone, for the limit of the hour."""
        hour = hour_of(delivery.time)
        if (
            delivery.group == delivery.id
            and delivery.state != "stopped"
            and hour >= self._hours.get(delivery.channel, (0, 0))[0]
        ):
            self._hours[delivery.channel] = (hour, self._used(delivery.channel, hour) + 1)

    def _is_forgotten(self, alarm: Alarm) -> bool:
        """Whether it tells of a time before its customer was erased, or that the erasure has ended it."""
        if alarm.customer_id is None:
            return False
        mark = self.store.get(erasure.erased_key(alarm.customer_id))
        return mark is not None and erasure.covers(mark, alarm)

    async def _drop(self, alarm_id: str, incident: Incident | None) -> None:
        if incident is None:
            return
        for delivery in waiting(incident.deliveries):
            if delivery.channel in self.queues:
                self.queues[delivery.channel].withdraw(delivery, even_tried=True)
        await self.store.put(alarm_id, None)

    async def _save(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            incident = self.store.get(delivery.alarm_id)
            if incident is not None:
                await self._keep(noted(incident, delivery))

    async def _keep(self, incident: Incident) -> None:
        self._index(incident)
        await self.store.put(incident.alarm.alarm_id, incident)

    def _index(self, incident: Incident) -> None:
        alarm = incident.alarm
        if alarm.customer_id is not None:
            self._by_customer.setdefault(alarm.customer_id, set()).add(alarm.alarm_id)
        if move := next_move(incident, self.routes.ladder(alarm)):
            heapq.heappush(self._moves, (move[0], alarm.alarm_id))
            self.moved.set()
        if incident.ended:
            self._announced.pop(alarm.alarm_id, None)

    def _open_of(self, customer_id: str) -> Iterable[Incident]:
        ids = sorted(self._by_customer.get(customer_id, ()))
        return [incident for one in ids if (incident := self.store.get(one)) is not None and not incident.ended]

    def _used(self, channel: str, hour: Instant) -> int:
        at, count = self._hours.get(channel, (hour, 0))
        return count if at == hour else 0


async def _until(again: Instant | None, clock: Callable[[], Instant], wake: asyncio.Event, stop: asyncio.Event) -> None:
    """Wait for the instant, for something new, or for the end."""
    wait = None if again is None else max(0, again - clock()) / SECOND
    waits = [asyncio.ensure_future(wake.wait()), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
