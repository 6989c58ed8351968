"""Grows a business to more partitions: under a new prefix, from rows that are settled, with what is not folded yet.

Workers, trainers and notifiers of the old installation are stopped; producers may go on. All is checked before anything is created.
What was folded goes over as rows, what was not as records, so each fact counts once; what was sent is known to the rows and to the
incidents, so nothing is sent twice. The old topics are only read. The positions of the forwarder are committed last: where they are
missing, the new topics are not complete.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from alerts.pipeline.notifier import GROUP as NOTIFIER
from scorers.contract.events import Instant
from scorers.contract.rejection import Rejection
from scorers.in_force.control import PHASES, PolicyInForce, Tick
from scorers.policy.tables import Policy
from streams.clock.clock import Clock
from streams.engine.batching_producer import partition_of
from streams.engine.output_log import HEADER as ORIGIN
from streams.engine.output_log import Origin
from streams.records.control_log import POLICY, send_to_all
from streams.records.sealed_control import open_control
from streams.records.signing import HEADER as SEAL
from streams.records.signing import ROLES, Keyring
from streams.trainer.trainer import SNAPSHOT, is_signed, restarted, sign
from streams.worker.aggregator import GROUP as FIGURES
from streams.worker.forwarded import Origin as ForwardedOrigin
from streams.worker.worklists import parts
from vigia.growth.crossing import Crossing, Sending
from vigia.growth.cutover import FORWARDED, InputForwarder, hand_over_notifications, value_of
from vigia.growth.rows import Spreader, is_own, moved
from vigia.operations.backup import PATIENCE, reject_running
from vigia.runtime.broker import ACTIONS, Broker
from vigia.runtime.erasures import ERASURES
from vigia.runtime.settings import Settings
from vigia.runtime.topic_reader import Offsets, committed
from vigia.runtime.topics import CHANGELOG, READ, TOPICS, WORKER, apply, check
from vigia.runtime.usage_error import UsageError

Say = Callable[[str], object]
AGAIN = "start the workers and the notifier of the former prefix again, wait until they have read everything, stop them with SIGTERM, and repeat"


class Growth:
    """One move from `crossing.old` to `crossing.new`. `keys` sign in all roles, because signatures name topics; `say` is told each step."""

    def __init__(self, crossing: Crossing, settings: Settings, keys: Keyring, say: Say) -> None:
        self._crossing, self._settings, self._keys, self._say = crossing, settings, keys, say
        self._folded: dict[str, Offsets] = {}  # by input: the first offset that is in no row
        self._notified: dict[str, Offsets] = {}  # the same of the notifier

    async def run(self, patience: float = PATIENCE) -> None:
        """Check, create, copy and forward. Raises `UsageError` or `TopicsWrong`, and has created nothing where the check failed."""
        crossing = self._crossing
        await check(crossing.old, crossing.before)
        for broker in (crossing.old, crossing.new):
            await reject_running(crossing.admin, broker, patience)
        rows = await self._checked()
        await self._create()
        clock = await self._clock(rows)
        self._say(f"{await self._copy_rows()} records of rows copied")
        self._say(f"{await self._models()} models and lessons copied")
        self._say(f"{await crossing.copy('customers')} rows of customers copied")
        self._say(f"{await hand_over_notifications(crossing)} alarms, worklist entries and incidents copied")
        await self._figures()
        await self._own_rows(rows, clock)
        await self._inputs()

    # --- before anything is created ---------------------------------------------------------------------------

    async def _checked(self) -> Spreader:
        """The rows of the partitions themselves. Raises `UsageError` where the state is not settled."""
        crossing = self._crossing
        ids = await crossing.incarnations(READ)
        sources = {plain: f"{crossing.old.name(plain)}@{ids[plain]}" for plain in READ}
        rows = Spreader(crossing.before, list(sources.values()))
        async for record in crossing.read(CHANGELOG):
            rows.note(record.partition, record.key, record.value)
        for plain, source in sources.items():
            begins, _ = await crossing.bounds(plain)
            self._folded[plain] = {
                tp: max(begin, rows.fence(tp.partition).get(source, -1) + 1) for tp, begin in begins.items()
            }
        faults = [fault async for fault in self._unsettled(rows)] + list(rows.faults())
        if faults:
            raise UsageError(f"nothing was created. {'; '.join(faults)}: {AGAIN}")
        return rows

    async def _unsettled(self, rows: Spreader) -> AsyncIterator[str]:
        """What the topics say against a cut; and what was sent is noted, so that `rows.faults` compares it with the fences."""
        crossing = self._crossing
        _, ends = await crossing.bounds("alarms")
        async for record in crossing.read("alarms", {tp: rows.outputs_end(tp.partition) for tp in ends}, ends):
            if (header := dict(record.headers).get(ORIGIN)) is not None:
                origin = msgspec.json.decode(header, type=Origin)
                rows.note_origin(origin.partition, origin.source, origin.offset)
        async for record in crossing.read("groups", self._folded["groups"]):
            if (header := dict(record.headers).get(ORIGIN)) is not None:
                told = msgspec.json.decode(header, type=ForwardedOrigin)
                rows.note_origin(told.partition, told.source, told.offset)
        async for record in crossing.read("clock", self._folded["clock"]):
            control = open_control(self._keys, record)
            if not isinstance(control, Tick | Rejection):
                yield "a worker has not read what was put in force last"
                break
        for plain in (ACTIONS, ERASURES):
            self._notified[plain] = await crossing.committed(NOTIFIER, plain) or self._folded[plain]
            if any(self._notified[plain][tp] < at for tp, at in self._folded[plain].items()):
                yield f"the notifier has not read {plain} as far as the workers have"
        closed, unread = await self._unclosed()
        if any(_is_open(record, closed) for record in unread):
            yield "a worklist is being closed"

    async def _unclosed(self) -> tuple[int, list[Any]]:
        """The newest date whose worklist is closed, and the records of `figures` about what is not."""
        crossing = self._crossing
        marks = await self._marks()
        read = await crossing.committed(FIGURES, "figures") or None
        return int(marks.get(parts.KEY.decode(), -1)), [record async for record in crossing.read("figures", read)]

    async def _marks(self) -> dict[str, str]:
        (tp,) = self._crossing.partitions("figures")
        found = await committed(self._crossing.admin, self._crossing.old.name(FIGURES), [tp])
        metadata = found[tp].metadata if tp in found else ""
        return msgspec.json.decode(metadata, type=dict[str, str]) if metadata else {}

    # --- the new topics ---------------------------------------------------------------------------------------

    async def _create(self) -> None:
        new = self._crossing.new
        made = await apply(new, self._crossing.after, self._settings.replicas)
        if len(made) < len(TOPICS):
            raise UsageError(
                f"some topics with the prefix {new.prefix!r} exist already: choose another prefix, or delete them and repeat"
            )
        self._say(f"{len(made)} topics created with {self._crossing.after} partitions")

    async def _clock(self, rows: Spreader) -> dict[int, int]:
        """Put in force what was, and say how far time has come; the last offset of each partition of `clock`."""
        crossing, keys = self._crossing, self._keys
        topic, until = crossing.new.name("clock"), rows.progress().clock
        former = Clock(crossing.old, self._settings, Policy(), follows=False, every=1)
        await former.resume(crossing.consumer)
        controls: list[Any] = list(rows.in_force())
        controls += [policy for policy in await self._policies() if policy.version not in {c.version for c in controls}]
        if reported := former.groups.reported:
            controls.append(Tick(until=Instant(reported), groups=True, phase=PHASES[-1]))
        if until:
            controls.append(Tick(until=Instant(until)))
        for control in controls:
            await send_to_all(crossing.producer, keys, topic, crossing.after, control)
        return dict.fromkeys(range(crossing.after), len(controls) - 1)

    async def _policies(self) -> list[PolicyInForce]:
        """Each policy that was sent, as it was sent last: also the first one, which the workers knew already."""
        (first, *_), found = self._crossing.partitions("clock"), dict[str, PolicyInForce]()
        begins, _ = await self._crossing.bounds("clock")
        async for record in self._crossing.read("clock", {first: begins[first]}):
            if POLICY in (record.value or b""):  # most records are ticks, and verifying a signature takes time
                control = open_control(self._keys, record)
                if isinstance(control, PolicyInForce):
                    found[control.version] = control
        return list(found.values())

    async def _copy_rows(self) -> int:
        crossing = self._crossing
        sending, topic = Sending(crossing.producer), crossing.new.name(CHANGELOG)
        async for record in crossing.read(CHANGELOG):
            if not is_own(record.key):
                home, stored = moved(record.key, record.value, crossing.after)
                await sending.send(topic, home, record.key, stored)
        return await sending.done()

    async def _own_rows(self, rows: Spreader, clock: dict[int, int]) -> None:
        crossing = self._crossing
        sending = Sending(crossing.producer)
        id_of_clock = (await crossing.incarnations(["clock"], new=True))["clock"]
        source = f"{crossing.new.name('clock')}@{id_of_clock}"
        _, ends = await crossing.bounds("alarms", new=True)
        alarms = {tp.partition: end for tp, end in ends.items()}
        for number, last in clock.items():
            fence = {source: last} if last >= 0 else {}
            for key, stored in rows.own_rows(number, fence, alarms):
                await sending.send(crossing.new.name(CHANGELOG), number, key, stored)
        await sending.done()
        topic = crossing.new.name("clock")
        read = {TopicPartition(topic, n): OffsetAndMetadata(last + 1, id_of_clock) for n, last in clock.items()}
        await crossing.commit(WORKER, read)

    async def _models(self) -> int:
        """Copy the models that stand, signed for their new topic, and the lessons that the trainer has not read."""
        crossing, keys = self._crossing, self._keys
        sending, topic = Sending(crossing.producer), crossing.new.name("models")
        stand = {record.key: record async for record in crossing.read("models")}
        newest, read = -1, dict[int, int]()
        for key, record in stand.items():
            if record.value is None or not is_signed(keys, record):
                continue
            value = record.value
            if key.startswith(SNAPSHOT.encode()):
                value, number, so_far = restarted(value)
                newest, read = max((newest, read), (number, so_far), key=lambda one: one[0])
            await sending.send(topic, 0, key, value, [(SEAL, sign(keys, topic, key, value))])
        lessons = {tp: read.get(tp.partition, 0) for tp in crossing.partitions("lessons")}
        return await sending.done() + await crossing.copy("lessons", lessons)

    async def _figures(self) -> None:
        """Copy what was told of single customers for worklists that are not closed, each from where the customer is now."""
        crossing = self._crossing
        _, unread = await self._unclosed()
        sending, topic = Sending(crossing.producer), crossing.new.name("figures")
        for record in unread:
            if (value := _moved_part(record, crossing.after)) is not None:
                await sending.send(topic, 0, record.key, value)
        await sending.done()
        if marks := await self._marks():
            begin = OffsetAndMetadata(0, msgspec.json.encode(marks).decode())
            await crossing.commit(FIGURES, dict.fromkeys(crossing.partitions("figures", new=True), begin))

    # --- the inputs -------------------------------------------------------------------------------------------

    async def _inputs(self) -> None:
        """Copy what the workers have not folded; where the notifier had read it, its offsets are committed behind that."""
        crossing = self._crossing
        starts = {tp: at for plain in FORWARDED for tp, at in self._folded[plain].items()}
        for plain, read in self._notified.items():
            await crossing.copy(plain, self._folded[plain], read, value=partial(value_of, plain))
            _, ends = await crossing.bounds(plain, new=True)
            await crossing.commit(NOTIFIER, ends)
            starts |= read
        forwarder = InputForwarder(crossing)
        await forwarder.begin(starts)
        await forwarder.run()
        self._say(f"{forwarder.count} records forwarded that no worker had folded yet")


def _told(record: Any) -> parts.ListPart | parts.ErasedFromLists | None:
    return parts.decode_part(record.value) if record.key == parts.KEY else None


def _is_open(record: Any, closed: int) -> bool:
    """Whether a record is a partition's part of a final worklist that is not closed."""
    told = _told(record)
    return isinstance(told, parts.ListPart) and told.final and not told.customer and told.day > closed


