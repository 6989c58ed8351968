"""Folds history together with the live topics under a new prefix, and cuts over with nothing sent twice.

The build writes history and what the inputs hold, by time, under the new prefix; from there on inputs are forwarded. New workers fold all that while
the former system goes on. The cut comes when the former one is stopped and the new one has come as far: the incidents go over, so that the new
notifier knows what was sent. Alarms have the ids of their facts, so an alarm of both is one. Each call does what can be done, and says what is next.
"""

import heapq
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import TopicPartition

from alerts.pipeline.incident import Incident, decode_incident, encode_incident
from alerts.pipeline.notifier import ACTIONS, ALARMS
from alerts.pipeline.notifier import GROUP as NOTIFIER
from scorers.contract.alarms import Alarm
from scorers.contract.events import CustomerErased, Instant, Micros
from scorers.contract.wire import Rejection, decode, decode_alarm
from scorers.in_force.control import HistoryInForce
from scorers.policy.tables import Policy
from streams.clock.clock import Clock
from streams.files.external_sort import sorted_lines
from streams.files.publish import Line
from streams.files.resumable import ResumableSending
from streams.gateway.intake import Fact
from streams.records.control_log import send_to_all
from streams.records.signing import Keyring
from streams.records.written import written_at
from vigia.growth.build_plan import Plan, planned
from vigia.growth.crossing import Crossing, Sending
from vigia.growth.cutover import InputForwarder
from vigia.operations.backup import reject_running
from vigia.operations.input_copy import COPIED, lines_of
from vigia.runtime.settings import Settings
from vigia.runtime.topic_reader import Offsets, committed, read_range
from vigia.runtime.topics import READ, WORKER, apply, check
from vigia.runtime.usage_error import UsageError

TIME = 16 + 1  # bytes before a line that is sorted: its time and a blank
PATIENCE = 1.0  # seconds in which a group may lose its last member

Dated = tuple[Micros, Fact]


class Rebuilding:
    """One rebuilding from `crossing.old` to `crossing.new`, which have equally many partitions."""

    def __init__(self, crossing: Crossing, settings: Settings, keys: Keyring, say: Callable[[str], object]) -> None:
        self._crossing, self._settings, self._keys, self._say = crossing, settings, keys, say
        self._forwarder = InputForwarder(crossing, COPIED)

    async def run(self, history: Iterator[Dated], what: str, before: Instant, now: Instant, folder: Path) -> None:
        """Build if that is not done, forward what has come since, and cut over if that can be done now.

        `what` names the history, so that a build that was killed goes on with the same. Alarms of before an instant are history. Temporary
        files lie in the folder.
        """
        crossing, prefix = self._crossing, self._crossing.new.prefix
        if not await self._forwarder.has_begun():
            await check(crossing.old, crossing.before)
            await apply(crossing.new, crossing.after, self._settings.replicas)
            await self._build(history, await planned(crossing, what, before, now), folder)
        await self._forwarder.run()
        self._say(f"{self._forwarder.count} records forwarded that have come since the build")
        if await self._committed(NOTIFIER, [ACTIONS], new=True):
            self._say(f"cut over already: the notifier runs with VIGIA_PREFIX={prefix}")
            return
        if missing := [why async for why in self._missing()]:
            self._say(f"not cut over yet: {'; '.join(missing)}. Repeat this command then")
            return
        await self._cut()
        self._say(
            f"cut over: start the notifier with VIGIA_PREFIX={prefix}; move the producers, and repeat this command when they have moved"
        )

    # --- the build --------------------------------------------------------------------------------------------

    async def _build(self, history: Iterator[Dated], plan: Plan, folder: Path) -> None:
        crossing = self._crossing
        with _Live(folder) as live:
            for plain in COPIED:
                async for record in crossing.read(
                    plain, None, {tp: plan.ends[tp] for tp in crossing.partitions(plain)}
                ):
                    live.take(plain, record)
            async with ResumableSending(crossing.new, plan.name) as sending:
                if not plan.is_new and not sending.can_resume:
                    raise UsageError(
                        "a build was interrupted, and this broker cannot say how far it had come: name another prefix with --to"
                    )
                if sending.before:
                    self._say(f"the build goes on after {sending.before} events that an earlier run has written")
                else:
                    control = HistoryInForce(before=plan.before, sent=plan.now)
                    await send_to_all(
                        crossing.producer, self._keys, crossing.new.name("clock"), crossing.after, control
                    )
                await sending.send(live.merged(history))
        await self._forwarder.begin(plan.ends)
        total = sending.before + sending.topics.total()
        self._say(f"{total} events of history and of the live topics written under {crossing.new.prefix!r}")

    # --- the cut ----------------------------------------------------------------------------------------------

    async def _missing(self) -> AsyncIterator[str]:
        """What has to come before the cut."""
        crossing = self._crossing
        try:
            await reject_running(crossing.admin, crossing.old, PATIENCE)
        except UsageError as fault:
            yield str(fault).removesuffix(", then repeat")
        read = await self._committed(NOTIFIER, (ALARMS, ACTIONS))
        ends = {tp: end for plain in (ALARMS, ACTIONS) for tp, end in (await crossing.bounds(plain))[1].items()}
        if any(read.get(tp, 0) < end for tp, end in ends.items()):
            yield "the former notifier has not read all alarms and actions"
        done = await self._committed(WORKER, READ, new=True)
        ends = {tp: end for plain in READ for tp, end in (await crossing.bounds(plain, new=True))[1].items()}
        if any(done.get(tp, 0) < end for tp, end in ends.items()):
            yield f"workers with VIGIA_PREFIX={crossing.new.prefix} have not folded all"
        former, new = await self._ticked(new=False), await self._ticked(new=True)
        if min(new) < max(former):
            yield f"the clock with VIGIA_PREFIX={crossing.new.prefix} has not come as far as the former one"

    async def _ticked(self, *, new: bool) -> list[Micros]:
        """The newest tick of each partition."""
        broker = self._crossing.new if new else self._crossing.old
        clock = Clock(broker, self._settings, Policy(), follows=False, every=1)
        await clock.resume(self._crossing.consumer)
        return list(clock.sent.values())

    async def _cut(self) -> None:
        """Copy the incidents; last, say where the notifier continues, which is the mark of a cut that is complete."""
        crossing = self._crossing
        standing = await self._standing()
        sending = Sending(crossing.producer)
        async for record in crossing.read("notifications"):
            value = None if record.value is None else _told_on(record.value, standing)
            await sending.send(crossing.new.name("notifications"), crossing.home(record), record.key, value)
        count = await sending.done()
        await crossing.commit(NOTIFIER, await self._forwarded_actions())
        self._say(f"{count} records of incidents handed over")

    async def _standing(self) -> set[str]:
        """The ids of the alarms that stand under the new prefix."""
        crossing, found = self._crossing, set[str]()
        begins, ends = await crossing.bounds(ALARMS, new=True)
        async for record in read_range(crossing.consumer, begins, ends):
            alarm = decode_alarm(record.value or b"")
            if isinstance(alarm, Alarm):
                (found.discard if alarm.type in ("alarm.settled", "alarm.withdrawn") else found.add)(alarm.alarm_id)
        return found

    async def _forwarded_actions(self) -> Offsets:
        """Where the actions end that the former notifier has read: all that were forwarded."""
        return (await self._crossing.bounds(ACTIONS, new=True))[1]

    async def _committed(self, group: str, plain: Iterable[str], *, new: bool = False) -> dict[TopicPartition, int]:
        broker = self._crossing.new if new else self._crossing.old
        tps = [tp for one in plain for tp in self._crossing.partitions(one, new=new)]
        found = await committed(self._crossing.admin, broker.name(group), tps)
        return {tp: commit.offset for tp, commit in found.items()}


