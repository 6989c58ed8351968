"""Learners that take one lesson at a time, in River's interface, and the plain vectors they run on.

`BayesianLogistic` keeps a Gaussian belief over its weights and moves it by one Kalman step per answer: it needs no
learning rate, is calibrated while it learns, and lets weights drift with time. `BuyTillYouDie` learns the population of
`prior` in the same way. What River has of its own (SGD, forests) is either badly calibrated or a hundred times slower.
They know columns and labels; that those are customers is known elsewhere.
"""

from collections.abc import Sequence
from math import exp, pi, sqrt
from typing import Any

import numpy as np
from msgspec import structs
from numpy.typing import NDArray
from river import base
from river.base.typing import ClfTarget

from scorers.risk.columns import NAMES
from scorers.risk.features import prior_arguments
from scorers.risk.log_odds import log_loss, logit, sigmoid
from scorers.risk.prior import Population, no_purchase

Floats = NDArray[np.float64]
FINEST = 0.15  # spreads below this count as this: a rare flag speaks by its unit, not by its rarity
_STEADY = 1e-4  # the share of a new row in a column's mean and spread, once many were seen
_SMALL = 1e-9


class Belief:
    """A Gaussian belief over the weights of a log-odds, moved one answer at a time.

    With a single weight and sure answers it converges to what the answers say:

    >>> b = Belief(np.zeros(1), np.ones(1), drift=0.0)
    >>> for n in range(400):
    ...     _ = b.learn(np.ones(1), n % 4 == 0, 1.0)
    >>> round(sigmoid(float(b.mean[0])), 2)
    0.25
    """

    def __init__(self, mean: Floats, variance: Floats, drift: float) -> None:
        self.mean = mean.copy()
        self.start = variance.copy()
        self.drift = drift
        self.cov: Floats = np.diag(variance)
        self._square: Floats = np.empty(0)  # room to work in

    def learn(self, x: Floats, y: bool, weight: float, log_odds: float | None = None) -> float:
        """Move by one answer; the probability given to True before. `log_odds` stands in where x is a gradient."""
        told = self.cov @ x
        doubt = float(x @ told)
        z = float(x @ self.mean) if log_odds is None else log_odds
        p = sigmoid(z / sqrt(1.0 + pi / 8.0 * doubt))
        heed = weight * max(p * (1.0 - p), 1e-4)
        self.mean += told * (weight * (y - p) / (1.0 + heed * doubt))
        told *= sqrt(heed / (1.0 + heed * doubt))
        if self._square.shape != self.cov.shape:
            self._square = np.empty_like(self.cov)
        self.cov -= np.multiply(told[:, None], told, out=self._square)
        return p

    def age(self, years: float) -> None:
        """Time passes: each weight may have drifted, by a share of what was first thought possible."""
        self.cov.flat[:: len(self.mean) + 1] += self.start * (self.drift * years)

    def widen(self, by: int, variance: float) -> None:
        """Take in more columns, unknown as yet."""
        n = len(self.mean)
        self.mean = np.concatenate([self.mean, np.zeros(by)])
        self.start = np.concatenate([self.start, np.full(by, variance)])
        cov = np.zeros((n + by, n + by))
        cov[:n, :n] = self.cov
        cov.flat[n * (n + by + 1) :: n + by + 1] = variance
        self.cov = cov


class Bank:
    """Beliefs of the same weights that thought more or less possible at first; who foretells best has the most say.

    How far weights spread in this shop is learned by that and not fixed. The first one is believed from the start: any
    other has to gain `HANDICAP` nats on it before it has as much say. Log-odds add up, so the say of all is one row.

    >>> bank = Bank(np.zeros(1), [np.full(1, 0.01), np.ones(1)], drift=0.0)
    >>> for n in range(400):
    ...     _ = bank.learn(np.ones(1), n % 10 == 0, 1.0)
    >>> bank.say().round(2).tolist(), round(sigmoid(float(bank.mean()[0])), 1)
    ([0.0, 1.0], 0.1)
    """

    HANDICAP = 1.0

    def __init__(self, mean: Floats, variances: Sequence[Floats], drift: float) -> None:
        self.beliefs = [Belief(mean, variance, drift) for variance in variances]
        self.loss = np.zeros(len(variances))

    def say(self) -> Floats:
        """How much each belief weighs."""
        behind = self.loss + self.HANDICAP
        behind[0] -= self.HANDICAP
        said: Floats = np.exp(behind.min() - behind)
        said /= said.sum()
        return said

    def mean(self) -> Floats:
        """The weights that speak."""
        mean: Floats = self.say() @ np.array([belief.mean for belief in self.beliefs])
        return mean

    def learn(self, x: Floats, y: bool, weight: float) -> float:
        """Move all by one answer; the log-odds that they gave together before."""
        told = [logit(belief.learn(x, y, weight)) for belief in self.beliefs]
        both = float(self.say() @ np.array(told))
        self.loss += [weight * log_loss(z, y) for z in told]
        return both

    def age(self, years: float, kept: float) -> None:
        """Time passes: weights drift, and of the record so much is kept."""
        for belief in self.beliefs:
            belief.age(years)
        self.loss = kept * (self.loss - self.loss.min())


class Steps:
    """Weights of a log-odds that step against their own gradient, each at the pace that its past steps allow (AdaGrad).

    It knows no doubt and no time: rougher than a `Belief`, and quicker where the world turns round.
    """

    RATE = 0.05

    def __init__(self, start: Floats) -> None:
        self.weights = start.copy()
        self.squares = np.ones(len(start))

    def learn(self, x: Floats, y: bool) -> None:
        """Move by one answer."""
        slope = (sigmoid(float(x @ self.weights)) - y) * x
        self.squares += slope * slope
        self.weights -= self.RATE * slope / np.sqrt(self.squares)


