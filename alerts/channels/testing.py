"""A test message, sent once through a channel in the way of a real notification.

It holds no alarm, is not recorded and is not tried again.
"""

import asyncio

from msgspec import Struct

from alerts.channels.contract import Channel, Notification, Refused, Retry, change_id
from alerts.wording.message import Line, Message
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
    try:
        async with asyncio.timeout(timeout / SECOND):
            await channel.send(notification)
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
