"""What a verdict depends on besides the subject's own facts: the policy, the figures, the risk model, knowledge of groups.

All but the policy have a history, so that a late fact is judged by what was in force at its own instant.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping

from msgspec import Struct

from scorers.contract.events import DAY, Micros
from scorers.in_force.figures import Figures, no_figures
from scorers.in_force.risk_model import RiskModel
from scorers.policy.business_calendar import Calendar
from scorers.policy.business_zone import business_zone
from scorers.policy.tables import Policy

_KEPT = 800  # daily figures, over two years; older instants are judged by the oldest kept
_KEPT_OF_GROUP = 64  # reports of one group
_KEPT_AFTER_END = 7 * DAY  # beyond the allowed lateness: so long is a group known that has nothing to report any more
_NOTHING: Mapping[str, int] = {}


GroupName = tuple[str, str]
"""The type and the id of a group."""


class GroupHistory(Struct):
    """What was known of a group. `times` ascends; `values[n]` is in force from `times[n]`."""

    times: list[Micros]
    values: list[Mapping[str, int]]
    reported: Micros = -1  # the instant up to which the newest report counts
    told: list[Mapping[str, int]] = []  # what was reported for that instant so far


class Context:
    """The policy, and figures, models and groups by the instant from which they are in force.

    `untrained` is the model until one is adopted.
    """

    def __init__(self, policy: Policy, untrained: RiskModel) -> None:
        self.policy = policy
        self.policy_version = policy.version
        self._adopt_calendars(policy)
        self._figures: list[Figures] = [no_figures(policy)]
        self._figure_times: list[Micros] = [0]
        self._models: list[RiskModel] = [untrained]
        self._model_times: list[Micros] = [0]
        self.newest_figures = self._figures[0]
        self.newest_model: RiskModel = untrained
        self._groups: dict[GroupName, GroupHistory] = {}
        self._groups_ended: deque[tuple[Micros, GroupName]] = deque()
        self.dropped_groups: list[GroupName] = []  # of which the last call of `adopt_group` has dropped the history
        self._figures_from = 0
        self._model_from = 0

    def adopt_policy(self, policy: Policy) -> None:
        """Put a policy in force. There is no history of policies: facts folded again are judged by the new one."""
        self.policy, self.policy_version = policy, policy.version
        self._adopt_calendars(policy)

    def _adopt_calendars(self, policy: Policy) -> None:
        opening, zone = policy.calendar, policy.time.zone
        self.zone = business_zone(zone)
        self.calendar = Calendar(opening, zone)
        self._calendars = {store: Calendar(opening.of_store(store), zone) for store in opening.stores}

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
        """Put what is known of a group in force from an instant on; False if it is not news.

        Reports that come again after newer ones are ignored: a worker that took over a partition repeats some.
        """
        history, self.dropped_groups = self._groups.setdefault((subject, name), GroupHistory([], [])), []
        if reported < history.reported or (reported == history.reported and values in history.told):
            return False
        if reported > history.reported:
            history.reported, history.told = reported, []
        history.told = [*history.told, values][-_KEPT_OF_GROUP:]
        history.times.append(max(in_force, history.times[-1] if history.times else 0))
        history.values.append(values)
        if len(history.times) > _KEPT_OF_GROUP:
            del history.times[0], history.values[0]
        if not any(values.values()):
            self._groups_ended.append((reported, (subject, name)))
        self._drop_ended(reported)
        return True

    def _drop_ended(self, now: Micros) -> None:
        """Drop the histories that have ended in nothing, once no fact can come that is judged by them."""
        before = now - self.policy.time.allowed_lateness - _KEPT_AFTER_END
        while self._groups_ended and self._groups_ended[0][0] < before:
            reported, group = self._groups_ended.popleft()
            history = self._groups.get(group)
            if history is not None and history.reported == reported:
                del self._groups[group]
                self.dropped_groups.append(group)

    def group(self, subject: str, name: str, now: Micros) -> Mapping[str, int]:
        """What was known of a group at an instant; empty before its first report."""
        history = self._groups.get((subject, name))
        if history is None:
            return _NOTHING
        place = bisect_right(history.times, now) - 1
        return history.values[place] if place >= 0 else _NOTHING

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
