"""Prints how good the risk is beside published baselines: `python -m tests.quality [cdnow] [complete-journey]`.

The events run through `streams.replay` as a user's would; each origin is the last second of a UTC day, and labels are
read off the purchases after it. Positive class: no purchase in (t, t + horizon].
"""

import argparse
import csv
import json
import sys
import tempfile
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from scorers.events import DAY, SECOND
from scorers.instants import parse_instant, rfc3339
from scorers.policy import Policy, Span
from streams.replay import Asked, replay
from tests.quality import purchases
from tests.quality.judge import Figures, judge, reliability
from tests.quality.purchases import Fact

EVERY_DAYS = 28


class DataSet(NamedTuple):
    """A table, its question, and what models refitted at each origin reach on it: AUC and log-loss."""

    read: Callable[[], list[Fact]]
    horizon_days: int
    first_day: int
    baselines: dict[str, tuple[float, float]]


SETS = {
    "cdnow": DataSet(
        purchases.cdnow,
        91,
        196,
        {"BG/NBD": (0.782, 0.361), "logistic": (0.794, 0.355), "boosting": (0.777, 0.363), "blend": (0.792, 0.354)},
    ),
    "complete-journey": DataSet(
        purchases.complete_journey,
        28,
        84,
        {"BG/NBD": (0.861, 0.333), "logistic": (0.871, 0.317), "boosting": (0.872, 0.316), "blend": (0.874, 0.313)},
    ),
}


def wire(n: int, fact: Fact) -> dict[str, object]:
    """A fact as an event of the contract."""
    event: dict[str, object] = {
        "id": str(n),
        "source": "quality",
        "customer_id": fact.customer,
        "time": rfc3339(fact.at),
    }
    if fact.kind == "outreach":
        return event | {"type": "contact.made", "channel": "mail", "purpose": "marketing"}
    if fact.kind == "reward":
        return event | {"type": "reward.granted", "reward": "financial"}
    items = [{"sku": kind, "quantity": 1, "category": kind} for kind in fact.categories]
    money = {"amount_minor": fact.amount_minor, "currency": "USD", "discount_minor": fact.discount_minor}
    return event | {"type": "purchase.completed", "items": items} | money


def measure(data: DataSet, folder: Path) -> tuple[list[Figures], np.ndarray, np.ndarray]:
    """Figures by origin, and all labels and risks together."""
    facts = data.read()
    bought: dict[str, list[int]] = defaultdict(list)
    for fact in facts:
        if fact.kind == "purchase":
            bought[fact.customer].append(fact.at // DAY)
    start, end = min(days[0] for days in bought.values()), max(days[-1] for days in bought.values())
    origins = list(range(start + data.first_day, end - data.horizon_days + 1, EVERY_DAYS))
    source = folder / "events.jsonl"
    source.write_text("".join(json.dumps(wire(n, fact)) + "\n" for n, fact in enumerate(facts)))
    policy = Policy()
    risk = msgspec.structs.replace(policy.risk, horizon=Span(data.horizon_days * DAY))
    asked = Asked(at=tuple((day + 1) * DAY - SECOND for day in origins))
    replay([str(source)], folder, msgspec.structs.replace(policy, risk=risk), asked)

    scores: dict[int, dict[str, float]] = defaultdict(dict)
    with (folder / "scores.csv").open(newline="") as table:
        for row in csv.DictReader(table):
            if row["risk"]:
                scores[parse_instant(row["time"]) // DAY][row["customer_id"]] = float(row["risk"])

    def buys(who: str, after: int, upto: int) -> bool:
        days = bought[who]
        n = bisect_left(days, after + 1)
        return n < len(days) and days[n] <= upto

    figures, labels, risks = [], [], []
    for day in origins:
        who = sorted(name for name, days in bought.items() if days[0] <= day)
        inactive = np.array([not buys(name, day, day + data.horizon_days) for name in who], dtype=float)
        recent = np.array([buys(name, day - data.horizon_days, day) for name in who])
        told = np.array([scores[day][name] for name in who])  # a missing row is an error, never a skip
        figures.append(judge(inactive, told, recent))
        labels.append(inactive)
        risks.append(told)
    return figures, np.concatenate(labels), np.concatenate(risks)


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)} (default: all)")
    names = parser.parse_args().sets or list(SETS)
    if unknown := [name for name in names if name not in SETS]:
        parser.error(f"unknown data set {unknown[0]}; known: {', '.join(SETS)}")
    for name in names:
        data = SETS[name]
        with tempfile.TemporaryDirectory() as folder:
            figures, labels, risks = measure(data, Path(folder))
        tell(name, data, figures, labels, risks)
    return 0


def tell(name: str, data: DataSet, figures: list[Figures], labels: np.ndarray, risks: np.ndarray) -> None:
    """Print the tables of one data set."""
    say = sys.stdout.write
    say(f"\n{name}: {data.horizon_days} days, {len(figures)} origins, {labels.mean():.3f} inactive\n")
    say(f"{'':<18}{'AUC':>8}{'worst':>8}{'recent':>8}{'Brier':>8}{'log-loss':>10}{'ECE':>8}\n")
    for model, (auc, loss) in data.baselines.items():
        say(f"{model:<18}{auc:>8.3f}{'':>24}{loss:>10.3f}\n")
    mean = Figures(*np.mean(figures, axis=0).tolist())
    worst = min(f.auc for f in figures)
    say(f"{'vigia':<18}{mean.auc:>8.4f}{worst:>8.4f}{mean.auc_recent:>8.4f}{mean.brier:>8.4f}{mean.log_loss:>10.4f}")
    say(f"{mean.ece:>8.4f}\n\nrisk told  inactive  scores\n")
    for told, seen, many in reliability(labels, risks):
        say(f"{told:>9.3f}{seen:>10.3f}{many:>8}  {'#' * round(40 * seen)}\n")


if __name__ == "__main__":
    sys.exit(main())
