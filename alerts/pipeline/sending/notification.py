"""Composes what a channel sends of the deliveries of one group: an alarm or a digest, in its language, with links to answer."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from zoneinfo import ZoneInfo

import msgspec

from alerts.channels.contract import ChannelSettings, Notification
from alerts.pipeline.incident import Delivery, Incident
from alerts.wording.languages import TONGUES, language_of
from alerts.wording.message import compose, digest
from alerts.wording.templates import Line, MessageTemplate
from alerts.wording.worklist import Listed
from scorers.contract.alarms import Alarm
from scorers.contract.events import Instant
from scorers.contract.inert import inert
from vigia.runtime.answering.links import Links


def in_doubt(notification: Notification) -> Notification:
    """The notification with a first line that says that it may have come before, for receivers that cannot know."""
    line = Line("", TONGUES[notification.language].texts["again"])
    message = msgspec.structs.replace(notification.message, lines=(line, *notification.message.lines))
    return msgspec.structs.replace(notification, message=message)


class Composer:
    """Composes the notifications of one channel; `links` is None where no console is named."""

    def __init__(
        self,
        name: str,
        settings: ChannelSettings,
        zone: ZoneInfo,
        links: Links | None,
        templates: Mapping[str, MessageTemplate] = MappingProxyType({}),
        spared: Callable[[Instant], int] = lambda now: 0,
    ) -> None:
        self.settings, self.zone, self.links, self.templates = settings, zone, links, templates
        self.spared = spared
        self.receiver = inert(settings.receiver or name, 80)

    def compose(
        self,
        group: str,
        known: Sequence[tuple[Delivery, Alarm]],
        now: Instant,
        *,
        rest: Mapping[str, int] = MappingProxyType({}),
        listed: tuple[Listed, ...] = (),
    ) -> Notification:
        """The notification of a group: these deliveries with their alarms, a worklist, and by severity how many others are only counted."""
        alarms = tuple(alarm for _, alarm in known)
        alone = len(known) == 1 and not rest and not listed
        change = known[0][0].change if alone else "digest"
        language = self.settings.language or language_of(alarms)
        is_daily = bool(listed) or any(one.group != one.id and one.detail.startswith("digest") for one, _ in known)
        spared = self.spared(now) if is_daily and not alone else 0
        links = self._links(alarms, group, now)
        return Notification(
            id=group,
            change=change,
            alarms=alarms,
            message=compose(
                alarms[0], change, self.zone, language, links[0] if links else "", self.templates.get(language)
            )
            if alone
            else digest(alarms, rest, language, listed, links, spared),
            sent_at=now,
            counted=sum(rest.values()),
            threads=tuple(one.thread or alarm.alarm_id for one, alarm in known),
            listed=listed,
            links=links,
            language=language,
        )

    def again(self, delivery: Delivery, incident: Incident, now: Instant) -> Notification:
        """The notification of one delivery that was sent before, by itself and under its own id."""
        alarm = incident.alarm
        if delivery.change in ("alarm.raised", "alarm.updated") and not incident.ended:
            alarm = msgspec.structs.replace(alarm, type=delivery.change)
        return self.compose(delivery.id, [(delivery, alarm)], now)

    def _links(self, alarms: Sequence[Alarm], group: str, now: Instant) -> tuple[str, ...]:
        """A link for each alarm, empty for one that is over."""
        if self.links is None:
            return ()
        return tuple(
            "" if alarm.outcome is not None or alarm.type == "alarm.withdrawn"
            else self.links.make(alarm.alarm_id, self.receiver, group, now)
            for alarm in alarms
        )  # fmt: skip
