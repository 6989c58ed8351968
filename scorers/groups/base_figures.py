"""What the counts of the base say, for its report and metrics: who the customers are and what they bring, when they leave, what is promised and kept."""

from collections.abc import Iterator, Mapping

from msgspec import Struct

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import DAY
from scorers.groups.flow import ByDay, Flow
from scorers.in_force.counted import base_counts
from scorers.in_force.counted.base_counts import DAYS, DEADLINES, Deadline
from scorers.in_force.counted.flows import BASE, KEPT, STAGES, STORE, TIER, flows_of
from scorers.in_force.live_quality import STAGES as ALL_STAGES
from scorers.in_force.live_quality import TIERS, tier_and_stage
from scorers.policy.tables import Policy

Counts = Mapping[str, Mapping[int, int]]
"""Histograms by name, as `figures.Totals`."""


class Place(Struct, frozen=True):
    """The customers of a tier and stage, and what they brought in a year, by currency (T2)."""

    tier: Tier
    stage: Stage
    customers: int
    year_minor: dict[str, int]


class Move(Struct, frozen=True):
    """How many customers went from one stage to another (L7)."""

    before: Stage
    after: Stage
    customers: int


class Retention(Struct, frozen=True):
    """Of the customers of a stage, how many bought within a horizon (L7); `share` is None where there were none."""

    stage: Stage
    customers: int
    stayed: int
    share: float | None


class Moment(Struct, frozen=True):
    """How many have left at a moment, of those of whom it is known whether they left or went on (L9)."""

    at: int  # the number of a purchase, or the day of tenure from which on
    known: int
    left: int
    hazard: float | None


class Tenure(Struct, frozen=True):
    """What customers bring and cost by tenure (P7), and for each customer within 28 days; without the first purchase, which no time precedes."""

    from_day: int
    to_day: int | None
    active_days: int
    spent_minor: dict[str, int]
    cost_minor: dict[str, int]
    spent_in_28_days_minor: dict[str, int]
    cost_in_28_days_minor: dict[str, int]


class Kept(Struct, frozen=True):
    """How many deadlines of a kind were met, by tier (X6)."""

    deadline: Deadline
    tier: Tier
    met: int
    missed: int
    share: float | None


class LostAndWon(Struct, frozen=True):
    """Customers lost and won in the last window, of the base, a tier or a store, and the projected gap (L8)."""

    flow: str
    lost: int
    won: int
    currency: str | None
    lost_minor: int
    won_minor: int
    gap_minor: int


class BaseFigures(Struct, frozen=True):
    """The figures of the base. `days_since_lost` is None where nobody was lost within 400 days (A6)."""

    places: list[Place]
    moves: list[Move]
    retention: list[Retention]
    by_purchase: list[Moment]
    by_tenure: list[Moment]
    tenure: list[Tenure]
    deadlines: list[Kept]
    flows: list[LostAndWon]
    days_since_lost: dict[Tier, int | None]


def measure(counts: Counts, day: int, policy: Policy) -> BaseFigures:
    """The figures at the end of a day."""
    return BaseFigures(
        places=list(places(counts)),
        moves=list(moves(counts)),
        retention=retention(counts, day, policy),
        by_purchase=list(
            _moments(counts, base_counts.REACHED, base_counts.LEFT_AFTER, range(1, base_counts.MOST_OCCASIONS))
        ),
        by_tenure=list(by_tenure(counts)),
        tenure=list(_tenure(counts)),
        deadlines=list(deadlines(counts)),
        flows=lost_and_won(counts, day, policy),
        days_since_lost={tier: days_since_lost(counts, tier, day) for tier in TIERS if tier != "none"},
    )


def lost_and_won(counts: Counts, day: int, policy: Policy) -> list[LostAndWon]:
    """Who was lost and won in the window that ends with a day: the base first, then tiers, then stores (L8)."""
    flows = {name: _flow(name, sections, day) for name, sections in flows_of(counts).items()}
    flows.setdefault(BASE, _flow(BASE, {}, day))
    return [_lost_and_won(flow, policy) for flow in sorted(flows.values(), key=_order)]


def places(counts: Counts) -> Iterator[Place]:
    """Customers and their yearly value by tier and stage."""
    money = _by_currency(counts, base_counts.MONEY)
    for place, customers in sorted(counts.get(base_counts.PEOPLE, {}).items()):
        if customers:
            tier, stage = tier_and_stage(place)
            yield Place(tier, stage, customers, {name: held[place] for name, held in money.items() if held.get(place)})


