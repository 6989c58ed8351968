"""The metrics of a clock, read at the moment of a scrape."""

import time
from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from scorers.contract.events import SECOND, Micros
from vigia.runtime.metrics.table import counters, gauges, plain


class PolicyState(Protocol):
    """What the metrics read of the file of a policy."""

    refused: bool
    changes: int


class ClockState(Protocol):
    """What the metrics read of a clock."""

    sent: dict[int, Micros]
    follows: bool

    @property
    def file(self) -> PolicyState | None:
        """The file of the policy, if there is one."""

    @property
    def waiting(self) -> int:
        """How many partitions it waits for."""


class ClockMetrics(Collector):
    """The metrics of a clock."""

    def __init__(self, clock: ClockState, now: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._clock, self._now = clock, now
        self.registry.register(self)

    def collect(self) -> Iterator[Metric]:
        """The values at the moment of a scrape."""
        yield plain("vigia_clock_waiting_partitions", self._clock.waiting)
        first = min(self._clock.sent.values(), default=0)
        yield gauges("vigia_clock_lag_seconds", [((), self._now() - first / SECOND)] if first else [])
        yield plain("vigia_clock_follows_events", int(self._clock.follows))
        file = self._clock.file
        yield plain("vigia_policy_refused", int(file is not None and file.refused))
        yield counters("vigia_policy_changes", [((), 0 if file is None else file.changes)])
