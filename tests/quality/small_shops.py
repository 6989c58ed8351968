"""How good the risk is in small shops: `python -m tests.quality.small_shops [SET ...]`.

Customers are drawn from a public set, several times for each size, and each draw is a shop of its own: the core learns from it alone.
From the second horizon on it is compared with a batch logistic regression that is fitted again at each origin on all data known by then.
Nothing in the product was learned from one of the sets: its first beliefs are the same for every shop.
"""

import argparse
import sys
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

import numpy as np

from tests.quality.__main__ import ours
from tests.quality.history import History
from tests.quality.judge import Figures, judge, mean
from tests.quality.rivals import FIRST, Table, learned
from tests.quality.sets import EVERY_DAYS, PUBLIC, DataSet

SIZES = (300, 600, 1500)
DRAWS = 3


class Compared(NamedTuple):
    """The figures of a shop, or the means of several: ours, and those of the batch logistic regression."""

    ours: Figures
    batch: Figures


def draw(history: History, customers: int, number: int) -> History:
    """A shop of so many customers of another, drawn by their names: the same ones in every run."""
    names = sorted(history.bought)
    if customers >= len(names):
        return history
    kept = set(Random(f"{customers} {number}").sample(names, customers))
    return History([fact for fact in history.facts if fact.customer in kept])


def compare(data: DataSet, history: History) -> Compared:
    """Judge a shop at each origin from the second horizon on, as soon as the rival has anything to learn from."""
    horizon = data.horizon_days
    first = max(2 * horizon + EVERY_DAYS // 2, FIRST + horizon)
    days = range(history.start + first, history.end - horizon + 1, EVERY_DAYS)
    origins = [history.origin(day, horizon) for day in days]
    asked, _ = ours(history, data, origins)
    table = Table(history)
    pairs = [
        (judge(origin, question.risks(question.model)), judge(origin, learned("logistic", table, origin, horizon)))
        for origin, question in zip(origins, asked, strict=True)
    ]
    mine, theirs = zip(*pairs, strict=True)
    return Compared(mean(mine), mean(theirs))


def overall(found: Sequence[Compared]) -> Compared:
    """The means over several draws."""
    return Compared(mean([one.ours for one in found]), mean([one.batch for one in found]))


def misses(name: str, size: int, found: Sequence[Compared]) -> list[str]:
    """What was to be reached and was not: AUC not behind, log-loss ahead."""
    ours_, batch = overall(found)
    wanted = {
        "AUC": ours_.auc - batch.auc,
        "AUC recent": ours_.auc_recent - batch.auc_recent,
        "log-loss": batch.log_loss - ours_.log_loss,
    }
    return [f"{name}, {size} customers: {figure} behind by {-gain:.4f}" for figure, gain in wanted.items() if gain < 0]


def print_table(rows: Sequence[tuple[str, int, Sequence[Compared]]]) -> None:
    """Print what is missed, then a row for each set and size: means over draws, and the spread of the difference."""
    say = sys.stdout.write
    missed = [line for row in rows for line in misses(*row)]
    say("missed: " + ("; ".join(missed) if missed else "nothing") + "\n")
    say("| shop | customers | draws | AUC: ours, batch | AUC recent | log-loss | ECE | draws ahead: AUC, log-loss |\n")
    say("|---|---|---|---|---|---|---|---|\n")
    for name, size, found in rows:
        a, b = overall(found)
        auc = sum(one.ours.auc >= one.batch.auc for one in found)
        loss = sum(one.ours.log_loss < one.batch.log_loss for one in found)
        error = np.std([one.batch.log_loss - one.ours.log_loss for one in found]) / max(len(found) - 1, 1) ** 0.5
        say(f"| {name} | {size} | {len(found)} | {_pair(a.auc, b.auc)} | {_pair(a.auc_recent, b.auc_recent)} ")
        say(f"| {_pair(a.log_loss, b.log_loss)} ±{_short(error)} | {_pair(a.ece, b.ece)} | {auc}, {loss} |\n")
    sys.stdout.flush()


def _pair(mine: float, theirs: float) -> str:
    return f"{_short(mine)}, {_short(theirs)}"


def _short(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.small_shops", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(PUBLIC)} (default: all)")
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), metavar="N", help="customers of a shop")
    parser.add_argument("--draws", type=int, default=DRAWS, metavar="N", help="shops of each size")
    args = parser.parse_args()
    names = args.sets or list(PUBLIC)
    if unknown := [name for name in names if name not in PUBLIC]:
        parser.error(f"unknown data set {unknown[0]}; known: {', '.join(PUBLIC)}")
    rows = []
    for name in names:
        data = PUBLIC[name]
        history = data.read()
        for size in args.sizes:
            found = []
            for number in range(args.draws):
                found.append(compare(data, draw(history, size, number)))
                sys.stderr.write(f"{name}, {size} customers, draw {number + 1}\n")
            rows.append((name, size, found))
    print_table(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
