"""Learns the population of `prior`: a Gaussian belief over its parameters, moved by one Kalman step per answer."""

from collections.abc import Sequence
from math import exp

import numpy as np
from msgspec import Struct, structs

from scorers.risk import columns as col
from scorers.risk.belief import BeliefState, GaussianBelief
from scorers.risk.features import prior_arguments
from scorers.risk.log_odds import logit
from scorers.risk.prior import Population, no_purchase

# of the fields of `Population` that are learned: log_r, log_alpha, log_a, log_b, trust, ageing, tail
LOWEST = np.array([-6.0, -6.0, -6.0, -6.0, 0.0, 0.2, 0.2])
HIGHEST = np.array([9.0, 9.0, 9.0, 9.0, 1.5, 2.0, 2.0])
LEARNED = len(LOWEST)
LOGARITHMS = 4  # the first fields are logarithms of parameters
STEP = 1e-4  # of a field, for the slope of the log-odds
_GROWN = exp(STEP)


class PopulationState(Struct):
    """A belief about a population as plain numbers; none before the first answer."""

    belief: BeliefState | None
    unit: float


class PopulationBelief:
    """What is believed of a shop's population."""

    SPREADS = np.array([1.0, 1.0, 1.0, 1.0, 0.3, 0.3, 0.3])  # known to a factor of e before any answer; powers to .3

    def __init__(self, drift: float) -> None:
        self.belief: GaussianBelief | None = None
        self.drift = drift
        self.unit = 0.0  # days: the horizon of the first answer

    def population(self) -> Population:
        """The most likely population."""
        if self.belief is None:
            return Population()
        fields = [*self.belief.mean.tolist(), self.unit]
        return Population(*fields)

    def learn(self, x: Sequence[float], y: bool, weight: float) -> float:
        """Learn an answer to these features; returns the log-odds of no purchase before."""
        if self.belief is None:
            self.unit = exp(x[col.HORIZON])
            self.belief = self._start(x[col.HORIZON])  # paces are of the order of the horizon
        arguments = prior_arguments(x)
        shop = self.population().parameters()
        z = logit(no_purchase(*shop, *arguments))
        slopes = np.empty(LEARNED)
        for i, value in enumerate(shop[:LEARNED]):
            stepped = value * _GROWN if i < LOGARITHMS else value + STEP
            moved = no_purchase(*shop[:i], stepped, *shop[i + 1 :], *arguments)  # type: ignore[call-arg]
            slopes[i] = (logit(moved) - z) / STEP
        self.belief.learn(slopes, y, weight, z)
        np.clip(self.belief.mean, LOWEST, HIGHEST, out=self.belief.mean)
        return z

    def age(self, years: float) -> None:
        """Let the parameters drift for so many years."""
        if self.belief is not None:
            self.belief.age(years)

    def state(self) -> PopulationState:
        """The belief as plain numbers."""
        return PopulationState(None if self.belief is None else self.belief.state(), self.unit)

    def restore(self, state: PopulationState) -> None:
        """Take over a state; ValueError if it has another number of parameters."""
        self.unit, self.belief = state.unit, None
        if state.belief is not None:
            self.belief = self._start()
            self.belief.restore(state.belief)

    def _start(self, log_alpha: float = Population().log_alpha) -> GaussianBelief:
        fields = structs.astuple(structs.replace(Population(), log_alpha=log_alpha))
        return GaussianBelief(np.array(fields[:LEARNED]), self.SPREADS**2, self.drift)
