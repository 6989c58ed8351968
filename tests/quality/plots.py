"""The two pictures of docs/model.md: is a risk of 30 % one of 30 %, and whom does it pay to call first.

Drawn from the figures of one run, the same bytes each time: no date, no random names inside the file.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.quality.judge import Floats, Origin, reliability, tails

INK, GRID = "#333333", "#dddddd"
LEAST = 0.0005  # of a risk or a share, where the logarithmic axes end
FEWEST = 30  # scores of an end that is drawn
COLOURS = {"vigia": "#c1440e", "BG/NBD": "#7a7a7a", "boosting": "#2b6ca3", "blend": "#4b8b3b"}
Judged = Mapping[str, tuple[Sequence[Origin], Mapping[str, Sequence[Floats]]]]
"""By data set: its origins, and the risk by each model at each."""


def draw(judged: Judged, folder: Path) -> None:
    """Write reliability.svg and lift.svg."""
    folder.mkdir(parents=True, exist_ok=True)
    _figure(judged, folder / "reliability.svg", _reliability)
    _figure(judged, folder / "lift.svg", _lift)


def _figure(judged: Judged, path: Path, panel: Any) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    settings = {
        "svg.hashsalt": "vigia",
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "font.size": 9,
        "text.color": INK,
        "axes.labelcolor": INK,
        "axes.edgecolor": INK,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "xtick.color": INK,
        "ytick.color": INK,
    }
    with mpl.rc_context(settings):
        figure = Figure(figsize=(4.2 * len(judged), 3.6), layout="constrained")
        for n, (name, (origins, models)) in enumerate(judged.items()):
            axes = figure.add_subplot(1, len(judged), n + 1)
            panel(axes, origins, models)
            axes.set_title(name.replace("-", " "), loc="left", fontweight="bold")
            axes.grid(color=GRID, linewidth=0.5)
            axes.legend(frameon=False)
        figure.savefig(path, metadata={"Date": None, "Creator": None})


def _all(origins: Sequence[Origin], risks: Sequence[Floats], recent: bool) -> tuple[Floats, Floats]:
    kept = [origin.recent if recent else np.ones(len(origin.who), dtype=bool) for origin in origins]
    labels = np.concatenate([origin.inactive[some] for origin, some in zip(origins, kept, strict=True)])
    return labels, np.concatenate([risk[some] for risk, some in zip(risks, kept, strict=True)])


def _reliability(axes: Any, origins: Sequence[Origin], models: Mapping[str, Sequence[Floats]]) -> None:
    axes.plot([LEAST, 1 - LEAST], [LEAST, 1 - LEAST], color=INK, linewidth=0.8, linestyle=":")
    for name, colour in COLOURS.items():
        labels, risks = _all(origins, models[name], recent=False)
        told, seen, _ = zip(*reliability(labels, risks), strict=True)
        width = 1.8 if name == "vigia" else 1.0
        axes.plot(
            told, np.clip(seen, LEAST, 1 - LEAST), color=colour, linewidth=width, marker="o", markersize=3, label=name
        )
        ends = [one for one in tails(labels, risks) if one[2] >= FEWEST]
        for risk, share, _ in ends:
            at = np.clip((risk, share), LEAST, 1 - LEAST)
            axes.plot(*at, color=colour, marker="x", markersize=5 if name == "vigia" else 3)
    axes.set_xscale("logit")
    axes.set_yscale("logit")
    axes.set(xlabel="risk: tenths of the customers, and x the ends", ylabel="share that bought nothing")
    axes.set(xlim=(LEAST, 1 - LEAST), ylim=(LEAST, 1 - LEAST))
    axes.minorticks_off()


def _lift(axes: Any, origins: Sequence[Origin], models: Mapping[str, Sequence[Floats]]) -> None:
    axes.axhline(1.0, color=INK, linewidth=0.8, linestyle=":")
    for name, colour in COLOURS.items():
        labels, risks = _all(origins, models[name], recent=True)
        labels = labels[np.argsort(-risks, kind="stable")]
        shares = np.linspace(0.02, 1.0, 50)
        many = np.maximum((shares * len(labels)).astype(int), 1)
        lift = np.cumsum(labels)[many - 1] / many / labels.mean()
        axes.plot(shares, lift, color=colour, linewidth=1.8 if name == "vigia" else 1.0, label=name)
    axes.set(xlabel="share of recent buyers called, riskiest first", ylabel="leavers per call, against chance")
    axes.set(xlim=(0, 1))
