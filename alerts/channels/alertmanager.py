"""Prometheus Alertmanager by its API v2: an alarm is an alert that is sent again while it is open, and ended when it is over.

Alertmanager forgets alerts when it restarts and ends those that are not sent again, so `repeat` sends what is open every `resend`. An
alert ends by itself four such spans after it was sent last. Its labels identify it and hold no name of a person.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from alerts.channels.contract import Environment, Notification
from alerts.channels.http import HttpSettings, Poster, host_of
from alerts.settings.secret import Secret, from_environment, if_name
from alerts.wording.message import compose
from scorers.contract.alarms import Alarm
from scorers.contract.events import MINUTE, Duration, Instant
from scorers.contract.inert import inert
from scorers.contract.rfc3339 import rfc3339
from scorers.policy.spans import Span

PATH = "/api/v2/alerts"
LASTS = 4  # an alert ends so many times `resend` after it was sent last
AT_ONCE = 200
OVER = frozenset({"alarm.settled", "alarm.withdrawn", "alarm.resolved", "alarm.dismissed", "alarm.snoozed"})
"""The changes after which nobody is to be told of the alarm, for now or for good."""


class Settings(HttpSettings, frozen=True, kw_only=True, tag="alertmanager"):
    """To a Prometheus Alertmanager, as alerts that are sent again while the alarm is open.

    `url_env` is for an address that holds a secret.
    """

    url: str = ""
    url_env: str = ""
    resend: Span = Span(MINUTE)
    tell_end: bool = True
    tell_actions: bool = True

    knows_repeats: ClassVar[bool] = True
    example: ClassVar[str] = """\
url = "http://alertmanager:9093"
allow_hosts = ["alertmanager"]
"""

    def connect(self, environment: Environment) -> "Alertmanager":
        """The channel."""
        if bool(self.url) == bool(self.url_env):
            raise ValueError("an Alertmanager has one URL; give either url or url_env")
        if self.resend < MINUTE // 4:
            raise ValueError("resend is too short; give at least 15s")
        url = self.url or from_environment(self.url_env, environment).reveal()
        return Alertmanager(Poster(Secret(url.rstrip("/") + PATH), self), self.resend)

    def target(self) -> str:
        """The host of the URL, as the rest may be a secret."""
        return host_of(self.url) if self.url else f"the URL in {if_name(self.url_env)}"

    def repeats_every(self) -> Duration:
        """How often open alarms are sent again."""
        return self.resend


class Alertmanager:
    """Posts alerts to one Alertmanager."""

    def __init__(self, poster: Poster, resend: Duration) -> None:
        self.poster, self.resend = poster, resend

    async def send(self, notification: Notification) -> None:
        """Return once Alertmanager has accepted the alerts; one without alarms, such as a test, ends at once."""
        now, language = notification.sent_at, notification.language
        found = [alert(one, now, self._until(one, now), language) for one in notification.alarms]
        if not notification.alarms:
            labels = {"alertname": "vigia", "id": notification.id, "severity": "info"}
            summary = {"summary": notification.message.title}
            found = [{"labels": labels, "annotations": summary, "startsAt": rfc3339(now), "endsAt": rfc3339(now)}]
        await self.poster.post_json(found)

    async def repeat(self, alarms: Iterable[Alarm], now: Instant) -> None:
        """Send these open alarms again."""
        found = [alert(one, now, Instant(now + LASTS * self.resend)) for one in alarms]
        for start in range(0, len(found), AT_ONCE):
            await self.poster.post_json(found[start : start + AT_ONCE])

    async def close(self) -> None:
        """Release the connection."""
        await self.poster.close()

    def _until(self, alarm: Alarm, now: Instant) -> Instant:
        return now if alarm.type in OVER else Instant(now + LASTS * self.resend)


def alert(alarm: Alarm, now: Instant, until: Instant, language: str = "en") -> dict[str, Any]:
    """The alert of an alarm, which ends at `until`."""
    message = compose(alarm, "", None, language)
    labels = {
        "alertname": alarm.kind,
        "severity": alarm.severity,
        "alarm_id": alarm.alarm_id,
        "subject": alarm.subject.type,
        "tier": alarm.tier or "none",
        "customer_id": alarm.customer_id or "",
        "store_id": alarm.store_id or "",
        "skill": alarm.skill or "",
    }
    return {
        "labels": {name: text for name, value in labels.items() if (text := inert(value, 200))},
        "annotations": {"summary": message.title, "description": message.plain()},
        "startsAt": rfc3339(Instant(min(alarm.at, until))),
        "endsAt": rfc3339(until),
    }
