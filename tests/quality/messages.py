"""How many messages people get for each alarm that they are told: `python -m tests.quality.messages [CUSTOMERS] [DAYS] [SEED]`.

The alarms of a simulated business go through the notifier with the shipped routes and a channel that keeps what it gets, on the days
on which they were made. Everybody acknowledges all that a message names within a day of it, at an hour that a hash decides.
"""

import asyncio
import heapq
import re
import sys
import tempfile
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from alerts.channels.contract import Notification
from alerts.pipeline.incident import Action, ActionRejected
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, SECOND, Instant
from scorers.contract.wire import decode_alarm
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from tests.support.paths import ROOT
from tests.support.timeline import Story
from vigia.lab.simulate import simulate

SHIPPED = (ROOT / "deploy" / "routes.toml").read_text(encoding="utf-8")
ONE_BY_ONE = re.sub(r"^(digest|quiet) = .*\n", "", SHIPPED, flags=re.MULTILINE)  # no message holds several alarms
STEP = HOUR


class Messages(NamedTuple):
    """What one channel got."""

    sent: int
    alarms: int  # different ones that a message named
    matters: int
    changes: Counter[str]  # messages by what they say
    at_night: int  # messages from 21:00 to 08:00 in which nothing is critical

    @property
    def per_alarm(self) -> float:
        """Messages for each alarm that people were told."""
        return self.sent / max(self.alarms, 1)

    @property
    def per_matter(self) -> float:
        """Messages for each matter, escalations and reminders apart."""
        later = self.changes["alarm.escalated"] + self.changes["reminder"]
        return (self.sent - later) / max(self.matters, 1)


def business(customers: int, days: int, seed: int) -> list[Alarm]:
    """The changes of alarms of a simulated business, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        simulate(customers, days, seed, Path(folder))
        out = Path(folder) / "out"
        replay([str(Path(folder) / "events.jsonl")], out, Policy())
        lines = (out / "alarms.jsonl").read_bytes().splitlines()
    found = [decode_alarm(line) for line in lines]
    return sorted((one for one in found if isinstance(one, Alarm)), key=lambda one: one.time)


async def notify(alarms: Sequence[Alarm], routes: str = SHIPPED) -> Messages:
    """Play the alarms through the notifier."""
    story = Story(routes)
    (sink,) = story.sinks.values()
    due: list[tuple[Instant, str, int]] = []
    read, story.now = 0, alarms[0].time

    async def until(end: Instant) -> None:
        nonlocal read
        while story.now < end:
            step = min(end, Instant(story.now + STEP), due[0][0] if due else end)
            await story.until(max(step, story.now))
            for n, message in enumerate(sink.taken[read:], read):
                for one in message.alarms:
                    heapq.heappush(due, (_answered(one.alarm_id, message.sent_at, n), one.alarm_id, n))
            read = len(sink.taken)
            while due and due[0][0] <= story.now:
                await _acknowledge(story, *heapq.heappop(due))

    for alarm in alarms:
        await until(alarm.time)
        await story.push(alarm, now=max(story.now, alarm.time))
    await until(Instant(story.now + 30 * DAY))
    return counted(sink.taken)


def counted(taken: list[Notification]) -> Messages:
    """The figures of what a channel got."""
    alarms = {one.alarm_id for message in taken for one in message.alarms}
    matters = {thread for message in taken for thread in message.matters()}
    night = [one for one in taken if not 8 <= one.sent_at // SECOND // 3600 % 24 < 21]
    harmless = [one for one in night if not any(alarm.severity == "critical" for alarm in one.alarms)]
    return Messages(len(taken), len(alarms), len(matters), Counter(one.change for one in taken), len(harmless))


def _answered(alarm_id: str, sent_at: Instant, message: int) -> Instant:
    return Instant(sent_at + zlib.crc32(f"{alarm_id} {message}".encode()) * DAY // 2**32)


async def _acknowledge(story: Story, at: Instant, alarm_id: str, message: int) -> None:
    ack = Action(alarm_id=alarm_id, action="ack", by="eva", id=f"{alarm_id} {message}")
    try:
        record = await story.dispatcher.act(ack, at)
    except ActionRejected:  # it is over
        return
    if record is not None:
        await story.dispatcher.take(record, story.now)


def main(customers: int = 1_500, days: int = 540, seed: int = 7) -> None:
    """Measure and print."""
    alarms = business(customers, days, seed)
    sys.stdout.write(f"{customers:,} customers over {days} days, seed {seed}; everything acknowledged within a day\n")
    for name, routes in (("shipped routes", SHIPPED), ("one by one", ONE_BY_ONE)):
        m = asyncio.run(notify(alarms, routes))
        sys.stdout.write(f"{name:<15} {m.sent:>6} messages, {m.alarms:>6} alarms told: {m.per_alarm:.2f} for each; ")
        sys.stdout.write(f"{m.per_matter:.2f} for each of {m.matters} matters, escalations and reminders apart; ")
        sys.stdout.write(f"{m.changes['alarm.escalated']} escalations, {m.changes['reminder']} reminders; ")
        sys.stdout.write(f"{m.at_night} at night that are not critical\n" if routes == SHIPPED else "\n")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
