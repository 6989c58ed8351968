"""The notifier's metrics for Prometheus: decisions, deliveries and open alarms.

Labels come from closed lists: kinds, severities, tiers, rules, and the channels of the routes. Open alarms are tracked as
incidents change, so the cost of a scrape depends on how many are open and not on history.
"""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from time import perf_counter
from typing import NamedTuple, get_args

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from alerts.channels.contract import Channel, Notification, Refused, RepeatingChannel, Retry
from alerts.pipeline.channel_queue import ChannelQueue
from alerts.pipeline.incident import Delivery, Incident
from alerts.pipeline.stages import STAGES
from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import SEVERITIES, Alarm, Severity, Tier
from scorers.contract.events import DAY, SECOND, Instant
from vigia.runtime.metrics import table
from vigia.runtime.metrics.table import gauges, plain

TIMES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
CURRENCIES = 8  # the most frequent; all others share one label
OTHER = "other"
AGES = (("day", 1), ("week", 7), ("month", 30))  # classes of ages, and the days under which an age is in one
LONGER = "longer"


class OpenAlarm(NamedTuple):
    """What the metrics need of an open alarm."""

    kind: str
    severity: Severity
    tier: Tier
    stage: str
    customer: str | None
    value: int
    currency: str
    at: Instant  # since when it is true


class NotifierMetrics(Collector):
    """The notifier's metrics."""

    def __init__(self, registry: CollectorRegistry | None = None, now: Callable[[], float] = time.time) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._decided = table.counter("vigia_notifications_decided", self.registry)
        self._sent = table.counter("vigia_deliveries", self.registry)
        self._took = table.histogram("vigia_delivery_seconds", self.registry, TIMES)
        self._unread = table.counter("vigia_notifier_rejects", self.registry)
        self._purged = table.counter("vigia_incidents_deleted", self.registry)
        self._now = now
        self._queues: Mapping[str, ChannelQueue] = {}
        self._serves: Callable[[], bool] = lambda: False
        self._open: dict[str, OpenAlarm] = {}
        self._lag: dict[tuple[str, int], int] = {}
        for topic in ("alarms", "alarm-actions"):  # series begin at 0: one that is born at 1 shows no increase
            self._unread.labels(topic)
        for stage in STAGES:
            self._decided.labels("stopped", stage.__name__)
        for rule in ("first", "worse", "ended"):
            self._decided.labels("waiting", rule)
        self.registry.register(self)

    def decided(self, deliveries: Iterable[Delivery]) -> None:
        """Count the deliveries decided for a change."""
        for delivery in deliveries:
            state = "stopped" if delivery.state == "stopped" else "waiting"
            self._decided.labels(state, delivery.rule if delivery.rule.isidentifier() else OTHER).inc()

    def purged(self, incidents: int) -> None:
        """Count incidents that were deleted after their time."""
        self._purged.inc(incidents)

    def unread(self, topic: str) -> None:
        """Count a record that could not be used."""
        self._unread.labels(topic).inc()

    def incident(self, alarm_id: str, incident: Incident | None) -> None:
        """Follow a change of an incident; None if it was deleted."""
        if incident is None or incident.ended:
            self._open.pop(alarm_id, None)
            return
        alarm = incident.alarm
        kind = alarm.kind if alarm.kind in KINDS else OTHER
        value, currency = alarm.value_at_risk_minor or 0, alarm.currency or "none"
        self._open[alarm_id] = OpenAlarm(
            *(kind, alarm.severity, alarm.tier or "none", alarm.stage or "none", alarm.customer_id, value, currency),
            at=incident.true_since,
        )

    def queues(self, queues: Mapping[str, ChannelQueue]) -> None:
        """Report these queues in each scrape."""
        self._queues = queues

    def serves(self, ask: Callable[[], bool]) -> None:
        """Ask at each scrape whether this notifier is the one that serves."""
        self._serves = ask

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Set how many records of a partition are still to be read."""
        self._lag[topic, partition] = records

    def counted(self, channels: Mapping[str, Channel]) -> dict[str, Channel]:
        """The channels, wrapped so that every attempt is counted."""
        return {name: _CountedChannel(name, channel, self._sent, self._took) for name, channel in channels.items()}

    def collect(self) -> Iterator[Metric]:
        """The gauges at the moment of a scrape."""
        queues = list(self._queues.items())
        yield gauges("vigia_notifications_waiting", (((name,), len(queue)) for name, queue in queues))
        yield gauges("vigia_notifications_folded", (((name,), queue.folded) for name, queue in queues))
        yield gauges("vigia_channel_disabled", (((name,), bool(queue.disabled)) for name, queue in queues))
        yield plain("vigia_notifier_active", self._serves())
        alarms = list(self._open.values())
        count = Tally((one.kind, one.severity, one.tier, one.stage) for one in alarms)
        yield gauges("vigia_alarms_open", sorted(count.items()))
        ages = Tally((one.severity, _age(self._now() - one.at / SECOND)) for one in alarms)
        known = product(SEVERITIES, (*(name for name, _ in AGES), LONGER))
        yield gauges("vigia_alarms_open_by_age", ((labels, ages[labels]) for labels in known))
        yield from _stakes(alarms)
        by_topic: Tally[str] = Tally()
        for (topic, _), records in self._lag.items():
            by_topic[topic] += records
        yield gauges("vigia_notifier_lag_records", (((topic,), records) for topic, records in sorted(by_topic.items())))


def _age(seconds: float) -> str:
    """The class of an age.

    >>> [_age(days * 86400) for days in (0.5, 1, 7, 40)]
    ['day', 'week', 'month', 'longer']
    """
    return next((name for name, days in AGES if seconds < days * DAY / SECOND), LONGER)


def _stakes(alarms: Iterable[OpenAlarm]) -> Iterator[Metric]:
    """Customers with open alarms and their value: each counts once, with the alarm of the highest value."""
    highest: dict[str, OpenAlarm] = {}
    for one in alarms:
        if one.customer is not None and (one.customer not in highest or one.value > highest[one.customer].value):
            highest[one.customer] = one
    by_tier = Tally(str(one.tier) for one in highest.values())
    yield gauges("vigia_customers_at_risk", (((tier,), by_tier[tier]) for tier in get_args(Tier)))
    known = {name for name, _ in Tally(one.currency for one in highest.values()).most_common(CURRENCIES)}
    money: Tally[tuple[str, str]] = Tally()
    for one in highest.values():
        money[one.tier, one.currency if one.currency in known else OTHER] += one.value
    yield gauges("vigia_value_at_risk_minor", sorted(money.items()))


class _CountedChannel:
    """A channel that counts its attempts."""

    def __init__(self, name: str, channel: Channel, sent: Counter, took: Histogram) -> None:
        self._channel = channel
        self._outcomes = {outcome: sent.labels(name, outcome) for outcome in ("sent", "retry", "refused", "failed")}
        self._took = took.labels(name)

    async def send(self, notification: Notification) -> None:
        """Send, and count the outcome."""
        started, outcome = perf_counter(), "failed"
        try:
            await self._channel.send(notification)
            outcome = "sent"
        except Retry:
            outcome = "retry"
            raise
        except Refused:
            outcome = "refused"
            raise
        finally:
            self._took.observe(perf_counter() - started)
            self._outcomes[outcome].inc()

    async def repeat(self, alarms: Sequence[Alarm], now: Instant) -> None:
        """Send open alarms again, if the channel does that; nothing is counted, as these are no notifications."""
        if isinstance(self._channel, RepeatingChannel):
            await self._channel.repeat(alarms, now)

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
