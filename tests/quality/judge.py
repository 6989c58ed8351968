"""How good scores are at one instant: ranking, sharpness, calibration. Inactive is the positive class."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BINS = 10


class Figures(NamedTuple):
    """What is reported at each origin, and as a mean over origins."""

    auc: float
    auc_recent: float  # among those who bought within the last horizon: whom a shop can still save
    brier: float
    log_loss: float
    ece: float


def auc(inactive: Floats, risk: Floats) -> float:
    """Chance that an inactive customer is ranked over an active one; ties count half.

    >>> auc(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    _, place, count = np.unique(risk, return_inverse=True, return_counts=True)
    rank = (np.cumsum(count) - (count - 1) / 2)[place]
    ones = inactive.sum()
    zeros = len(inactive) - ones
    return (
        float((rank[inactive == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros)) if ones and zeros else float("nan")
    )


def reliability(inactive: Floats, risk: Floats) -> list[tuple[float, float, int]]:
    """Predicted share, observed share and size of ten bins of equally many customers, by risk."""
    bins = [b for b in np.array_split(np.argsort(risk, kind="stable"), BINS) if len(b)]
    return [(float(risk[b].mean()), float(inactive[b].mean()), len(b)) for b in bins]


def judge(inactive: Floats, risk: Floats, recent: NDArray[np.bool_]) -> Figures:
    """All figures of one origin."""
    p = np.clip(risk, 1e-6, 1 - 1e-6)
    return Figures(
        auc=auc(inactive, p),
        auc_recent=auc(inactive[recent], p[recent]),
        brier=float(((p - inactive) ** 2).mean()),
        log_loss=float(-(inactive * np.log(p) + (1 - inactive) * np.log(1 - p)).mean()),
        ece=sum(abs(told - seen) * n for told, seen, n in reliability(inactive, p)) / len(p),
    )
