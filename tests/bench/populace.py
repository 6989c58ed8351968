"""Customers by the million: some hundreds simulated over two years, and copies of their rows under other names.

A copy is the template's row with another name of the same length, packed again, so that a million cost seconds, and weigh
and fold as real histories do. They are written to the changelog, as if earlier workers had, and with them the figures by
which the templates were judged; a worker that starts then recovers them. The events for them are like the templates' last, follow them all, and come so close to one another that
no silence between them counts.
"""

import json
import random
import tempfile
from collections.abc import Awaitable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from scorers.contract.events import HOUR, SECOND, TOPIC_OF, Instant
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import Rejection, decode
from scorers.in_force.context import Context
from scorers.in_force.control import FiguresInForce, Tick, encode_control
from scorers.in_force.figures import FigureBook, Figures
from scorers.partition.partition import Partition
from scorers.partition.routing import address_of
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.timeline.facts import Ref
from scorers.timeline.row import brief_of, pack_row, unpacked
from scorers.timeline.timeline import AnyTimeline
from streams.engine.batching_producer import partition_of
from streams.engine.fences import pack
from streams.worker.partition_state import CONTROL
from streams.worker.rows.stored_row import CODEC, StoredRow
from tests.kafka.running import Running
from vigia.lab.simulate import simulate
from vigia.runtime.topics import CHANGELOG

TEMPLATES, DAYS = 500, 730
RECENT = 3_000  # events of the templates whose like is sent
STEP = SECOND // 20  # of event time between two events
MILLION = 1_000_000  # names have six digits after their letter
MOST = 20 * MILLION


class Event(NamedTuple):
    """An event to send: the plain name of its topic, its key and itself."""

    topic: str
    key: bytes
    line: bytes


class _Template(NamedTuple):
    """A stored row of a customer in its parts: what precedes the packed row, and that without packing."""

    who: bytes
    head: bytes
    plain: bytes
    brief: bytes

    @classmethod
    def of(cls, who: str, timeline: AnyTimeline) -> "_Template":
        stored = CODEC.encode(StoredRow.of(timeline, 0))
        row = timeline.encode()
        assert stored.endswith(row)
        return cls(who.encode(), stored.removesuffix(row), unpacked(row), brief_of(row))


def name(number: int) -> str:
    """The name of a customer, as the simulation has them; each further million has the next letter."""
    return f"{chr(ord('c') + number // MILLION)}{number % MILLION:06d}"


class Book(FigureBook):
    """Closes days, and keeps the figures of each as a record that puts them in force."""

    def __init__(self, policy: Policy) -> None:
        super().__init__(policy)
        self.controls: list[bytes] = []

    def close(self, day: int) -> Figures:
        figures = super().close(day)
        self.controls.append(encode_control(FiguresInForce.of(day, figures)))
        return figures


class Populace:
    """The templates; `clock` is the instant up to which they, and the events sent since, have come."""

    def __init__(self, seed: int = 1) -> None:
        with tempfile.TemporaryDirectory() as directory:
            simulate(TEMPLATES, DAYS, seed, Path(directory))
            lines = (Path(directory) / "events.jsonl").read_bytes().splitlines()
        partition = Partition(Context(Policy(), UNTRAINED), people := {}, book := Book(Policy()))
        for number, line in enumerate(lines):
            if not isinstance(event := decode(line), Rejection):
                for _ in partition.feed(event, Ref(event.source, event.id, "purchases", 0, number)):
                    pass
        self.clock = partition.clock
        self._controls = [
            (CONTROL + b"%016x" % number, pack({}, CODEC.encode(StoredRow.of_partition(control))))
            for number, control in enumerate(book.controls)
        ]
        self._rows = [
            _Template.of(who, timeline) for who, timeline in people.items() if address_of(who.encode()) is None
        ]
        self._lines = [line for line in lines if b'"customer_id":"c' in line][-RECENT:]
        self._dice = random.Random(seed)

    def row(self, number: int) -> tuple[bytes, bytes]:
        """The key and the stored row of a customer."""
        template, who = self._rows[number % len(self._rows)], name(number).encode()
        plain = template.plain.replace(template.who, who)
        return who, pack({}, template.head + pack_row(plain, template.brief))

    async def settle(self, running: Running, customers: int) -> None:
        """Write the rows of so many customers to the changelog."""
        assert customers <= MOST
        topic, partitions = running.broker.name(CHANGELOG), running.settings.partitions
        async with _producer(running) as producer:
            batches = [producer.create_batch() for _ in range(partitions)]
            controls = ((at, *row) for at in range(partitions) for row in self._controls)
            customer_rows = map(self.row, range(customers))
            for at, key, stored in chain(
                controls, ((partition_of(partitions, key), key, row) for key, row in customer_rows)
            ):
                if batches[at].append(timestamp=None, key=key, value=stored) is None:
                    await producer.send_batch(batches[at], topic, partition=at)
                    batches[at] = producer.create_batch()
                    batches[at].append(timestamp=None, key=key, value=stored)
            for at, batch in enumerate(batches):
                await producer.send_batch(batch, topic, partition=at)

    def event(self, number: int) -> Event:
        """The next event, of this customer."""
        who, line = name(number).encode(), self._dice.choice(self._lines)
        at = line.index(b'"customer_id":"') + 15
        event: dict[str, Any] = json.loads(line.replace(line[at : at + len(who)], who))
        self.clock += STEP
        event |= {"id": uuid4().hex, "time": rfc3339(self.clock)}
        return Event(TOPIC_OF[event["type"].split(".")[0]], who, json.dumps(event).encode())

    def events(self, count: int, customers: int, hot: int = 0, share: float = 0.0) -> Iterator[Event]:
        """So many events, a share of them of the first `hot` customers, the others of any."""
        dice = self._dice
        for _ in range(count):
            yield self.event(dice.randrange(hot if dice.random() < share else customers))

    async def publish(self, running: Running, events: Iterator[Event]) -> None:
        """Send events, as fast as they are taken."""
        async with _producer(running) as producer:
            sent: Awaitable[Any] | None = None
            for topic, key, line in events:
                sent = await producer.send(running.broker.name(topic), line, key=key)
            if sent is not None:
                await producer.flush()

    async def pass_time(self, running: Running, hours: int) -> None:
        """Tell all partitions that hours have passed, one by one."""
        for _ in range(hours):
            self.clock += HOUR
            await running.send_control(Tick(until=Instant(self.clock), follows=True))


def _producer(running: Running) -> Any:
    return AIOKafkaProducer(acks="all", linger_ms=20, max_batch_size=900_000, **running.broker.client())