class Scale:
    """Mean and spread of columns, so that a weight means the same in every one; a column that never varies is 0."""

    def __init__(self, width: int) -> None:
        self.seen = 0
        self.mean = np.zeros(width)
        self.variance = np.zeros(width)

    def learn(self, x: Floats) -> None:
        """Take in a row."""
        self.seen += 1
        share = max(1.0 / self.seen, _STEADY)
        off = x - self.mean
        self.mean += share * off
        self.variance = (1.0 - share) * (self.variance + share * off * off)

    def inverse(self) -> Floats:
        """One over the spread of each column."""
        return np.where(self.variance > _SMALL, 1.0 / np.maximum(np.sqrt(self.variance), FINEST), 0.0)

    def apply(self, x: Floats) -> Floats:
        """The row in standard deviations from the mean."""
        return (x - self.mean) * self.inverse()

    def widen(self, by: int) -> None:
        """Take in more columns."""
        self.mean = np.concatenate([self.mean, np.zeros(by)])
        self.variance = np.concatenate([self.variance, np.zeros(by)])


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
        self._scale = Scale(0)
        self._belief = Belief(np.zeros(1), np.ones(1), drift)

    def _row(self, x: dict[Any, Any]) -> Floats:
        row = np.zeros(len(self._columns))
        for name, value in x.items():
            if (at := self._columns.get(name)) is not None:
                row[at] = value
        return row

    def learn_one(self, x: dict[Any, Any], y: ClfTarget) -> None:
        """Move the belief by one answer."""
        new = [name for name in x if name not in self._columns]
        if new:
            for name in new:
                self._columns[name] = len(self._columns)
            self._scale.widen(len(new))
            self._belief.widen(len(new), self.spread**2)
        row = self._row(x)
        self._scale.learn(row)
        self._belief.age(1.0)
        self._belief.learn(np.concatenate([[1.0], self._scale.apply(row)]), bool(y), self.weight)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[ClfTarget, float]:
        """The chances of False and True, the doubt about the weights included."""
        row = np.concatenate([[1.0], self._scale.apply(self._row(x))])
        doubt = float(row @ self._belief.cov @ row)
        p = sigmoid(float(row @ self._belief.mean) / sqrt(1.0 + pi / 8.0 * doubt))
        return {False: 1.0 - p, True: p}


LEAST = np.array([-6.0, -6.0, -6.0, -6.0, 0.0, 0.2, 0.2])  # of the fields of `Population` that are learned
MOST = np.array([9.0, 9.0, 9.0, 9.0, 1.5, 2.0, 2.0])
STEP = 1e-4  # of a field, for the slope of the log-odds
_GROWN = exp(STEP)
_LOGS = 4  # so many of the fields are logarithms


class PopulationBelief:
    """What is believed of a shop's population: a Gaussian over the logarithms of its parameters, and over its powers."""

    SPREADS = np.array([1.0, 1.0, 1.0, 1.0, 0.3, 0.3, 0.3])  # known to a factor of e before any answer; powers to .3

    def __init__(self, drift: float) -> None:
        self.belief: Belief | None = None
        self.drift = drift
        self.unit = 0.0  # days; the horizon of the first answer

    def population(self) -> Population:
        """The most likely one."""
        if self.belief is None:
            return Population()
        fields = [*self.belief.mean.tolist(), self.unit or Population().unit]
        return Population(*fields)

    def restore(self, mean: Sequence[float], cov: Sequence[float], unit: float) -> None:
        """Believe what was believed; fields that an older release had not are unknown as yet."""
        n, start = len(mean), structs.astuple(Population())
        self.belief = Belief(np.array([*mean, *start[n : len(LEAST)]]), self.SPREADS**2, self.drift)
        self.belief.cov[:n, :n] = np.array(cov).reshape(n, n)
        self.unit = unit

    def learn(self, x: Sequence[float], y: bool, weight: float) -> float:
        """Move by one answer to features in the order of `NAMES`; the log-odds given before."""
        if self.belief is None:
            start = structs.replace(Population(), log_alpha=x[0])  # paces are of the order of the horizon
            self.belief = Belief(np.array(structs.astuple(start)[: len(LEAST)]), self.SPREADS**2, self.drift)
        self.unit = self.unit or exp(x[0])
        told = prior_arguments(x)
        shop = self.population().parameters()
        z = logit(no_purchase(*shop, *told))
        stepped = [value * _GROWN if i < _LOGS else value + STEP for i, value in enumerate(shop[: len(LEAST)])]
        slope = [
            (logit(no_purchase(*shop[:i], value, *shop[i + 1 :], *told)) - z) / STEP  # type: ignore[call-arg]
            for i, value in enumerate(stepped)
        ]
        self.belief.learn(np.array(slope), y, weight, z)
        np.clip(self.belief.mean, LEAST, MOST, out=self.belief.mean)
        return z


class BuyTillYouDie(base.Classifier):
    """The chance of no purchase by `prior.Population`, its parameters learned online from answers.

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
        """Move the population by one answer."""
        self._population.learn(_columns(x), bool(y), self.weight)

    def predict_proba_one(self, x: dict[Any, Any], **kwargs: Any) -> dict[ClfTarget, float]:
        """The chances of a purchase (False) and of none (True)."""
        p = self._population.population().risk(*prior_arguments(_columns(x)))
        return {False: 1.0 - p, True: p}


def _columns(x: dict[Any, Any]) -> list[float]:
    # A rhythm column that is out of all bounds, as in data that are no customers, must not overflow.
    return [min(max(float(x.get(name, 0.0)), -12.0), 12.0) for name in NAMES]
