"""A dispatcher of alarms on fake time, with channels that keep what they receive."""

from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from alerts.channels.contract import Notification
from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident import Delivery, Incident, decode_incident, encode_incident
from alerts.pipeline.routes import read
from alerts.pipeline.store import Memory
from alerts.wording.playbooks import KINDS
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, Instant
from tests.support.alarms import an_alarm
from tests.support.hashes import HASHES
from tests.support.routefiles import PLAIN

MONDAY = Instant(1_704_067_200_000_000)  # 2024-01-01T00:00:00Z


def at(hours: float, days: int = 0) -> Instant:
    """The instant so long after Monday's midnight."""
    return Instant(MONDAY + days * DAY + round(hours * HOUR))


NINE = at(9)


def alarm(alarm_id: str = "a1", kind: str = "risk-high", when: Instant = NINE, **changed: Any) -> Alarm:
    """An alarm raised at that instant."""
    return an_alarm(when, alarm_id, kind=kind, **changed)


def settled(of: Alarm, when: Instant) -> Alarm:
    """The end of that alarm."""
    return msgspec.structs.replace(of, type="alarm.settled", time=when, outcome="saved")


class Sink:
    """A channel that keeps what it receives, or raises `fault` while that is set."""

    def __init__(self) -> None:
        self.taken: list[Notification] = []
        self.tried: list[Instant] = []
        self.fault: Exception | None = None

    async def send(self, notification: Notification) -> None:
        self.tried.append(notification.sent_at)
        if self.fault is not None:
            raise self.fault
        self.taken.append(notification)

    async def close(self) -> None:
        pass


class Story:
    """A dispatcher on fake time: every instant at which something is due is visited, in order."""

    def __init__(
        self, routes: str = PLAIN, sinks: dict[str, Sink] | None = None, incidents: Iterable[Incident] = ()
    ) -> None:
        self.routes = read(routes)
        self.sinks = sinks or {name: Sink() for name in self.routes.channels}
        self.store = Memory(incidents)
        self.dispatcher = Dispatcher(self.routes, self.sinks, self.store, hashes=HASHES)
        self.now = MONDAY
        self.published: list[Alarm] = []

    async def push(self, given: Alarm, now: Instant | None = None, made: Instant | None = None) -> tuple[Delivery, ...]:
        """The alarm is read at `now`, by default at its own time, and was made at `made`, by default when it is read."""
        await self.until(now or given.time)
        records = await self.dispatcher.take(given, self.now, made)
        await self.until(self.now)
        return records

    async def until(self, end: Instant) -> None:
        """Advance the time."""
        while True:
            for climbed in await self.dispatcher.tick(self.now):
                self.published.append(climbed)
                await self.dispatcher.take(climbed, self.now)
            soon = [again for name in self.sinks if (again := await self._empty(name)) is not None]
            follow_ups = self.dispatcher._follow_ups
            soon += [follow_ups[0][0]] if follow_ups else []
            step = min([one for one in soon if one > self.now], default=end)
            if step > end or (step == end and self.now >= end):
                break
            self.now = step
        self.now = max(self.now, end)

    async def _empty(self, name: str) -> Instant | None:
        while (again := await self.dispatcher.deliver(name, self.now)) is not None and again <= self.now:
            pass
        return again

    async def restarted(self) -> "Story":
        """The dispatcher after a clean restart, rebuilt from the incidents."""
        after = Story.__new__(Story)
        incidents = [decode_incident(encode_incident(incident)) for incident in self.store.incidents.values()]
        after.routes, after.sinks, after.now = self.routes, self.sinks, self.now
        after.store, after.published = Memory(incidents), self.published
        after.dispatcher = Dispatcher(after.routes, after.sinks, after.store, hashes=HASHES)
        await after.dispatcher.resume(incidents, self.now)
        return after

    def sent(self, channel: str = "desk") -> list[tuple[Instant, str, tuple[str, ...]]]:
        """When, what change, which alarms."""
        return [
            (one.sent_at, one.change, tuple(sorted(a.alarm_id for a in one.alarms)))
            for one in self.sinks[channel].taken
        ]

    def rules(self, alarm_id: str = "a1") -> list[str]:
        """The rules in the incident, in order."""
        return [delivery.rule for delivery in self.store.incidents[alarm_id].deliveries]


# Any alarm of one customer.
alarms = st.builds(
    alarm,
    st.sampled_from(["a1", "a2"]),
    st.sampled_from(sorted(KINDS)),
    st.integers(0, 60).map(lambda hours: at(hours)),
    severity=st.sampled_from(["critical", "error", "warning", "info"]),
    tier=st.sampled_from(["platinum", "gold", "iron", "lead", "none", None]),
    type=st.sampled_from(["alarm.raised", "alarm.updated", "alarm.settled", "alarm.withdrawn", "alarm.escalated"]),
)
