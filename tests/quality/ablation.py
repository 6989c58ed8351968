"""What each part of the model is worth, and what else was tried: `python -m tests.quality.ablation [SET ...]`.

The core runs once; then the lessons it took are learned again by trainers that lack a part or do it otherwise. Everybody is
judged by what is said at the origins, on the same questions as the whole, with the paired error. `--namings N` names the
customers in N ways, so that chance has asked them on other days, and tells the mean. `--trees` lets River's trees learn
from the same lessons, which takes a hundred times as long.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import numpy as np

from scorers.contract.lessons import LEARNERS, MEMBERS, Lesson
from scorers.policy.tables import AUTO
from scorers.risk import training
from scorers.risk.columns import INDEX, NAMES
from scorers.risk.log_odds import logit
from scorers.risk.model import Model
from scorers.risk.population import PopulationBelief
from scorers.risk.training import Trainer
from tests.quality.__main__ import origins_of, ours
from tests.quality.history import History
from tests.quality.judge import SURE, Figures, Floats, Margin, Origin, judge, margins, mean
from tests.quality.run import Asked, Tape, relearned
from tests.quality.sets import SETS, DataSet

SETS_BY_DEFAULT = ("cdnow", "complete-journey", "gifts", "simulated")
NEVER = 1e-6
Setting = float | tuple[float, ...]
BOUGHT = INDEX["bought_horizon"]


class Hindsight(Trainer):
    """Judges the learned components by what they give when the answer comes."""

    def _judge(self, lesson: Lesson, prior: float, logistic: float) -> None:
        super()._judge(msgspec.structs.replace(lesson, voices=()), prior, logistic)


class Asking(Trainer):
    """Compares prior and logistic, too, by what they gave when asked."""

    def _judge(self, lesson: Lesson, prior: float, logistic: float) -> None:
        asked = dict(zip(MEMBERS, lesson.voices, strict=False))
        super()._judge(lesson, asked.get("prior", prior), asked.get(LEARNERS[0], logistic))


class Recent(Trainer):
    """Answers of those who bought within the last horizon count twice as much."""

    def learn(self, lesson: Lesson) -> None:
        with _set((("OVERLAP", training.OVERLAP * (2.0 if lesson.features[BOUGHT] else 1.0)),)):
            super().learn(lesson)


class Stepping(Trainer):
    """SGD is the champion."""

    def snapshot(self, champion: str = AUTO) -> Model:
        return super().snapshot("sgd")


class Straight(Trainer):
    """The prior's clock is not bent."""

    def __init__(self) -> None:
        super().__init__()
        self._population.SPREADS = np.array([*PopulationBelief.SPREADS[:5], 0.0, 0.0])


class Without(NamedTuple):
    """What to change: columns to leave out from one name up to another, settings of `scorers.risk.training`, the trainer."""

    name: str
    columns: tuple[str, str] | None = None
    settings: tuple[tuple[str, Setting], ...] = ()
    trainer: type[Trainer] = Trainer


VARIATIONS = (
    Without("- gaps and counts", ("one_time", "bought_four_horizons")),
    Without("- money and baskets", ("spent", "refund_share")),
    Without("- contacts", ("contacts_in", "reward_lately")),
    Without("- complaints and mood", ("complaints", "bonds")),
    Without("- season", ("season_sin", "season_cos")),
    Without("- bends and gate", settings=(("BEND_SPREAD", NEVER), ("GATED_SPREAD", NEVER))),
    Without("- bent clock", trainer=Straight),
    Without("- ensemble of spreads", settings=(("BOLDNESS", (1.0,)),)),
    Without("- ensemble and bent clock", settings=(("BOLDNESS", (1.0,)),), trainer=Straight),
    Without("- drift", settings=(("DRIFT", 0.0), ("POPULATION_DRIFT", 0.0))),
    Without("answers count whole", settings=(("OVERLAP", 1.0),)),
    Without("quick: drift x10", settings=(("DRIFT", 2.0), ("SPREAD", 0.28))),
    Without("SGD as champion", trainer=Stepping),
    Without("recent count twice", trainer=Recent),
    Without("weights in hindsight", trainer=Hindsight),
    Without("weights when asked", trainer=Asking),
)


@contextmanager
def _set(settings: tuple[tuple[str, Setting], ...]) -> Iterator[None]:
    before = [(name, getattr(training, name)) for name, _ in settings]  # a setting that is gone is an error
    try:
        for name, value in settings:
            setattr(training, name, value)
        yield
    finally:
        for name, value in before:
            setattr(training, name, value)


