"""Which risk is worth a contact, tier by tier: `python -m tests.quality.thresholds [CUSTOMERS] [DAYS]`.

Everybody in a simulated business is scored each week, and the rule of `risk-high` is played over those scores at every
threshold: raised when the risk reaches it, settled when a purchase has brought it back. The truth tells who left, and when.
The threshold that pays most is chosen on one business and judged on another, drawn from the same world by another seed.

What a contact costs and keeps is assumed, and said: see `COSTS`. A shop that knows its own figures puts them there.
"""

import csv
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scorers.events import DAY
from scorers.instants import parse_instant
from scorers.policy import Policy
from streams.replay import Asked, replay
from streams.simulate import simulate
from tests.quality.alarms import read

TIERS = ("platinum", "gold", "iron", "lead")
LEVELS = tuple(n / 100 for n in (10, 20, 30, 40, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95))
YEAR = 365 * DAY


class Costs(NamedTuple):
    """What is assumed of a contact, in minor units."""

    contact: int = 500  # a call of ten minutes, or an offer
    kept: float = 0.25  # of those who are contacted on the day of their change of heart, so many stay;
    halves: float = 1.0  # and half as many for each usual gap that has passed since


COSTS = Costs()


class Point(NamedTuple):
    """A customer's score of one week."""

    at: int
    tier: str
    risk: float
    value: int


class Life(NamedTuple):
    """The truth about one customer."""

    left: int | None
    gap: float  # days between purchases, usually
    bought: list[int]
    points: list[Point]


class Outcome(NamedTuple):
    """What a threshold brings to one tier."""

    alarms: int
    right: int
    leavers: int
    early: int  # leavers alarmed about before they had left
    years: float  # that customers who had not left were watched
    lead: float  # median days from the alarm to the change of heart; below 0 it came after
    lead_gaps: float  # the same in usual gaps
    ahead: float  # median days from the alarm to the day on which silence alone makes sure of the loss
    gain: float  # minor units for each customer-year

    @property
    def false_a_year(self) -> float:
        """False alarms per customer and year."""
        return (self.alarms - self.right) / self.years if self.years else 0.0


def business(customers: int, days: int, seed: int) -> list[Life]:
    """A simulated business, scored each week."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        simulate(customers, days, seed, out)
        replay([str(out / "events.jsonl")], out / "out", Policy(), Asked(every=7 * DAY))
        points: dict[str, list[Point]] = defaultdict(list)
        with (out / "out" / "scores.csv").open(newline="") as table:
            for row in csv.DictReader(table):
                at = parse_instant(row["time"])
                points[row["customer_id"]].append(
                    Point(int(at), row["tier"], float(row["risk"]), int(row["value_at_risk_minor"]))
                )
        bought: dict[str, list[int]] = defaultdict(list)
        for event in read(out / "events.jsonl"):
            if event["type"] == "purchase.completed" and "customer_id" in event:
                bought[event["customer_id"]].append(int(parse_instant(event["time"])))
        return [
            Life(
                int(parse_instant(who["left_at"])) if who["left_at"] else None,
                who["gap_days"],
                bought[who["customer_id"]],
                points[who["customer_id"]],
            )
            for who in read(out / "truth.jsonl")
            if who["occasions"] > 1
        ]


def played(life: Life, tier: str, level: float, settled: float) -> list[Point]:
    """The alarms that a threshold would have raised about one customer."""
    found: list[Point] = []
    open_since = None
    purchases = iter(life.bought)
    last, seen, ahead = 0, 0, next(purchases, None)
    for point in life.points:
        while ahead is not None and ahead <= point.at:
            last, seen, ahead = ahead, seen + 1, next(purchases, None)
        if seen < 2:
            continue
        if open_since is not None:
            if point.risk < level - settled and last > open_since:
                open_since = None
        elif point.risk >= level and point.tier == tier:
            open_since = point.at
            found.append(point)
    return found


def outcome(lives: Sequence[Life], tier: str, level: float, policy: Policy, costs: Costs) -> Outcome:
    """What a threshold brings."""
    horizon = policy.risk.horizon
    alarms = right = leavers = early = 0
    years = gain = 0.0
    leads, gaps, aheads = [], [], []
    for life in lives:
        mine = [p for p in life.points if p.tier == tier and p.at >= life.bought[1]]
        years += sum(life.left is None or p.at <= life.left for p in mine) * 7 * DAY / YEAR
        last_tier = next((p.tier for p in reversed(life.points) if life.left and p.at <= life.left), "")
        leavers += life.left is not None and last_tier == tier and len(mine) > 0
        done = False
        for point in played(life, tier, level, policy.risk.hysteresis):
            alarms += 1
            gain -= costs.contact
            if life.left is None or life.left > point.at + horizon:
                continue
            right += 1
            if done:
                continue
            done = True  # who leaves is kept once at most
            lead = (life.left - point.at) / DAY
            early += lead > 0
            leads.append(lead)
            gaps.append(lead / life.gap)
            aheads.append(lead + policy.silence.defected_factor * 2.3 * life.gap)
            gain += costs.kept * 0.5 ** (max(-lead, 0.0) / life.gap / costs.halves) * point.value
    lead, gap, ahead = (median(x) if x else float("nan") for x in (leads, gaps, aheads))
    return Outcome(alarms, right, leavers, early, years, lead, gap, ahead, gain / years if years else 0.0)


def main(customers: int = 4000, days: int = 730) -> None:
    """Choose on one business, judge on another, print."""
    say, policy = sys.stdout.write, Policy()
    known, fresh = (business(customers, days, seed) for seed in (1, 2))
    for tier in TIERS:
        now = getattr(policy.risk.threshold, tier)
        tried = {level: outcome(known, tier, level, policy, COSTS) for level in {*LEVELS, now}}
        best = max(LEVELS, key=lambda level: tried[level].gain)
        say(f"\n{tier}: {now} today; {best} pays most where it was chosen\n")
        say(
            f"{'':>9}{'alarms':>8}{'right':>7}{'false/y':>9}{'found':>7}{'early':>7}{'lead d':>8}{'gaps':>7}{'gain/y':>9}\n"
        )
        for level in sorted({*LEVELS, now}):
            o = outcome(fresh, tier, level, policy, COSTS)
            mark = ("*" if level == best else "") + ("=" if level == now else "")
            say(f"{mark:>3}{level:>6.2f}{o.alarms:>8}{o.right / max(o.alarms, 1):>7.2f}{o.false_a_year:>9.2f}")
            say(f"{o.right / max(o.leavers, 1):>7.2f}{o.early / max(o.leavers, 1):>7.2f}")
            say(f"{o.lead:>8.0f}{o.lead_gaps:>7.1f}{o.gain / 100:>9.2f}\n")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
