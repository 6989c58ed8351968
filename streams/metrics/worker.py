"""The metrics of a worker: closed lists of labels, and no customer.

A process has a registry of its own and calls the methods here. What is true of a partition (customers, lag, event time) is reported
with its number and dropped when it is revoked, so that metrics are right at once after a rebalance: they are computed from the worker's
state at the moment of a scrape.
"""

import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, product
from typing import Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm, Outcome, Stage, Tier
from scorers.contract.events import SECOND, TOPIC_OF, Micros
from scorers.contract.rejection import RejectCode
from scorers.contract.wire import EVENT_TYPES
from scorers.in_force.live_quality import Counts
from scorers.policy.tables import Policy
from scorers.timeline.emitter import Status
from scorers.timeline.subjects import Bound
from scorers.worklist.ranking import DayList
from streams.metrics import base, groups, quality, worklist
from streams.metrics.buckets import FAST, INPUTS, OTHER, SLOW, topic_label
from vigia.runtime.metrics import table
from vigia.runtime.metrics.table import counters, gauges, plain

BY_THE_CORE = ("raised", "updated", "withdrawn", "settled")  # changes of alarms that workers send
WATCHED = ("customer", "site", "store", "thing", "theme", "feed", "base")  # types of subjects that rows are kept of

Fate = Status | Literal["anonymous", "unfolded"]
"""What became of an event; the last two are accepted and no fact about a customer."""
Census = Mapping[tuple[Stage, Tier], int]


class EngineCounts(Protocol):
    """What the metrics read of the engine."""

    records: int
    fenced: int
    rows_written: int


