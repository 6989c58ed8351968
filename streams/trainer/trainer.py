"""Learns from lessons, and puts a new model in force at the end of each day that brought lessons.

What is learned and how far was read are one snapshot on `models`, so a trainer that restarts learns nothing twice; a
lesson that a worker sent twice is recognized by its question. Snapshots and models are signed: one that was changed, or
signed with another secret, is rejected and the one before it is used. Each snapshot has a key of its own, with its number, and
those before the last two are deleted: an old one that somebody writes again replaces none, and is ignored. A model is in force from the instant of the day's
figures, so that both change together. How a model learns, and who scores with it, is not known here.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from msgspec import Struct, field

from scorers.contract.events import Instant
from scorers.contract.lessons import Lesson
from scorers.contract.rfc3339 import rfc3339
from scorers.in_force.control import FiguresInForce, ModelInForce, PolicyInForce
from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import AUTO
from scorers.risk.model import UNTRAINED, Model
from scorers.risk.training import Trainer as Learner
from streams.records.control_log import send_to_all
from streams.records.lessons import decode_lesson
from streams.records.sealed_control import open_control, seal_of, signed
from streams.records.signing import HEADER, Keyring, keyring
from vigia.runtime.broker import Broker
from vigia.runtime.rights.table import PROCESSES
from vigia.runtime.settings import Settings
from vigia.runtime.topic_reader import bounds, read_range

log = logging.getLogger(__name__)
T = TypeVar("T")

KNOWN = 20_000  # lessons that are recognized if they come twice
SNAPSHOT_EVERY = 1_000  # lessons
SLICE = 50  # lessons at a time: then health, metrics and the watch over the session have their turn
FORMAT = 1  # of `Saved`: fields are only ever added, and a change of meaning is a new format
KEPT = 2  # snapshots: if the newest is damaged, the one before it is used
SNAPSHOT = "trainer/"  # begins the keys of snapshots


class Saved(Struct, array_like=True):
    """The whole state of a trainer: what it has learned, and how far it has read."""

    number: int
    learner: bytes
    model: str  # the version put in force last
    lessons: dict[int, int] = field(default_factory=dict)  # the next offset, by partition
    clock: int = 0
    known: list[int] = field(default_factory=list)
    format: int = 1
    champion: str = AUTO  # as the policy in force names it
    policy: int = 0  # when that policy was sent: an older one is ignored
    day: int = -1  # the newest day with figures: an older one is ignored
    model_in_force: int = 0  # the instant from which the newest model is in force


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Saved).decode


class Trainer:
    """The one trainer of all partitions."""

    def __init__(self, broker: Broker, settings: Settings) -> None:
        self._keys = keyring(settings.seal, settings.seal_trust).require("trainer")
        self.broker = broker = broker.limited_to(PROCESSES["trainer"].names)
        self.settings = settings
        self.learner = Learner()
        self.saved = Saved(0, b"", UNTRAINED.version)
        self.rejected = 0
        self._known: set[int] = set()
        self._order: deque[int] = deque()
        self._since = 0
        self._snapshot_keys: list[bytes] = []  # of the snapshots that stand, the newest last
        self._due: FiguresInForce | None = None
        self._lessons = [TopicPartition(broker.name("lessons"), n) for n in range(settings.partitions)]
        self._clock = TopicPartition(broker.name("clock"), 0)
        self._models = broker.name("models")

    def has_answered(self, upto: int) -> bool:
        """Whether everything on partition 0 of the clock before an offset has been processed."""
        return self.saved.clock >= upto and self._due is None

    async def run(self, stop: asyncio.Event) -> None:
        """Learn until `stop` is set."""
        consumer = AIOKafkaConsumer(enable_auto_commit=False, fetch_max_wait_ms=100, **self.broker.consumer())
        producer = AIOKafkaProducer(acks="all", **self.broker.client())
        try:
            await consumer.start()
            await producer.start()
            await self._resume(consumer)
            while not stop.is_set():
                await self._turn(consumer, producer)
            if self._since:
                await self._save(producer)
        finally:
            await consumer.stop()
            await producer.stop()

    async def _resume(self, consumer: AIOKafkaConsumer) -> None:
        """Continue from the newest snapshot with a valid signature, whatever was written after it."""
        async for record, saved, learner in self._snapshots(consumer):
            if saved.number <= self.saved.number:
                self._ignore_old(record, saved)
                continue
            self.saved, self.learner = saved, learner
            self._stands(record.key)
        self._order = deque(self.saved.known)
        self._known = set(self._order)
        consumer.assign([*self._lessons, self._clock])
        first, ends = await bounds(consumer, [*self._lessons, self._clock])
        saved = {tp: self.saved.lessons.get(tp.partition, 0) for tp in self._lessons} | {self._clock: self.saved.clock}
        for tp, offset in saved.items():  # a topic that ends before the saved offset was created again
            consumer.seek(tp, max(first[tp], offset if offset <= ends[tp] else 0))

    async def _snapshots(self, consumer: AIOKafkaConsumer) -> Any:
        async for record in read_range(consumer, *await bounds(consumer, [TopicPartition(self._models, 0)])):
            if (record.key or b"").startswith(SNAPSHOT.encode()) and record.value is not None:
                found = self._read(record)
                if found is not None:
                    yield record, *found

    def _ignore_old(self, record: Any, saved: Saved) -> None:
        """Count a snapshot that was written again after a newer one; the producer itself may repeat the newest."""
        if saved.number < self.saved.number:
            self.rejected += 1
            log.error(
                "%s@%d: snapshot %d of the trainer is ignored, because it stands after snapshot %d: somebody has written an old one again",
                *(self._models, record.offset, saved.number, self.saved.number),
            )

    def _stands(self, key: bytes) -> None:
        """The newest snapshot has this key now."""
        self._snapshot_keys = [*(one for one in self._snapshot_keys if one != key), key]

    def _read(self, record: Any) -> tuple[Saved, Learner] | None:
        try:  # bytes that somebody else may have written are not decoded
            if not is_signed(self._keys, record):
                raise ValueError("not signed with a trainer's key that is trusted here")
            saved = _decode(record.value)
            if saved.format > FORMAT:
                raise ValueError(f"of format {saved.format}, this release reads up to {FORMAT}: upgrade it")
            return saved, Learner.decode(saved.learner)
        except ValueError as error:
            self.rejected += 1
            log.error("%s@%d: this snapshot of the trainer is rejected: %s", self._models, record.offset, error)
            return None

    async def _turn(self, consumer: AIOKafkaConsumer, producer: AIOKafkaProducer) -> None:
        batches = await consumer.getmany(timeout_ms=200)
        for record in batches.pop(self._clock, []):
            control = open_control(self._keys, record)
            if isinstance(control, FiguresInForce) and control.day > self.saved.day:
                self._due, self.saved.day = control, control.day
            elif isinstance(control, PolicyInForce) and control.sent >= self.saved.policy:
                self._follow(control)
            self.saved.clock = record.offset + 1
        lessons: list[Lesson] = []
        async for some in _slices([record for records in batches.values() for record in records]):
            lessons += self._new_lessons(some)
        async for some in _slices(sorted(lessons, key=lambda lesson: (lesson.answered_at, lesson.customer_id))):
            for lesson in some:
                self.learner.learn(lesson)
        self._since += len(lessons)
        if self._due is not None and await self._all_read(consumer):
            await self._publish(producer, self._due)
            self._due = None
        elif self._since >= SNAPSHOT_EVERY:
            await self._save(producer)

    def _new_lessons(self, records: Sequence[Any]) -> list[Lesson]:
        """The lessons of some records that did not come before."""
        found = []
        for record in records:
            self.saved.lessons[record.partition] = record.offset + 1
            try:
                lesson = decode_lesson(record.value or b"")
            except ValueError as error:
                log.error("%s/%d@%d is no lesson: %s", record.topic, record.partition, record.offset, error)
                continue
            asked = f"{int(lesson.asked_at)} {lesson.customer_id}".encode()
            name = int.from_bytes(hashlib.blake2b(asked, digest_size=8).digest(), "big")
            if name in self._known:
                continue
            self._known.add(name)
            self._order.append(name)
            if len(self._order) > KNOWN:
                self._known.discard(self._order.popleft())
            found.append(lesson)
        return found

    async def _all_read(self, consumer: AIOKafkaConsumer) -> bool:
        ends = await consumer.end_offsets(self._lessons)
        return all([await consumer.position(tp) >= end for tp, end in ends.items()])

    def _follow(self, control: PolicyInForce) -> None:
        """The policy may name the champion."""
        self.saved.policy = int(control.sent)
        try:
            self.saved.champion = parse_policy(control.text, "the policy on clock").risk.champion
        except PolicyError as error:
            log.error("%s: %s", self._clock.topic, error)

    async def _publish(self, producer: AIOKafkaProducer, day: FiguresInForce) -> None:
        """Put what is learned in force together with the figures of a day."""
        before = self.learner.selection.champion
        model = self.learner.snapshot(self.saved.champion)
        for notice in self.learner.take_notices():
            log.warning("%s, from model %s of %s", notice, model.version, rfc3339(Instant(day.in_force)))
        if model.champion.name != before:
            await self._send(
                producer, b"champion/%d" % self.learner.selection.changes, self._change(before, model, day)
            )
        if model.version == self.saved.model:
            return
        data = model.encode()
        await self._send(producer, model.version.encode(), data)
        control = ModelInForce(in_force=Instant(day.in_force), version=model.version, model=data.decode())
        await send_to_all(producer, self._keys, self.broker.name("clock"), self.settings.partitions, control)
        self.saved.model, self.saved.model_in_force = model.version, int(day.in_force)
        await self._save(producer)

    def _change(self, before: str, model: Model, day: FiguresInForce) -> bytes:
        """The record of a change of champion."""
        change = {
            "from": before,
            "to": model.champion.name,
            "in_force": rfc3339(Instant(day.in_force)),
            "model": model.version,
            "policy": self.saved.champion,
            "loss": self.learner.selection.mean_loss(),
            "lessons": self.learner.lessons,
        }
        return msgspec.json.encode(change)

    async def _save(self, producer: AIOKafkaProducer) -> None:
        saved = self.saved
        saved.number += 1
        saved.learner, saved.known = self.learner.encode(), list(self._order)
        key = f"{SNAPSHOT}{saved.number}".encode()
        await self._send(producer, key, _encode(saved))
        self._stands(key)
        for old in self._snapshot_keys[:-KEPT]:
            await producer.send_and_wait(self._models, None, key=old, partition=0)
            self._snapshot_keys.remove(old)
        self._since = 0

    async def _send(self, producer: AIOKafkaProducer, key: bytes, data: bytes) -> None:
        headers = [(HEADER, sign(self._keys, self._models, key, data))]
        await producer.send_and_wait(self._models, data, key=key, partition=0, headers=headers)


def restarted(snapshot: bytes) -> tuple[bytes, int, dict[int, int]]:
    """A snapshot that reads its topics from their beginning, its number, and how far it had read each partition of `lessons`."""
    saved = _decode(snapshot)
    read, saved.lessons, saved.clock = saved.lessons, {}, 0
    return _encode(saved), saved.number, read


def is_signed(keys: Keyring, record: Any) -> bool:
    """Whether a trainer's trusted key signed a record of `models`."""
    return keys.signer(_signed(record.topic, record.key, record.value), seal_of(record.headers)) == "trainer"


def sign(keys: Keyring, topic: str, key: bytes, data: bytes) -> bytes:
    """The seal of a record of `models`."""
    return keys.sign("trainer", _signed(topic, key, data))


async def _slices(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    """The items in slices, with a turn for other tasks after each: a backlog takes longer than a session lasts."""
    for start in range(0, len(items), SLICE):
        yield items[start : start + SLICE]
        await asyncio.sleep(0)


def _signed(topic: str, key: bytes, data: bytes) -> bytes:
    return signed(topic, key.decode("ascii", "replace"), data)
