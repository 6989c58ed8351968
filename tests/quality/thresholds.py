"""Which risk is worth a contact, tier by tier.

Everybody in a simulated business is scored each week, and the rule of `risk-high` is played over those scores at every
threshold: raised when the risk reaches it, settled when a purchase has brought it back. The truth tells who left, and when.
What a contact costs and keeps is assumed, and said: see `COSTS`. A shop that knows its own figures puts them there.
"""

import csv
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.lifecycle import LEFT
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from tests.quality.lines import read
from tests.quality.simulated import Measured, measure_run
from vigia.lab.simulate import simulate

TIERS = ("platinum", "gold", "iron", "lead")
LEVELS = tuple(n / 100 for n in (10, 20, 30, 40, 50, 55, 60, 65, 70, 75, 80, 85, 90, 95))
YEAR, WEEK = 365 * DAY, 7 * DAY
MOST_FALSE = 1.0  # false alarms per customer and year that people bear before they stop listening


class Costs(NamedTuple):
    """What is assumed of a contact, in minor units."""

    contact: int = 500  # a call of ten minutes, or an offer
    kept: float = 0.25  # of those who are contacted on the day of their change of heart, so many stay;
    halves: float = 1.0  # and half as many for each usual gap that has passed since


COSTS = Costs()


class Point(NamedTuple):
    """A customer's score of one week."""

    at: int
    stage: str
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
    right: int  # raised within a horizon before the change of heart, or after it
    leavers: int  # of this tier when they left
    found: int  # of them, alarmed about before the loss was certain
    early: int  # of them, alarmed about before they had left
    years: float  # that customers who had not left were watched in this tier
    lead: float  # median days from the alarm to the change of heart; below 0 it came after
    ahead: float  # median days from the alarm to the day on which the loss is certain
    ahead_gaps: float  # the same in usual gaps
    gain: float  # minor units for each customer-year

    @property
    def false_a_year(self) -> float:
        """False alarms per customer and year."""
        return (self.alarms - self.right) / self.years if self.years else 0.0


def business(customers: int, days: int, seed: int) -> tuple[list[Life], dict[str, Measured]]:
    """A simulated business, scored each week, and how good its alarms were."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        simulate(customers, days, seed, out)
        policy = Policy()
        replay([str(out / "events.jsonl")], out / "out", policy, ScoreSchedule(every=WEEK))
        points: dict[str, list[Point]] = defaultdict(list)
        with (out / "out" / "scores.csv").open(newline="") as table:
            for row in csv.DictReader(table):
                at = parse_instant(row["time"])
                points[row["customer_id"]].append(
                    Point(int(at), row["stage"], row["tier"], float(row["risk"]), int(row["value_at_risk_minor"]))
                )
        bought: dict[str, list[int]] = defaultdict(list)
        for event in read(out / "events.jsonl"):
            if event["type"] == "purchase.completed" and "customer_id" in event:
                bought[event["customer_id"]].append(int(parse_instant(event["time"])))
        lives = [
            Life(
                int(parse_instant(who["left_at"])) if who["left_at"] else None,
                who["gap_days"],
                bought[who["customer_id"]],
                points[who["customer_id"]],
            )
            for who in read(out / "truth.jsonl")
            if who["occasions"] > 1
        ]
        return lives, measure_run(out, days, seed)


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
    horizon, settled = policy.risk.horizon, policy.risk.hysteresis
    alarms = right = leavers = found = early = 0
    years = gain = 0.0
    leads, aheads, gaps = [], [], []
    for life in lives:
        here = [p for p in life.points if p.at >= life.bought[1] and (life.left is None or p.at <= life.left)]
        years += sum(p.tier == tier for p in here) * WEEK / YEAR
        raised = played(life, tier, level, settled)
        alarms += len(raised)
        gain -= costs.contact * len(raised)
        true = [p for p in raised if life.left is not None and life.left <= p.at + horizon]
        right += len(true)
        if life.left is None or not here or here[-1].tier != tier:
            continue
        leavers += 1
        if not true:
            continue
        first = true[0]  # who leaves is kept once at most
        lead = (life.left - first.at) / DAY
        certain = next((p.at for p in life.points if p.at > life.left and p.stage in LEFT), None)
        found += certain is None or first.at < certain
        early += lead > 0
        leads.append(lead)
        if certain is not None:
            aheads.append((certain - first.at) / DAY)
            gaps.append(aheads[-1] / life.gap)
        gain += costs.kept * 0.5 ** (max(-lead, 0.0) / life.gap / costs.halves) * first.value
    lead, ahead, gap = (median(x) if x else float("nan") for x in (leads, aheads, gaps))
    return Outcome(alarms, right, leavers, found, early, years, lead, ahead, gap, gain / years if years else 0.0)
