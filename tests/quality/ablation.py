"""What each part of the model is worth: `python -m tests.quality.ablation [SET ...]`.

The core runs once; then the lessons it took are learned anew by trainers that lack a part: columns that are always 0, or a
setting that forbids a weight to move. Every variation is judged on the same questions as the whole, with the paired error.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np

from scorers import training
from scorers.features import INDEX, NAMES
from tests.quality.__main__ import origins_of, ours
from tests.quality.judge import judge, margins, mean
from tests.quality.run import relearned
from tests.quality.sets import SETS

SETS_BY_DEFAULT = ("cdnow", "complete-journey", "simulated")
NEVER = 1e-6


class Without(NamedTuple):
    """A part to leave out: columns from one name up to another, settings of `scorers.training`, or both."""

    name: str
    columns: tuple[str, str] | None = None
    settings: tuple[tuple[str, float], ...] = ()


VARIATIONS = (
    Without("gaps and counts", ("one_time", "bought_four_horizons")),
    Without("money and baskets", ("spent", "refund_share")),
    Without("contacts", ("contacts_in", "reward_lately")),
    Without("complaints and mood", ("complaints", "bonds")),
    Without("season", ("season_sin", "season_cos")),
    Without("bends", settings=(("BEND_SPREAD", NEVER),)),
    Without("gate", settings=(("GATED_SPREAD", NEVER),)),
    Without("bends and gate", settings=(("BEND_SPREAD", NEVER), ("GATED_SPREAD", NEVER))),
    Without("drift", settings=(("DRIFT", 0.0), ("POPULATION_DRIFT", 0.0))),
    Without("overlap (weight 1)", settings=(("OVERLAP", 1.0),)),
)


@contextmanager
def _set(settings: tuple[tuple[str, float], ...]) -> Iterator[None]:
    before = [(name, getattr(training, name)) for name, _ in settings]  # a setting that is gone is an error
    try:
        for name, value in settings:
            setattr(training, name, value)
        yield
    finally:
        for name, value in before:
            setattr(training, name, value)


def main(names: list[str]) -> None:
    """Run and print."""
    say = sys.stdout.write
    for name in names:
        data = SETS[name]
        history = data.read()
        origins = origins_of(history, data)
        asked, tape = ours(history, data, origins)
        models = {"whole": [question.risks(question.model) for question in asked]}
        models["prior alone"] = [question.voice("prior") for question in asked]
        for part in VARIATIONS:
            keep = np.ones(len(NAMES))
            if part.columns is not None:
                first, last = part.columns
                held = slice(INDEX[first], INDEX[last] + 1)
                if not any(question.columns[:, held].any() for question in asked):
                    continue  # nothing was ever known of it here
                keep[held] = 0.0
            with _set(part.settings):
                models[part.name] = relearned(tape, asked, keep)
        lately, all_of_them = margins(origins, models, "whole", recent=True), margins(origins, models, "whole")
        say(f"\n{name}, without\n{'':<22}{'recent':>8}{'AUC':>8}{'log-loss':>10}{'ECE':>8}  the whole is ahead by\n")
        for model, risks in models.items():
            m = mean([judge(origin, told) for origin, told in zip(origins, risks, strict=True)])
            say(f"{model:<22}{m.auc_recent:>8.4f}{m.auc:>8.4f}{m.log_loss:>10.4f}{m.ece:>8.4f}")
            if model != "whole":
                near, far = lately[model], all_of_them[model]
                say(f"  {near.auc:+.4f} ±{near.se:.4f}  {far.auc:+.4f} ±{far.se:.4f}  {far.log_loss:+.4f}")
            say("\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:] or list(SETS_BY_DEFAULT))
