"""The queue in front of one channel: which deliveries wait, when each is tried, and when the channel is paused.

`step(now)` tries at most one notification and returns when to call it again; it never sleeps and reads no clock. So a
channel that is down delays no other, and a restart rebuilds the queue from the deliveries that wait. Critical alarms go
first, all others in the order of their times. What finds the queue full goes with a digest (see `overflow`).
"""

import asyncio
import hashlib
import heapq
from collections.abc import Callable, Iterable

import msgspec
from msgspec import Struct

from alerts.channels.contract import Channel, ChannelSettings, Notification, Refused, Retry
from alerts.pipeline import overflow
from alerts.pipeline.incident import Delivery, State
from alerts.pipeline.sending.notification import Composer, in_doubt
from scorers.contract.events import HOUR, MINUTE, SECOND, Duration, Instant
from scorers.contract.inert import inert
from vigia.runtime.crash.failpoints import failpoint

BACKOFF: tuple[Duration, ...] = (
    5 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
)  # fmt: skip
"""Waits between attempts, as the Standard Webhooks specification recommends."""
FAILURES_BEFORE_PAUSE = 5  # in a row; then the channel is paused (a circuit breaker)
FIRST_PAUSE: Duration = 30 * SECOND
LONGEST_PAUSE: Duration = 15 * MINUTE


Position = tuple[bool, Instant, int]
"""Where a group stands: critical alarms first, then by time, then as they came."""


class Step(Struct, frozen=True):
    """The deliveries that changed, and when to call `step` again; None if nothing waits."""

    deliveries: tuple[Delivery, ...]
    again: Instant | None


class ChannelQueue:
    """The notifications that wait for one channel."""

    def __init__(self, channel: Channel, settings: ChannelSettings, composer: Composer) -> None:
        self.channel = channel
        self.settings = settings
        self.composer = composer
        self.disabled = ""
        self.failures = 0
        self.paused_until = Instant(0)
        self.wake = asyncio.Event()
        self._groups: dict[str, dict[str, Delivery]] = {}
        self._due: dict[str, Instant] = {}
        self._position: dict[str, Position] = {}
        self._by_due: list[tuple[Instant, str]] = []
        self._ready: list[tuple[Position, str]] = []
        self._listed = overflow.Listed()
        self._count = 0
        self._sequence = 0
        self._in_flight = ""
        self._begun: set[str] = set()
        self._doubtful: set[str] = set()  # begun before a restart: the receiver may have them

    def __len__(self) -> int:
        return self._count

    def offer(self, delivery: Delivery, *, again: bool = False) -> Delivery:
        """Queue the delivery and return it: alone, or folded into a digest if the queue is full.

        It returns stopped if the channel is disabled. `again` re-queues after a restart, past the limit.
        """
        if self.disabled:
            return _ended(delivery, "stopped", "channel_disabled", self.disabled, None)
        if overflow.is_folded(delivery) or not (
            again or delivery.listed or overflow.has_place(delivery, self._count, self.settings.queue)
        ):
            delivery = self._fold(delivery)
        group = self._groups.setdefault(delivery.group, {})
        self._count += delivery.id not in group and not overflow.is_folded(delivery)
        if again and delivery.begun:
            self._doubtful.add(delivery.group)
        group[delivery.id] = delivery
        if delivery.group not in self._position:
            self._sequence += 1
            self._position[delivery.group] = (delivery.severity != "critical", delivery.time, self._sequence)
            self._wait(delivery.group, delivery.due)
        self.wake.set()
        return delivery

    def replace(self, delivery: Delivery) -> None:
        """Put a delivery in the place of the one with its id, if that still waits and is not being sent."""
        if delivery.id in self._groups.get(delivery.group, {}) and self.untried(delivery):
            self._groups[delivery.group][delivery.id] = delivery

    @property
    def folded(self) -> int:
        """How many deliveries wait in digests of an overflow."""
        return sum(map(len, self._groups.values())) - self._count

    def _fold(self, delivery: Delivery) -> Delivery:
        after = delivery if overflow.is_folded(delivery) else overflow.folded(delivery, self._count)
        if delivery.alarm is not None:
            self._listed.add(after, delivery.alarm)
        return msgspec.structs.replace(after, alarm=None)

    def withdraw(self, delivery: Delivery, *, even_tried: bool = False) -> bool:
        """Remove a delivery; False if it is not there or, unless `even_tried`, may already have been delivered."""
        held = self._groups.get(delivery.group, {}).get(delivery.id)
        if held is None or not (even_tried or self.untried(held)):
            return False
        self._remove(delivery.group, [held])
        return True

    def untried(self, delivery: Delivery) -> bool:
        """Whether no attempt to send it has begun."""
        return not (delivery.attempts or delivery.begun) and delivery.group != self._in_flight

    async def step(self, now: Instant) -> Step:
        """Try the oldest notification that is due, if any."""
        if now < self.paused_until:
            return Step((), self.paused_until)
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
        if not self.settings.knows_repeats and name not in self._begun:
            return self._begin(name, deliveries[0], now)
        try:
            notification = self._notification(name, deliveries, now)
        except Exception as fault:  # another attempt would fail in the same way
            return self._finish(name, deliveries, "failed", "no_words", type(fault).__name__, now)
        self._in_flight = name
        try:
            failpoint("sending")
            async with asyncio.timeout(self.settings.timeout / SECOND):
                await self.channel.send(notification)
            failpoint("accepted")
        except Refused as fault:
            gone = self._finish(name, deliveries, "failed", "refused", str(fault), now)
            return (*gone, *self._disable(str(fault), now)) if fault.disable else gone
        except Retry as fault:
            return self._later(name, deliveries, str(fault), fault.after, now)
        except Exception as fault:  # an error in the channel itself loses neither the notification nor the queue
            return self._later(name, deliveries, type(fault).__name__, None, now)
        finally:
            self._in_flight = ""
        self.failures = 0
        return self._finish(name, deliveries, "sent", "", "", now)

    def _begin(self, name: str, first: Delivery, now: Instant) -> tuple[Delivery, ...]:
        """Mark that an attempt begins; it is made at the next step, when that is stored, so that a kill leaves no doubt unseen."""
        self._begun.add(name)
        begun = msgspec.structs.replace(first, begun=True)
        self._groups[name][first.id] = begun
        self._wait(name, now)
        return (begun,)

    def _notification(self, name: str, deliveries: list[Delivery], now: Instant) -> Notification:
        found = self._listed.of(name, deliveries)
        known = [(one, one.alarm or found.get(one.id)) for one in deliveries if not one.listed]
        rest = overflow.by_severity(one for one, alarm in known if alarm is None)
        shown = [(one, alarm) for one, alarm in known if alarm is not None]
        listed = tuple(entry for one in deliveries for entry in one.listed)
        composed = self.composer.compose(name, shown, now, rest=rest, listed=listed)
        return in_doubt(composed) if name in self._doubtful else composed

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
        self.failures += after is None
        if after is not None:
            self.paused_until = Instant(now + after)
        elif self.failures >= FAILURES_BEFORE_PAUSE:
            pause = pause_after(name, self.failures)
            self.paused_until = Instant(now + pause)
        due = Instant(now + pause)
        group = self._groups.get(name, {})
        self._begun.discard(name)
        tried = tuple(
            msgspec.structs.replace(
                delivery, attempts=attempts, due=due, detail=inert(why), begun=name in self._doubtful
            )
            for delivery in deliveries
            if delivery.id in group  # its customer may have been erased during the attempt
        )
        group.update({delivery.id: delivery for delivery in tried})
        if group:
            self._wait(name, due)
        if self.paused_until > now:
            self._retry_after_pause()
        # very many may be folded: their attempts are not stored, and count from 0 after a restart
        return tuple(delivery for delivery in tried if not overflow.is_folded(delivery))

    def _retry_after_pause(self) -> None:
        """Make failed deliveries due at the end of the pause, so that all are sent in their original order."""
        for name, group in self._groups.items():
            if self._due[name] > self.paused_until and any(delivery.attempts for delivery in group.values()):
                self._wait(name, self.paused_until)

    def _remove(self, name: str, deliveries: list[Delivery]) -> None:
        if (group := self._groups.get(name)) is None:
            return  # removed while it was being sent
        for delivery in deliveries:
            held = group.pop(delivery.id, None)
            self._count -= held is not None and not overflow.is_folded(held)
        if not group:
            del self._groups[name], self._due[name], self._position[name]
            self._begun.discard(name)
            self._doubtful.discard(name)
            self._listed.forget(name)

    def _wait(self, name: str, due: Instant) -> None:
        self._due[name] = due
        heapq.heappush(self._by_due, (due, name))

    def _next(self, now: Instant) -> str | None:
        """The oldest group that is due."""
        while self._by_due and self._by_due[0][0] <= now:
            due, name = heapq.heappop(self._by_due)
            if self._due.get(name) == due:
                heapq.heappush(self._ready, (self._position[name], name))
        while self._ready:
            position, name = heapq.heappop(self._ready)
            if self._position.get(name) == position and self._due[name] <= now:
                return name
        return None

    def _again(self) -> Instant | None:
        while self._by_due and self._due.get(self._by_due[0][1]) != self._by_due[0][0]:
            heapq.heappop(self._by_due)
        nearest = [Instant(0)] if self._ready else [self._by_due[0][0]] if self._by_due else []
        return Instant(max(nearest[0], self.paused_until)) if nearest else None


