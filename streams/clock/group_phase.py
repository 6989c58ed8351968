"""Holds the ticks of customers back at the end of a day, until the groups have reported what they know up to it.

What a group knows depends on facts that other partitions forward to it. So once every partition has committed what was written before
the instant, the phase waits for the forwarded facts to be committed too, sends every partition a tick for groups alone, and waits for
that. The workers' reports are on `clock` by then, ahead of the ticks that follow.
"""

from collections.abc import Mapping
from typing import Any

from aiokafka import TopicPartition

from scorers.contract.events import Duration, Instant, Micros
from scorers.in_force.control import Tick
from scorers.in_force.figures import in_force, last_day
from scorers.policy.tables import Policy
from streams.records.sealed_control import sealed
from streams.records.signing import Keyring

Offsets = Mapping[TopicPartition, int]


def end_of_day(now: Micros, policy: Policy) -> Micros:
    """The newest instant not after another at which a day is over and its late facts are in.

    >>> from scorers.contract.events import DAY
    >>> end_of_day(5 * DAY + 7, Policy()) // DAY
    5
    """
    return in_force(last_day(now, policy), policy)


class GroupPhase:
    """One phase at a time. `reported` is the end of the newest day of which the groups have reported."""

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
        self._forwarded: dict[TopicPartition, int] = {}  # where `groups` ended when the phase began
        self._ticked: dict[TopicPartition, int] = {}  # where the ticks for groups ended; empty before they were sent

    async def holds_back(self, end: Micros, consumer: Any) -> bool:
        """Whether a tick past the end of a day must wait; nothing waits while no fact was ever forwarded."""
        if end <= self.reported:
            return False
        return any((await consumer.end_offsets(self.groups)).values())

    async def advance(self, end: Micros, newest: Micros, committed: Offsets, consumer: Any, producer: Any) -> None:
        """All partitions have committed what was written before the end of a day: go on towards its reports.

        Nothing was judged later than `newest`: the reports come into force at the end of the day, or a margin after that instant.
        """
        if end <= self.reported:
            return
        if not self._forwarded:
            self._target, self._forwarded = end, await consumer.end_offsets(self.groups)
        if not self._ticked and _reached(committed, self._forwarded):
            in_force = Instant(max(self._target, newest + max(self._margin, 1)))
            tick = Tick(until=Instant(self._target), follows=self._follows, groups=True, in_force=in_force)
            for tp in self.clock:
                value, headers = sealed(self._keys, tp.topic, tp.partition, tick)
                sent = await producer.send_and_wait(tp.topic, value, headers=list(headers), partition=tp.partition)
                self._ticked[tp] = sent.offset + 1
        elif self._ticked and _reached(committed, self._ticked):
            self.reported, self._forwarded, self._ticked = self._target, {}, {}


def _reached(committed: Offsets, ends: Offsets) -> bool:
    return all(committed.get(tp, 0) >= end for tp, end in ends.items())
