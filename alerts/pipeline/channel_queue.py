"""The line in front of one channel: what waits, when it is tried, and when the channel is left alone.

A line is a plain value machine with one awaited call in it. `step(now)` tries at most one notification and says when
it wants to be called again, so retries never sleep, survive a restart as the records that they are, and one dead
channel holds up nobody else.
"""

import asyncio
import hashlib
import heapq
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from alerts.channels import Channel, Lane, Notification, Refused, Retry
from alerts.pipeline.alarm_life import Record, State
from alerts.wording.inert import inert
from alerts.wording.message import Message, compose, digest
from scorers.contract.events import HOUR, MINUTE, SECOND, Duration, Instant

BACKOFF: tuple[Duration, ...] = (
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Waits between attempts, as the Standard Webhooks specification has them."""
TRIP = 5  # failures in a row after which the channel is left alone for a while
REST: Duration = 30 * SECOND
LONGEST_REST: Duration = 15 * MINUTE


class Step(Struct, frozen=True):
    """What became of the notification tried, and when to call again; None until something new waits."""

    records: tuple[Record, ...]
    again: Instant | None


class Line:
    """The notifications that wait for one channel."""

    def __init__(self, channel: Channel, lane: Lane, zone: ZoneInfo) -> None:
        self.channel = channel
        self.lane = lane
        self.zone = zone
        self.disabled = ""
        self.fails = 0
        self.shut_until = Instant(0)
        self.wake = asyncio.Event()
        self._groups: dict[str, dict[str, Record]] = {}
        self._due: dict[str, Instant] = {}
        self._place: dict[str, tuple[Instant, int]] = {}
        self._later_on: list[tuple[Instant, str]] = []
        self._ready: list[tuple[tuple[Instant, int], str]] = []
        self._count = 0
        self._turn = 0
        self._trying = ""

    def __len__(self) -> int:
        return self._count

    def offer(self, record: Record, *, again: bool = False) -> Record:
        """The record as it stands now: waiting in the line, or stopped at its door; `again` after a restart."""
        if self.disabled:
            return _ended(record, "stopped", "channel_disabled", self.disabled, None)
        if self._count >= self.lane.queue and not again:
            return _ended(record, "stopped", "queue_full", f"{self._count} wait already", None)
        group = self._groups.setdefault(record.group, {})
        self._count += record.id not in group
        group[record.id] = record
        if record.group not in self._place:
            self._turn += 1
            self._place[record.group] = (record.time, self._turn)
            self._wait(record.group, record.due)
        self.wake.set()
        return record

    def withdraw(self, record: Record, *, even_tried: bool = False) -> bool:
        """Take a record out whose alarm is over; False when it may have left already."""
        held = self._groups.get(record.group, {}).get(record.id)
        if held is None or not (even_tried or self.untried(held)):
            return False
        self._remove(record.group, [held])
        return True

    def untried(self, record: Record) -> bool:
        """Whether it certainly has not left."""
        return not record.attempts and record.group != self._trying

    async def step(self, now: Instant) -> Step:
        """Try the first notification that is due, if any."""
        if now < self.shut_until:
            return Step((), self.shut_until)
        name = self._next(now)
        if name is None:
            return Step((), self._again())
        records = list(self._groups[name].values())
        live = [record for record in records if now - record.time <= self.lane.give_up_after]
        lost = [record for record in records if now - record.time > self.lane.give_up_after]
        self._remove(name, lost)
        gave_up = tuple(_ended(record, "failed", "gave_up", record.detail, now) for record in lost)
        done = await self._try(name, live, now) if live else ()
        return Step((*gave_up, *done), self._again())

    async def _try(self, name: str, records: list[Record], now: Instant) -> tuple[Record, ...]:
        try:
            notification = self._notification(name, records, now)
        except Exception as fault:  # no second attempt makes words out of it, and the line goes on
            return self._finish(name, records, "failed", "no_words", type(fault).__name__, now)
        self._trying = name
        try:
            async with asyncio.timeout(self.lane.timeout / SECOND):
                await self.channel.send(notification)
        except Refused as fault:
            gone = self._finish(name, records, "failed", "refused", str(fault), now)
            return (*gone, *self._disable(str(fault), now)) if fault.disable else gone
        except Retry as fault:
            return self._later(name, records, str(fault), fault.after, now)
        except Exception as fault:  # a fault of the channel's own is no reason to lose the notification or the line
            return self._later(name, records, type(fault).__name__, None, now)
        finally:
            self._trying = ""
        self.fails = 0
        return self._finish(name, records, "sent", "", "", now)

    def _notification(self, name: str, records: list[Record], now: Instant) -> Notification:
        alarms = tuple(record.alarm for record in records if record.alarm is not None)
        change = records[0].change if len(records) == 1 else "digest"
        message: Message = compose(alarms[0], change, self.zone) if len(alarms) == 1 else digest(alarms)
        return Notification(id=name, change=change, alarms=alarms, message=message, sent_at=now)

    def _finish(
        self, name: str, records: list[Record], state: State, rule: str, why: str, now: Instant
    ) -> tuple[Record, ...]:
        self._remove(name, records)
        return tuple(_ended(record, state, rule or record.rule, why or record.detail, now) for record in records)

    def _disable(self, why: str, now: Instant) -> tuple[Record, ...]:
        self.disabled = inert(why)
        left = [(name, list(group.values())) for name, group in self._groups.items()]
        return tuple(
            one for name, rest in left for one in self._finish(name, rest, "failed", "channel_disabled", why, now)
        )

    def _later(
        self, name: str, records: list[Record], why: str, after: Duration | None, now: Instant
    ) -> tuple[Record, ...]:
        attempts = 1 + max(record.attempts for record in records)
        pause = backoff(name, attempts) if after is None else after
        self.fails += after is None
        if after is not None:
            self.shut_until = Instant(now + after)
        elif self.fails >= TRIP:
            pause = rest(name, self.fails)
            self.shut_until = Instant(now + pause)
        due = Instant(now + pause)
        group = self._groups.get(name, {})
        tried = tuple(
            msgspec.structs.replace(record, attempts=attempts, due=due, detail=inert(why))
            for record in records
            if record.id in group  # its customer may have been erased meanwhile
        )
        group.update({record.id: record for record in tried})
        if group:
            self._wait(name, due)
        if self.shut_until > now:
            self._share_the_rest()
        return tried

    def _share_the_rest(self) -> None:
        """While the channel is left alone its failures are its own: afterwards all go in their first order."""
        for name, group in self._groups.items():
            if self._due[name] > self.shut_until and any(record.attempts for record in group.values()):
                self._wait(name, self.shut_until)

    def _remove(self, name: str, records: list[Record]) -> None:
        if (group := self._groups.get(name)) is None:
            return  # taken out while it was being sent
        for record in records:
            self._count -= group.pop(record.id, None) is not None
        if not group:
            del self._groups[name], self._due[name], self._place[name]

    def _wait(self, name: str, due: Instant) -> None:
        self._due[name] = due
        heapq.heappush(self._later_on, (due, name))

    def _next(self, now: Instant) -> str | None:
        """The oldest of those that are due."""
        while self._later_on and self._later_on[0][0] <= now:
            due, name = heapq.heappop(self._later_on)
            if self._due.get(name) == due:
                heapq.heappush(self._ready, (self._place[name], name))
        while self._ready:
            place, name = heapq.heappop(self._ready)
            if self._place.get(name) == place and self._due[name] <= now:
                return name
        return None

    def _again(self) -> Instant | None:
        while self._later_on and self._due.get(self._later_on[0][1]) != self._later_on[0][0]:
            heapq.heappop(self._later_on)
        nearest = [Instant(0)] if self._ready else [self._later_on[0][0]] if self._later_on else []
        return Instant(max(nearest[0], self.shut_until)) if nearest else None


def backoff(name: str, attempt: int) -> Duration:
    """The wait after this attempt, spread by up to a fifth; the spread is a hash, so a decision repeats itself.

    >>> 4 * SECOND <= backoff("msg_1", 1) <= 6 * SECOND
    True
    """
    return _spread(BACKOFF[min(attempt, len(BACKOFF)) - 1], f"{name} {attempt}")


def rest(name: str, fails: int) -> Duration:
    """How long the channel is left alone after so many failures in a row.

    >>> rest("msg_1", TRIP) <= 36 * SECOND, rest("msg_1", 99) >= 12 * MINUTE
    (True, True)
    """
    return _spread(min(REST << min(fails - TRIP, 10), LONGEST_REST), f"{name} {fails}")


def _spread(wait: Duration, seed: str) -> Duration:
    return int(wait * (0.8 + 0.4 * hashlib.sha256(seed.encode()).digest()[0] / 255))


def _ended(record: Record, state: State, rule: str, why: str, now: Instant | None) -> Record:
    return msgspec.structs.replace(record, state=state, rule=rule, detail=inert(why), done=now, alarm=None)


def waiting(records: Iterable[Record]) -> list[Record]:
    """Those that still wait, the oldest first."""
    return sorted((record for record in records if record.state == "waiting"), key=lambda one: one.time)
