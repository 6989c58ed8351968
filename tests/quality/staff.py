"""What the answers of a store's staff lead to for its customers (P2): `python -m tests.quality.staff DIR...`.

Each folder holds a run of `tests.quality.simulated --runs`, replayed with `--score-every 28d`. Of customers who bought within 90 days, at each scoring:
how often something goes wrong for them in the next 60 days, how often they leave or buy nothing in 90, where the staff's mean score of the last 60
days is low, and elsewhere; and what a second logistic on the log-odds of the risk gains by it, learned on the other runs.
"""

import csv
import math
import re
import sys
from bisect import bisect_right
from collections import defaultdict
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.policy.tables import Staff
from tests.quality.truths import Business

HORIZON, RECENT, AHEAD = 90 * DAY, 90 * DAY, 60 * DAY
RULES = Staff()
OUTCOMES = ("something goes wrong", "leaves", "buys nothing")


class _Event(msgspec.Struct):
    type: str
    time: str
    customer_id: str | None = None
    store_id: str | None = None
    score: int | None = None


def questions(folder: Path, days: int, seed: int) -> NDArray[np.float64]:
    """A row for each customer and scoring: log-odds of the risk, whether the staff's score is low, and the outcomes."""
    business = Business(folder, days, seed)
    scores: dict[str, list[tuple[int, int]]] = defaultdict(list)
    homes: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for event in map(msgspec.json.Decoder(_Event).decode, (folder / "events.jsonl").open("rb")):
        if event.score is not None and event.store_id:
            scores[event.store_id].append((int(parse_instant(event.time)), event.score))
        elif event.type == "purchase.completed" and event.customer_id and event.store_id:
            homes[event.customer_id].append((int(parse_instant(event.time)), event.store_id))
    rows = []
    for row in csv.DictReader((folder / "out" / "scores.csv").open(encoding="utf-8")):
        at, who = int(parse_instant(row["time"])), row["customer_id"]
        known = business.start + 180 * DAY <= at <= business.end - HORIZON
        if not known or who not in homes or at - business.last_bought(who, at) > RECENT:
            continue
        home = homes[who][bisect_right(homes[who], (at, "~")) - 1][1]
        lately = [score for when, score in scores[home] if at - RULES.answers_within < when <= at]
        risk = min(max(float(row["risk"]), 1e-4), 1 - 1e-4)
        rows.append(
            (
                math.log(risk / (1 - risk)),
                float(bool(lately) and sum(lately) / len(lately) <= RULES.mention_to),
                float(any(at < when <= at + AHEAD for when in business.mishaps_of(who))),
                float(at < business.left.get(who, 0) <= at + HORIZON),
                float(business.times_bought(who, at) == business.times_bought(who, at + HORIZON)),
            )
        )
    return np.array(rows)


def main() -> None:
    """Measure and print."""
    folders = [Path(name) for name in sys.argv[1:]]
    runs = [questions(folder, 730, int(re.sub(r"\D", "", folder.name))) for folder in folders]
    every = np.concatenate(runs)
    low = every[:, 1] > 0
    sys.stdout.write(f"{len(every):,} questions, the staff's score low in {low.mean():.3f}\n")
    for n, outcome in enumerate(OUTCOMES, 2):
        sys.stdout.write(
            f"{outcome}: {every[low, n].mean():.4f} where it is low, {every[~low, n].mean():.4f} elsewhere\n"
        )
    for n, outcome in enumerate(OUTCOMES[1:], 3):
        for columns, name in (([0], "the risk alone"), ([0, 1], "with the staff")):
            told = np.concatenate([_learned(runs, run, columns, n) for run in runs])
            truth = every[:, n]
            sys.stdout.write(
                f"{outcome}, {name}: AUC {roc_auc_score(truth, told):.4f}, log-loss {log_loss(truth, told):.4f}\n"
            )


def _learned(
    runs: list[NDArray[np.float64]], run: NDArray[np.float64], columns: list[int], outcome: int
) -> NDArray[np.float64]:
    """What is told of a run by what was learned on the others."""
    others = np.concatenate([one for one in runs if one is not run])
    model = LogisticRegression().fit(others[:, columns], others[:, outcome])
    told: NDArray[np.float64] = model.predict_proba(run[:, columns])[:, 1]
    return told


if __name__ == "__main__":
    main()
