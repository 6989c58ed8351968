"""PagerDuty by its Events API v2: an alarm triggers, an acknowledgement acknowledges, and its end resolves, under one `dedup_key`.

Each alarm of a digest is an event of its own; one that is repeated after a failure changes nothing, as it has the same key.
"""

import hashlib
from collections.abc import Iterator
from typing import Any, ClassVar

from alerts.channels.contract import Environment, Notification
from alerts.channels.http import HttpSettings, Poster, host_of, one_secret
from alerts.settings.secret import Secret
from alerts.wording.languages import TONGUES
from alerts.wording.message import Message, compose
from scorers.contract.alarms import Alarm
from scorers.contract.events import Instant
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339

MAX_SUMMARY, MAX_KEY = 1_024, 255
ACTION = {
    "alarm.acknowledged": "acknowledge",
    "alarm.acted": "acknowledge",
    "alarm.snoozed": "acknowledge",
    "alarm.resolved": "resolve",
    "alarm.dismissed": "resolve",
    "alarm.settled": "resolve",
    "alarm.withdrawn": "resolve",
}
"""What a change does to the incident there; every other one triggers it, or updates it."""


class Settings(HttpSettings, frozen=True, kw_only=True, tag="pagerduty"):
    """To a PagerDuty service: triggers, acknowledges and resolves its incidents.

    In Europe `url` is `https://events.eu.pagerduty.com/v2/enqueue`.
    """

    routing_key_env: str = ""
    routing_key_file: str = ""
    url: str = "https://events.pagerduty.com/v2/enqueue"
    tell_end: bool = True
    tell_actions: bool = True

    knows_repeats: ClassVar[bool] = True
    example: ClassVar[str] = 'routing_key_env = "VIGIA_PAGERDUTY_KEY"'

    def connect(self, environment: Environment) -> "PagerDuty":
        """The channel, with the integration key of the service."""
        key = one_secret("routing key", self.routing_key_env, self.routing_key_file, environment)
        return PagerDuty(key, Poster(Secret(self.url), self))

    def target(self) -> str:
        """The host."""
        return host_of(self.url)


class PagerDuty:
    """Sends events to one service."""

    def __init__(self, key: Secret, poster: Poster) -> None:
        self.key, self.poster = key, poster

    async def send(self, notification: Notification) -> None:
        """Return once PagerDuty has accepted every event."""
        for event in events(notification):
            await self.poster.post_json({"routing_key": self.key.reveal(), **event})

    async def close(self) -> None:
        """Release the connection."""
        await self.poster.close()


def events(notification: Notification) -> Iterator[dict[str, Any]]:
    """The events of a notification; one without alarms, such as a test, opens an incident and closes it."""
    links = notification.links or ("",) * len(notification.alarms)
    for alarm, link in zip(notification.alarms, links, strict=True):
        alone = len(notification.alarms) == 1 and not notification.counted
        message = notification.message if alone else compose(alarm, "", None, notification.language, link)
        yield _event(alarm, message, link, notification.language)
    if not notification.alarms or notification.counted:
        yield _about_no_alarm(notification)
        yield {"event_action": "resolve", "dedup_key": notification.id}


def _event(alarm: Alarm, message: Message, link: str, language: str) -> dict[str, Any]:
    action = ACTION.get(alarm.type, "trigger")
    known = {"event_action": action, "dedup_key": short_key(alarm.dedup_key)}
    if action != "trigger":
        return known
    details: dict[str, str] = {}
    for line in message.lines:
        details[line.label] = f"{details[line.label]} {line.text}" if line.label in details else line.text
    told: dict[str, Any] = {
        **known,
        "client": "Vigía",
        "payload": {
            "summary": inert(message.title, MAX_SUMMARY),
            "source": inert(alarm.store_id or alarm.subject.type, 80),
            "severity": alarm.severity,
            "timestamp": rfc3339(Instant(alarm.at)),
            "component": alarm.subject.type,
            "group": alarm.tier or "none",
            "class": alarm.kind,
            "custom_details": details,
        },
    }
    if link:
        told |= {"client_url": link, "links": [{"href": link, "text": TONGUES[language].texts["open"]}]}
    return told


def _about_no_alarm(notification: Notification) -> dict[str, Any]:
    return {
        "event_action": "trigger",
        "dedup_key": notification.id,
        "client": "Vigía",
        "payload": {
            "summary": inert(notification.message.title, MAX_SUMMARY),
            "source": "vigia",
            "severity": "info",
            "timestamp": rfc3339(notification.sent_at),
            "custom_details": {"lines": [line.text for line in notification.message.lines]},
        },
    }


def short_key(key: str) -> str:
    """The key, or a hash of one that is too long.

    >>> short_key("a1"), len(short_key("a" * 300))
    ('a1', 64)
    """
    return key if len(key) <= MAX_KEY else hashlib.sha256(key.encode()).hexdigest()
