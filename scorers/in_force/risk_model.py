"""The interface of a risk model that can be put in force."""

from collections.abc import Sequence
from typing import Protocol

from scorers.in_force.base_rhythm import BaseRhythm

PopulationParameters = tuple[float, float, float, float, float, float, float, float]
"""r, alpha, a, b, trust, ageing, tail, unit: see `scorers.risk.prior`."""


class RiskModel(Protocol):
    """A fixed model of the risk that a customer does not buy within the horizon."""

    @property
    def version(self) -> str:
        """The name of the model."""

    @property
    def is_trained(self) -> bool:
        """Whether the risk depends on the features; if not, callers need not compute them."""

    def risk(self, features: Sequence[float], rules: float) -> float:
        """The probability of no purchase within the horizon; `rules` is that probability by the rules alone."""

    def member_log_odds(self, features: Sequence[float]) -> tuple[float, ...]:
        """The log-odds of each member of the ensemble; empty if the model is not trained."""

    def contributions(self, features: Sequence[float], rules: float) -> list[tuple[str, float]]:
        """What each member and feature adds to the log-odds of the risk, strongest first."""

    def parameters(self, base: BaseRhythm) -> PopulationParameters:
        """The parameters of the population of customers."""
