"""A message that says that it is a test, sent once through a channel as a real one would go.

No alarm is in it, nothing is recorded and nothing is tried again: what the other side answers is what is learned.
"""

import asyncio

from msgspec import Struct

from alerts.channels.contract import Channel, ChannelSettings, Notification, Refused, Retry, change_id
from alerts.wording.message import Line, Message
from scorers.contract.events import SECOND, Instant
from scorers.contract.inert import inert

CHANGE = "channel.tested"
MESSAGE = Message(
    "Test of Vigía: this channel works",
    (
        Line("Why", "Somebody asked for it with 'vigia channels test'. No customer is about to leave."),
        Line("Do", "Nothing; alarms will come this way."),
    ),
)


class Outcome(Struct, frozen=True):
    """What came of a test: `word` is sent, refused (it never will be) or failed (it may later)."""

    word: str
    why: str = ""


async def trial(name: str, channel: Channel, lane: ChannelSettings, now: Instant) -> Outcome:
    """Send the test message; the channel is closed afterwards."""
    told = Notification(id=change_id(name, CHANGE, now), change=CHANGE, alarms=(), message=MESSAGE, sent_at=now)
    try:
        async with asyncio.timeout(lane.timeout / SECOND):
            await channel.send(told)
    except Refused as fault:
        return Outcome("refused", inert(str(fault)))
    except Retry as fault:
        return Outcome("failed", inert(str(fault)))
    except TimeoutError:
        return Outcome("failed", f"no answer within {lane.timeout / SECOND:.0f} seconds")
    except Exception as fault:
        return Outcome("failed", type(fault).__name__)
    finally:
        await channel.close()
    return Outcome("sent")
