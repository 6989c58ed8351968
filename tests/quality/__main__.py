"""Prints how good the risk is: `python -m tests.quality [SET ...]`.

Two public sets, and shops invented by known processes. Each origin is the last second of a UTC day, and labels are read
off the purchases after it. Positive class: no purchase in (t, t + horizon]. Rivals are fitted again at every origin.
"""

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import rfc3339
from scorers.policy.spans import Span
from scorers.policy.tables import Policy
from tests.quality import plots, rivals
from tests.quality.history import History, last_second
from tests.quality.judge import Figures, Floats, Margin, Origin, judge, margins, mean, reliability, tails
from tests.quality.run import Asked, Tape, run
from tests.quality.sets import EVERY_DAYS, PUBLIC, SETS, DataSet

OURS = "vigia"


def policy_for(data: DataSet) -> Policy:
    """The defaults, with the horizon of the question."""
    policy = Policy()
    risk = msgspec.structs.replace(policy.risk, horizon=Span(data.horizon_days * DAY))
    return msgspec.structs.replace(policy, risk=risk)


def origins_of(history: History, data: DataSet) -> list[Origin]:
    """Every instant that is judged."""
    days = range(history.start + data.first_day, history.end - data.horizon_days + 1, EVERY_DAYS)
    return [history.origin(day, data.horizon_days) for day in days]


def ours(
    history: History, data: DataSet, origins: Sequence[Origin], others: Sequence[int] = ()
) -> tuple[list[Asked], Tape]:
    """What the core was asked at the origins, and the lessons that it took."""
    asked, tape = run(history.lines(), policy_for(data), [last_second(origin.day) for origin in origins], others)
    for question, origin in zip(asked, origins, strict=True):
        if question.who != origin.who:
            raise AssertionError(f"day {origin.day}: those who are scored are not those who had bought")
    return asked, tape


class Within(NamedTuple):
    """How good the risk within another horizon is, beside BG/NBD asked for that horizon."""

    days: int
    origins: int
    ours: Figures
    theirs: Figures


class Judged(NamedTuple):
    """All origins of a set, the risk by every model at each, and what was told of other horizons."""

    origins: list[Origin]
    models: dict[str, list[Floats]]
    within: list[Within]


