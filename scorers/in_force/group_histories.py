"""What is known of groups: the reports of each, by the instant from which they are in force."""

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping

from msgspec import Struct, field

from scorers.contract.events import DAY, Duration, Micros
from scorers.in_force.exposures import EXPOSED, KEPT

_KEPT = 64  # reports of one group
_KEPT_AFTER_END = 7 * DAY  # beyond the allowed lateness: so long is a group known that has nothing to report any more
_KEPT_EXPOSED = KEPT  # instead, if customers were exposed to it: alarms that stand follow from that
_NOTHING: Mapping[str, int] = {}

GroupName = tuple[str, str]
"""The type and the id of a group."""


class GroupHistory(Struct):
    """What was known of a group. `times` ascends; `values[n]` is in force from `times[n]`."""

    times: list[Micros] = field(default_factory=list)
    values: list[Mapping[str, int]] = field(default_factory=list)
    reported: Micros = -1  # the instant up to which the newest report counts
    versions: list[Mapping[str, int]] = field(default_factory=list)  # the reports of that instant so far
    was_exposed: bool = False  # customers were


class GroupHistories:
    """The histories of all groups of which something was reported."""

    def __init__(self) -> None:
        self.dropped: list[GroupName] = []  # the groups whose history the last call of `adopt` has dropped
        self._of: dict[GroupName, GroupHistory] = {}
        self._ended: deque[tuple[Micros, GroupName]] = deque()  # groups that reported nothing but zeros, and when
        self._exposed: deque[tuple[Micros, GroupName]] = deque()  # of them, those that are kept longer

    def adopt(
        self, group: GroupName, reported: Micros, in_force: Micros, values: Mapping[str, int], lateness: Duration
    ) -> bool:
        """Put what is known of a group in force from an instant on; False if it is not news.

        Reports that come again after newer ones are ignored: a worker that took over a partition repeats some. `lateness` is the
        allowed lateness of facts.
        """
        history, self.dropped = self._of.setdefault(group, GroupHistory()), []
        if reported < history.reported or (reported == history.reported and values in history.versions):
            return False
        if reported > history.reported:
            history.reported, history.versions = reported, []
        history.versions = [*history.versions, values][-_KEPT:]
        history.times.append(max(in_force, history.times[-1] if history.times else 0))
        history.values.append(values)
        history.was_exposed = history.was_exposed or EXPOSED in values
        if len(history.times) > _KEPT:
            del history.times[0], history.values[0]
        if not any(values.values()):
            (self._exposed if history.was_exposed else self._ended).append((reported, group))
        self._drop_ended(self._ended, reported - lateness - _KEPT_AFTER_END)
        self._drop_ended(self._exposed, reported - lateness - _KEPT_EXPOSED)
        return True

    def at(self, group: GroupName, now: Micros) -> Mapping[str, int]:
        """What was known of a group at an instant; empty before its first report."""
        history = self._of.get(group)
        if history is None:
            return _NOTHING
        place = bisect_right(history.times, now) - 1
        return history.values[place] if place >= 0 else _NOTHING

    def _drop_ended(self, ended: deque[tuple[Micros, GroupName]], before: Micros) -> None:
        """Drop the histories that ended in nothing before an instant: no fact can come that is judged by them."""
        while ended and ended[0][0] < before:
            reported, group = ended.popleft()
            history = self._of.get(group)
            if history is not None and history.reported == reported:
                del self._of[group]
                self.dropped.append(group)
