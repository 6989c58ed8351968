"""When the clock sends ticks, against a broker of three methods in memory."""

from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.structs import OffsetAndMetadata

from scorers.contract.events import HOUR
from scorers.in_force.control import Tick, decode_control
from scorers.policy.tables import Policy
from streams.clock.clock import Clock
from tests.support.desk import MAY
from tests.support.seals import SECRET
from vigia.runtime.broker import Broker
from vigia.runtime.settings import Settings


class Log:
    """Where topics end, what is committed, and the ticks that were sent: client, admin and producer in one."""

    def __init__(self) -> None:
        self.ends: dict[TopicPartition, int] = {}
        self.done: dict[TopicPartition, int] = {}
        self.ticks: list[tuple[int, str, int]] = []

    async def getmany(self, **_: Any) -> Mapping[TopicPartition, list[Any]]:
        return {}

    async def end_offsets(self, tps: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.ends.get(tp, 0) for tp in tps}

    async def list_consumer_group_offsets(
        self, _: str, partitions: Collection[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        return {tp: OffsetAndMetadata(self.done.get(tp, -1), "") for tp in partitions}

    async def send_and_wait(self, topic: str, value: bytes, headers: Any, partition: int) -> Any:
        control, tp = decode_control(value), TopicPartition(topic, partition)
        assert isinstance(control, Tick)
        self.ticks.append((partition, control.phase if control.groups else "", int(control.until)))
        self.ends[tp] = self.ends.get(tp, 0) + 1
        return SimpleNamespace(offset=self.ends[tp] - 1)


async def turns(clock: Clock, log: Log, count: int = 5) -> None:
    for _ in range(count):
        await clock.turn(log, log, log)  # type: ignore[arg-type]
        log.done |= {tp: end for tp, end in log.ends.items() if tp.topic == "clock"}


async def test_groups_report_before_the_ticks_of_customers() -> None:
    """Each phase waits until all partitions have committed the one before it, and what was forwarded meanwhile."""
    log, clock = (
        Log(),
        Clock(Broker("nowhere", ""), Settings(partitions=2, seal=SECRET), Policy(), follows=True, every=1),
    )
    clock.newest = MAY + 5 * HOUR + 1
    slow, groups, end = TopicPartition("complaints", 1), TopicPartition("groups", 0), MAY + 5 * HOUR
    log.ends[slow] = 1
    await turns(clock, log)
    assert not log.ticks, "one partition has not committed what was written"
    log.ends[groups] = log.done[slow] = 1
    await turns(clock, log)
    assert not log.ticks, "the fact is not folded yet"
    log.done[groups] = 1
    await turns(clock, log, 1)
    assert log.ticks == [(0, "tell", end), (1, "tell", end)]
    log.ends[groups] = 2
    await turns(clock, log)
    assert len(log.ticks) == 2, "what was told is not folded yet"
    log.done[groups] = 2
    await turns(clock, log, 9)
    assert log.ticks[2:] == [
        *((number, phase, end) for phase in ("base", "sources", "groups") for number in (0, 1)),
        *((number, "", clock.newest) for number in (0, 1)),
    ]
    clock.newest += HOUR // 2
    await turns(clock, log)
    assert log.ticks[-2:] == [(number, "", clock.newest) for number in (0, 1)], "inside an hour nothing is reported"
