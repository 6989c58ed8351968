"""The learners of the risk model as River classifiers, to be used and tested like River's own."""

from math import pi, sqrt
from typing import Any

import numpy as np
from river import base
from river.base.typing import ClfTarget

from scorers.risk.belief import Floats, GaussianBelief
from scorers.risk.columns import NAMES
from scorers.risk.design import Scaler
from scorers.risk.features import prior_arguments
from scorers.risk.log_odds import sigmoid
from scorers.risk.population import PopulationBelief


class BayesianLogistic(base.Classifier):
    """Logistic regression with a Gaussian belief over its weights, one Kalman step per answer.

    Parameters
    ----------
    spread
        Standard deviation of a weight before any answer; a weight is the log-odds per standard deviation of its column.
    weight
        How much an answer counts: 1/4 where each is shared by four overlapping questions.
    drift
        Variance that a weight gains per answer, as a share of its first variance.

    Examples
    --------
    >>> model = BayesianLogistic()
    >>> for n in range(200):
    ...     model.learn_one({"silence": n % 7, "noise": n % 3}, n % 7 > 3)
    >>> model.predict_one({"silence": 6, "noise": 1}), model.predict_one({"silence": 0, "noise": 1})
    (True, False)
    """

    def __init__(self, spread: float = 1.0, weight: float = 1.0, drift: float = 0.0) -> None:
        self.spread = spread
        self.weight = weight
        self.drift = drift
        self._columns: dict[Any, int] = {}
        self._scaler = Scaler(0)
        self._belief = GaussianBelief(np.zeros(1), np.ones(1), drift)

    def _row(self, x: dict[Any, Any]) -> Floats:
        row = np.zeros(len(self._columns))
        for name, value in x.items():
            if (at := self._columns.get(name)) is not None:
                row[at] = value
        return row

    def learn_one(self, x: dict[Any, Any], y: ClfTarget) -> None:
        """Learn an answer."""
        new = [name for name in x if name not in self._columns]
        if new:
            for name in new:
                self._columns[name] = len(self._columns)
            self._scaler.widen(len(new))
            self._belief.widen(len(new), self.spread**2)
        row = self._row(x)
        self._scaler.learn(row)
        self._belief.age(1.0)
        self._belief.learn(np.concatenate([[1.0], self._scaler.apply(row)]), bool(y), self.weight)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[ClfTarget, float]:
        """The probabilities of False and True, the uncertainty of the weights included."""
        row = np.concatenate([[1.0], self._scaler.apply(self._row(x))])
        variance = float(row @ self._belief.cov @ row)
        p = sigmoid(float(row @ self._belief.mean) / sqrt(1.0 + pi / 8.0 * variance))
        return {False: 1.0 - p, True: p}


class BuyTillYouDie(base.Classifier):
    """The probability of no purchase by `prior.Population`, its parameters learned online from answers.

    Parameters
    ----------
    weight
        How much an answer counts.

    Examples
    --------
    >>> from math import log, log1p
    >>> model = BuyTillYouDie()
    >>> asked = {"horizon": log(30), "occasions": log(5), "paced_gaps": log1p(4), "paced_days": log1p(28)}
    >>> lately, long_ago = asked | {"silence": log1p(3)}, asked | {"silence": log1p(99)}
    >>> model.predict_proba_one(lately)[True] < 0.5 < model.predict_proba_one(long_ago)[True]
    True
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight
        self._population = PopulationBelief(0.0)

    def learn_one(self, x: dict[Any, Any], y: ClfTarget) -> None:
        """Learn an answer."""
        self._population.learn(_features(x), bool(y), self.weight)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[ClfTarget, float]:
        """The probabilities of a purchase (False) and of none (True)."""
        p = self._population.population().risk(*prior_arguments(_features(x)))
        return {False: 1.0 - p, True: p}


def _features(x: dict[Any, Any]) -> list[float]:
    # A column that is out of all bounds, as in data that are no customers, must not overflow.
    return [min(max(float(x.get(name, 0.0)), -12.0), 12.0) for name in NAMES]
