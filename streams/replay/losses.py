"""The loss review of a run (A4): a record for each time that a customer has left, in the order of time."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from scorers.contract.alarms import Alarm
from scorers.contract.events import SECOND
from scorers.in_force.context import Context
from scorers.subjects.loss_review import review
from scorers.timeline.timeline import AnyTimeline


class Losses:
    """Collects the records from the changes of stage; one that a late fact takes back is dropped."""

    def __init__(self, timeline_of: Callable[[str], AnyTimeline | None], ctx: Context) -> None:
        self._timeline_of, self._ctx = timeline_of, ctx
        self._found: dict[str, dict[str, Any]] = {}  # by the id of the change of stage

    def take(self, alarms: Sequence[Alarm]) -> None:
        """Review the losses among these records."""
        for alarm in alarms:
            if alarm.kind != "stage-changed" or alarm.customer_id is None:
                continue
            if alarm.type == "alarm.withdrawn":
                self._found.pop(alarm.alarm_id, None)
            elif (timeline := self._timeline_of(alarm.customer_id)) is not None:
                state = timeline.as_of(
                    int(alarm.at) + SECOND, self._ctx
                )  # read late, later facts have followed already
                record = review(state, self._ctx)
                if record is not None and state.loss.at == alarm.at // SECOND:
                    self._found[alarm.alarm_id] = {"customer_id": alarm.customer_id, **record}

    def rows(self, is_erased: Callable[[str], bool]) -> Iterator[dict[str, Any]]:
        """The records of all but erased customers, oldest first."""
        kept = [one for one in self._found.values() if not is_erased(one["customer_id"])]
        yield from sorted(kept, key=lambda one: (one["left_at"], one["customer_id"]))