def backoff(name: str, attempt: int) -> Duration:
    """The wait after this attempt, varied by up to a fifth; the variation is a hash, so it is reproducible.

    >>> 4 * SECOND <= backoff("msg_1", 1) <= 6 * SECOND
    True
    """
    return _spread(BACKOFF[min(attempt, len(BACKOFF)) - 1], f"{name} {attempt}")


def pause_after(name: str, failures: int) -> Duration:
    """How long the channel is paused after so many failures in a row.

    >>> pause_after("msg_1", FAILURES_BEFORE_PAUSE) <= 36 * SECOND, pause_after("msg_1", 99) >= 12 * MINUTE
    (True, True)
    """
    return _spread(min(FIRST_PAUSE << min(failures - FAILURES_BEFORE_PAUSE, 10), LONGEST_PAUSE), f"{name} {failures}")


def _spread(wait: Duration, seed: str) -> Duration:
    return int(wait * (0.8 + 0.4 * hashlib.sha256(seed.encode()).digest()[0] / 255))


def _ended(delivery: Delivery, state: State, rule: str, why: str, now: Instant | None) -> Delivery:
    return msgspec.structs.replace(delivery, state=state, rule=rule, detail=inert(why), done=now, alarm=None, listed=())


def waiting(deliveries: Iterable[Delivery]) -> list[Delivery]:
    """The deliveries that wait, the oldest first."""
    return sorted((delivery for delivery in deliveries if delivery.state == "waiting"), key=lambda one: one.time)


async def wait_until(
    again: Instant | None, clock: Callable[[], Instant], wake: asyncio.Event, stop: asyncio.Event
) -> None:
    """Wait for the instant, for `wake` or for `stop`, whichever is first."""
    wait = None if again is None else max(0, again - clock()) / SECOND
    waits = [asyncio.ensure_future(wake.wait()), asyncio.ensure_future(stop.wait())]
    try:
        await asyncio.wait(waits, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
