"""The notifier's one object: takes alarms in, keeps their cases, and empties the lines before the channels.

    alarm -> decide (stages) -> record in the case -> line -> channel -> record in the case

What is to be sent is written down as `waiting` before it is sent, and as `sent` after; the case with all its records
is one value under one key. So a clean restart repeats nothing, and a kill between sending and writing repeats a
delivery under the same id. Kafka is not known here: a store is anything with `get` and `put`.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Protocol

import msgspec

from alerts.channels import Channel
from alerts.pipeline import erasure
from alerts.pipeline.alarm_life import (
    ENDINGS,
    Action,
    Case,
    Move,
    NotPossible,
    Record,
    acknowledged,
    act,
    escalated,
    fold,
    identity,
    next_move,
    noted,
    woken,
)
from alerts.pipeline.channel_queue import Line, waiting
from alerts.pipeline.routes import Routes
from alerts.pipeline.stages import World, ask, decide, explain, hour_of
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, MINUTE, SECOND, Duration, Instant

RELEASE: Duration = 10 * MINUTE
"""What a larger alarm had muted waits this long after its end: what ended it may end the smaller ones too."""


class Store(Protocol):
    """Where cases are kept: the last value put under an alarm's id is the one got."""

    def get(self, alarm_id: str, /) -> Case | None:
        """The case, at once, from memory."""

    async def put(self, alarm_id: str, case: Case | None, /) -> None:
        """Keep the case; visible to `get` at once, durable on return. None forgets it."""


class Memory:
    """A store that is rebuilt from the cases it is given."""

    def __init__(self, cases: Iterable[Case] = ()) -> None:
        self.cases = {case.alarm.alarm_id: case for case in cases}

    def get(self, alarm_id: str) -> Case | None:
        """The case under this id."""
        return self.cases.get(alarm_id)

    async def put(self, alarm_id: str, case: Case | None) -> None:
        """Keep the case, or forget it."""
        if case is None:
            self.cases.pop(alarm_id, None)
        else:
            self.cases[alarm_id] = case


