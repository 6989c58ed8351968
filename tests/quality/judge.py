"""How good scores are at one instant: ranking, sharpness, calibration. Inactive is the positive class."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 10
RESAMPLES = 200
SURE = 1e-6


class Origin(NamedTuple):
    """What came true after one instant: who was known then, who bought nothing, who had bought lately."""

    day: int
    who: list[str]
    inactive: Floats
    recent: NDArray[np.bool_]  # bought within the last horizon: whom a shop can still save


class Figures(NamedTuple):
    """What is reported at each origin, and as a mean over origins."""

    auc: float
    auc_recent: float
    brier: float
    log_loss: float
    log_loss_recent: float
    ece: float


class Margin(NamedTuple):
    """One model against another: positive is better."""

    auc: float
    se: float  # of the mean difference, over resampled customers
    wins: float  # share of the origins with a better AUC
    log_loss: float

    @property
    def ahead(self) -> bool:
        """What may be claimed: two standard errors, and four origins of five."""
        return self.auc >= 2 * self.se and self.wins >= 0.8


def auc(inactive: Floats, risk: Floats) -> float:
    """Chance that an inactive customer is ranked over an active one; ties count half.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    return float(weighted_auc(inactive, risk, np.ones((1, len(risk))))[0])


def weighted_auc(inactive: Floats, risk: Floats, weights: Floats) -> Floats:
    """The AUC under each row of weights of the customers; NaN where one class is missing."""
    order = np.argsort(risk, kind="stable")
    ranked, ones, w = risk[order], inactive[order] == 1, weights[:, order]
    starts = np.concatenate(([0], np.flatnonzero(np.diff(ranked)) + 1)) if len(risk) else np.zeros(0, dtype=int)
    if not len(starts):
        return np.full(len(weights), np.nan)
    gone = np.add.reduceat(w * ones, starts, axis=1)
    here = np.add.reduceat(w * ~ones, starts, axis=1)
    pairs = gone.sum(axis=1) * here.sum(axis=1)
    over = (gone * (np.cumsum(here, axis=1) - here / 2)).sum(axis=1)
    return np.divide(over, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def reliability(inactive: Floats, risk: Floats) -> list[tuple[float, float, int]]:
    """Predicted share, observed share and size of ten bins of equally many customers, by risk."""
    bins = [b for b in np.array_split(np.argsort(risk, kind="stable"), BINS) if len(b)]
    return [(float(risk[b].mean()), float(inactive[b].mean()), len(b)) for b in bins]


TAILS = (
    (0.0, 0.001),
    (0.001, 0.003),
    (0.003, 0.01),
    (0.01, 0.03),
    (0.97, 0.99),
    (0.99, 0.997),
    (0.997, 0.999),
    (0.999, 1.0),
)


def tails(inactive: Floats, risk: Floats) -> list[tuple[float, float, int]]:
    """As `reliability`, of the most certain risks at both ends: each of `TAILS` that holds any.

    >>> tails(np.array([0, 1, 1]), np.array([0.5, 0.999, 0.9999]))
    [(0.99945, 1.0, 2)]
    """
    bins = [(risk >= low) & (risk < high if high < 1.0 else risk <= high) for low, high in TAILS]
    return [(float(risk[b].mean()), float(inactive[b].mean()), int(b.sum())) for b in bins if b.any()]


def judge(origin: Origin, risk: Floats) -> Figures:
    """All figures of one origin."""
    y, recent = origin.inactive, origin.recent
    p = np.clip(risk, SURE, 1 - SURE)
    losses = -(y * np.log(p) + (1 - y) * np.log(1 - p))
    return Figures(
        auc=auc(y, risk),
        auc_recent=auc(y[recent], risk[recent]),
        brier=float(((p - y) ** 2).mean()),
        log_loss=float(losses.mean()),
        log_loss_recent=float(losses[recent].mean()) if recent.any() else float("nan"),
        ece=sum(abs(told - seen) * n for told, seen, n in reliability(y, p)) / len(p),
    )


def mean(figures: Sequence[Figures]) -> Figures:
    """Over origins; one that has no figure, as where nobody left, is passed over."""
    return Figures(*(float(np.nanmean(column)) for column in zip(*figures, strict=True)))


def resampled(origins: Sequence[Origin], models: Mapping[str, Sequence[Floats]], *, recent: bool) -> dict[str, Floats]:
    """Mean AUC over origins in resamples of the customers, the same resamples for every model."""
    names = sorted({name for origin in origins for name in origin.who})
    place = {name: n for n, name in enumerate(names)}
    draws = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), size=RESAMPLES)
    found = {model: np.zeros((len(origins), RESAMPLES)) for model in models}
    for n, origin in enumerate(origins):
        kept = origin.recent if recent else np.ones(len(origin.who), dtype=bool)
        weights = draws[:, [place[name] for name in origin.who]][:, kept].astype(float)
        for model, risks in models.items():
            found[model][n] = weighted_auc(origin.inactive[kept], risks[n][kept], weights)
    return {model: np.nanmean(rows, axis=0) for model, rows in found.items()}


def margins(
    origins: Sequence[Origin], models: Mapping[str, Sequence[Floats]], ours: str, *, recent: bool = False
) -> dict[str, Margin]:
    """One model against each of the others."""
    again = resampled(origins, models, recent=recent)
    figures = {
        model: [judge(origin, risk) for origin, risk in zip(origins, risks, strict=True)]
        for model, risks in models.items()
    }
    found = {}
    for other in models:
        if other == ours:
            continue
        pairs = list(zip(figures[ours], figures[other], strict=True))
        better = [a.auc_recent - b.auc_recent if recent else a.auc - b.auc for a, b in pairs]
        losses = [b.log_loss_recent - a.log_loss_recent if recent else b.log_loss - a.log_loss for a, b in pairs]
        known = [value for value in better if value == value]
        found[other] = Margin(
            float(np.mean(known)),
            float(np.nanstd(again[ours] - again[other], ddof=1)),
            sum(value > 0 for value in known) / len(known),
            float(np.nanmean(losses)),
        )
    return found