def _moved_part(record: Any, after: int) -> bytes | None:
    """What goes over of a record of `figures`; a report of a day does not, as it is told again."""
    told = _told(record)
    if isinstance(told, parts.ErasedFromLists):
        value: bytes = record.value
        return value
    if told is None or not told.customer:
        return None
    return parts.encode(msgspec.structs.replace(told, partition=partition_of(after, told.customer.encode())))


def can_sign(keys: Keyring) -> Iterator[str]:
    """Why these keys cannot sign what goes over, a sentence for each role."""
    return (fault for role in ROLES if (fault := keys.fault(role)))


async def grow(old: Broker, new: Broker, settings: Settings, after: int, keys: Keyring, say: Say) -> None:
    """Move what is known under `old` to `after` partitions under `new`; where that is done already, forward only what has come since."""
    if after <= settings.partitions:
        raise UsageError(
            f"--partitions {after}: more than VIGIA_PARTITIONS={settings.partitions} are needed; Kafka's cannot shrink"
        )
    if new.prefix == old.prefix:
        raise UsageError("--to: the new topics need another prefix than the former ones")
    if faults := list(can_sign(keys)):
        raise UsageError(f"signatures name the topic, so all are made anew: {'; '.join(faults)}")
    async with Crossing(old, new, settings.partitions, after) as crossing:
        forwarder = InputForwarder(crossing)
        if await forwarder.has_begun():
            await forwarder.run()
            say(f"moved already; {forwarder.count} more records forwarded")
            return
        await Growth(crossing, settings, keys, say).run()


async def follow(old: Broker, new: Broker, settings: Settings, after: int, stop: Any) -> int:
    """Forward what producers still send under `old`, until `stop` is set; how many records that were."""
    async with Crossing(old, new, settings.partitions, after) as crossing:
        forwarder = InputForwarder(crossing)
        if not await forwarder.has_begun():
            raise UsageError(f"nothing was moved to the prefix {new.prefix!r} yet")
        await forwarder.run(stop)
        return forwarder.count
