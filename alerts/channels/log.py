"""The log as a channel: one line a notification, for a first look and for a shop without mail.

Logs travel further than mail does, so the line carries codes and the alarm's id; names and reasons only where
`names = true` allows them.
"""

import logging

from alerts.channels.contract import ChannelSettings, Notification

LOGGER = logging.getLogger("alerts.notification")


class Settings(ChannelSettings, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="log"):
    """A `type = "log"` table of the routes."""

    names: bool = False


class Log:
    """Writes each notification as one line."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def send(self, notification: Notification) -> None:
        """Return once the line is written."""
        LOGGER.info(line(notification, names=self.settings.names))

    async def close(self) -> None:
        """Nothing is held."""


def line(notification: Notification, *, names: bool) -> str:
    """The notification as one line."""
    if names:
        told = " | ".join([notification.message.title, *notification.message.plain().splitlines()])
    else:
        told = " ".join(f"{alarm.kind}/{alarm.severity}/{alarm.alarm_id}" for alarm in notification.alarms)
    return f"{notification.change} {notification.id} {told}"
