"""The notifier's metrics for Prometheus: decisions, deliveries and open alarms.

Labels come from closed lists: kinds, severities, tiers, rules, and the channels of the routes. Open alarms are tracked as
incidents change, so the cost of a scrape depends on how many are open and not on history.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from time import perf_counter
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from alerts.channels.contract import Channel, Notification, Refused, Retry
from alerts.pipeline.channel_queue import ChannelQueue
from alerts.pipeline.incident import Delivery, Incident
from alerts.pipeline.stages import STAGES
from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import Severity, Tier

TIMES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
CURRENCIES = 8  # the most frequent; all others share one label
OTHER = "other"


class OpenAlarm(NamedTuple):
    """What the metrics need of an open alarm."""

    kind: str
    severity: Severity
    tier: Tier
    customer: str | None
    value: int
    currency: str


class NotifierMetrics(Collector):
    """The notifier's metrics."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry if registry is not None else CollectorRegistry()
        self._decided = Counter(
            "vigia_notifications_decided", "Changes of alarms, by what was decided and by which rule.",
            ["state", "rule"], registry=self.registry,
        )  # fmt: skip
        self._sent = Counter(
            "vigia_deliveries", "Attempts to deliver, by channel and outcome.",
            ["channel", "outcome"], registry=self.registry,
        )  # fmt: skip
        self._took = Histogram(
            "vigia_delivery_seconds", "Time that an attempt took.", ["channel"], registry=self.registry, buckets=TIMES
        )
        self._unread = Counter(
            "vigia_notifier_rejects", "Records that could not be used.", ["topic"], registry=self.registry
        )
        self._purged = Counter(
            "vigia_incidents_deleted",
            "Incidents of ended alarms that were deleted after their time.",
            registry=self.registry,
        )
        self._queues: Mapping[str, ChannelQueue] = {}
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
        self._open[alarm_id] = OpenAlarm(kind, alarm.severity, alarm.tier or "none", alarm.customer_id, value, currency)

    def queues(self, queues: Mapping[str, ChannelQueue]) -> None:
        """Report these queues in each scrape."""
        self._queues = queues

    def lag(self, topic: str, partition: int, records: int) -> None:
        """Set how many records of a partition are still to be read."""
        self._lag[topic, partition] = records

    def counted(self, channels: Mapping[str, Channel]) -> dict[str, Channel]:
        """The channels, wrapped so that every attempt is counted."""
        return {name: _CountedChannel(name, channel, self._sent, self._took) for name, channel in channels.items()}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges at the moment of a scrape."""
        waits = GaugeMetricFamily(
            "vigia_notifications_waiting", "Deliveries that wait for a channel.", labels=["channel"]
        )
        folded = GaugeMetricFamily(
            "vigia_notifications_folded",
            "Deliveries that wait in a digest because the queue is full.",
            labels=["channel"],
        )
        off = GaugeMetricFamily(
            "vigia_channel_disabled", "1 where a receiver refuses all further notifications.", labels=["channel"]
        )
        for name, queue in self._queues.items():
            waits.add_metric([name], len(queue))
            folded.add_metric([name], queue.folded)
            off.add_metric([name], bool(queue.disabled))
        yield waits
        yield folded
        yield off
        open_alarms = GaugeMetricFamily("vigia_alarms_open", "Open alarms.", labels=["kind", "severity", "tier"])
        for key, count in sorted(Tally((o.kind, o.severity, o.tier) for o in self._open.values()).items()):
            open_alarms.add_metric(list(key), count)
        yield open_alarms
        yield from self._stakes()
        lag = GaugeMetricFamily("vigia_notifier_lag_records", "Records still to be read.", labels=["topic"])
        by_topic: Tally[str] = Tally()
        for (topic, _), records in self._lag.items():
            by_topic[topic] += records
        for topic, records in sorted(by_topic.items()):
            lag.add_metric([topic], records)
        yield lag

    def _stakes(self) -> Iterator[GaugeMetricFamily]:
        """Customers with open alarms and their value: each counts once, with the alarm of the highest value."""
        highest: dict[str, OpenAlarm] = {}
        for one in self._open.values():
            if one.customer is not None and (one.customer not in highest or one.value > highest[one.customer].value):
                highest[one.customer] = one
        customers = GaugeMetricFamily("vigia_customers_at_risk", "Customers with open alarms.", labels=["tier"])
        for rank, count in sorted(Tally(str(one.tier) for one in highest.values()).items()):
            customers.add_metric([rank], count)
        yield customers
        known = {name for name, _ in Tally(one.currency for one in highest.values()).most_common(CURRENCIES)}
        money: Tally[tuple[str, str]] = Tally()
        for one in highest.values():
            money[one.tier, one.currency if one.currency in known else OTHER] += one.value
        value = GaugeMetricFamily(
            "vigia_value_at_risk_minor", "Value of customers with open alarms.", labels=["tier", "currency"]
        )
        for (tier, currency), minor in sorted(money.items()):
            value.add_metric([tier, currency], minor)
        yield value


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

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
