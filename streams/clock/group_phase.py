"""Holds the ticks of customers back at the end of an hour, until the groups have reported what they know up to it.

What a group knows depends on what other partitions forward to it. So once every partition has committed what was written before the
instant, the phase sends each partition a tick by which it tells what feeds reported, one by which the feed of all events is judged, one
for the feeds of sources, and one for all other groups; each waits until the one before it, and what was forwarded meanwhile, is committed. The workers' reports
are on `clock` by then, ahead of the ticks that follow.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition

from scorers.contract.events import Duration, Instant, Micros
from scorers.in_force.control import PHASES, Phase, Tick
from scorers.in_force.figures import in_force, last_day
from scorers.in_force.hours import last_hour
from scorers.policy.tables import Policy
from streams.records.sealed_control import sealed
from streams.records.signing import Keyring

Offsets = Mapping[TopicPartition, int]


def reports_of(now: Micros, policy: Policy) -> Micros:
    """The newest instant not after another at which groups report: the end of an hour, or of a day once its late facts are in.

    >>> from scorers.contract.events import DAY, HOUR
    >>> reports_of(5 * DAY + 7 * HOUR + 1, Policy()) // HOUR
    127
    """
    return max(last_hour(now), in_force(last_day(now, policy), policy))


class GroupPhase:
    """One run through the phases at a time. `reported` is the newest instant up to which the groups have reported."""

    def __init__(
        self,
        groups: list[TopicPartition],
        clock: list[TopicPartition],
        keys: Keyring,
        *,
        follows: bool,
        margin: Duration,
    ) -> None:
        self.groups, self.clock, self._keys = groups, clock, keys
        self.reported: Micros = 0
        self._follows, self._margin = follows, margin
        self._target: Micros = 0
        self._next = 0  # the number of the phase whose ticks are sent next
        self._ticked: dict[TopicPartition, int] = {}  # where the ticks of the last one ended, until they are committed
        self._forwarded: dict[TopicPartition, int] = {}  # where `groups` ended after that

    def holds_back(self, end: Micros) -> bool:
        """Whether a tick past an instant of reports must wait."""
        return end > self.reported

    async def advance(self, end: Micros, newest: Micros, committed: Offsets, consumer: Any, producer: Any) -> None:
        """All partitions have committed what was written before an instant: go on towards its reports.

        Nothing was judged later than `newest`: the reports come into force at the instant, or a margin after the newest.
        """
        if end <= self.reported:
            return
        self._target = self._target or end
        if not _reached(committed, self._ticked):
            return
        self._ticked = {}
        if self._next == len(PHASES):
            self.reported, self._target, self._next, self._forwarded = self._target, 0, 0, {}
            return
        if not self._forwarded:
            self._forwarded = await consumer.end_offsets(self.groups)
        if _reached(committed, self._forwarded):
            await self._send(PHASES[self._next], newest, producer)
            self._next, self._forwarded = self._next + 1, {}

    async def _send(self, phase: Phase, newest: Micros, producer: Any) -> None:
        in_force = Instant(max(self._target, newest + max(self._margin, 1)))
        tick = Tick(until=Instant(self._target), follows=self._follows, groups=True, in_force=in_force, phase=phase)
        for tp in self.clock:
            value, headers = sealed(self._keys, tp.topic, tp.partition, tick)
            sent = await producer.send_and_wait(tp.topic, value, headers=list(headers), partition=tp.partition)
            self._ticked[tp] = sent.offset + 1


def _reached(committed: Offsets, ends: Offsets) -> bool:
    return all(committed.get(tp, 0) >= end for tp, end in ends.items())
