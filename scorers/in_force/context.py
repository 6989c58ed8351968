"""What a verdict depends on besides the subject's own facts: the policy, the figures, the risk model, knowledge of groups.

All but the policy have a history, so that a late fact is judged by what was in force at its own instant.
"""

from bisect import bisect_right
from collections.abc import Mapping

from scorers.contract.events import Micros
from scorers.in_force.closures import FEED, Closures
from scorers.in_force.exposures import Exposures
from scorers.in_force.figures import Figures, no_figures
from scorers.in_force.group_histories import GroupHistories
from scorers.in_force.risk_model import RiskModel
from scorers.policy.business_calendar import Calendar
from scorers.policy.business_zone import business_zone
from scorers.policy.tables import Policy

_NEVER: Micros = 1 << 62
_KEPT = 800  # daily figures, over two years; older instants are judged by the oldest kept


class Context:
    """The policy, and figures, models and groups by the instant from which they are in force.

    `untrained` is the model until one is adopted.
    """

    def __init__(self, policy: Policy, untrained: RiskModel) -> None:
        self.policy = policy
        self.policy_version = policy.version
        self.judged_by = self.policy_version  # also names the closures found, as states are cached under it
        self.closures = Closures()
        self._adopt_calendars(policy)
        self._figures: list[Figures] = [no_figures(policy)]
        self._figure_times: list[Micros] = [0]
        self._models: list[RiskModel] = [untrained]
        self._model_times: list[Micros] = [0]
        self.newest_figures = self._figures[0]
        self.newest_model: RiskModel = untrained
        self.history_before: Micros = 0  # alarms that became true before it are not sent
        self.groups = GroupHistories()
        self.exposures = Exposures()
        self._figures_from = 0
        self._model_from = 0

    def adopt_policy(self, policy: Policy) -> None:
        """Put a policy in force. There is no history of policies: facts folded again are judged by the new one."""
        self.policy, self.policy_version = policy, policy.version
        self._adopt_calendars(policy)
        self.judged_by = self.policy_version + self.closures.digest()

    def _adopt_calendars(self, policy: Policy) -> None:
        opening, zone = policy.calendar, policy.time.zone
        self.zone = business_zone(zone)
        self.calendar = Calendar(opening, zone)
        self._calendars = {store: Calendar(opening.of_store(store), zone) for store in opening.stores}
        self.closures.adopt_holidays(self.calendar, self._calendars)

    def calendar_of(self, store_id: str | None) -> Calendar:
        """The calendar of a store; the business's if it has none of its own."""
        return self._calendars.get(store_id or "", self.calendar)

    def adopt_figures(self, figures: Figures) -> None:
        """Put the figures of a day in force from `figures.in_force` on."""
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

    def adopt_group(
        self, subject: str, name: str, reported: Micros, in_force: Micros, values: Mapping[str, int]
    ) -> bool:
        """Put what is known of a group in force from an instant on; False if it is not news. Closures of feeds count at any instant."""
        lateness = self.policy.time.allowed_lateness
        if not self.groups.adopt((subject, name), reported, in_force, values, lateness):
            return False
        if subject == FEED and self.closures.adopt(name, values):
            self.judged_by = self.policy_version + self.closures.digest()
        self.exposures.adopt(subject, name, in_force, values)
        return True

    def group(self, subject: str, name: str, now: Micros) -> Mapping[str, int]:
        """What was known of a group at an instant; empty before its first report."""
        return self.groups.at((subject, name), now)

    @property
    def observed_since(self) -> Micros:
        """Since when figures have been in force, so facts of all customers have been read; far ahead if there are none yet."""
        return self._figure_times[1] if len(self._figure_times) > 1 else _NEVER

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
