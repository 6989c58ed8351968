"""A Gaussian belief over the weights of a log-odds, moved by one Kalman step per answer.

It needs no learning rate, is calibrated while it learns, and lets weights drift with time.
"""

from math import pi, sqrt

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from scorers.risk.log_odds import sigmoid

Floats = NDArray[np.float64]
_LEAST_CURVATURE = 1e-4  # of the log-likelihood, so that an answer that was certain still teaches something


class BeliefState(Struct):
    """A belief as plain numbers; the covariance row by row."""

    mean: list[float]
    cov: list[float]


class GaussianBelief:
    """The mean and covariance of weights.

    With a single weight and answers that are certain it converges to the share of positive answers:

    >>> b = GaussianBelief(np.zeros(1), np.ones(1), drift=0.0)
    >>> for n in range(400):
    ...     _ = b.learn(np.ones(1), n % 4 == 0, 1.0)
    >>> round(sigmoid(float(b.mean[0])), 2)
    0.25
    """

    def __init__(self, mean: Floats, variance: Floats, drift: float) -> None:
        """`drift` is the variance that a weight gains in a year, as a share of its first variance."""
        self.mean = mean.copy()
        self.start = variance.copy()
        self.drift = drift
        self.cov: Floats = np.diag(variance)
        self._buffer: Floats = np.empty(0)  # for the outer product
        self.variance = 0.0  # of the log-odds of the newest answer, just before it was learned

    def learn(self, x: Floats, y: bool, weight: float, log_odds: float | None = None) -> float:
        """Learn an answer; returns the probability of True before. `log_odds` is given where x is only their gradient."""
        cov_x = self.cov @ x
        variance = self.variance = float(x @ cov_x)
        z = float(x @ self.mean) if log_odds is None else log_odds
        p = sigmoid(z / sqrt(1.0 + pi / 8.0 * variance))
        curvature = weight * max(p * (1.0 - p), _LEAST_CURVATURE)
        self.mean += cov_x * (weight * (y - p) / (1.0 + curvature * variance))
        cov_x *= sqrt(curvature / (1.0 + curvature * variance))
        if self._buffer.shape != self.cov.shape:
            self._buffer = np.empty_like(self.cov)
        self.cov -= np.multiply(cov_x[:, None], cov_x, out=self._buffer)
        return p

    def age(self, years: float) -> None:
        """Let each weight drift for so many years."""
        self.cov.flat[:: len(self.mean) + 1] += self.start * (self.drift * years)

    def widen(self, by: int, variance: float) -> None:
        """Add weights, at 0 with this variance."""
        n = len(self.mean)
        self.mean = np.concatenate([self.mean, np.zeros(by)])
        self.start = np.concatenate([self.start, np.full(by, variance)])
        cov = np.zeros((n + by, n + by))
        cov[:n, :n] = self.cov
        cov.flat[n * (n + by + 1) :: n + by + 1] = variance
        self.cov = cov

    def state(self) -> BeliefState:
        """The belief as plain numbers."""
        return BeliefState(self.mean.tolist(), self.cov.ravel().tolist())

    def restore(self, state: BeliefState) -> None:
        """Take over a state; ValueError if it has another number of weights."""
        n = len(self.mean)
        if len(state.mean) != n or len(state.cov) != n * n:
            raise ValueError(f"a belief over {len(state.mean)} weights, {n} are expected")
        self.mean = np.array(state.mean)
        self.cov = np.array(state.cov).reshape(n, n)