def measure(data: DataSet) -> Judged:
    """Run the core and the rivals."""
    history = data.read()
    origins = origins_of(history, data)
    others = [data.horizon_days // 3, data.horizon_days * 2]
    asked, _ = ours(history, data, origins, others)
    models = rivals.risks_of(history, origins, data.horizon_days)
    models["prior alone"] = [question.component("prior") for question in asked]
    models["logistic alone"] = [question.component("logistic") for question in asked]
    models["rules alone"] = [question.rules for question in asked]
    models[OURS] = [question.risks(question.model) for question in asked]
    within = [_within(history, days, origins, asked) for days in others]
    return Judged(origins, models, [one for one in within if one is not None])


def _within(history: History, days: int, origins: Sequence[Origin], asked: Sequence[Asked]) -> Within | None:
    """Judged at the origins that so long a horizon still follows."""
    known = [n for n, origin in enumerate(origins) if origin.day + days <= history.end]
    if not known:
        return None
    there = [history.origin(origins[n].day, days) for n in known]
    rivals_there = rivals.bg_nbd(history, there, days)
    mine = mean([judge(origin, asked[n].others[days]) for n, origin in zip(known, there, strict=True)])
    theirs = mean([judge(origin, risk) for origin, risk in zip(there, rivals_there, strict=True)])
    return Within(days, len(known), mine, theirs)


def write(folder: Path, data: DataSet) -> None:
    """Write the events and what the core told, as `vigia replay` has them, for a judge from outside."""
    folder.mkdir(parents=True, exist_ok=True)
    history = data.read()
    with (folder / "events.jsonl").open("wb") as file:
        file.writelines(line + b"\n" for line in history.lines())
    origins = origins_of(history, data)
    asked, _ = ours(history, data, origins)
    with (folder / "scores.csv").open("w", newline="") as table:
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(("time", "customer_id", "risk"))
        for question in asked:
            risks = question.risks(question.model).tolist()
            rows.writerows(
                (rfc3339(question.at), who, f"{risk:.9g}") for who, risk in zip(question.who, risks, strict=True)
            )


def print_tables(name: str, data: DataSet, judged: Judged) -> None:
    """Print the tables of one set."""
    origins, models, within = judged
    say = sys.stdout.write
    labels = np.concatenate([origin.inactive for origin in origins])
    recent = np.concatenate([origin.recent for origin in origins])
    say(f"\n{name}: {data.horizon_days} days, {len(origins)} origins, {len(origins[-1].who)} customers at the last, ")
    say(f"{labels.mean():.3f} inactive ({labels[recent].mean():.3f} of recent buyers)\n")
    say(f"{'':<16}{'recent':>8}{'loss':>8} |{'AUC':>8}{'worst':>8}{'Brier':>8}{'log-loss':>9}{'ECE':>8} |")
    say(f"{'ahead by: recent':>24}{'whole base':>24}\n")
    lately, whole = margins(origins, models, OURS, recent=True), margins(origins, models, OURS)
    for model, risks in models.items():
        figures = [judge(origin, risk) for origin, risk in zip(origins, risks, strict=True)]
        m, worst = mean(figures), np.nanmin([f.auc for f in figures])
        say(f"{model:<16}{m.auc_recent:>8.4f}{m.log_loss_recent:>8.4f} |{m.auc:>8.4f}{worst:>8.4f}{m.brier:>8.4f}")
        say(f"{m.log_loss:>9.4f}{m.ece:>8.4f} |")
        say("\n" if model == OURS else f"{_as_text(lately[model]):>24}{_as_text(whole[model]):>24}\n")
    for days, many, mine, theirs in within:
        say(
            f"within {days} days, {many} origins: AUC {mine.auc:.4f}, log-loss {mine.log_loss:.4f}, ECE {mine.ece:.4f}; "
        )
        say(f"BG/NBD {theirs.auc:.4f}, {theirs.log_loss:.4f}, {theirs.ece:.4f}\n")
    say("\nrisk given inactive  scores\n")
    for told, seen, many in reliability(labels, np.concatenate(models[OURS])):
        say(f"{told:>9.3f}{seen:>10.3f}{many:>8}  {'#' * round(40 * seen)}\n")
    say("at the ends:")
    for told, seen, many in tails(labels, np.concatenate(models[OURS])):
        say(f"  {told:.4f} given, {seen:.4f} inactive ({many})")
    say("\n")
    sys.stdout.flush()


def _as_text(margin: Margin) -> str:
    mark = " *" if margin.ahead else "  "
    return f"{margin.auc:+.4f} ±{margin.se:.4f} {margin.wins:4.0%}{mark}"


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)} (default: all)")
    parser.add_argument("--write", type=Path, metavar="DIR", help="write events and scores there, and judge nothing")
    parser.add_argument(
        "--plots", type=Path, metavar="DIR", help="draw reliability.svg and lift.svg of the public sets there"
    )
    args = parser.parse_args()
    names = args.sets or list(SETS)
    if unknown := [name for name in names if name not in SETS]:
        parser.error(f"unknown data set {unknown[0]}; known: {', '.join(SETS)}")
    judged = {}
    for name in names:
        if args.write is not None:
            write(args.write / name, SETS[name])
            continue
        began = time.process_time()
        judged[name] = measure(SETS[name])
        print_tables(name, SETS[name], judged[name])
        sys.stdout.write(f"{time.process_time() - began:.0f} seconds of one processor\n")
    public = {name: judged[name][:2] for name in PUBLIC if name in judged}
    if args.plots is not None and public:
        plots.draw(public, args.plots)
    return 0


if __name__ == "__main__":
    sys.exit(main())
