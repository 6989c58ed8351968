"""By when people should act on an alarm (J9)."""

from typing import Any

from scorers.contract.events import DAY, Instant
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.episodes import Episode
from scorers.timeline.kinds import Kind

AT_LEAST, AT_MOST = DAY, 30 * DAY
OF_OTHERS = 7 * DAY  # where the subject is no customer


def act_by(kind: Kind, state: Any, e: Episode, ctx: Context) -> Instant | None:
    """One own gap of the customer after the alarm became true, at least a day and at most 30; of a case its next deadline, at most 30 days;
    a day where that has passed.

    Alarms about other subjects have seven days. A change of state asks nobody to act, so it has none.
    """
    if kind.condition is None and kind.case_condition is None:
        return None
    if not isinstance(state, Customer):
        return Instant(e.at + OF_OTHERS)
    gap = AT_LEAST if kind.is_case else round(state.rhythm.mean_gap() * DAY) or AT_MOST
    by = e.at + min(max(gap, AT_LEAST), AT_MOST)
    own = None if kind.deadline is None else kind.deadline(state, e, ctx)
    if own is None or own <= e.at:
        return Instant(by)
    return Instant(min(own, e.at + AT_MOST) if kind.is_case else min(by, own))
