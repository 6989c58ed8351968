"""What the processes said of themselves in the last hour, so that the page of the processes draws it over time without Prometheus.

Each figure is one of the queries of the dashboards, put together here as Prometheus would (tests/vigia/console/test_history.py compares
them): of a gauge the values of all processes, of a counter what it has counted in a second. A restarted process begins at 0 again.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from vigia.runtime.metrics.definition import Sum
from vigia.runtime.metrics.table import METRICS

EVERY = 15.0  # seconds between two looks
KEPT = 240  # looks: an hour
LINES = 6  # of a picture
PATIENCE = 1.5  # seconds for an answer
LARGEST = 4_000_000  # bytes of metrics

Labels = tuple[tuple[str, str], ...]
Values = dict[tuple[str, Labels], float]
"""By name and labels, what a process exposes."""


class Figure(NamedTuple):
    """A metric over time, by one label or as one line."""

    title: str
    metric: str
    label: str = ""

    @property
    def query(self) -> str:
        """The query of Prometheus that gives the same, over all jobs."""
        one, grouped = METRICS[self.metric], f" by ({self.label})" if self.label else ""
        return f"{one.together}{grouped} ({f'rate({one.exposed})' if one.type == 'counter' else one.exposed})"


FIGURES = (
    Figure("Events a second, by topic", "vigia_events", "topic"),
    Figure("Records behind, by topic", "vigia_lag_records", "topic"),
    Figure("Dead letters a second, by reason", "vigia_rejects", "code"),
    Figure("Deliveries a second", "vigia_deliveries", "channel, outcome"),
    Figure("Customers with open alarms, by tier", "vigia_customers_at_risk", "tier"),
    Figure("Open alarms, by severity", "vigia_alarms_open", "severity"),
    Figure("Requests to the gateway a second, by status", "vigia_gateway_requests", "status"),
    Figure("Log-loss of the told risk", "vigia_model_log_loss"),
)


def values_of(text: str) -> Values:
    """What a process exposes of the metrics of the figures."""
    wanted = {figure.metric for figure in FIGURES}
    return {
        (family.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        if family.name in wanted
        for sample in family.samples
    }


PUT_TOGETHER: dict[Sum, Callable[[Iterable[float]], float]] = {"sum": sum, "max": max, "min": min}

Line = dict[str, float]
"""The values of a figure at one look, by label."""


def line(figure: Figure, before: Mapping[str, Values], now: Mapping[str, Values], seconds: float) -> Line:
    """A figure from what all processes said at a look, and at the one before.

    >>> one, two = ({("vigia_events", (("topic", "purchases"),)): count} for count in (10.0, 40.0))
    >>> line(FIGURES[0], {"worker": one}, {"worker": two}, 15.0)
    {'purchases': 2.0}
    """
    definition, names = METRICS[figure.metric], figure.label.split(", ") if figure.label else []
    found: dict[str, list[float]] = {}
    for process, values in now.items():
        for (metric, labels), value in values.items():
            if metric != figure.metric:
                continue
            if definition.type == "counter":
                if process not in before:
                    continue
                value = _counted(before[process].get((metric, labels), 0.0), value) / seconds
            known = dict(labels)
            found.setdefault(" ".join(known[name] for name in names), []).append(value)
    together = PUT_TOGETHER[definition.together]
    return {label: together(some) for label, some in found.items()}


def _counted(before: float, now: float) -> float:
    """What a counter has counted since a look; it begins at 0 again where the process was restarted."""
    return now - before if now >= before else now


class History:
    """The figures of the last hour."""

    def __init__(self) -> None:
        self._before: tuple[float, dict[str, Values]] | None = None
        self._looks: deque[tuple[int, tuple[Line, ...]]] = deque(maxlen=KEPT)

    async def run(self, processes: Mapping[str, str]) -> None:
        """Look at the processes from time to time, until cancelled."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as session:
            while True:
                texts = await asyncio.gather(*(_asked(session, url) for url in processes.values()))
                said = {name: text for name, text in zip(processes, texts, strict=True) if text is not None}
                await asyncio.to_thread(self.take, time.time(), said)
                await asyncio.sleep(EVERY)

    def take(self, at: float, said: Mapping[str, str]) -> None:
        """Take what the processes expose at an instant, in seconds; one that does not answer is missing."""
        now = {name: values_of(text) for name, text in said.items()}
        if self._before is not None:
            since, before = self._before
            lines = tuple(line(figure, before, now, max(at - since, 1e-3)) for figure in FIGURES)
            self._looks.append((int(at * 1_000_000), lines))
        self._before = at, now

    def over_time(self, figure: Figure) -> dict[str, list[tuple[int, float]]]:
        """The lines of a figure, the highest ones, each as instants and values; those that are always 0 are left out."""
        found: dict[str, list[tuple[int, float]]] = {}
        for at, lines in list(self._looks):
            for label, value in lines[FIGURES.index(figure)].items():
                found.setdefault(label, []).append((at, value))
        shown = [label for label, points in found.items() if any(value for _, value in points)]
        shown.sort(key=lambda label: -max(value for _, value in found[label]))
        return {label: found[label] for label in shown[:LINES]}


async def _asked(session: aiohttp.ClientSession, url: str) -> str | None:
    """The metrics of a process; None if it does not answer."""
    try:
        return await metrics_of(session, url)
    except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
        return None


async def metrics_of(session: aiohttp.ClientSession, url: str) -> str:
    """What a process exposes; empty if it answers something else."""
    async with session.get(f"{url}/metrics") as answer:
        raw = bytearray()
        async for part in answer.content.iter_chunked(65_536):
            raw += part
            if len(raw) > LARGEST:
                raise ValueError("too large for metrics")
        return raw.decode("utf-8", "replace") if answer.status == 200 else ""


def instants(lines: Iterable[list[tuple[int, float]]]) -> tuple[int, int]:
    """The first and the last instant of some lines."""
    found = [at for points in lines for at, _ in points]
    return min(found), max(found)
