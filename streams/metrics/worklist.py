"""The metrics of the newest worklist that a worker has published; one of all workers publishes them."""

from collections import Counter as Tally
from collections.abc import Iterator

from prometheus_client.core import Metric

from scorers.contract.events import SECOND
from scorers.worklist.ranking import DayList
from streams.metrics.buckets import OTHER
from vigia.runtime.metrics.table import gauges

EDITIONS = ("early", "final")
CURRENCIES = 16  # most series of one currency


def of_worklist(newest: DayList | None, now: float) -> Iterator[Metric]:
    """Who is on it, what the funded efforts bring, and how old it is."""
    entries = newest.entries if newest else ()
    funded = [entry for entry in entries if entry.funded]
    yield gauges(
        "vigia_worklist_customers",
        [
            (("funded",), len(funded)),
            (("not_funded",), len(entries) - len(funded)),
            (("not_listed",), newest.not_listed if newest else 0),
            (("held_out",), newest.held_out if newest else 0),
        ],
    )
    sums: Tally[str] = Tally()
    for entry in funded:
        sums[entry.currency or OTHER] += entry.net_minor
    net = (((currency,), minor) for currency, minor in sums.most_common(CURRENCIES))
    yield gauges("vigia_worklist_funded_net_minor", net)
    yield gauges("vigia_worklist_age_seconds", [] if newest is None else [((), now - newest.end / SECOND)])
