"""Reconcile an alarm that a dead worker published and this one did not reproduce.

The dead worker had read the same facts in another order, or more facts, and died before its row was written. The row at hand counts;
one more record corrects whatever was published beyond it.
"""

import msgspec

from scorers.contract.alarms import Alarm, Change
from scorers.contract.events import SECOND, Instant, Micros
from scorers.in_force.context import Context
from scorers.timeline.episodes import Episode
from scorers.timeline.subjects import AlarmingType
from scorers.timeline.timeline import AnyTimeline


def reconcile(timeline: AnyTimeline | None, last: Alarm, clock: Micros, ctx: Context) -> Alarm | None:
    """The record that corrects an alarm whose last published record is `last`; None if that is right already."""
    e = None if timeline is None else timeline.emitted.get(last.alarm_id)
    time = max(clock // SECOND * SECOND, int(last.time))
    if timeline is None or e is None:
        return None if last.type == "alarm.withdrawn" else _withdrawn(last, time)
    subject = timeline.subject
    assert isinstance(subject, AlarmingType)  # it has raised an alarm
    return subject.render(timeline.state, e, _change(e, last), time, (), ctx)


def _change(e: Episode, last: Alarm) -> Change:
    if e.status in ("settled", "spent"):
        return "alarm.settled"
    return "alarm.updated" if e.status == "open" and last.type in ("alarm.raised", "alarm.updated") else "alarm.raised"


def _withdrawn(last: Alarm, time: Micros) -> Alarm:
    return msgspec.structs.replace(
        last,
        type="alarm.withdrawn",
        time=Instant(time),
        outcome=None,
        cause=(),
        reasons=(),
        treatment=None,
        deadline=None,
        counterfactual=None,
    )
