"""One partition in memory: bytes in, alarm records out, through the real decoder, partition and encoder.

Records advance the clock, and so does `advance`. No code of ours is replaced.
"""

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import Micros
from scorers.contract.lessons import Lesson
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.contract.wire import Rejection, decode, decode_alarm, encode_alarm
from scorers.in_force.context import Context
from scorers.in_force.figures import FigureBook
from scorers.partition.partition import Partition
from scorers.partition.routing import FEED_PREFIX, timeline_of
from scorers.policy.reading import parse_policy
from scorers.risk.model import UNTRAINED, Model
from scorers.timeline.emitter import Step
from scorers.timeline.facts import Ref
from scorers.timeline.timeline import AnyTimeline

BASE_PREFIX = "\x01base:"
AlarmOutcome = tuple[str, str, Micros, str]


class Driver:
    """Feeds one partition and keeps all that it emits."""

    def __init__(self, policy: str = "", model: Model | None = None, *, figures: bool = True) -> None:
        self.policy_text = policy
        self.fed: list[bytes] = []
        self.ctx = Context(parse_policy(policy), UNTRAINED)
        if model is not None:
            self.ctx.adopt_model(model, 0)
        self.book = FigureBook(self.ctx.policy) if figures else None
        self.timelines: dict[str, AnyTimeline] = {}
        self.partition = Partition(self.ctx, self.timelines, self.book)
        self.alarms: list[Alarm] = []
        self.fed_before: list[int] = []  # of each alarm: how many records had been fed
        self.lessons: list[Lesson] = []
        self.statuses: list[str] = []
        self.rejected: list[Rejection] = []
        self.figures: dict[tuple[int, str, int], int] = {}  # what all contributions add up to

    def feed(self, *records: bytes) -> "Driver":
        """Fold records in the order given."""
        for raw in records:
            self.fed.append(raw)
            event = decode(raw)
            if isinstance(event, Rejection):
                self.rejected.append(event)
                continue
            self._apply(self.partition.feed(event, Ref(event.source, event.id, "scenario", 0, 0)))
        return self

    def advance(self, to: Micros | str) -> "Driver":
        """Advance the clock: judge every deadline before that instant."""
        self._apply(self.partition.tick(instant(to)))
        return self

    def restart(self) -> "Driver":
        """Encode and decode all rows, as a restart does."""
        for name, timeline in self.timelines.items():
            timeline.cache()
            again = self.timelines[name] = timeline_of(timeline.subject).decode(
                timeline.subject, timeline.encode(), self.ctx
            )
            if again.due and again.due != timeline.due:  # under another policy
                self.partition.expect(again.due, name)
        return self

    def outcomes(self) -> set[AlarmOutcome]:
        """Each alarm that was not withdrawn, by subject, kind and `at`, with its outcome, or `open`."""
        return outcomes_of(self.alarms)

    def states(self) -> dict[str, bytes]:
        """The final state of each known customer and group, byte for byte; that of a feed says when it was asked, too."""
        return {
            name: msgspec.msgpack.encode(m.state, enc_hook=int)
            for name, m in sorted(self.timelines.items())
            if m.state.first_seen and not name.startswith(FEED_PREFIX)
        }

    def subjects(self) -> set[str]:
        """The names of the subjects that are known, without feeds and the base, which every fact makes known."""
        return {name for name in self.timelines if not name.startswith((FEED_PREFIX, BASE_PREFIX))}

    def kinds(self, customer: str | None = None) -> list[str]:
        """The kinds raised, in order, without state changes."""
        return [
            a.kind
            for a in self.alarms
            if a.type == "alarm.raised" and a.kind not in STATE_CHANGES and customer in (None, a.customer_id)
        ]

    def _apply(self, steps: Iterable[Step]) -> None:
        for step in steps:
            assert step.status != "core_error", step.fault
            self.statuses.append(step.status)
            self.lessons += step.lessons
            for day, name, bucket, count in step.counts:
                total = self.figures.get((day, name, bucket), 0) + count
                self.figures[day, name, bucket] = total
                if not total:
                    del self.figures[day, name, bucket]
            for alarm in step.alarms:
                decoded = decode_alarm(encode_alarm(alarm))
                assert isinstance(decoded, Alarm), decoded
                self.alarms.append(decoded)
                self.fed_before.append(len(self.fed))


def outcomes_of(alarms: Iterable[Alarm]) -> set[AlarmOutcome]:
    """Each alarm that was not withdrawn, by subject, kind and `at`, with its outcome, or `open`."""
    last: dict[str, Alarm] = {}
    for alarm in alarms:
        if alarm.type == "alarm.withdrawn":
            last.pop(alarm.alarm_id, None)
        else:
            last[alarm.alarm_id] = alarm
    return {(f"{a.subject.type}:{a.subject.id}", a.kind, int(a.at), a.outcome or "open") for a in last.values()}


def instant(at: Micros | str) -> Micros:
    """An instant from its text, or as it is."""
    return int(parse_instant(at)) if isinstance(at, str) else at


def record(kind: str, at: Micros | str, customer: str | None = "C1", /, **own: Any) -> bytes:
    """A record of the wire contract; its id is made of type, time and customer unless one is given."""
    time = rfc3339(instant(at))
    fields = {"type": kind, "source": "test", "time": time, "customer_id": customer, **own}
    if customer is None:
        del fields["customer_id"]
    fields.setdefault("id", f"{kind} {time} {customer}")
    return json.dumps(fields).encode()


def purchase(at: Micros | str, customer: str | None = "C1", amount: int = 1000, **own: Any) -> bytes:
    """A sale."""
    return record("purchase.completed", at, customer, amount_minor=amount, currency="EUR", **own)
