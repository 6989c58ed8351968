"""The Prometheus metrics of worker, trainer and clock: closed lists of labels, and no customer.

Each process has a registry of its own and calls the methods here. What is true of a partition (customers, lag, event
time) is reported with its number and dropped when it is revoked, so that metrics are right at once after a rebalance:
they are computed from the worker's state at the moment of a scrape.
"""

import time
from bisect import bisect_left
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import accumulate, product
from typing import Any, Literal, Protocol, get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import SEVERITIES, Alarm, Stage, Tier
from scorers.contract.events import SECOND, TOPIC_OF, Micros
from scorers.contract.lessons import LEARNERS
from scorers.contract.rejection import RejectCode
from scorers.contract.wire import EVENT_TYPES
from scorers.in_force.live_quality import Counts
from scorers.timeline.emitter import Status
from scorers.timeline.subjects import Bound
from scorers.worklist.ranking import DayList
from streams import quality_metrics

FAST = (1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2, 5e-2, 0.25)
SLOW = (1e-3, 2e-3, 5e-3, 1e-2, 2e-2, 5e-2, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
TOPICS = frozenset({*TOPIC_OF.values(), "clock", "groups", "lessons", "figures", "models", "alarms", "alarm-actions"})
EDITIONS = ("early", "final")  # of worklists
BY_THE_CORE = ("raised", "updated", "withdrawn", "settled")  # changes of alarms that workers send
WATCHED = ("customer", "site", "store", "feed")  # types of subjects that rows are kept of
CURRENCIES = 16  # most series of one currency
OTHER = "other"  # what is on no closed list, in one series

Fate = Status | Literal["anonymous", "unfolded"]
"""What became of an event; the last two are accepted and no fact about a customer."""
Census = Mapping[tuple[Stage, Tier], int]


class WorkerMetrics(Collector):
    """The metrics of a worker. Topics are named without the prefix."""

    def __init__(self, registry: CollectorRegistry | None = None, now: Callable[[], float] = time.time) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._now = now
        self._events: Tally[tuple[str, str]] = Tally()
        self._fates: dict[Fate, int] = dict.fromkeys((*get_args(Status), "anonymous", "unfolded"), 0)
        self._rejects = Counter(
            "vigia_rejects", "Records that went to the dead letters, by reason.", ["code"], registry=self.registry
        )
        self._forgotten = Counter(
            "vigia_forgotten", "What bounds of the state made it forget.", ["bound"], registry=self.registry
        )
        self._alarms = Counter(
            "vigia_alarms", "Changes of alarms sent.", ["kind", "severity", "change"], registry=self.registry
        )
        self._steps, self._step_seconds = [0] * (len(FAST) + 1), 0.0
        self._commit = Histogram(
            "vigia_commit_seconds",
            "Time until what follows from a chunk is durable.",
            registry=self.registry,
            buckets=SLOW,
        )
        self._damaged = Gauge(
            "vigia_stores_set_aside", "Damaged stores in the state directory.", registry=self.registry
        )
        self._repeated = Counter(
            "vigia_control_repeats",
            "Control records that were not newer than what is in force.",
            registry=self.registry,
        )
        self._editions = Counter(
            "vigia_worklist_editions", "Editions of worklists published.", ["edition"], registry=self.registry
        )
        self._list: DayList | None = None
        self._census: dict[int, Census] = {}
        self._quality: dict[int, Counts] = {}
        self._behind: dict[tuple[str, int], int] = {}
        self._clock: dict[int, Micros] = {}
        self._silent: dict[int, int] = {}
        self._recovered = 0, 0
        # Every series begins at 0: one that is born at 1 shows no increase.
        for code in get_args(RejectCode):
            self._rejects.labels(code)
        for edition in EDITIONS:
            self._editions.labels(edition)
        for bound in (*get_args(Bound), *(f"{what}_{type}" for what in ("other", "silent") for type in WATCHED)):
            self._forgotten.labels(bound)
        for type in EVENT_TYPES:
            self._events[TOPIC_OF[type.split(".")[0]], type] = 0
        for kind in KINDS:
            known = (("info",), ("raised",)) if kind in STATE_CHANGES else (SEVERITIES, BY_THE_CORE)
            for severity, change in product(*known):
                self._alarms.labels(kind, severity, change)
        self._alarm_counters: dict[tuple[str, str, str], Counter] = {}
        self.registry.register(self)

    def forgot(self, forgotten: Mapping[str, int]) -> None:
        """A bound of a subject's state was reached, and something was forgotten or put into the snapshot early."""
        for bound, times in forgotten.items():
            self._forgotten.labels(bound).inc(times)

    def event(self, topic: str, type: str, fate: Fate) -> None:
        """One event was read and folded, or found to change nothing."""
        self._events[topic if topic in TOPICS else OTHER, type if type in EVENT_TYPES else OTHER] += 1
        self._fates[fate] += 1

    def rejected(self, code: RejectCode) -> None:
        """One record went to the dead letters."""
        self._rejects.labels(code).inc()

    def repeated(self) -> None:
        """A control record was older than what is in force, or was in force already, and was ignored."""
        self._repeated.inc()

    def alarm(self, alarm: Alarm) -> None:
        """One change of an alarm was sent."""
        labels = alarm.kind, alarm.severity, alarm.type
        counter = self._alarm_counters.get(labels)
        if counter is None:
            kind = alarm.kind if alarm.kind in KINDS else OTHER
            counter = self._alarms.labels(kind, alarm.severity, alarm.type.removeprefix("alarm."))
            self._alarm_counters[kind, alarm.severity, alarm.type] = counter
        counter.inc()

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
            self._editions.labels(EDITIONS[published.final]).inc()
        if published is None or self._list is None or published.end >= self._list.end:
            self._list = published

    def customers(self, partition: int, census: Census) -> None:
        """The customers of a partition by stage and tier; read at each scrape, so pass it once and change it in place."""
        self._census[partition] = census

    def quality(self, partition: int, counts: Counts) -> None:
        """The figures of a partition up to the last closed day; read at each scrape, so pass them once and change them in place."""
        self._quality[partition] = counts

    def lag(self, topic: str, partition: int, records: int) -> None:
        """This many records of a partition are not read yet."""
        self._behind[topic, partition] = records

    def clock(self, partition: int, at: Micros) -> None:
        """The event time of a partition has reached this instant."""
        self._clock[partition] = at

    def silent(self, partition: int, feeds: int) -> None:
        """So many of the feeds of a partition are silent, and an alarm about it is open."""
        self._silent[partition] = feeds

    def recovered(self, done: int, total: int) -> None:
        """This many rows of the partitions assigned last are recovered."""
        self._recovered = done, total

    def damaged(self, stores: int) -> None:
        """This many damaged stores were moved aside and not deleted yet."""
        self._damaged.set(stores)

    def revoked(self, partitions: Iterable[int]) -> None:
        """These partitions are no longer assigned to this worker."""
        gone = set(partitions)
        for partition in gone:
            self._census.pop(partition, None)
            self._quality.pop(partition, None)
            self._clock.pop(partition, None)
            self._silent.pop(partition, None)
        self._behind = {key: count for key, count in self._behind.items() if key[1] not in gone}

    def collect(self) -> Iterator[Metric]:
        """The values at the moment of a scrape."""
        yield from self._of_events()
        yield from quality_metrics.of_quality(self._quality.values())
        yield from self._of_the_worklist()
        people = GaugeMetricFamily("vigia_customers", "Customers of this worker.", labels=["stage", "tier"])
        count: Tally[tuple[Stage, Tier]] = Tally()
        for census in self._census.values():
            count.update(census)
        for stage in get_args(Stage):
            for tier in get_args(Tier):
                people.add_metric([stage, tier], count[stage, tier])
        yield people
        behind = GaugeMetricFamily("vigia_lag_records", "Records still to be read.", labels=["topic"])
        by_topic: Tally[str] = Tally()
        for (topic, _), records in self._behind.items():
            by_topic[topic if topic in TOPICS else OTHER] += records
        for topic, records in sorted(by_topic.items()):
            behind.add_metric([topic], records)
        yield behind
        late = GaugeMetricFamily(
            "vigia_event_time_lag_seconds", "How far the slowest partition's event time lies back."
        )
        if self._clock:
            late.add_metric([], self._now() - min(self._clock.values()) / SECOND)
        yield late
        silent = sum(self._silent.values())
        yield GaugeMetricFamily("vigia_feeds_silent", "Stores and sources that are silent for too long.", value=silent)
        done, total = self._recovered
        yield GaugeMetricFamily("vigia_recovered_rows", "Rows read back since partitions were given last.", value=done)
        yield GaugeMetricFamily(
            "vigia_recovery_rows", "Rows to read back since partitions were given last.", value=total
        )
        yield GaugeMetricFamily("vigia_partitions", "Partitions that this worker has.", value=len(self._census))

    def _of_the_worklist(self) -> Iterator[Metric]:
        """The newest list that this worker has published; one of all workers publishes them."""
        newest = self._list
        funded = sum(entry.funded for entry in newest.entries) if newest else 0
        who = GaugeMetricFamily(
            "vigia_worklist_customers", "Customers for whom an effort pays, on the newest worklist.", labels=["state"]
        )
        who.add_metric(["funded"], funded)
        who.add_metric(["not_funded"], len(newest.entries) - funded if newest else 0)
        who.add_metric(["not_listed"], newest.not_listed if newest else 0)
        who.add_metric(["held_out"], newest.held_out if newest else 0)
        yield who
        net = GaugeMetricFamily(
            "vigia_worklist_funded_net_minor",
            "What the funded efforts of the newest worklist bring, in minor units of each currency.",
            labels=["currency"],
        )
        sums: Tally[str] = Tally()
        for entry in newest.entries if newest else ():
            if entry.funded:
                sums[entry.currency or OTHER] += entry.net_minor
        for currency, minor in sums.most_common(CURRENCIES):
            net.add_metric([currency], minor)
        yield net
        age = GaugeMetricFamily("vigia_worklist_age_seconds", "How long ago the date of the newest worklist ended.")
        if newest is not None:
            age.add_metric([], self._now() - newest.end / SECOND)
        yield age

    def _of_events(self) -> Iterator[Metric]:
        """What is counted for each event: in plain numbers, since a counter of the library costs as much as ten of them."""
        events = CounterMetricFamily("vigia_events", "Events folded, by topic and type.", labels=["topic", "type"])
        for labels, count in self._events.copy().items():
            events.add_metric(labels, count)
        yield events
        fates = CounterMetricFamily("vigia_fates", "What became of the events.", labels=["fate"])
        for fate, count in self._fates.items():
            fates.add_metric([fate], count)
        yield fates
        bounds = [*map(floatToGoString, FAST), "+Inf"]
        steps = HistogramMetricFamily("vigia_step_seconds", "Time to fold one event.")
        steps.add_metric([], list(zip(bounds, accumulate(self._steps), strict=True)), self._step_seconds)
        yield steps


class Teaching(Protocol):
    """What the metrics read of a trainer."""

    rejected: int
    saved: Any
    learner: Any


class TrainerMetrics(Collector):
    """The metrics of a trainer, read at the moment of a scrape; all zero while it stands by."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._trainer: Teaching | None = None
        self.registry.register(self)

    def watch(self, trainer: Teaching) -> None:
        """This trainer serves from now on."""
        self._trainer = trainer

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The values at the moment of a scrape."""
        saved = None if self._trainer is None else self._trainer.saved
        for name, description, value in (
            ("vigia_trainer_lessons", "Lessons read, of all partitions.", sum(saved.lessons.values()) if saved else 0),
            ("vigia_trainer_snapshots", "Snapshots written of what was learned.", saved.number if saved else 0),
            ("vigia_trainer_refused", "Snapshots rejected.", self._trainer.rejected if self._trainer else 0),
        ):
            yield GaugeMetricFamily(name, description, value=value)
        learner = None if self._trainer is None else self._trainer.learner
        selection, drift = (learner.selection, learner.drift) if learner else (None, None)
        for name, description, value in (
            ("vigia_trainer_drifts", "Times that answers drifted from the predictions.", drift.drifts if drift else 0),
            ("vigia_trainer_shifts", "Times that a column drifted from its past.", drift.shifts if drift else 0),
            (
                "vigia_trainer_shaken",
                "1 while a drift makes the model forget faster.",
                int(learner.is_adapting) if learner else 0,
            ),
            ("vigia_trainer_elections", "Changes of champion.", selection.changes if selection else 0),
        ):
            yield GaugeMetricFamily(name, description, value=value)
        losses = GaugeMetricFamily("vigia_trainer_loss", "Recent log-loss of the predictions.", labels=["learner"])
        speaks = GaugeMetricFamily("vigia_trainer_champion", "1 for the learner that speaks.", labels=["learner"])
        lately = selection.mean_loss() if selection else {}
        for name in LEARNERS:
            losses.add_metric([name], lately.get(name, 0.0))
            speaks.add_metric([name], float(selection is not None and name == selection.champion))
        yield losses
        yield speaks


class ClockState(Protocol):
    """What the metrics read of a clock."""

    sent: dict[int, Micros]

    @property
    def waiting(self) -> int:
        """How many partitions it waits for."""


class ClockMetrics(Collector):
    """The metrics of a clock, read at the moment of a scrape."""

    def __init__(self, clock: ClockState, now: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._clock, self._now = clock, now
        self.registry.register(self)

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The values at the moment of a scrape."""
        waiting = "Partitions whose workers have not yet committed what a tick must come after."
        yield GaugeMetricFamily("vigia_clock_waiting_partitions", waiting, value=self._clock.waiting)
        late = GaugeMetricFamily("vigia_clock_lag_seconds", "How far the slowest partition's newest tick lies back.")
        if first := min(self._clock.sent.values(), default=0):
            late.add_metric([], self._now() - first / SECOND)
        yield late
