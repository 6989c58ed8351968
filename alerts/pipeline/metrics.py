"""What the notifier counts of itself, for Prometheus: what was decided, what was delivered, and what stands open.

Labels come from closed lists: kinds, severities, tiers, rules, and the channels of the routes. What stands open is kept
beside the incidents as they change, so that a scrape costs what is open and not what ever was.
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
from scorers.alarms.kinds import KINDS
from scorers.contract.alarms import Severity, Tier

TIMES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)
CURRENCIES = 8  # named one by one, the others together
OTHER = "other"


class Open(NamedTuple):
    """An alarm that stands, as far as it is counted."""

    kind: str
    severity: Severity
    tier: Tier
    customer: str | None
    value: int
    currency: str


class NotifierMetrics(Collector):
    """The notifier's figures."""

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
        self._queues: Mapping[str, ChannelQueue] = {}
        self._open: dict[str, Open] = {}
        self._behind: dict[tuple[str, int], int] = {}
        for topic in ("alarms", "alarm-actions"):
            self._unread.labels(topic)
        self.registry.register(self)

    def decided(self, deliveries: Iterable[Delivery]) -> None:
        """A change was judged, to these deliveries."""
        for delivery in deliveries:
            state = "stopped" if delivery.state == "stopped" else "waiting"
            self._decided.labels(state, delivery.rule if delivery.rule.isidentifier() else OTHER).inc()

    def unread(self, topic: str) -> None:
        """A delivery could not be used."""
        self._unread.labels(topic).inc()

    def incident(self, alarm_id: str, incident: Incident | None) -> None:
        """A incident has changed."""
        if incident is None or incident.ended:
            self._open.pop(alarm_id, None)
            return
        a = incident.alarm
        kind = a.kind if a.kind in KINDS else OTHER
        value, currency = a.value_at_risk_minor or 0, a.currency or "none"
        self._open[alarm_id] = Open(kind, a.severity, a.tier or "none", a.customer_id, value, currency)

    def queues(self, queues: Mapping[str, ChannelQueue]) -> None:
        """These queues are the ones to look at in each scrape."""
        self._queues = queues

    def lag(self, topic: str, partition: int, deliveries: int) -> None:
        """So many deliveries of a topic's partition are still to be read."""
        self._behind[topic, partition] = deliveries

    def watched(self, channels: Mapping[str, Channel]) -> dict[str, Channel]:
        """The channels, with every attempt counted."""
        return {name: _Watched(name, channel, self._sent, self._took) for name, channel in channels.items()}

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """What is true at the moment of a scrape."""
        waits = GaugeMetricFamily("vigia_notifications_waiting", "Notifications before a channel.", labels=["channel"])
        off = GaugeMetricFamily("vigia_channel_disabled", "1 where a receiver wants no more.", labels=["channel"])
        for name, queue in self._queues.items():
            waits.add_metric([name], len(queue))
            off.add_metric([name], bool(queue.disabled))
        yield waits
        yield off
        stands = GaugeMetricFamily("vigia_alarms_open", "Alarms that stand.", labels=["kind", "severity", "tier"])
        for key, count in sorted(Tally((o.kind, o.severity, o.tier) for o in self._open.values()).items()):
            stands.add_metric(list(key), count)
        yield stands
        yield from self._stakes()
        behind = GaugeMetricFamily("vigia_notifier_lag_records", "Records still to be read.", labels=["topic"])
        by_topic: Tally[str] = Tally()
        for (topic, _), deliveries in self._behind.items():
            by_topic[topic] += deliveries
        for topic, deliveries in sorted(by_topic.items()):
            behind.add_metric([topic], deliveries)
        yield behind

    def _stakes(self) -> Iterator[GaugeMetricFamily]:
        """Customers with open alarms and what they are worth: each counts once, with the dearest of their alarms."""
        dearest: dict[str, Open] = {}
        for one in self._open.values():
            if one.customer is not None and (one.customer not in dearest or one.value > dearest[one.customer].value):
                dearest[one.customer] = one
        heads = GaugeMetricFamily("vigia_customers_at_risk", "Customers with open alarms.", labels=["tier"])
        for rank, count in sorted(Tally(str(one.tier) for one in dearest.values()).items()):
            heads.add_metric([rank], count)
        yield heads
        known = {name for name, _ in Tally(one.currency for one in dearest.values()).most_common(CURRENCIES)}
        money: Tally[tuple[str, str]] = Tally()
        for one in dearest.values():
            money[one.tier, one.currency if one.currency in known else OTHER] += one.value
        value = GaugeMetricFamily(
            "vigia_value_at_risk_minor", "What customers with open alarms are worth.", labels=["tier", "currency"]
        )
        for (tier, currency), minor in sorted(money.items()):
            value.add_metric([tier, currency], minor)
        yield value


class _Watched:
    """A channel whose attempts are counted."""

    def __init__(self, name: str, channel: Channel, sent: Counter, took: Histogram) -> None:
        self._channel = channel
        self._outcomes = {what: sent.labels(name, what) for what in ("sent", "retry", "refused", "failed")}
        self._took = took.labels(name)

    async def send(self, notification: Notification) -> None:
        """Send, and count what came of it."""
        began, what = perf_counter(), "failed"
        try:
            await self._channel.send(notification)
            what = "sent"
        except Retry:
            what = "retry"
            raise
        except Refused:
            what = "refused"
            raise
        finally:
            self._took.observe(perf_counter() - began)
            self._outcomes[what].inc()

    async def close(self) -> None:
        """Close the channel."""
        await self._channel.close()
