"""What each sender does, by the name of its token or hook: requests, events and duplicates.

Names come from the configuration, which may change while the gateway runs; those of 100 senders are shown, the others are one.
"""

from collections.abc import Iterable
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter

from vigia.runtime.metrics import table

SENDERS = 100
OTHER = "other"
RESULTS = ("taken", "refused", "too_many", "kafka_away")
_RESULT_OF = {429: "too_many", 503: "kafka_away"}


def result_of(status: int) -> str:
    """What became of a request, by the status of its answer.

    >>> [result_of(status) for status in (202, 400, 429, 503)]
    ['taken', 'refused', 'too_many', 'kafka_away']
    """
    return _RESULT_OF.get(status, "taken" if status < 300 else "refused")


class SenderMetrics:
    """Counts by sender; `names` are those of the tokens in force, whose series begin at 0."""

    def __init__(self, registry: CollectorRegistry, names: Iterable[str]) -> None:
        self._requests = table.counter("vigia_gateway_token_requests", registry)
        self._events = table.counter("vigia_gateway_token_events", registry)
        self._duplicates = table.counter("vigia_gateway_token_duplicates", registry)
        self._known: dict[str, _Series] = {}
        for name in (*names, OTHER):
            self._of(name)

    def answered(self, name: str, status: int, events: int, duplicates: int) -> None:
        """Count a request that was answered."""
        series = self._of(name)
        series.requests[result_of(status)].inc()
        if events:
            series.events.inc(events)
        if duplicates:
            series.duplicates.inc(duplicates)

    def _of(self, name: str) -> "_Series":
        """The series of a name, which are made at 0."""
        if (known := self._known.get(name)) is not None:
            return known
        if len(self._known) >= SENDERS and name != OTHER:
            return self._of(OTHER)
        requests = {result: self._requests.labels(name, result) for result in RESULTS}
        made = self._known[name] = _Series(requests, self._events.labels(name), self._duplicates.labels(name))
        return made


class _Series(NamedTuple):
    """The counters of one name: looking them up by their labels for each request would cost as much as decoding its event."""

    requests: dict[str, Counter]
    events: Counter
    duplicates: Counter
