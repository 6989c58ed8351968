"""Follow alarms, worklists and control records on Kafka and write them to files.

Partitions progress at different speeds, so an alarm is passed on, in the order of event time, once every partition has
received the figures of the day after it. Records are written as they arrive because the embedded broker deletes old ones.
"""

import asyncio
import heapq
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Self

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from scorers.contract.alarms import Alarm
from scorers.contract.events import Micros
from scorers.contract.wire import decode_alarm
from scorers.contract.worklist import Worklists, decode_entry
from scorers.in_force.control import FiguresInForce, decode_control
from scorers.in_force.figures import in_force
from scorers.policy.tables import Policy
from vigia.runtime.broker import Broker

SHOWN_DATES = 8  # of worklists, the last ones
FOREVER: Micros = 1 << 62
CORE = ("alarm.raised", "alarm.updated", "alarm.settled", "alarm.withdrawn")  # without what people did about alarms


class _Waiting(NamedTuple):
    """An alarm that earlier ones of other partitions may still precede."""

    time: Micros
    partition: int
    offset: int
    raw: bytes
    alarm: Alarm


class DemoTail:
    """Follows `alarms`, `worklist` and `clock` from their beginning while the block runs; calls `take` with each alarm.

    `lists` are the worklists of the last dates. `day` is the newest day whose figures every partition has received; `day_offset` is their offset in partition 0.
    """

    def __init__(
        self, broker: Broker, partitions: int, policy: Policy, folder: Path, take: Callable[[Alarm], None]
    ) -> None:
        self.day = self.day_offset = -1
        self._broker, self._policy, self._folder, self._take = broker, policy, folder, take
        alarms, clock = broker.name("alarms"), broker.name("clock")
        self.lists = Worklists()
        self._final: dict[str, dict[int, bytes]] = {}  # by date and rank, what is not written yet
        worklist = broker.name("worklist")
        self._takers = {alarms: self._alarm, clock: self._control, worklist: self._entry}
        self._next = {TopicPartition(topic, number): 0 for topic in self._takers for number in range(partitions)}
        self._days: dict[int, dict[int, int]] = {}  # by day: the offset of its figures in each partition
        self._partitions = partitions
        self._waiting: list[_Waiting] = []

    async def __aenter__(self) -> Self:
        self._alarm_file = (self._folder / "alarms.jsonl").open("wb")
        self._control_file = (self._folder / "control.jsonl").open("wb")
        self._list_file = (self._folder / "worklist.jsonl").open("wb")
        self._consumer = AIOKafkaConsumer(enable_auto_commit=False, fetch_max_wait_ms=100, **self._broker.consumer())
        await self._consumer.start()
        self._consumer.assign(list(self._next))
        await self._consumer.seek_to_beginning()
        self._reading = asyncio.create_task(self._read(), name="demo-tail")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self._consumer.stop()
        self._alarm_file.close()
        self._control_file.close()
        self._list_file.close()

    async def up_to_now(self) -> None:
        """Wait until everything that is on the topics now has been passed on and written."""
        ends = await self._consumer.end_offsets(list(self._next))
        while any(self._next[place] < end for place, end in ends.items()):
            if self._reading.done():
                self._reading.result()
            await asyncio.sleep(0.05)
        self._pass_on(FOREVER)
        self._write_lists(0)
        for file in (self._alarm_file, self._control_file, self._list_file):
            file.flush()

    async def listed(self, date: str, within: float) -> None:
        """Wait until the worklist of a date is published, but no longer than some seconds: there may be none."""
        deadline = time.monotonic() + within
        while max(self.lists.dates(), default="") < date and time.monotonic() < deadline:
            await asyncio.sleep(0.05)

    async def _read(self) -> None:
        while True:
            batches = await self._consumer.getmany(timeout_ms=200, max_records=500)
            for place, records in batches.items():
                for record in records:
                    self._takers[place.topic](record)
                self._next[place] = records[-1].offset + 1
            self.lists.keep(SHOWN_DATES)
            self._write_lists(SHOWN_DATES)
            if self.day > 0:
                self._pass_on(in_force(self.day - 1, self._policy))

    def _alarm(self, record: Any) -> None:
        alarm = decode_alarm(record.value)
        if isinstance(alarm, Alarm) and alarm.type in CORE:
            waiting = _Waiting(int(alarm.time), record.partition, record.offset, record.value, alarm)
            heapq.heappush(self._waiting, waiting)

    def _entry(self, record: Any) -> None:
        self.lists.take(record.key, record.value, record.headers)
        if record.value is not None and (entry := decode_entry(record.value)).final:
            self._final.setdefault(entry.date, {})[entry.rank] = record.value

    def _write_lists(self, waiting: int) -> None:
        """Write final lists in order, but for the newest dates, which may be incomplete."""
        for date in sorted(self._final)[: max(0, len(self._final) - waiting)]:
            for _, raw in sorted(self._final.pop(date).items()):
                self._list_file.write(raw + b"\n")

    def _control(self, record: Any) -> None:
        line = {"partition": record.partition, "offset": record.offset, **msgspec.json.decode(record.value)}
        self._control_file.write(msgspec.json.encode(line) + b"\n")
        if b'"figures.in_force"' not in record.value[:80]:
            return
        control = decode_control(record.value)
        if isinstance(control, FiguresInForce) and control.day > self.day:
            offsets = self._days.setdefault(control.day, {})
            offsets[record.partition] = record.offset
            if len(offsets) == self._partitions:
                self.day, self.day_offset = control.day, offsets[0]
                self._days = {day: others for day, others in self._days.items() if day > self.day}

    def _pass_on(self, until: Micros) -> None:
        while self._waiting and self._waiting[0].time <= until:
            first = heapq.heappop(self._waiting)
            self._alarm_file.write(first.raw + b"\n")
            self._take(first.alarm)
