"""The linear learners that compete for champion: an ensemble of Gaussian beliefs ("kalman") and AdaGrad ("sgd").

Both learn one answer at a time and return the log-odds that they gave to it before. River's own learners are either
badly calibrated (SGD) or a hundred times slower (forests); docs/model.md has the figures.
"""

from bisect import bisect_left
from collections.abc import Sequence
from math import pi, sqrt

import numpy as np
from msgspec import Struct, field

from scorers.risk.belief import BeliefState, Floats, GaussianBelief
from scorers.risk.log_odds import log_loss, logit, sigmoid
from scorers.risk.model import KNOTS, RANGES

_NEWEST = 0.005  # weight of an answer in the mean: the newest two hundred of a range count


class EnsembleState(Struct):
    """An ensemble as plain numbers."""

    beliefs: list[BeliefState]
    loss: list[float]


class Ensemble:
    """Beliefs over the same weights that differ in their first variance; the ones that predict best weigh most.

    So the spread of weights in this shop is learned and not fixed. The first belief is the default: any other must gain
    `HANDICAP` nats on it to weigh the same. The ensemble is linear, so its weights are one row.

    >>> ensemble = Ensemble(np.zeros(1), [np.full(1, 0.01), np.ones(1)], drift=0.0)
    >>> for n in range(400):
    ...     _ = ensemble.learn(np.ones(1), n % 10 == 0, 1.0)
    >>> ensemble.shares().round(2).tolist(), round(sigmoid(float(ensemble.weights()[0])), 1)
    ([0.0, 1.0], 0.1)
    """

    HANDICAP = 1.0

    def __init__(self, mean: Floats, variances: Sequence[Floats], drift: float) -> None:
        self.beliefs = [GaussianBelief(mean, variance, drift) for variance in variances]
        self.loss = np.zeros(len(variances))
        self.variance = 0.0  # as that of a belief

    def shares(self) -> Floats:
        """How much each belief weighs; they add up to 1."""
        behind = self.loss + self.HANDICAP
        behind[0] -= self.HANDICAP
        shares: Floats = np.exp(behind.min() - behind)
        shares /= shares.sum()
        return shares

    def weights(self) -> Floats:
        """The weights of the ensemble."""
        weights: Floats = self.shares() @ np.array([belief.mean for belief in self.beliefs])
        return weights

    def learn(self, x: Floats, y: bool, weight: float) -> float:
        """Learn an answer; returns the log-odds of True before."""
        before = [logit(belief.learn(x, y, weight)) for belief in self.beliefs]
        shares = self.shares()
        together = float(shares @ np.array(before))
        self.variance = float(shares @ np.array([belief.variance for belief in self.beliefs]))
        self.loss += [weight * log_loss(z, y) for z in before]
        return together

    def age(self, years: float, kept: float) -> None:
        """Let weights drift for so many years, and keep this share of the record of losses."""
        for belief in self.beliefs:
            belief.age(years)
        self.loss = kept * (self.loss - self.loss.min())

    def state(self) -> EnsembleState:
        """The ensemble as plain numbers."""
        return EnsembleState([belief.state() for belief in self.beliefs], self.loss.tolist())

    def restore(self, state: EnsembleState) -> None:
        """Take over a state; ValueError if it has another shape."""
        if len(state.beliefs) != len(self.beliefs) or len(state.loss) != len(self.beliefs):
            raise ValueError(f"an ensemble of {len(state.beliefs)} beliefs, {len(self.beliefs)} are expected")
        for belief, one in zip(self.beliefs, state.beliefs, strict=True):
            belief.restore(one)
        self.loss = np.array(state.loss)


class Uncertainty(Struct):
    """How uncertain the ensemble's log-odds are: the mean of their variance in the newest answers, by ranges of the prior's.

    A forecast whose weights are uncertain has to be less certain by what this takes away (MacKay 1992). The exact variance of each
    score would need all covariances in every model.

    >>> uncertainty = Uncertainty()
    >>> for _ in range(300):
    ...     uncertainty.learn(-5.0, 2.0)
    >>> [round(share, 2) for share in uncertainty.kept()]
    [0.75, 1.0, 1.0, 1.0, 1.0, 1.0]
    """

    answers: list[int] = field(default_factory=lambda: [0] * RANGES)
    variance: list[float] = field(default_factory=lambda: [0.0] * RANGES)

    def learn(self, prior: float, variance: float) -> None:
        """Take in the variance of the log-odds that were given to an answer."""
        n = bisect_left(KNOTS, prior)
        self.answers[n] += 1
        self.variance[n] += max(1.0 / self.answers[n], _NEWEST) * (variance - self.variance[n])

    def kept(self) -> tuple[float, ...]:
        """The share of the log-odds that remains, by ranges of the prior's."""
        return tuple(1.0 / sqrt(1.0 + pi / 8.0 * variance) for variance in self.variance)


class AdaGradState(Struct):
    """AdaGrad as plain numbers."""

    weights: list[float]
    squares: list[float]


class AdaGrad:
    """Weights that follow their gradient, each at a rate that falls with its past gradients (Duchi et al. 2011).

    It has neither uncertainty nor time: rougher than a belief, and quicker after a change of regime.
    """

    RATE = 0.05

    def __init__(self, start: Floats) -> None:
        self._weights = start.copy()
        self._squares = np.ones(len(start))

    def weights(self) -> Floats:
        """The weights."""
        return self._weights

    def learn(self, x: Floats, y: bool) -> float:
        """Learn an answer; returns the log-odds of True before."""
        p = sigmoid(float(x @ self._weights))
        slope = (p - y) * x
        self._squares += slope * slope
        self._weights -= self.RATE * slope / np.sqrt(self._squares)
        return logit(p)

    def state(self) -> AdaGradState:
        """The learner as plain numbers."""
        return AdaGradState(self._weights.tolist(), self._squares.tolist())

    def restore(self, state: AdaGradState) -> None:
        """Take over a state; ValueError if it has another number of weights."""
        if len(state.weights) != len(self._weights) or len(state.squares) != len(self._weights):
            raise ValueError(f"AdaGrad over {len(state.weights)} weights, {len(self._weights)} are expected")
        self._weights, self._squares = np.array(state.weights), np.array(state.squares)