def _told_on(value: bytes, standing: set[str]) -> bytes:
    """An incident as the new notifier takes it over: over, if no alarm of its id stands any more, so that nobody is reminded of it."""
    incident = decode_incident(value)
    if incident.ended or incident.alarm.alarm_id in standing:
        return value
    return encode_incident(_over(incident))


def _over(incident: Incident) -> Incident:
    deliveries = tuple(
        msgspec.structs.replace(one, state="stopped", rule="ended_first", alarm=None) if one.state == "waiting" else one
        for one in incident.deliveries
    )
    return msgspec.structs.replace(incident, ended=True, deliveries=deliveries)


class _Live:
    """What the live topics hold, sorted by time through files, without what is older than its customer's erasure."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "live"
        self._folder = folder
        self._erased: dict[str, Micros] = {}

    def __enter__(self) -> "_Live":
        self._file = self._path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def take(self, plain: str, record: Any) -> None:
        """Keep a record that a worker would fold."""
        for line in lines_of(record, plain):
            event = decode(line)
            assert not isinstance(event, Rejection)
            at = int(event.time)
            if isinstance(event, CustomerErased):
                at = min(at, written_at(record) or at)
                self._erased[event.customer_id] = max(at, self._erased.get(event.customer_id, 0))
            self._file.write(b"%016d %b\n" % (event.time, line))

    def merged(self, history: Iterator[Dated]) -> Iterator[Line]:
        """All events by time; of equal ones that of the live topics comes first, as it stood first in the log."""
        self._file.flush()
        with self._path.open("rb") as file, sorted_lines(file, self._folder) as found:
            live = ((int(line[: TIME - 1]), _fact(line[TIME:-1])) for line in found.lines)
            for number, (at, fact) in enumerate(heapq.merge(live, history, key=itemgetter(0)), 1):
                name = fact.event.customer_id
                if name is None or isinstance(fact.event, CustomerErased) or at > self._erased.get(name, -1):
                    yield Line("rebuild", number, fact)


def _fact(line: bytes) -> Fact:
    event = decode(line)
    assert not isinstance(event, Rejection)
    return Fact(event, line)
