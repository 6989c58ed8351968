"""How often `base-outflow` begins by chance, and how soon it finds a base that shrinks: `python -m tests.quality.outflow`.

Customers are lost and won at steady rates, a year of Poisson counts after four weeks in which as many were won as lost. `tail` .5 takes every count as it is.
"""

import statistics
import sys

import numpy as np

from scorers.groups.flow import ByDay, Flow, turns
from scorers.in_force.counted.flows import LOST, WHAT, WON
from scorers.policy.reading import parse_policy

RATES = ((25, 25), (50, 50), (300, 300), (30, 20), (60, 40), (330, 270))  # lost and won in four weeks
TAILS = (0.5, 0.01)
BUSINESSES, DAYS, BEFORE, DAY_0 = 60, 365, 28, 20_000


def begun(lost: float, won: float, tail: float, seed: int) -> list[int]:
    """After how many days an outflow has begun, each time."""
    rng = np.random.default_rng(seed)
    rates = ((LOST, lost, DAYS), (WON, won, DAYS))
    after = {what: rng.poisson(rate / BEFORE, days) for what, rate, days in rates}
    before = rng.poisson(max(lost, won) / BEFORE, BEFORE)
    counts = {
        (DAY_0 + n) * len(WHAT) + what: int(count)
        for what, counted in after.items()
        for n, count in enumerate((*before, *counted))
    }
    flow = Flow("base", day=DAY_0 + BEFORE + DAYS - 1, sections={"EUR": counts})
    first = DAY_0 + BEFORE
    policy = parse_policy(f"[base]\ntail = {tail}\n")
    days = turns(flow, ByDay(flow), first, flow.day, policy)
    return [day - first + 1 for day in days if flow.outflow.since == day]


def main() -> None:
    """Measure and print."""
    for lost, won in RATES:
        for tail in TAILS:
            found = [begun(lost, won, tail, seed) for seed in range(BUSINESSES)]
            times = [one[0] for one in found if one]
            sys.stdout.write(
                f"{lost} lost, {won} won, tail {tail}: {sum(map(len, found)) / BUSINESSES:.2f} a year, "
                f"in {len(times) / BUSINESSES:.2f} of the years, first after {statistics.median(times):.0f} days\n"
            )


if __name__ == "__main__":
    main()
