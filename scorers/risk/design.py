"""The row that linear learners read, made of the prior's log-odds and of standardized features.

Its blocks are an intercept, the prior, how the prior bends at each of `KNOTS`, all features, and the features of timing
once more, multiplied by the gate.
"""

import numpy as np
from msgspec import Struct

from scorers.risk.belief import Floats
from scorers.risk.columns import WIDTH
from scorers.risk.model import KNOTS, TIMING_WIDTH, LinearModel, gate

INTERCEPT, PRIOR = 0, 1
BENDS = slice(2, 2 + len(KNOTS))
FEATURES = slice(BENDS.stop, BENDS.stop + WIDTH)
GATED = slice(FEATURES.stop, FEATURES.stop + TIMING_WIDTH)
ROW_WIDTH = GATED.stop

LEAST_SPREAD = 0.15  # smaller spreads count as this: a rare flag is measured by its unit and not by its rarity
_LEAST_SHARE = 1e-4  # of a new row in mean and variance, once many rows were seen
_CONSTANT = 1e-9  # a column with less variance than this does not vary


class ScalerState(Struct):
    """A scaler as plain numbers."""

    seen: int
    mean: list[float]
    variance: list[float]


class Scaler:
    """Running mean and variance of columns, so that a weight means the same in each; a constant column becomes 0."""

    def __init__(self, width: int) -> None:
        self.seen = 0
        self.mean = np.zeros(width)
        self.variance = np.zeros(width)

    def learn(self, x: Floats) -> None:
        """Take in a row."""
        self.seen += 1
        share = max(1.0 / self.seen, _LEAST_SHARE)
        off = x - self.mean
        self.mean += share * off
        self.variance = (1.0 - share) * (self.variance + share * off * off)

    def inverse(self) -> Floats:
        """One over the standard deviation of each column."""
        varies = self.variance > _CONSTANT
        return np.where(varies, 1.0 / np.maximum(np.sqrt(self.variance), LEAST_SPREAD), 0.0)

    def apply(self, x: Floats) -> Floats:
        """The row in standard deviations from the mean."""
        return (x - self.mean) * self.inverse()

    def widen(self, by: int) -> None:
        """Add columns."""
        self.mean = np.concatenate([self.mean, np.zeros(by)])
        self.variance = np.concatenate([self.variance, np.zeros(by)])

    def state(self) -> ScalerState:
        """The scaler as plain numbers."""
        return ScalerState(self.seen, self.mean.tolist(), self.variance.tolist())

    def restore(self, state: ScalerState) -> None:
        """Take over a state; ValueError if it has another number of columns."""
        if len(state.mean) != len(self.mean) or len(state.variance) != len(self.mean):
            raise ValueError(f"a scaler of {len(state.mean)} columns, {len(self.mean)} are expected")
        self.seen, self.mean, self.variance = state.seen, np.array(state.mean), np.array(state.variance)


def row(prior: float, standardized: Floats) -> Floats:
    """The row for the prior's log-odds and standardized features."""
    bends = [max(prior - knot, 0.0) for knot in KNOTS]
    return np.concatenate(((1.0, prior, *bends), standardized, standardized[:TIMING_WIDTH] * gate(prior)))


def start() -> Floats:
    """The weights before any answer: those of the prior alone."""
    weights = np.zeros(ROW_WIDTH)
    weights[PRIOR] = 1.0
    return weights


def spreads(intercept: float, prior: float, bends: float, features: Floats, gated: float) -> Floats:
    """The standard deviation of each weight before any answer, given those of each block."""
    spread = np.empty(ROW_WIDTH)
    spread[INTERCEPT], spread[PRIOR], spread[BENDS], spread[GATED] = intercept, prior, bends, gated
    spread[FEATURES] = features
    return spread


def linear_model(name: str, weights: Floats, scaler: Scaler) -> LinearModel:
    """The weights of a row as coefficients of unscaled features."""
    inverse, mean = scaler.inverse(), scaler.mean
    coefficients = weights[FEATURES] * inverse
    gated = weights[GATED] * inverse[:TIMING_WIDTH]
    return LinearModel(
        name=name,
        intercept=float(weights[INTERCEPT] - coefficients @ mean),
        prior=float(weights[PRIOR]),
        bends=tuple(weights[BENDS].tolist()),
        coefficients=tuple(coefficients.tolist()),
        gated_intercept=float(-gated @ mean[:TIMING_WIDTH]),
        gated=tuple(gated.tolist()),
    )