def trees(tape: Tape, asked: Sequence[Asked]) -> dict[str, list[Floats]]:
    """What River's trees say at the origins, alone and as half of the log-odds; what ours had said is a column of theirs."""
    from river.forest import ARFClassifier
    from river.tree import HoeffdingTreeClassifier

    some = [n for n in range(len(NAMES)) if any(question.columns[:, n].any() for question in asked)]
    names = [*(NAMES[n] for n in some), "ours"]
    found: dict[str, list[Floats]] = {}
    for name, tree in (("Hoeffding tree", HoeffdingTreeClassifier()), ("adaptive forest", ARFClassifier(10, seed=1))):
        done = 0
        for question in asked:
            upto = tape.known[question.model.version]
            for lesson, x in tape.taught[done:upto]:
                row = [*x[some].tolist(), logit(lesson.predicted)]
                tree.learn_one(dict(zip(names, row, strict=True)), lesson.inactive)
            done = max(done, upto)
            whole = _log_odds(question.risks(question.model))
            rows = np.column_stack([question.columns[:, some], whole]).tolist()
            told = [tree.predict_proba_one(dict(zip(names, row, strict=True))).get(True, 0.0) for row in rows]
            alone = np.clip(np.array(told), 0.01, 0.99)
            found.setdefault(name, []).append(alone)
            found.setdefault(f"half {name}", []).append(1 / (1 + np.exp(-(whole + _log_odds(alone)) / 2)))
    return found


def _log_odds(p: Floats) -> Floats:
    p = np.clip(p, SURE, 1 - SURE)
    return np.log(p / (1 - p))


def named(history: History, n: int) -> History:
    """The same customers by other names: who is asked on which day hangs on them. The first naming is the given one."""
    if not n:
        return history
    return History([fact._replace(customer=f"{fact.customer}-{n}") for fact in history.facts])


def tried(data: DataSet, history: History, *, with_trees: bool) -> tuple[list[Origin], dict[str, list[Floats]]]:
    """The whole, the prior, and each variation (or the trees) on the same lessons and questions."""
    origins = origins_of(history, data)
    asked, tape = ours(history, data, origins)
    models = {"whole": [question.risks(question.model) for question in asked]}
    models["prior alone"] = [question.component("prior") for question in asked]
    if with_trees:
        return origins, models | trees(tape, asked)
    for part in VARIATIONS:
        keep = np.ones(len(NAMES))
        if part.columns is not None:
            first, last = part.columns
            held = slice(INDEX[first], INDEX[last] + 1)
            if not any(question.columns[:, held].any() for question in asked):
                continue  # nothing was ever known of it here
            keep[held] = 0.0
        with _set(part.settings):
            models[part.name] = relearned(tape, asked, keep, part.trainer())
    return origins, models


def main(names: list[str], namings: int, *, with_trees: bool) -> None:
    """Run and print."""
    say = sys.stdout.write
    for name in names:
        data = SETS[name]
        history = data.read()
        told: dict[str, list[tuple[Figures, Margin | None, Margin | None]]] = {}
        for n in range(namings):
            origins, models = tried(data, named(history, n), with_trees=with_trees)
            lately, everybody = margins(origins, models, "whole", recent=True), margins(origins, models, "whole")
            for model, risks in models.items():
                m = mean([judge(origin, risk) for origin, risk in zip(origins, risks, strict=True)])
                told.setdefault(model, []).append((m, lately.get(model), everybody.get(model)))
        say(f"\n{name}{f', mean of {namings} namings' if namings > 1 else ''}\n")
        say(f"{'':<24}{'recent':>8}{'loss':>8}{'AUC':>8}{'log-loss':>10}{'ECE':>8}  the whole is ahead by\n")
        for model, rows in told.items():
            m = mean([figures for figures, _, _ in rows])
            say(
                f"{model:<24}{m.auc_recent:>8.4f}{m.log_loss_recent:>8.4f}{m.auc:>8.4f}{m.log_loss:>10.4f}{m.ece:>8.4f}"
            )
            near, far = [one for _, one, _ in rows if one], [one for _, _, one in rows if one]
            if near and far:
                say(f"  {_over(near)}  {_over(far)}  {np.mean([one.log_loss for one in far]):+.4f}")
            say("\n")
        sys.stdout.flush()


def _over(found: Sequence[Margin]) -> str:
    """Over namings the error is still that of the customers, who stay the same."""
    return f"{np.mean([one.auc for one in found]):+.4f} ±{np.mean([one.se for one in found]):.4f}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.quality.ablation", description=__doc__)
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"of {', '.join(SETS)}")
    parser.add_argument("--trees", action="store_true", help="River's trees instead of the variations")
    parser.add_argument(
        "--namings", type=int, default=1, metavar="N", help="so many ways to name the customers; mean of all"
    )
    args = parser.parse_args()
    if args.namings > 1 and "simulated" in args.sets:
        parser.error("the simulated shop tells more than purchases and keeps its names")
    main(args.sets or list(SETS_BY_DEFAULT), args.namings, with_trees=args.trees)
