"""The metrics of the base: who the customers are, how they move, who stays, when they leave, and which deadlines are met.

They are those of the partitions of a worker, up to the last closed day; those of several workers add up, shares excepted, which follow
from the sums.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Mapping
from itertools import product

from prometheus_client.core import Metric

from scorers.contract.events import DAY, SECOND
from scorers.customer.lifecycle import TRANSITIONS
from scorers.groups import base_figures
from scorers.in_force.counted.base_counts import DEADLINES, MONEY, is_of_base
from scorers.in_force.counted.flows import BASE, FLOW, STAGES, TIER
from scorers.in_force.counted.outreach import OUTREACH, of_outreach
from scorers.in_force.live_quality import STAGES as ALL_STAGES
from scorers.in_force.live_quality import TIERS
from scorers.policy.tables import Policy
from vigia.runtime.metrics.table import gauges

Counts = Mapping[str, Mapping[int, int]]
CURRENCIES = 4  # most series of one currency
RANKED = tuple(tier for tier in TIERS if tier != "none")


def of_base(partitions: Iterable[Counts], day: int, policy: Policy) -> Iterator[Metric]:
    """What the counts of some partitions say at the end of a day."""
    total: dict[str, Tally[int]] = {}
    for counts in list(partitions):
        for name in list(counts):
            if is_of_base(name) or name.startswith(FLOW) or name == OUTREACH:
                total.setdefault(name, Tally()).update(dict(counts[name]))
    yield _of_places(total)
    yield from _of_stages(total, day, policy)
    yield from _of_flows(total, day, policy)
    yield _of_moments(total)
    yield _of_deadlines(total)
    yield gauges("vigia_outreach", (((answer,), count) for answer, count in of_outreach(total).items()))
    yield _of_losses(total, day)


def _of_places(total: Counts) -> Metric:
    sums = {name: sum(held.values()) for name, held in total.items() if name.startswith(MONEY)}
    shown = [name.removeprefix(MONEY) for name in sorted(sums, key=lambda name: -sums[name])[:CURRENCIES]]
    found = {(place.stage, place.tier): place.year_minor for place in base_figures.places(total)}
    return gauges(
        "vigia_customers_year_minor",
        (
            ((stage, tier, currency), found.get((stage, tier), {}).get(currency, 0))
            for stage, tier, currency in product(ALL_STAGES, TIERS, shown)
        ),
    )


def _of_stages(total: Counts, day: int, policy: Policy) -> Iterator[Metric]:
    found = {(move.before, move.after): move.customers for move in base_figures.moves(total)}
    known = ((before, after) for before in ALL_STAGES for after in TRANSITIONS[before])
    yield gauges("vigia_stage_changes", ((move, found.get(move, 0)) for move in known))
    stays = gauges("vigia_retention_customers")
    for stage, one in zip(STAGES, base_figures.retention(total, day, policy), strict=True):
        stays.add_metric([stage, "stayed"], one.stayed)
        stays.add_metric([stage, "away"], one.customers - one.stayed)
    yield stays


def _of_flows(total: Counts, day: int, policy: Policy) -> Iterator[Metric]:
    customers, money = gauges("vigia_flow_customers"), gauges("vigia_flow_minor")
    found = {one.flow: one for one in base_figures.lost_and_won(total, day, policy)}
    for flow, label in ((BASE, BASE), *((TIER + tier, tier) for tier in RANKED)):
        one = found.get(flow)
        customers.add_metric([label, "lost"], one.lost if one else 0)
        customers.add_metric([label, "won"], one.won if one else 0)
        if one is not None and one.currency:
            money.add_metric([label, "lost", one.currency], one.lost_minor)
            money.add_metric([label, "won", one.currency], one.won_minor)
    yield from (customers, money)


def _of_moments(total: Counts) -> Metric:
    moments = gauges("vigia_leaving_tenure")
    for one in base_figures.by_tenure(total):
        moments.add_metric([str(one.at), "left"], one.left)
        moments.add_metric([str(one.at), "went_on"], one.known - one.left)
    return moments


def _of_deadlines(total: Counts) -> Metric:
    kept = gauges("vigia_deadlines")
    found = {(one.deadline, one.tier): one for one in base_figures.deadlines(total)}
    for name, tier in product(DEADLINES, TIERS):
        one = found.get((name, tier))
        kept.add_metric([name, tier, "met"], one.met if one else 0)
        kept.add_metric([name, tier, "missed"], one.missed if one else 0)
    return kept


def _of_losses(total: Counts, day: int) -> Metric:
    last = gauges("vigia_last_loss_time_seconds")
    for tier in RANKED:
        ago = base_figures.days_since_lost(total, tier, day)
        if ago is not None:
            last.add_metric([tier], (day - ago) * DAY / SECOND)
    return last
