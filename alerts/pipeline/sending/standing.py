"""The alarms that are open on channels whose receivers forget them, such as Alertmanager: they are sent again and again.

What is open follows from the incidents, so a restart goes on by itself. A round that fails is not tried again before the next one.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

from alerts.channels.contract import Channel, ChannelSettings, Refused, RepeatingChannel, Retry
from alerts.pipeline.incident import Incident
from alerts.pipeline.store import Store
from scorers.contract.events import SECOND, Instant

LOGGER = logging.getLogger("alerts.pipeline.sending.standing")


class Standing:
    """By channel that repeats, the open alarms of which it was told."""

    def __init__(self, settings: Mapping[str, ChannelSettings], channels: Mapping[str, Channel], store: Store) -> None:
        self._settings, self._store = settings, store
        self._channels = {
            name: channel
            for name, channel in channels.items()
            if settings[name].repeats_every() and isinstance(channel, RepeatingChannel)
        }
        self._open: dict[str, dict[str, None]] = {name: {} for name in self._channels}

    @property
    def names(self) -> tuple[str, ...]:
        """The channels that repeat."""
        return tuple(self._channels)

    def note(self, incident: Incident) -> None:
        """Follow a change of an incident."""
        if not self._open:
            return
        alarm_id, told = incident.alarm.alarm_id, incident.notified()
        over = incident.ended or incident.snoozed_until is not None
        closed = incident.dismissed_by is not None or incident.resolved_by is not None
        for name, alarms in self._open.items():
            if name in told and told[name].state == "sent" and not over and not closed:
                alarms[alarm_id] = None
            else:
                alarms.pop(alarm_id, None)

    def forget(self, alarm_id: str) -> None:
        """An incident was deleted."""
        for alarms in self._open.values():
            alarms.pop(alarm_id, None)

    async def repeat(self, name: str, now: Instant) -> int:
        """Send what is open on a channel again; returns how many that are."""
        found = [incident.alarm for one in self._open[name] if (incident := self._store.get(one)) is not None]
        if found:
            async with asyncio.timeout(self._settings[name].timeout / SECOND):
                await self._channels[name].repeat(found, now)
        return len(found)

    async def repeat_until(self, name: str, clock: Callable[[], Instant], stop: asyncio.Event) -> None:
        """Send again every so often until stopped."""
        every = self._settings[name].repeats_every() / SECOND
        while not stop.is_set():
            try:
                await self.repeat(name, clock())
            except (Retry, Refused, TimeoutError) as fault:
                LOGGER.warning("channel %s: open alarms were not sent again: %s", name, fault or "no answer in time")
            except Exception:  # an error in the channel stops neither it nor the others
                LOGGER.exception("channel %s: open alarms were not sent again", name)
            try:
                async with asyncio.timeout(every):
                    await stop.wait()
            except TimeoutError:
                continue
