"""What to tell of an alarm that another runner told last, and that this one's own fold never mentioned.

The other had read the same facts in another order, or further, and died before its row was safe. The row at hand is what
stands; whatever was told beyond it is put right by one more record, in the form in which the core tells.
"""

import msgspec

from scorers.alarms.render import record
from scorers.contract.alarms import Alarm, Change
from scorers.contract.events import SECOND, Instant, Micros
from scorers.customer.state import Episode
from scorers.in_force.context import Context
from scorers.timeline.timeline import Monitor


def amend(monitor: Monitor | None, last: Alarm, clock: Micros, ctx: Context) -> Alarm | None:
    """The record that makes the world's last word on an alarm true again; None if it is true already."""
    e = None if monitor is None else monitor.told.get(last.alarm_id)
    time = max(clock // SECOND * SECOND, int(last.time))
    if monitor is None or e is None:
        return None if last.type == "alarm.withdrawn" else _withdrawn(last, time)
    return record(monitor.head, e, _change(e, last), time, (), ctx)


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