class Dispatcher:
    """Decides about each change, and delivers what was decided."""

    def __init__(
        self, routes: Routes, channels: Mapping[str, Channel], store: Store, notify_within: Duration = 2 * DAY
    ) -> None:
        self.routes = routes
        self.store = store
        self.lines = {name: Line(channels[name], lane, routes.zone) for name, lane in routes.channels.items()}
        self.world = World(routes, self._open_of, self._used, notify_within)
        self.moved = asyncio.Event()
        self._by_customer: dict[str, set[str]] = {}
        self._moves: list[tuple[Instant, str]] = []
        self._announced: dict[str, int] = {}
        self._hours: dict[str, tuple[Instant, int]] = {}

    async def resume(self, cases: Iterable[Case], now: Instant) -> None:
        """Take up what an earlier run has left: open alarms, ladders, and all that still waits."""
        left: list[Record] = []
        for case in cases:
            self._index(case)
            left += waiting(case.records)
            for record in case.records:
                self._count(record)
        for record in waiting(left):
            if record.channel in self.lines:
                self.lines[record.channel].offer(record, again=True)
            else:
                await self._record(
                    [msgspec.structs.replace(record, state="stopped", rule="channel_removed", done=now, alarm=None)]
                )

    async def take(self, alarm: Alarm, now: Instant) -> tuple[Record, ...]:
        """The records of this change of an alarm, kept; none for a change that was seen before."""
        case = self.store.get(alarm.alarm_id)
        if case is not None and identity(alarm) in case.seen:
            return ()
        if self._is_forgotten(alarm):
            await self._drop(alarm.alarm_id, case)
            return ()
        if case is not None and alarm.type in ENDINGS:
            case = self._withdraw(case, now)
        records = self._offer(decide(ask(alarm, case, now, self.world)))
        after = noted(fold(case, alarm, now), *records)
        await self._keep(after)
        if after.ended and alarm.customer_id is not None:
            await self._release(alarm.customer_id, now)
        return records

    async def act(self, action: Action, now: Instant) -> Alarm | None:
        """Keep what a person did; the record for the `alarms` topic when it is the first sign that somebody knows."""
        case = self.store.get(action.alarm_id)
        if case is None:
            raise NotPossible(
                f"there is no alarm {action.alarm_id!r}; take the id from the message or from alarms tail"
            )
        done = next((line.time for line in case.audit if line.action == action), None)
        after = act(case, action, now)
        await self._keep(after)
        told = any(record.change == "alarm.acknowledged" for record in case.records)
        cut_off = done is not None and case.acked_by == action.by and not told  # by a kill, before it was published
        if after.acked_by is not None and (case.acked_by is None or cut_off):
            return acknowledged(after, done or now, (action.id,) if action.id else ())
        return None

    async def tick(self, now: Instant) -> list[Alarm]:
        """Remind where it is time; the escalations for the `alarms` topic, which come back through `take`."""
        climbed = []
        while self._moves and self._moves[0][0] <= now:
            case = self.store.get(heapq.heappop(self._moves)[1])
            move = next_move(case, self.routes.ladder(case.alarm)) if case else None
            if case is None or move is None or move[0] > now:
                continue  # an older plan: the newer one lies further down
            if move[1] != "escalate":
                await self._remind(case, move, now)
            elif self._announced.get(case.alarm.alarm_id) != case.rung:
                self._announced[case.alarm.alarm_id] = case.rung
                climbed.append(escalated(case, move[0]))
        return climbed

    async def deliver(self, channel: str, now: Instant) -> Instant | None:
        """Try the first notification that waits for the channel; when to call again."""
        step = await self.lines[channel].step(now)
        await self._record(step.records)
        return step.again

    async def forget(self, customer_id: str, at: Instant, event_id: str, now: Instant) -> None:
        """Forget the customer's cases, open or over, whatever of them still waits, and what is yet to be read of them.

        Alarms lie on another topic than erasures, so what was told before this one may be read after it.
        """
        key = erasure.erased_key(customer_id)
        await self.store.put(key, erasure.mark(key, at, event_id, now, self.store.get(key)))
        for alarm_id in sorted(self._by_customer.pop(customer_id, ())):
            await self._drop(alarm_id, self.store.get(alarm_id))

    def explain(self, alarm: Alarm, now: Instant) -> list[str]:
        """Where the change would go, and why or why not."""
        case = self.store.get(alarm.alarm_id)
        if case is not None and identity(alarm) in case.seen:
            return ["seen before: changes nothing"]
        if case is not None and alarm.type in ENDINGS:
            case = noted(case, *self._overtaken(case, now))
        return explain(alarm, now, self.world, case)

    async def run(
        self, clock: Callable[[], Instant], publish: Callable[[Alarm], Awaitable[None]], stop: asyncio.Event
    ) -> None:
        """Deliver, remind and escalate until stopped; what is being sent is sent to its end."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for name in self.lines:
                    tasks.create_task(self._empty(name, clock, stop))
                tasks.create_task(self._climb(clock, publish, stop))
        finally:
            for line in self.lines.values():
                await line.channel.close()

    async def _empty(self, name: str, clock: Callable[[], Instant], stop: asyncio.Event) -> None:
        wake = self.lines[name].wake
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

    async def _remind(self, case: Case, move: Move, now: Instant) -> None:
        awake = woken(case) if move[1] == "wake" else case
        records = self._offer(decide(ask(case.alarm, awake, now, self.world, move[0])))
        after = noted(awake, *records)
        if move[1] == "remind":
            after = msgspec.structs.replace(after, reminded=case.reminded + 1)
        ladder = self.routes.ladder(case.alarm)
        while (missed := next_move(after, ladder)) and missed[1] == "remind" and missed[0] <= now:
            after = msgspec.structs.replace(after, reminded=after.reminded + 1)  # one reminder makes up for all missed
        await self._keep(after)

    async def _release(self, customer_id: str, now: Instant) -> None:
        for case in list(self._open_of(customer_id)):
            if case.told() or not case.records or case.records[-1].rule != "inhibited":
                continue
            records = decide(ask(case.alarm, case, now, self.world, case.made))
            late = [
                msgspec.structs.replace(one, due=max(one.due, Instant(now + RELEASE)))
                if one.state == "waiting"
                else one
                for one in records
            ]
            await self._keep(noted(case, *self._offer(late)))

    def _withdraw(self, case: Case, now: Instant) -> Case:
        gone = self._overtaken(case, now)
        for record in gone:
            self.lines[record.channel].withdraw(record)
        return noted(case, *gone)

    def _overtaken(self, case: Case, now: Instant) -> list[Record]:
        """What waits untried although the alarm is over."""
        return [
            msgspec.structs.replace(record, state="stopped", rule="ended_first", done=now, alarm=None)
            for record in waiting(case.records)
            if record.channel in self.lines and self.lines[record.channel].untried(record)
        ]

    def _offer(self, records: Iterable[Record]) -> tuple[Record, ...]:
        offered = []
        for record in records:
            self._count(record)
            offered.append(self.lines[record.channel].offer(record) if record.state == "waiting" else record)
        return tuple(offered)

    def _count(self, record: Record) -> None:
        """Count what goes alone, for the limit of the hour."""
        hour = hour_of(record.time)
        if (
            record.group == record.id
            and record.state != "stopped"
            and hour >= self._hours.get(record.channel, (0, 0))[0]
        ):
            self._hours[record.channel] = (hour, self._used(record.channel, hour) + 1)

    def _is_forgotten(self, alarm: Alarm) -> bool:
        """Whether it tells of a time before its customer was erased, or that the erasure has ended it."""
        if alarm.customer_id is None:
            return False
        mark = self.store.get(erasure.erased_key(alarm.customer_id))
        return mark is not None and erasure.covers(mark, alarm)

    async def _drop(self, alarm_id: str, case: Case | None) -> None:
        if case is None:
            return
        for record in waiting(case.records):
            if record.channel in self.lines:
                self.lines[record.channel].withdraw(record, even_tried=True)
        await self.store.put(alarm_id, None)

    async def _record(self, records: Iterable[Record]) -> None:
        for record in records:
            case = self.store.get(record.alarm_id)
            if case is not None:
                await self._keep(noted(case, record))

    async def _keep(self, case: Case) -> None:
        self._index(case)
        await self.store.put(case.alarm.alarm_id, case)

    def _index(self, case: Case) -> None:
        alarm = case.alarm
        if alarm.customer_id is not None:
            self._by_customer.setdefault(alarm.customer_id, set()).add(alarm.alarm_id)
        if move := next_move(case, self.routes.ladder(alarm)):
            heapq.heappush(self._moves, (move[0], alarm.alarm_id))
            self.moved.set()
        if case.ended:
            self._announced.pop(alarm.alarm_id, None)

    def _open_of(self, customer_id: str) -> Iterable[Case]:
        ids = sorted(self._by_customer.get(customer_id, ()))
        return [case for one in ids if (case := self.store.get(one)) is not None and not case.ended]

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
