"""The metrics of the base and its stores, from the read model: all customers of the business, whatever the number of workers.

The read model is asked from time to time and not at each scrape, so a scrape costs the same however large the base is.
"""

import asyncio
import logging
from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from scorers.contract.events import SECOND, AlarmAction
from scorers.contract.rfc3339 import parse_instant
from scorers.groups.iceberg import StoreVoices
from scorers.policy.group_tables import Iceberg
from vigia.console.stores import store_rows
from vigia.readmodel.store.items import Total
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.queries import Queries
from vigia.runtime.metrics.table import gauges
from vigia.runtime.redaction import describe

LOGGER = logging.getLogger("vigia.console")
EVERY = 15.0  # seconds between two looks
STORES = 50
CURRENCIES = 4  # the most frequent; the others are left out, as amounts of two currencies are never added
OTHER = "other"
FUNDED = 1_000  # entries that are looked at
ACTED = frozenset({"act", "resolve"})

Labels = tuple[str, ...]


class Figures(NamedTuple):
    """What the read model said last."""

    of_base: dict[Labels, Total]  # by stage, tier, loyalty type and currency
    of_stores: dict[Labels, Total]  # by store, stage, tier and currency
    alarms: dict[str, int]  # that are open, by store
    funded: int = 0  # entries of the newest worklist
    acted: int = 0  # of these, those on which somebody acted
    voices: Sequence[StoreVoices] = ()  # of each store


def look(db: Queries, rules: Iceberg) -> Figures:
    """Ask the read model; `rules` count where no policy is known to be in force."""
    dates = db.worklists.dates(1)
    entries = db.worklists.page_of(dates[0], 1, FUNDED, funded=True).items if dates else []
    deeds = db.worklists.deeds_on(dates[0]) if dates else {}
    return Figures(
        db.customers.totals(("stage", "tier", "type", "currency")),
        db.customers.totals(("store", "stage", "tier", "currency")),
        db.alarms.by_store(),
        len(entries),
        sum(was_acted_on(deeds.get(entry.customer_id, ())) for entry in entries),
        [row.voices for row in store_rows(db, rules)],
    )


def was_acted_on(deeds: Iterable[AlarmAction]) -> bool:
    """Whether somebody acted on an entry and did not take it back."""
    acted = False
    for deed in deeds:
        acted = (acted or deed.action in ACTED) and deed.action != "undo"
    return acted


class BaseFigures(Collector):
    """Shows what the read model said last; nothing before the first look."""

    def __init__(self, model: ReadModel, rules: Iceberg, registry: CollectorRegistry) -> None:
        self._model, self._rules = model, rules
        self._said: Figures | None = None
        registry.register(self)

    async def run(self) -> None:
        """Look from time to time, until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as fault:  # the pages say what is wrong; the last figures stand
                LOGGER.debug("the figures of the base are not read: %s", describe(fault))
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Ask the read model once."""
        self._said = await self._model.ask(lambda db: look(db, self._rules))

    def collect(self) -> Iterator[Metric]:
        """The values at the moment of a scrape."""
        said = self._said or Figures({}, {}, {})
        known = most_frequent(said.of_base)
        people = summed((labels[:3], total.customers) for labels, total in said.of_base.items())
        yield gauges("vigia_base_customers", people.items())
        of_base = {labels: total for labels, total in said.of_base.items() if labels[3] in known}
        yield gauges("vigia_base_value_minor", ((labels, total.value) for labels, total in of_base.items()))
        yield gauges("vigia_base_expected_loss_minor", ((labels, total.loss) for labels, total in of_base.items()))
        yield from self._of_stores(said, known)
        state = [(("acted",), said.acted), (("not_acted",), said.funded - said.acted)]
        yield gauges("vigia_worklist_done", state if self._said else [])

    def _of_stores(self, said: Figures, known: frozenset[str]) -> Iterator[Metric]:
        sizes = summed(((labels[0],), total.customers) for labels, total in said.of_stores.items() if labels[0])
        largest = {store for (store,), _ in sizes.most_common(STORES)}
        named = {store: store if store in largest else OTHER for (store,) in sizes}
        of_stores = [((named[store], *rest), total) for (store, *rest), total in said.of_stores.items() if store]
        people = summed((labels[:3], total.customers) for labels, total in of_stores)
        yield gauges("vigia_store_customers", people.items())
        money = [((labels[0], labels[3]), total) for labels, total in of_stores if labels[3] in known]
        yield gauges("vigia_store_value_minor", summed((labels, total.value) for labels, total in money).items())
        yield gauges("vigia_store_expected_loss_minor", summed((labels, total.loss) for labels, total in money).items())
        none = (((store,), 0) for store in largest)
        standing = (((store if store in largest else OTHER,), count) for store, count in said.alarms.items())
        yield gauges("vigia_store_alarms_open", summed([*none, *standing]).items())
        yield from of_voices([one for one in said.voices if one.store_id in largest])


def of_voices(stores: Sequence[StoreVoices]) -> Iterator[Metric]:
    """What is heard of each store (X2), and how its staff is (P2)."""
    yield gauges("vigia_store_heard", (((one.store_id,), int(one.coverage == "heard")) for one in stores))
    told, pulses, scores = (
        gauges(name)
        for name in ("vigia_store_dissatisfied_customers", "vigia_site_pulse_time_seconds", "vigia_site_score")
    )
    for one in stores:
        if one.silent_dissatisfied is not None:
            layers = {"formal": one.formal, "informal": one.informal, "silent": one.silent_dissatisfied}
            for state, count in layers.items():
                told.add_metric([one.store_id, state], count)
        for pulse, date in (("asked", one.staff_asked), ("thanked", one.staff_thanked)):
            if date is not None:
                pulses.add_metric([one.store_id, pulse], parse_instant(f"{date}T00:00:00Z") / SECOND)
        if one.staff_score is not None:
            scores.add_metric([one.store_id], one.staff_score)
    yield from (told, pulses, scores)


def most_frequent(of_base: Mapping[Labels, Total]) -> frozenset[str]:
    """The currencies in which most customers buy."""
    by_currency = summed(((labels[3],), total.customers) for labels, total in of_base.items() if labels[3])
    return frozenset(currency for (currency,), _ in by_currency.most_common(CURRENCIES))


def summed(pairs: Iterable[tuple[Labels, int]]) -> Tally[Labels]:
    """The sums by labels.

    >>> summed([(("a",), 1), (("b",), 2), (("a",), 3)])
    Counter({('a',): 4, ('b',): 2})
    """
    total: Tally[Labels] = Tally()
    for labels, count in pairs:
        total[labels] += count
    return total
