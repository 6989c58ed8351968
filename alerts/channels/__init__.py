"""Channels: the ways in which a notification leaves the house, one file each.

A channel has one verb, `send`. It returns when the other side has taken the notification, raises `Retry` when trying
again may help and `Refused` when it will not. It keeps no queue, counts no attempts and reads no clock: all that is
the line's in front of it.
"""

from typing import Protocol

from msgspec import Struct

from alerts.wording.hours import Span
from alerts.wording.message import Message
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, SECOND, Duration, Instant


class Notification(Struct, frozen=True, kw_only=True):
    """What a channel carries: one alarm, or those of a digest, with the words for people.

    `id` depends on the alarms and what changed only, so that a repeated delivery is known as one.
    """

    id: str
    change: str
    alarms: tuple[Alarm, ...]
    message: Message
    sent_at: Instant


class Retry(Exception):
    """The other side did not take it now; `after` is the wait that it asked for."""

    def __init__(self, why: str, after: Duration | None = None) -> None:
        super().__init__(why)
        self.after = after


class Refused(Exception):
    """The other side will never take this one; `disable` when it wants nothing any more."""

    def __init__(self, why: str, *, disable: bool = False) -> None:
        super().__init__(why)
        self.disable = disable


class Channel(Protocol):
    """One way out."""

    async def send(self, notification: Notification, /) -> None:
        """Return once the notification is taken."""

    async def close(self) -> None:
        """Let go of connections."""


class Lane(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What every channel's table in the routes may set for the line before it."""

    timeout: Span = Span(15 * SECOND)
    queue: int = 10_000
    give_up_after: Span = Span(3 * DAY)
    per_hour: int = 0  # notifications in an hour before the others wait for its end, together; 0 is no limit
    tell_end: bool = False
