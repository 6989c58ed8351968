"""The log as a channel: one line a notification, for a first look and for a shop without mail.

Logs are read by more people than mail is, so a line holds codes and the alarm's id; it holds names and reasons only
with `names = true`.
"""

import logging
from typing import ClassVar

from alerts.channels.contract import ChannelSettings, Environment, Notification

LOGGER = logging.getLogger("alerts.notification")


class Settings(ChannelSettings, frozen=True, kw_only=True, tag="log"):
    """To the log of this machine, one line each."""

    names: bool = False

    knows_repeats: ClassVar[bool] = True
    example: ClassVar[str] = "names = false"

    def connect(self, environment: Environment) -> "Log":
        """Open the log."""
        return Log(self)

    def target(self) -> str:
        """The log, and whether names go into it."""
        return "this machine's log" + (", with names" if self.names else "")


class Log:
    """Writes each notification as one line."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    async def send(self, notification: Notification) -> None:
        """Return once the line is written."""
        LOGGER.info(line(notification, names=self.settings.names))

    async def close(self) -> None:
        """Do nothing: the log needs no closing."""


def line(notification: Notification, *, names: bool) -> str:
    """The notification as one line."""
    if names:
        content = " | ".join([notification.message.title, *notification.message.plain().splitlines()])
    else:
        content = " ".join(f"{alarm.kind}/{alarm.severity}/{alarm.alarm_id}" for alarm in notification.alarms)
        content += f" and {notification.counted} more" if notification.counted else ""
        if notification.listed:
            content = f"worklist/{notification.listed[0].entry.date}/{len(notification.listed)} {content}".rstrip()
    return f"{notification.change} {notification.id} {content}"
