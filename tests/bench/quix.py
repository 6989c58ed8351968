"""Quix Streams in the comparison: `python -m tests.bench.quix FOLD KAFKA TOPIC EVENTS`, in an environment of its own.

One process reads one topic from its beginning, keeps a row for each key in Quix's state with a changelog behind it, and
answers on output topics: at least once, with the settings that Quix ships. It prints events a second and microseconds
of processor time an event, from the first event until all is flushed and committed.

`trivial` is the fold of `engine` with its decoder, on bytes: as fast as Quix's own JSON or faster. The other two host
Vigía's core. `rows` has each customer in Quix's state and nowhere else: an event makes its customer from the row, judges
what fell due for it, folds, and puts the row back; as there are no timers, deadlines are judged when the customer's next
event comes. `dict` keeps all customers decoded beside the state, as the bare loop of `sides` does, and encodes the row
of the event's own customer into it: nothing would bring back what is in the dict after a crash or a rebalance, and rows
that a deadline changes are left out, as a fold in Quix can write the row of its own key alone. The figures of a base are
in memory alone in both.

Quix is imported where it is needed only: the project's own environment does not have it.
"""

import gc
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple
from uuid import uuid4

import msgspec

from scorers.contract.wire import Rejection, decode, encode_alarm
from scorers.in_force.context import Context
from scorers.in_force.figures import FigureBook
from scorers.partition.partition import Partition
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.facts import Ref
from scorers.timeline.timeline import AnyTimeline, Timeline
from streams.records.lessons import encode_lesson

GARBAGE_AFTER = 100_000  # as the worker does


class Out(NamedTuple):
    """A record to send."""

    topic: str
    key: str
    value: bytes


Fold = Callable[[bytes, Any], Iterable[Out]]
"""What follows from a value; the other is Quix's state of its key."""


class Event(msgspec.Struct):
    customer_id: str
    amount_minor: int
    number: int


class Count(msgspec.Struct, frozen=True):
    events: int = 0
    amount_minor: int = 0


read_event = msgspec.json.Decoder(Event).decode
read_count = msgspec.json.Decoder(Count).decode
write = msgspec.json.Encoder().encode


def trivial(value: bytes, state: Any) -> Iterable[Out]:
    """Count and add up."""
    event = read_event(value)
    stored = state.get_bytes("row")
    row = Count() if stored is None else read_count(stored)
    state.set_bytes("row", write(Count(row.events + 1, row.amount_minor + event.amount_minor)))
    return () if event.number % 100 else (Out("outputs", event.customer_id, b"%d" % event.number),)


class InDict:
    """The core, a dict of customers for each partition, and the row of each event's customer in the state."""

    def __init__(self) -> None:
        from quixstreams import message_context

        self._at = message_context
        self._policy = Policy()
        self._partitions: dict[int, tuple[Partition, dict[str, AnyTimeline]]] = {}

    def __call__(self, value: bytes, state: Any) -> Iterable[Out]:
        event = decode(value)
        if isinstance(event, Rejection):
            return
        at, name = self._at(), event.customer_id or ""
        partition, people = self._partitions.get(at.partition) or self._new(at.partition)
        self.begin(partition, people, name, state)
        for step in partition.feed(event, Ref(event.source, event.id, at.topic, at.partition, at.offset)):
            for alarm in step.alarms:
                yield Out("alarms", alarm.subject.id, encode_alarm(alarm))
            for lesson in step.lessons:
                yield Out("lessons", lesson.customer_id, encode_lesson(lesson))
        if (monitor := people.get(name)) is not None:
            state.set_bytes("row", monitor.encode())

    def begin(self, partition: Partition, people: dict[str, AnyTimeline], name: str, state: Any) -> None:
        """Before an event of this customer is folded: everybody is in the dict."""

    def _new(self, number: int) -> tuple[Partition, dict[str, AnyTimeline]]:
        people: dict[str, AnyTimeline] = {}
        partition = Partition(Context(self._policy, UNTRAINED), people, FigureBook(self._policy))
        return self._partitions.setdefault(number, (partition, people))


class InState(InDict):
    """The core, and each customer in the state alone."""

    def begin(self, partition: Partition, people: dict[str, AnyTimeline], name: str, state: Any) -> None:
        """Nobody is there but the event's customer, made from the row."""
        people.clear()
        if name and (row := state.get_bytes("row")) is not None:
            monitor = people[name] = Timeline.decode(CUSTOMER, row, partition.ctx)
            if monitor.due:
                partition.expect(monitor.due, name)


FOLDS: dict[str, Callable[[], Fold]] = {"trivial": lambda: trivial, "rows": InState, "dict": InDict}


def run(fold: Fold, kafka: str, topic: str, events: int) -> tuple[float, float]:
    """Events a second and microseconds of processor time an event."""
    from quixstreams import Application
    from quixstreams.models import BytesSerializer

    class Value(BytesSerializer):
        """The value of an `Out`."""

        def __call__(self, value: Any, *_: Any, **__: Any) -> bytes:
            return bytes(value.value)

    gc.set_threshold(GARBAGE_AFTER)
    started: list[float] = []
    seen = 0

    def counted(value: bytes, state: Any) -> Iterable[Out]:
        nonlocal seen
        if not started:
            started.extend((time.perf_counter(), time.process_time()))
        seen += 1
        if seen == events:
            app.stop()
        return fold(value, state)

    with tempfile.TemporaryDirectory() as directory:
        app = Application(
            kafka,
            consumer_group=f"{topic}-{uuid4().hex[:8]}",
            auto_offset_reset="earliest",
            processing_guarantee="at-least-once",
            state_dir=directory,
            loglevel="WARNING",
        )
        source = app.topic(topic, key_deserializer="bytes", value_deserializer="bytes")
        outputs = {
            name: app.topic(f"{topic}-quix-{name}", value_serializer=Value())
            for name in ("outputs", "alarms", "lessons")
        }
        answers = app.dataframe(source).apply(counted, stateful=True, expand=True)
        answers.to_topic(lambda out, *_: outputs[out.topic], key=lambda out: out.key)
        app.run()
    clock, processor = started
    return events / (time.perf_counter() - clock), (time.process_time() - processor) / events * 1e6


def main() -> None:
    name, kafka, topic, events = sys.argv[1:]
    sys.stdout.write(json.dumps(run(FOLDS[name](), kafka, topic, int(events))))


if __name__ == "__main__":
    main()
