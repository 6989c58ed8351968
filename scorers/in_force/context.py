"""What a verdict depends on beside the customer's own facts: the policy, the base's figures, the risk model.

Each has a history, so that a late fact is judged with what was in force at its own instant.
"""

from bisect import bisect_right

from scorers.contract.events import Micros
from scorers.in_force.figures import Figures, no_figures
from scorers.in_force.risk_model import RiskModel
from scorers.policy.business_calendar import Calendar
from scorers.policy.tables import Policy

_KEPT = 800  # daily figures of two years: older instants are judged by the oldest kept


class Context:
    """Policy, figures and models by the instant from which they are in force; `untrained` until a model is adopted."""

    def __init__(self, policy: Policy, untrained: RiskModel) -> None:
        self.policy = policy
        self.policy_version = policy.version
        self.calendar = Calendar(policy.calendar)
        self._figures: list[Figures] = [no_figures(policy)]
        self._figure_times: list[Micros] = [0]
        self._models: list[RiskModel] = [untrained]
        self._model_times: list[Micros] = [0]
        self.newest_figures = self._figures[0]
        self.newest_model: RiskModel = untrained
        self._figures_from = 0
        self._model_from = 0

    def adopt_policy(self, policy: Policy) -> None:
        """Put a policy in force. It has no history: facts that are folded again are judged by the new one."""
        self.policy, self.policy_version, self.calendar = policy, policy.version, Calendar(policy.calendar)

    def adopt_figures(self, figures: Figures) -> None:
        """Put the figures of a day in force, from the instant that they name."""
        self._figures.append(figures)
        self._figure_times.append(figures.in_force)
        self.newest_figures, self._figures_from = figures, figures.in_force
        if len(self._figures) > _KEPT:
            del self._figures[: _KEPT // 4], self._figure_times[: _KEPT // 4]

    def adopt_model(self, model: RiskModel, in_force: Micros) -> None:
        """Put a model in force from an instant on."""
        self._models.append(model)
        self._model_times.append(in_force)
        self.newest_model, self._model_from = model, in_force
        if len(self._models) > _KEPT:
            del self._models[: _KEPT // 4], self._model_times[: _KEPT // 4]

    def figures(self, now: Micros) -> Figures:
        """The figures in force at an instant."""
        if now >= self._figures_from:
            return self.newest_figures
        return self._figures[max(0, bisect_right(self._figure_times, now) - 1)]

    def model(self, now: Micros) -> RiskModel:
        """The model in force at an instant."""
        if now >= self._model_from:
            return self.newest_model
        return self._models[max(0, bisect_right(self._model_times, now) - 1)]
