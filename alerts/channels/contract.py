"""What a channel is: settings that open it, and one verb, `send`.

`send` returns when the receiver has accepted the notification, raises `Retry` when a later attempt may succeed and
`Refused` when none will. A channel keeps no queue, counts no attempts and reads no clock: its `ChannelQueue` does that.
"""

import hashlib
from collections.abc import Mapping
from typing import ClassVar, Literal, Protocol

import msgspec
from msgspec import Struct

from alerts.wording.message import Message
from alerts.wording.worklist import Listed
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, SECOND, Duration, Instant
from scorers.policy.spans import Span

Environment = Mapping[str, str]


class Notification(Struct, frozen=True, kw_only=True):
    """What a channel sends: one alarm or the alarms of a digest, and the text for people.

    `counted` alarms of a digest came faster than the channel takes them: they are counted in the text and not given.
    `listed` is the worklist of a date, which goes with a digest. `threads` names the matter of each alarm, by the id of the alarm that began it, so that a receiver can show one matter as one.
    `id` depends only on the alarms and on what changed, so a receiver recognises a repeated delivery by it.
    """

    id: str
    change: str
    alarms: tuple[Alarm, ...]
    message: Message
    sent_at: Instant
    counted: int = 0
    threads: tuple[str, ...] = ()
    listed: tuple[Listed, ...] = ()

    def matters(self) -> tuple[str, ...]:
        """The matter of each alarm; without `threads` each is its own."""
        return self.threads or tuple(alarm.alarm_id for alarm in self.alarms)


def change_id(alarm_id: str, change: str, version: int) -> str:
    """The id of one change of an alarm: the same however often and wherever the change is read.

    >>> change_id("a1", "alarm.raised", 7) == change_id("a1", "alarm.raised", 7) != change_id("a1", "alarm.raised", 8)
    True
    """
    digest = hashlib.sha256(msgspec.json.encode([alarm_id, change, int(version)])).hexdigest()
    return f"msg_{digest[:32]}"


class Retry(Exception):
    """The receiver did not accept the notification now; `after` is the wait it asked for, in microseconds."""

    def __init__(self, why: str, after: Duration | None = None) -> None:
        super().__init__(why)
        self.after = after


class Refused(Exception):
    """The receiver will never accept this notification; with `disable` it accepts no others either."""

    def __init__(self, why: str, *, disable: bool = False) -> None:
        super().__init__(why)
        self.disable = disable


class Channel(Protocol):
    """An open channel."""

    async def send(self, notification: Notification, /) -> None:
        """Return once the receiver has accepted the notification."""

    async def close(self) -> None:
        """Release connections."""


class ChannelSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type"):
    """What every `[channel.NAME]` table of the routes may set for the queue in front of the channel.

    A channel's file extends it as `Settings`, with its type as `tag`. The first line of that docstring describes the
    channel in documents.
    """

    timeout: Span = Span(15 * SECOND)
    queue: int = (
        10_000  # deliveries that wait; a tenth is reserved for critical alarms, others go with an hourly digest
    )
    give_up_after: Span = Span(3 * DAY)
    per_hour: int = 0  # further notifications of an hour go together at its end; 0 is no limit
    tell_end: bool = False  # also send the end of an alarm
    language: Literal["", "en", "es"] = ""  # of messages; empty: that of the customer's `locale`, else English

    example: ClassVar[str] = ""
    """A table that works, without its `type`; secrets only as `..._env`."""

    def connect(self, environment: Environment) -> Channel:
        """Open the channel; `ValueError` or `NoSecret` says what is wrong with the settings, without a secret."""
        raise NotImplementedError

    def target(self) -> str:
        """Where notifications go, without anything that may be a secret."""
        raise NotImplementedError
