"""What a channel is: settings that open it, and one verb, `send`.

`send` returns when the receiver has accepted the notification, raises `Retry` when a later attempt may succeed and
`Refused` when none will. A channel keeps no queue, counts no attempts and reads no clock: its `ChannelQueue` does that.
"""

import hashlib
from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, NamedTuple, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from alerts.wording.languages import TONGUES
from alerts.wording.message import Message
from alerts.wording.worklist import Listed
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, SECOND, Duration, Instant
from scorers.policy.spans import Span

Environment = Mapping[str, str]
ANSWERS = ("ack", "act", "snooze", "dismiss")
"""What a link answers with, in the order of its buttons."""


class Button(NamedTuple):
    """What a button says, the answer that it stands for, and where it leads: the signed link, with the answer."""

    text: str
    answer: str
    url: str


class Notification(Struct, frozen=True, kw_only=True):
    """What a channel sends: one alarm or the alarms of a digest, and the text for people.

    `counted` alarms of a digest came faster than the channel takes them: they are counted in the text and not given.
    `listed` is the worklist of a date, which goes with a digest. `threads` names the matter of each alarm, by the id of the alarm that began it, so that a receiver can show one matter as one.
    `links` has a signed link for each alarm, with which its receiver may answer; it is empty where no console is named.
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
    links: tuple[str, ...] = ()
    language: str = "en"

    def matters(self) -> tuple[str, ...]:
        """The matter of each alarm; without `threads` each is its own."""
        return self.threads or tuple(alarm.alarm_id for alarm in self.alarms)

    def buttons(self) -> list[Button]:
        """The buttons of a notification of one alarm; none for a digest, for what is over, and without a console."""
        link = self.links[0] if len(self.links) == len(self.alarms) == 1 else ""
        texts = TONGUES[self.language].texts
        return [Button(texts[f"button_{one}"], one, f"{link}?do={one}") for one in ANSWERS] if link else []


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


@runtime_checkable
class RepeatingChannel(Channel, Protocol):
    """A channel whose receiver forgets what it is not told again."""

    async def repeat(self, alarms: Sequence[Alarm], now: Instant, /) -> None:
        """Return once the receiver has accepted these open alarms again."""


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
    tell_actions: bool = False  # also send what people do about an alarm, for a receiver that keeps its state
    receiver: str = ""  # whose answer a link in a message is; empty: the name of the channel
    language: Literal["", "en", "es"] = ""  # of messages; empty: that of the customer's `locale`, else English

    knows_repeats: ClassVar[bool] = False
    """Whether the receiver knows a repeated notification by its id. One that does not is told that it may be a repetition."""

    example: ClassVar[str] = ""
    """A table that works, without its `type`; secrets only as `..._env`."""

    def connect(self, environment: Environment) -> Channel:
        """Open the channel; `ValueError` or `NoSecret` says what is wrong with the settings, without a secret."""
        raise NotImplementedError

    def target(self) -> str:
        """Where notifications go, without anything that may be a secret."""
        raise NotImplementedError

    def repeats_every(self) -> Duration:
        """How often the channel's `repeat` is called with the alarms that are open there; 0 is never."""
        return 0
