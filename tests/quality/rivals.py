"""What everybody else would use: BG/NBD by `lifetimes`, batch logistic and boosting on RFM features, their blend.

All are fitted again at each origin, on what was known by then: purchases up to it, and labels of snapshots a horizon
earlier at least.
"""

import io
import warnings
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from contextlib import redirect_stdout

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scorers.contract.events import DAY
from tests.quality.history import History
from tests.quality.judge import SURE, Floats, Origin

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it speaks to an older pandas
    from lifetimes import BetaGeoFitter
    from lifetimes.utils import ConvergenceError

FIRST, EVERY = 42, 14  # days of the first training snapshot and between two
WINDOWS = (14, 28, 56, 91, 182)
PENALTIES = (1e-6, 1e-4, 1e-3, 1e-2, 1e-1)
NAMES = ("BG/NBD", "logistic", "boosting", "blend")


class Table:
    """Recency, frequency, money and what else a batch job would draw from the same facts."""

    def __init__(self, history: History) -> None:
        self.history = history
        self._money: dict[str, tuple[list[int], list[float], list[float]]] = {}
        money: dict[str, dict[int, list[float]]] = defaultdict(lambda: defaultdict(lambda: [0.0, 0.0]))
        self._others: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        for fact in history.facts:
            if fact.kind == "purchase":
                day = money[fact.customer][fact.at // DAY]
                day[0] += fact.amount_minor / 100
                day[1] += fact.discount_minor / 100
            else:
                self._others[fact.kind][fact.customer].append(fact.at // DAY)
        for who, days in money.items():
            order = sorted(days)
            paid = np.cumsum([0.0] + [days[day][0] for day in order]).tolist()
            saved = np.cumsum([0.0] + [days[day][1] for day in order]).tolist()
            self._money[who] = (order, paid, saved)
        self._kept: dict[int, Floats] = {}

    def at(self, day: int) -> Floats:
        """A row for each customer known at the end of a day."""
        if day not in self._kept:
            self._kept[day] = np.array([self._row(who, day) for who in self.history.known(day)])
        return self._kept[day]

    def _row(self, who: str, day: int) -> list[float]:
        days, paid, saved = self._money[who]
        n = bisect_right(days, day)
        gaps = np.diff(days[:n])
        silence, tenure = day - days[n - 1], day - days[0]
        mean, widest = (float(gaps.mean()), float(gaps.max())) if n > 1 else (0.0, 0.0)
        row = [
            np.log1p(n - 1),
            np.log1p(silence),
            np.log1p(tenure),
            np.log1p(tenure - silence),
            silence / (tenure + 1),
            float(n == 1),
            np.log1p(mean),
            np.log1p(gaps.std()) if n > 1 else 0.0,
            np.log1p(widest),
            np.log1p(gaps[-1]) if n > 1 else 0.0,
            np.log((silence + 3) / (mean + 3)) if n > 1 else 0.0,
            np.log((silence + 3) / (widest + 3)) if n > 1 else 0.0,
            np.log((n - 0.7) / (tenure + 35)),
            np.log1p(max(paid[n], 0.0)),
            np.log1p(max(paid[n], 0.0) / n),
            np.log1p(max(paid[n] - paid[n - 1], 0.0)),
            np.log1p(saved[n]),
            *(np.log1p(n - bisect_right(days, day - window)) for window in WINDOWS),
        ]
        for kind in sorted(self._others):
            dates = self._others[kind][who]
            seen = bisect_right(dates, day)
            row += [np.log1p(seen), np.log1p(seen - bisect_right(dates, day - 56))]
        return row


def risks_of(history: History, origins: Sequence[Origin], horizon: int) -> dict[str, list[Floats]]:
    """The risk by each rival at each origin."""
    table = Table(history)
    found = {"BG/NBD": bg_nbd(history, origins, horizon)}
    for name in ("logistic", "boosting"):
        found[name] = [learned(name, table, origin, horizon) for origin in origins]
    parts = zip(*found.values(), strict=True)
    found["blend"] = [1 / (1 + np.exp(-np.mean([np.log(p / (1 - p)) for p in each], axis=0))) for each in parts]
    return found


def learned(name: str, table: Table, origin: Origin, horizon: int) -> Floats:
    """The risk by a batch model, fitted to all snapshots whose labels are known at the origin."""
    start = table.history.start
    days = [day for day in range(start + FIRST, origin.day - horizon + 1, EVERY) if table.history.known(day)]
    rows = np.vstack([table.at(day) for day in days])
    labels = np.concatenate([table.history.origin(day, horizon).inactive for day in days])
    if labels.min() == labels.max():
        return np.full(len(origin.who), np.clip(labels.mean(), SURE, 1 - SURE))
    if name == "boosting":
        model = HistGradientBoostingClassifier(
            max_iter=150,
            learning_rate=0.05,
            max_leaf_nodes=15,
            min_samples_leaf=40,
            l2_regularization=1.0,
            random_state=0,
        )
    else:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    chances: Floats = model.fit(rows, labels).predict_proba(table.at(origin.day))[:, 1]
    return np.clip(chances, SURE, 1 - SURE)


def bg_nbd(history: History, origins: Sequence[Origin], horizon: int) -> list[Floats]:
    """The risk by BG/NBD at each origin: 1 - P(alive) P(a purchase | alive), never 1 - P(alive) alone."""
    found = []
    for origin in origins:
        past = [history.days_before(who, origin.day) for who in origin.who]
        x = np.array([len(days) - 1 for days in past], dtype=float)
        recency = np.array([days[-1] - days[0] for days in past]) / 7
        age = np.array([origin.day - days[0] for days in past]) / 7
        alive, r, alpha = _alive(x, recency, age)
        none = ((alpha + age) / (alpha + age + horizon / 7)) ** (r + x)
        found.append(np.clip(1 - alive * (1 - none), SURE, 1 - SURE))
    return found


def _alive(x: Floats, recency: Floats, age: Floats) -> tuple[Floats, float, float]:
    """P(alive), and the population's paces; on few customers the search needs a stronger pull to come to an end."""
    for penalty in PENALTIES:
        fitter = BetaGeoFitter(penalizer_coef=penalty)
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # it tells of every step of its search
            warnings.simplefilter("ignore")
            try:
                fitter.fit(x, recency, age)
            except ConvergenceError:
                continue
            alive = np.asarray(fitter.conditional_probability_alive(x, recency, age))
        return alive, float(fitter.params_["r"]), float(fitter.params_["alpha"])
    raise ConvergenceError(f"BG/NBD cannot be fitted to {len(x)} customers")