def moves(counts: Counts) -> Iterator[Move]:
    """Transitions between stages."""
    for bucket, customers in sorted(counts.get(base_counts.MOVED, {}).items()):
        if customers:
            yield Move(ALL_STAGES[bucket // len(ALL_STAGES)], ALL_STAGES[bucket % len(ALL_STAGES)], customers)


def retention(counts: Counts, day: int, policy: Policy) -> list[Retention]:
    """Who stays, by stage."""
    kept = flows_of(counts).get(BASE, {}).get(KEPT, {})
    found = ByDay(_flow(BASE, {KEPT: kept}, day)).retention(day, max(policy.risk.horizon // DAY, 1))
    return [
        Retention(stage, seen, stayed, _share(stayed, seen))
        for stage, (seen, stayed) in zip(STAGES, found, strict=True)
    ]


def by_tenure(counts: Counts) -> Iterator[Moment]:
    """When customers leave: between which days since the first purchase they came last."""
    for bucket, moment in enumerate(_moments(counts, base_counts.TENURE, base_counts.LEFT_AT, range(len(DAYS) - 1))):
        yield Moment(DAYS[bucket], moment.known, moment.left, moment.hazard)


def _moments(counts: Counts, reached: str, left: str, buckets: range) -> Iterator[Moment]:
    """A moment is known of those who left at it, and of those who reached the next one."""
    came, gone = counts.get(reached, {}), counts.get(left, {})
    for bucket in buckets:
        lost = gone.get(bucket, 0)
        known = lost + came.get(bucket + 1, 0)
        yield Moment(bucket, known, lost, _share(lost, known))


def _tenure(counts: Counts) -> Iterator[Tenure]:
    spent, cost = _by_currency(counts, base_counts.SPENT), _by_currency(counts, base_counts.COST)
    active = counts.get(base_counts.ACTIVE_DAYS, {})
    for bucket, since in enumerate(DAYS):
        until = DAYS[bucket + 1] if bucket + 1 < len(DAYS) else None
        days = active.get(bucket, 0)
        brought = {name: held[bucket] for name, held in spent.items() if held.get(bucket)}
        took = {name: held[bucket] for name, held in cost.items() if held.get(bucket)}
        a_month = [
            {name: round(28 * minor / days) for name, minor in money.items()} if days and since else {}
            for money in (brought, took)
        ]
        yield Tenure(since, until, days, brought, took, *a_month)


def deadlines(counts: Counts) -> Iterator[Kept]:
    """The share of deadlines that were met."""
    held = counts.get(base_counts.DEADLINE, {})
    for number, name in enumerate(DEADLINES):
        for tier in TIERS:
            bucket = 2 * (number * len(TIERS) + TIERS.index(tier))
            missed, met = held.get(bucket, 0), held.get(bucket + 1, 0)
            if met or missed:
                yield Kept(name, tier, met, missed, _share(met, met + missed))


def days_since_lost(counts: Counts, tier: Tier, day: int) -> int | None:
    """How many days ago the last customer of a tier was lost; None if that is longer ago than it is known."""
    days = [at for at, lost in counts.get(base_counts.LOST_ON + tier, {}).items() if lost > 0]
    return day - max(days) if days else None


def _flow(name: str, sections: dict[str, dict[int, int]], day: int) -> Flow:
    flow = Flow(name)
    flow.day, flow.sections = day, sections
    return flow


def _lost_and_won(flow: Flow, policy: Policy) -> LostAndWon:
    one = ByDay(flow).window(flow.day, policy.base.window // DAY)
    return LostAndWon(flow.id, one.lost, one.won, one.currency or None, one.lost_minor, one.won_minor, one.gap_minor)


def _order(flow: Flow) -> tuple[int, str]:
    """The base first, then tiers, then stores."""
    return (2 if flow.id.startswith(STORE) else 1 if flow.id.startswith(TIER) else 0), flow.id


def _by_currency(counts: Counts, prefix: str) -> dict[str, Mapping[int, int]]:
    return {name.removeprefix(prefix): held for name, held in sorted(counts.items()) if name.startswith(prefix)}


def _share(part: int, of: int) -> float | None:
    return round(part / of, 4) if of else None
