"""The metrics of groups: sums over all stores, sites and feeds, so that no label names one."""

from collections import Counter as Tally
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client.core import Metric

from scorers.contract.events import SECOND, Micros
from vigia.runtime.metrics.table import gauges, plain

LAYERS, TELLERS = ("formal", "informal", "silent"), ("satisfied", "dissatisfied")  # of the customers of stores
PULSES = ("asked", "thanked")


class Groups(NamedTuple):
    """What the groups of a partition say."""

    voices: Mapping[str, int]  # `Stores.totals`
    selling: int = 0  # stores that sell
    silent: int = 0  # feeds about which an alarm is open
    sites: int = 0
    waiting: tuple[Micros, Micros] | None = None  # since when the staff of a site were not asked, and not thanked


def of_groups(partitions: Sequence[Groups], now: float) -> Iterator[Metric]:
    """What the groups of all partitions say (X2, X3, X5, P2)."""
    total: Tally[str] = Tally()
    for one in partitions:
        total.update(one.voices)
    yield plain("vigia_stores_heard", total["stores"])
    yield plain("vigia_stores_selling", sum(one.selling for one in partitions))
    yield gauges("vigia_dissatisfied_customers", (((layer,), total[layer]) for layer in LAYERS))
    told = (((teller,), total[f"told_by_{teller}"]) for teller in TELLERS)
    yield gauges("vigia_word_of_mouth_people", told)
    yield plain("vigia_feeds_silent", sum(one.silent for one in partitions))
    yield plain("vigia_sites", sum(one.sites for one in partitions))
    since = [one.waiting for one in partitions if one.waiting is not None]
    ages = (((pulse,), now - min(one[n] for one in since) / SECOND) for n, pulse in enumerate(PULSES) if since)
    yield gauges("vigia_staff_pulse_age_seconds", ages)
