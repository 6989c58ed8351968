"""The queue in front of one channel: what waits, when it is tried, and when the channel is left alone.

A queue is a plain value machine with one awaited call in it. `step(now)` tries at most one notification and says when
it wants to be called again, so retries never sleep, survive a restart as the deliveries that they are, and one dead
channel holds up nobody else.
"""

import asyncio
import hashlib
import heapq
from collections.abc import Iterable
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from alerts.channels.contract import Channel, ChannelSettings, Notification, Refused, Retry
from alerts.pipeline.incident import Delivery, State
from alerts.wording.message import Message, compose, digest
from scorers.contract.events import HOUR, MINUTE, SECOND, Duration, Instant
from scorers.contract.inert import inert

BACKOFF: tuple[Duration, ...] = (
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Waits between attempts, as the Standard Webhooks specification has them."""
TRIP = 5  # failures in a row after which the channel is left alone for a while
REST: Duration = 30 * SECOND
LONGEST_REST: Duration = 15 * MINUTE


class Step(Struct, frozen=True):
    """What became of the notification tried, and when to call again; None until something new waits."""

    deliveries: tuple[Delivery, ...]
    again: Instant | None


class ChannelQueue:
    """The notifications that wait for one channel."""

    def __init__(self, channel: Channel, settings: ChannelSettings, zone: ZoneInfo) -> None:
        self.channel = channel
        self.settings = settings
        self.zone = zone
        self.disabled = ""
        self.fails = 0
        self.shut_until = Instant(0)
        self.wake = asyncio.Event()
        self._groups: dict[str, dict[str, Delivery]] = {}
        self._due: dict[str, Instant] = {}
        self._place: dict[str, tuple[Instant, int]] = {}
        self._later_on: list[tuple[Instant, str]] = []
        self._ready: list[tuple[tuple[Instant, int], str]] = []
        self._count = 0
        self._turn = 0
        self._trying = ""

    def __len__(self) -> int:
        return self._count

    def offer(self, delivery: Delivery, *, again: bool = False) -> Delivery:
        """The delivery as it stands now: waiting in the queue, or stopped at its door; `again` after a restart."""
        if self.disabled:
            return _ended(delivery, "stopped", "channel_disabled", self.disabled, None)
        if self._count >= self.settings.queue and not again:
            return _ended(delivery, "stopped", "queue_full", f"{self._count} wait already", None)
        group = self._groups.setdefault(delivery.group, {})
        self._count += delivery.id not in group
        group[delivery.id] = delivery
        if delivery.group not in self._place:
            self._turn += 1
            self._place[delivery.group] = (delivery.time, self._turn)
            self._wait(delivery.group, delivery.due)
        self.wake.set()
        return delivery

    def withdraw(self, delivery: Delivery, *, even_tried: bool = False) -> bool:
        """Take a delivery out whose alarm is over; False when it may have left already."""
        held = self._groups.get(delivery.group, {}).get(delivery.id)
        if held is None or not (even_tried or self.untried(held)):
            return False
        self._remove(delivery.group, [held])
        return True

    def untried(self, delivery: Delivery) -> bool:
        """Whether it certainly has not left."""
        return not delivery.attempts and delivery.group != self._trying

    async def step(self, now: Instant) -> Step:
        """Try the first notification that is due, if any."""
        if now < self.shut_until:
            return Step((), self.shut_until)
        name = self._next(now)
        if name is None:
            return Step((), self._again())
        deliveries = list(self._groups[name].values())
        live = [delivery for delivery in deliveries if now - delivery.time <= self.settings.give_up_after]
        lost = [delivery for delivery in deliveries if now - delivery.time > self.settings.give_up_after]
        self._remove(name, lost)
        gave_up = tuple(_ended(delivery, "failed", "gave_up", delivery.detail, now) for delivery in lost)
        done = await self._try(name, live, now) if live else ()
        return Step((*gave_up, *done), self._again())

    async def _try(self, name: str, deliveries: list[Delivery], now: Instant) -> tuple[Delivery, ...]:
        try:
            notification = self._notification(name, deliveries, now)
        except Exception as fault:  # no second attempt makes words out of it, and the queue goes on
            return self._finish(name, deliveries, "failed", "no_words", type(fault).__name__, now)
        self._trying = name
        try:
            async with asyncio.timeout(self.settings.timeout / SECOND):
                await self.channel.send(notification)
        except Refused as fault:
            gone = self._finish(name, deliveries, "failed", "refused", str(fault), now)
            return (*gone, *self._disable(str(fault), now)) if fault.disable else gone
        except Retry as fault:
            return self._later(name, deliveries, str(fault), fault.after, now)
        except Exception as fault:  # a fault of the channel's own is no reason to lose the notification or the queue
            return self._later(name, deliveries, type(fault).__name__, None, now)
        finally:
            self._trying = ""
        self.fails = 0
        return self._finish(name, deliveries, "sent", "", "", now)

    def _notification(self, name: str, deliveries: list[Delivery], now: Instant) -> Notification:
        alarms = tuple(delivery.alarm for delivery in deliveries if delivery.alarm is not None)
        change = deliveries[0].change if len(deliveries) == 1 else "digest"
        message: Message = compose(alarms[0], change, self.zone) if len(alarms) == 1 else digest(alarms)
        return Notification(id=name, change=change, alarms=alarms, message=message, sent_at=now)

    def _finish(
        self, name: str, deliveries: list[Delivery], state: State, rule: str, why: str, now: Instant
    ) -> tuple[Delivery, ...]:
        self._remove(name, deliveries)
        return tuple(
            _ended(delivery, state, rule or delivery.rule, why or delivery.detail, now) for delivery in deliveries
        )

    def _disable(self, why: str, now: Instant) -> tuple[Delivery, ...]:
        self.disabled = inert(why)
        left = [(name, list(group.values())) for name, group in self._groups.items()]
        return tuple(
            one for name, rest in left for one in self._finish(name, rest, "failed", "channel_disabled", why, now)
        )

    def _later(
        self, name: str, deliveries: list[Delivery], why: str, after: Duration | None, now: Instant
    ) -> tuple[Delivery, ...]:
        attempts = 1 + max(delivery.attempts for delivery in deliveries)
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
            msgspec.structs.replace(delivery, attempts=attempts, due=due, detail=inert(why))
            for delivery in deliveries
            if delivery.id in group  # its customer may have been erased meanwhile
        )
        group.update({delivery.id: delivery for delivery in tried})
        if group:
            self._wait(name, due)
        if self.shut_until > now:
            self._share_the_rest()
        return tried

    def _share_the_rest(self) -> None:
        """While the channel is left alone its failures are its own: afterwards all go in their first order."""
        for name, group in self._groups.items():
            if self._due[name] > self.shut_until and any(delivery.attempts for delivery in group.values()):
                self._wait(name, self.shut_until)

    def _remove(self, name: str, deliveries: list[Delivery]) -> None:
        if (group := self._groups.get(name)) is None:
            return  # taken out while it was being sent
        for delivery in deliveries:
            self._count -= group.pop(delivery.id, None) is not None
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


def _ended(delivery: Delivery, state: State, rule: str, why: str, now: Instant | None) -> Delivery:
    return msgspec.structs.replace(delivery, state=state, rule=rule, detail=inert(why), done=now, alarm=None)


def waiting(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """Those that still wait, the oldest first."""
    return sorted((delivery for delivery in deliveries if delivery.state == "waiting"), key=lambda one: one.time)
