"""The flow of customers of the base, a tier or a store (L8): how many were lost and won, by day; of the base also how many stay (L7).

A window is judged at the end of each day. What has begun at the end of a day lasts until, over a window that lies wholly after it, more
were won than lost: so a base on the edge raises one alarm, not fifty.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, pairwise, repeat
from operator import add, sub
from statistics import NormalDist

from msgspec import Struct, field

from scorers.contract.alarms import Tier
from scorers.contract.events import DAY, Micros
from scorers.in_force.counted.flows import KEPT, LOST, LOST_MINOR, STAGES, WHAT, WON, WON_MINOR, day_of, end_of
from scorers.policy.group_tables import Base
from scorers.policy.tables import Policy
from scorers.timeline.subjects import State


class Spell(Struct, array_like=True, gc=False):
    """Since the end of which day something lasts, and at the end of which day the one before it was over; 0 if never."""

    since: int = 0
    over: int = 0

    @property
    def at(self) -> Micros:
        """Since when it lasts; 0 if it does not."""
        return end_of(self.since) if self.since else 0


class Flow(State, array_like=True, gc=False):
    """The state of a flow: the counts of days, the newest of which is `day`; up to `settled` they are judged for good."""

    day: int = 0
    settled: int = 0
    sections: dict[str, dict[int, int]] = field(default_factory=dict)  # as in `in_force.counted.flows`
    outflow: Spell = field(default_factory=Spell)
    disorder: Spell = field(default_factory=Spell)  # retention does not rise stage by stage


class Window(Struct, frozen=True):
    """Customers lost and won within a window, and what these would spend in a window at their own pace, by currency."""

    lost: int
    won: int
    currency: str  # in which most were lost
    lost_minor: int
    won_minor: int

    @property
    def gap_minor(self) -> int:
        """The revenue that will be missing in the next window; 0 where those won make up for it."""
        return max(self.lost_minor - self.won_minor, 0)


Retention = list[tuple[int, int]]
"""Of each stage: how many were in it so many days before, and how many of them have bought since."""


class ByDay:
    """The counts of a flow by day, from `first` on, and how many there are of each kind within a window."""

    def __init__(self, flow: Flow) -> None:
        self._sections = flow.sections
        self.first = min(
            (day_of(name, min(counts)) for name, counts in flow.sections.items() if counts), default=flow.day
        )
        self.first = min(self.first, flow.day)
        size = flow.day - self.first + 1
        counted = [[0] * size for _ in WHAT]
        for name, counts in flow.sections.items():
            if name != KEPT:
                _add(counts, self.first, counted)
        self._lost, self._won = [0, *accumulate(counted[LOST])], [0, *accumulate(counted[WON])]
        self._kept: list[list[int]] | None = None
        if kept := flow.sections.get(KEPT):
            columns = [[0] * size for _ in range(2 * len(STAGES))]
            _add(kept, self.first, columns)
            self._kept = [[0, *accumulate(column)] for column in columns]

    def lost_and_won(self, since: int, until: int, days: int) -> Iterator[tuple[int, int]]:
        """For the end of each of a range of days: customers lost and won in so many days up to it."""
        return zip(
            self._within(self._lost, since, until, days), self._within(self._won, since, until, days), strict=True
        )

    def retentions(self, since: int, until: int, days: int) -> Iterator[Retention]:
        """For the end of each of a range of days: the retention over so many days up to it."""
        if self._kept is None:
            return repeat([(0, 0)] * len(STAGES), until - since + 1)
        sums = [self._within(column, since, until, days) for column in self._kept]
        stages = [
            list(zip(map(add, gone, stayed), stayed, strict=True))
            for gone, stayed in zip(sums[::2], sums[1::2], strict=True)
        ]
        return map(list, zip(*stages, strict=True))

    def retention(self, day: int, days: int) -> Retention:
        """The retention over so many days up to the end of one."""
        return next(iter(self.retentions(day, day, days)))

    def _within(self, sums: list[int], since: int, until: int, days: int) -> list[int]:
        """For each of a range of days, none before the first: the sum of so many days up to it."""
        begin, end = since - self.first + 1, until - self.first + 2
        before_first = min(max(days - begin, 0), end - begin)
        starts = [0] * before_first + sums[max(begin - days, 0) : max(end - days, 0)]
        return list(map(sub, sums[begin:end], starts))

    def window(self, day: int, days: int) -> Window:
        """What a window of so many days up to the end of one holds."""
        found = {}
        for name in sorted(self._sections.keys() - {KEPT}):
            counts = found[name] = [0] * len(WHAT)
            for bucket, count in self._sections[name].items():
                if day - days < bucket // len(WHAT) <= day:
                    counts[bucket % len(WHAT)] += count
        currency = max(found, key=lambda name: found[name][LOST], default="")
        money = found.get(currency, [0] * len(WHAT))
        lost, won = (sum(counts[what] for counts in found.values()) for what in (LOST, WON))
        return Window(lost, won, currency, money[LOST_MINOR], money[WON_MINOR])


def _add(counts: dict[int, int], first: int, columns: list[list[int]]) -> None:
    """Add counts by their place and day."""
    width, size = len(columns), len(columns[0])
    for bucket, count in counts.items():
        day = bucket // width - first
        if day < size:
            columns[bucket % width][day] += count


def turns(flow: Flow, by_day: ByDay, since: int, until: int, policy: Policy) -> Iterator[int]:
    """Judge the end of each of a range of days: those at which something has begun or is over."""
    window, horizon = policy.base.window // DAY, max(policy.risk.horizon // DAY, 1)
    kept = by_day.retentions(since, until, horizon)
    days = zip(range(since, until + 1), by_day.lost_and_won(since, until, window), kept, strict=True)
    for day, (lost, won), retention in days:
        begins = lost >= policy.base.lost_at_least and is_more(lost, won, policy.base)
        has_turned = _follow(flow.outflow, day, window, begins, won > lost)
        rises = in_order(retention, policy.base.stage_at_least)
        if _follow(flow.disorder, day, horizon, rises is False, rises is True) or has_turned:
            yield day


def is_more(lost: int, won: int, rules: Base) -> bool:
    """Whether more were lost than won: of many, so many more as would be a chance of less than `tail` if both were as frequent.

    Of few customers each one is known to somebody; of many, one more or less is noise.

    >>> is_more(12, 11, Base()), is_more(51, 50, Base()), is_more(64, 38, Base()), is_more(357, 291, Base())
    (True, False, True, True)
    """
    if lost + won < rules.few:
        return lost > won
    return lost - won - 1 >= _deviations(rules.tail) * math.sqrt(lost + won)


@lru_cache(maxsize=16)
def _deviations(tail: float) -> float:
    """How many standard deviations above the mean a normal variable has less than a chance."""
    return NormalDist().inv_cdf(1 - tail)


def _follow(spell: Spell, day: int, days: int, begins: bool, ends: bool) -> bool:
    if not spell.since and begins:
        spell.since = day
    elif spell.since and ends and day - spell.since >= days:
        spell.since, spell.over = 0, day
    else:
        return False
    return True


def in_order(retention: Retention, at_least: int) -> bool | None:
    """Whether the share of those who stay rises from stage to stage; None while a stage has too few customers.

    >>> in_order([(10, 2), (10, 5), (10, 9)], 10), in_order([(10, 2), (10, 2), (10, 9)], 10), in_order([(10, 2)], 11)
    (True, False, None)
    """
    if any(seen < at_least for seen, _ in retention):
        return None
    shares = [stayed / seen for seen, stayed in retention]
    return all(lower < higher for lower, higher in pairwise(shares))


def tier_of(flow_id: str) -> Tier | None:
    """The tier that a flow is of."""
    tiers: dict[str, Tier] = {
        "tier:platinum": "platinum",
        "tier:gold": "gold",
        "tier:iron": "iron",
        "tier:lead": "lead",
    }
    return tiers.get(flow_id)
