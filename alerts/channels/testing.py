"""A test message or one notification, sent once through a channel in the way of a queue, and not tried again."""

import asyncio
from collections.abc import Awaitable

from msgspec import Struct

from alerts.channels.contract import Channel, Notification, Refused, Retry, change_id
from alerts.wording.message import Message
from alerts.wording.templates import Line
from scorers.contract.events import SECOND, Duration, Instant
from scorers.contract.inert import inert

CHANGE = "channel.tested"
MESSAGE = Message(
    "Test of Vigía: this channel works",
    (
        Line("Why", "Somebody ran 'vigia channels test'. This is not an alarm."),
        Line("Do", "Nothing. Alarms will arrive here."),
    ),
)


class Outcome(Struct, frozen=True):
    """The result of a test: `result` is sent, refused (it will never be accepted) or failed (it may be later)."""

    result: str
    why: str = ""


async def send_test_message(name: str, channel: Channel, timeout: Duration, now: Instant) -> Outcome:
    """Send the test message and close the channel."""
    notification = Notification(id=change_id(name, CHANGE, now), change=CHANGE, alarms=(), message=MESSAGE, sent_at=now)
    return await send_once(notification, channel, timeout)


async def send_once(notification: Notification, channel: Channel, timeout: Duration) -> Outcome:
    """Send one notification without a queue, and close the channel."""
    return await attempt(channel.send(notification), channel, timeout)


async def attempt(sending: Awaitable[None], channel: Channel, timeout: Duration) -> Outcome:
    """What came of one attempt to send; the channel is closed after it."""
    try:
        async with asyncio.timeout(timeout / SECOND):
            await sending
    except Refused as fault:
        return Outcome("refused", inert(str(fault)))
    except Retry as fault:
        return Outcome("failed", inert(str(fault)))
    except TimeoutError:
        return Outcome("failed", f"no answer within {timeout / SECOND:.0f} seconds")
    except Exception as fault:
        return Outcome("failed", type(fault).__name__)
    finally:
        await channel.close()
    return Outcome("sent")