class WorkerMetrics(Collector):
    """The metrics of a worker. Topics are named without the prefix."""

    def __init__(self, registry: CollectorRegistry | None = None, now: Callable[[], float] = time.time) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._now = now
        self._events: Tally[tuple[str, str]] = Tally()
        self._fates: dict[Fate, int] = dict.fromkeys((*get_args(Status), "anonymous", "unfolded"), 0)
        self._rejects = table.counter("vigia_rejects", self.registry)
        self._forgotten = table.counter("vigia_forgotten", self.registry)
        self._alarms = table.counter("vigia_alarms", self.registry)
        self._outcomes = table.counter("vigia_alarm_outcomes", self.registry)
        self._steps, self._step_seconds = [0] * (len(FAST) + 1), 0.0
        self._commit = table.histogram("vigia_commit_seconds", self.registry, SLOW)
        self._damaged = table.gauge("vigia_stores_set_aside", self.registry)
        self._repeated = table.counter("vigia_control_repeats", self.registry)
        self._editions = table.counter("vigia_worklist_editions", self.registry)
        self._rebalances = table.counter("vigia_rebalances", self.registry)
        self._engine: EngineCounts | None = None
        self._disk: tuple[int, int] | None = None
        self._list: DayList | None = None
        self._census: dict[int, Census] = {}
        self._quality: dict[int, Counts] = {}
        self._groups: dict[int, Callable[[], groups.Groups]] = {}
        self._closed: dict[int, Callable[[], tuple[int, Policy]]] = {}
        self._behind: dict[tuple[str, int], int] = {}
        self._clock: dict[int, Micros] = {}
        self._recovered = 0, 0
        self._alarm_counters: dict[tuple[str, str, str], Counter] = {}
        self._begin_at_zero()
        self.registry.register(self)

    def _begin_at_zero(self) -> None:
        """Every series begins at 0: one that is born at 1 shows no increase."""
        for code, topic in product(get_args(RejectCode), INPUTS):
            self._rejects.labels(code, topic)
        for edition in worklist.EDITIONS:
            self._editions.labels(edition)
        for bound in (*get_args(Bound), *(f"{what}_{type}" for what in ("other", "silent") for type in WATCHED)):
            self._forgotten.labels(bound)
        for type in EVENT_TYPES:
            self._events[TOPIC_OF[type.split(".")[0]], type] = 0
        for kind in KINDS:
            known = (("info",), ("raised",)) if kind in STATE_CHANGES else (SEVERITIES, BY_THE_CORE)
            for severity, change in product(*known):
                self._alarms.labels(kind, severity, change)
            if kind not in STATE_CHANGES:
                for outcome in get_args(Outcome):
                    self._outcomes.labels(kind, outcome)

    # --- what happens ---------------------------------------------------------------------------------------------

    def forgot(self, forgotten: Mapping[str, int]) -> None:
        """A bound of a subject's state was reached, and something was forgotten or put into the snapshot early."""
        for bound, times in forgotten.items():
            self._forgotten.labels(bound).inc(times)

    def event(self, topic: str, type: str, fate: Fate) -> None:
        """One event was read and folded, or found to change nothing."""
        self._events[topic_label(topic), type if type in EVENT_TYPES else OTHER] += 1
        self._fates[fate] += 1

    def rejected(self, code: RejectCode, topic: str) -> None:
        """One record of a topic went to the dead letters."""
        self._rejects.labels(code, topic if topic in INPUTS else OTHER).inc()

    def repeated(self) -> None:
        """A control record was older than what is in force, or was in force already, and was ignored."""
        self._repeated.inc()

    def alarm(self, alarm: Alarm) -> None:
        """One change of an alarm was sent."""
        labels = alarm.kind, alarm.severity, alarm.type
        counter = self._alarm_counters.get(labels)
        kind = alarm.kind if alarm.kind in KINDS else OTHER
        if counter is None:
            counter = self._alarms.labels(kind, alarm.severity, alarm.type.removeprefix("alarm."))
            self._alarm_counters[kind, alarm.severity, alarm.type] = counter
        counter.inc()
        if alarm.type == "alarm.settled" and alarm.outcome is not None:
            self._outcomes.labels(kind, alarm.outcome).inc()

    def step(self, seconds: float) -> None:
        """Folding one event took this time."""
        self._steps[bisect_left(FAST, seconds)] += 1
        self._step_seconds += seconds

    def commit(self, seconds: float) -> None:
        """Making the results of a chunk durable took this time."""
        self._commit.observe(seconds)

    def worklist(self, published: DayList | None) -> None:
        """An edition of a worklist was published; None: this worker publishes none any more."""
        if published is not None:
            self._editions.labels(worklist.EDITIONS[published.final]).inc()
        if published is None or self._list is None or published.end >= self._list.end:
            self._list = published

    # --- what is true ---------------------------------------------------------------------------------------------

    def customers(self, partition: int, census: Census) -> None:
        """The customers of a partition by stage and tier; read at each scrape, so pass it once and change it in place."""
        self._census[partition] = census

    def quality(self, partition: int, counts: Counts) -> None:
        """The figures of a partition up to the last closed day; read at each scrape, so pass them once and change them in place."""
        self._quality[partition] = counts

    def groups(self, partition: int, ask: Callable[[], groups.Groups]) -> None:
        """What the groups of a partition say, asked at each scrape."""
        self._groups[partition] = ask

    def closed(self, partition: int, newest: Callable[[], tuple[int, Policy]]) -> None:
        """The last closed day of a partition and its policy, asked at each scrape."""
        self._closed[partition] = newest

    def lag(self, topic: str, partition: int, records: int) -> None:
        """This many records of a partition are not read yet."""
        self._behind[topic, partition] = records

    def clock(self, partition: int, at: Micros) -> None:
        """The event time of a partition has reached this instant."""
        self._clock[partition] = at

    def recovered(self, done: int, total: int) -> None:
        """This many rows of the partitions assigned last are recovered."""
        self._recovered = done, total

    def damaged(self, stores: int) -> None:
        """This many damaged stores were moved aside and not deleted yet."""
        self._damaged.set(stores)

    def engine(self, counts: EngineCounts) -> None:
        """What the engine counts; read at each scrape."""
        self._engine = counts

    def disk(self, used: int, free: int) -> None:
        """The bytes that the state directory takes, and those that are free on its disk."""
        self._disk = used, free

    def assigned(self, partitions: Iterable[int]) -> None:
        """Partitions were assigned anew; what is known of these is from an earlier assignment."""
        self._rebalances.inc()
        self.revoked(partitions)

    def revoked(self, partitions: Iterable[int]) -> None:
        """These partitions are no longer assigned to this worker."""
        gone = set(partitions)
        for known in (self._census, self._quality, self._groups, self._closed, self._clock):
            for partition in gone:
                known.pop(partition, None)
        self._behind = {key: count for key, count in self._behind.items() if key[1] not in gone}

    # --- a scrape -------------------------------------------------------------------------------------------------

    def collect(self) -> Iterator[Metric]:
        """The values at the moment of a scrape."""
        yield from self._of_events()
        yield from quality.of_quality(self._quality.values())
        yield from groups.of_groups([ask() for ask in list(self._groups.values())], self._now())
        newest = [ask() for ask in list(self._closed.values())]
        day, policy = max(newest, key=lambda one: one[0], default=(0, Policy()))
        yield from base.of_base(self._quality.values(), max(day, 0), policy)
        yield from worklist.of_worklist(self._list, self._now())
        count: Tally[tuple[Stage, Tier]] = Tally()
        for census in self._census.values():
            count.update(census)
        places = product(get_args(Stage), get_args(Tier))
        yield gauges("vigia_customers", ((place, count[place]) for place in places))
        yield plain("vigia_partitions", len(self._census))
        yield from self._of_progress()

    def _of_progress(self) -> Iterator[Metric]:
        """How far the records are read, folded and recovered."""
        by_topic: Tally[str] = Tally()
        for (topic, _), records in self._behind.items():
            by_topic[topic_label(topic)] += records
        yield gauges("vigia_lag_records", (((topic,), records) for topic, records in sorted(by_topic.items())))
        slowest = min(self._clock.values(), default=None)
        yield gauges("vigia_event_time_lag_seconds", [] if slowest is None else [((), self._now() - slowest / SECOND)])
        engine = self._engine
        yield counters("vigia_records", [((), engine.records if engine else 0)])
        yield counters("vigia_fence_hits", [((), engine.fenced if engine else 0)])
        yield counters("vigia_rows_written", [((), engine.rows_written if engine else 0)])
        done, total = self._recovered
        yield plain("vigia_recovered_rows", done)
        yield plain("vigia_recovery_rows", total)
        used, free = self._disk or (None, None)
        yield gauges("vigia_state_bytes", [] if used is None else [((), used)])
        yield gauges("vigia_state_free_bytes", [] if free is None else [((), free)])

    def _of_events(self) -> Iterator[Metric]:
        """What is counted for each event: in plain numbers, since a counter of the library costs as much as ten of them."""
        yield counters("vigia_events", self._events.copy().items())
        yield counters("vigia_fates", (((fate,), count) for fate, count in self._fates.items()))
        bounds = [*map(floatToGoString, FAST), "+Inf"]
        steps = table.histograms("vigia_step_seconds")
        steps.add_metric([], list(zip(bounds, accumulate(self._steps), strict=True)), self._step_seconds)
        yield steps
