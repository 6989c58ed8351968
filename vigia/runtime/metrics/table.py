"""All metrics by name, what their labels may say, and the functions that make them."""

from collections.abc import Iterable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from vigia.runtime.metrics.definition import Definition
from vigia.runtime.metrics.of_others import CLOCK, CONSOLE, EVERY, GATEWAY, NOTIFIER, TRAINER
from vigia.runtime.metrics.of_workers import WORKERS

disable_created_metrics()  # type: ignore[no-untyped-call]  # a series beside each counter that says when it began: nobody asks for it

METRICS: dict[str, Definition] = {
    one.name: one for one in (*WORKERS, *TRAINER, *CLOCK, *NOTIFIER, *GATEWAY, *CONSOLE, *EVERY)
}

LABELS: dict[str, str] = {
    "after": "stages",
    "age": "`day`, `week`, `month`, `longer`",
    "answer": "what became of it, a closed list of each metric",
    "arm": "`told`, `held_out`, `acted`",
    "before": "stages",
    "bound": "the bounds of a subject's state",
    "certificate": "`kafka_ca`, `redis_ca`, `kafka_client`, `redis_client`, `console`",
    "change": "`raised`, `updated`, `withdrawn`, `settled`",
    "channel": "the channels of the routes",
    "code": "the reject codes",
    "currency": "ISO 4217, the most frequent 4 to 16; the others are `other` or left out",
    "deadline": "`acknowledge`, `rectify`, `answer`",
    "direction": "`lost`, `won`",
    "edition": "`early`, `final`",
    "fate": "what becomes of events",
    "flow": "`base`, and each tier",
    "from_day": "where classes of tenure begin",
    "kind": "the kinds of alarms",
    "le": "the bounds of a histogram",
    "learner": "the learners of the risk",
    "loyalty_type": "the loyalty types",
    "outcome": "the outcomes of alarms, or of deliveries: `sent`, `retry`, `refused`, `failed`",
    "pulse": "`asked`, `thanked`",
    "reason": "reasons for leaving, or for refusing a token",
    "result": "`taken`, `refused`, `too_many`, `kafka_away`",
    "rule": "the rules of the notifier",
    "severity": "`critical`, `error`, `warning`, `info`",
    "stage": "stages",
    "state": "a closed list of each metric",
    "status": "the statuses of HTTP that the gateway answers",
    "store": "the 50 stores with most customers; the others are `other`",
    "tier": "tiers",
    "token": "names of the gateway's tokens and hooks, at most 100; the others are `other`",
    "topic": "topics without prefix; others are `other`",
    "treatment": "the treatments",
    "type": "types of events, or how customers leave",
    "version": "the version of Vigía",
    "what": "the contradictions",
}
"""Every label and the values that it may have: all are known beforehand or bounded, and none names a customer."""


def counter(name: str, registry: CollectorRegistry) -> Counter:
    """A counter of a registry."""
    one = _of(name, "counter")
    return Counter(one.name, one.meaning, one.labels, registry=registry)


def gauge(name: str, registry: CollectorRegistry) -> Gauge:
    """A gauge of a registry."""
    one = _of(name, "gauge")
    return Gauge(one.name, one.meaning, one.labels, registry=registry)


def histogram(name: str, registry: CollectorRegistry, buckets: Sequence[float]) -> Histogram:
    """A histogram of a registry."""
    one = _of(name, "histogram")
    return Histogram(one.name, one.meaning, one.labels, registry=registry, buckets=buckets)


Values = Iterable[tuple[Sequence[str], float]]
"""Label values in the order of the definition, each with its value."""


def counters(name: str, values: Values = ()) -> CounterMetricFamily:
    """A counter as it stands at a scrape."""
    one = _of(name, "counter")
    family = CounterMetricFamily(one.name, one.meaning, labels=one.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def gauges(name: str, values: Values = ()) -> GaugeMetricFamily:
    """A gauge as it stands at a scrape."""
    one = _of(name, "gauge")
    family = GaugeMetricFamily(one.name, one.meaning, labels=one.labels)
    for labels, value in values:
        family.add_metric(labels, value)
    return family


def plain(name: str, value: float) -> GaugeMetricFamily:
    """A gauge without labels as it stands at a scrape."""
    return gauges(name, [((), value)])


def histograms(name: str) -> HistogramMetricFamily:
    """An empty histogram as it stands at a scrape."""
    one = _of(name, "histogram")
    return HistogramMetricFamily(one.name, one.meaning, labels=one.labels)


def _of(name: str, type: str) -> Definition:
    one = METRICS[name]
    if one.type != type:
        raise ValueError(f"{name} is a {one.type} and no {type}")
    return one
