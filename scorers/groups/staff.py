"""The staff of a store as its customers' alarms and the console know them (P2): when they were last asked and thanked, and what they answer lately.

Pulses are kept by day until the day is closed, like the voices of a store, so they can be counted in any order.
"""

from msgspec import Struct, field

from scorers.contract.events import DAY, StaffPulse
from scorers.policy.tables import Policy

ASKED, THANKED, ANSWERS, SCORE = "staff_asked", "staff_thanked", "staff_answers", "staff_score"
"""In the report of a store: the last days; the answers with a score within `staff.answers_within`, and their mean in hundredths."""
HUNDREDTHS = 100


class Pulses(Struct, array_like=True, gc=False):
    """The pulses of a day."""

    asked: bool = False
    thanked: bool = False
    answers: int = 0  # with a score,
    scores: int = 0  # and their sum


class Staff(Struct, array_like=True, gc=False):
    """What is known of the staff of a store. `days` holds the days that are not closed, and those of the answers that count."""

    days: dict[int, Pulses] = field(default_factory=dict)
    last: int = 0  # the newest day with a pulse; 0 while there was none
    asked: int = 0  # the newest closed day on which they were,
    thanked: int = 0
    answers: int = 0  # that count at the end of the newest closed day,
    scores: int = 0  # and their sum

    def values(self) -> dict[str, int]:
        """What is reported of them; nothing of a store without pulses."""
        mean = round(HUNDREDTHS * self.scores / self.answers) if self.answers else 0
        found = {ASKED: self.asked, THANKED: self.thanked, ANSWERS: self.answers, SCORE: mean}
        return {name: value for name, value in found.items() if value}


def count(staff: Staff, e: StaffPulse) -> None:
    """Count a pulse on the day of the fact."""
    day = e.time // DAY
    staff.last = max(staff.last, day)
    pulses = staff.days.setdefault(day, Pulses())
    pulses.asked |= e.pulse == "asked"
    pulses.thanked |= e.pulse == "thanked"
    if e.pulse == "answered" and e.score is not None:
        pulses.answers += 1
        pulses.scores += e.score


def close(staff: Staff, day: int, policy: Policy) -> None:
    """Close a day: what was pulsed up to it counts, and old answers no more; after a long silence nothing is known."""
    if not staff.last:
        return
    if day >= staff.last + policy.retention.silent // DAY:
        staff.days, staff.last, staff.asked, staff.thanked, staff.answers, staff.scores = {}, 0, 0, 0, 0, 0
        return
    first = day - policy.staff.answers_within // DAY + 1
    closed = [(one, pulses) for one, pulses in staff.days.items() if one <= day]
    staff.asked = max([staff.asked, *(one for one, pulses in closed if pulses.asked)])
    staff.thanked = max([staff.thanked, *(one for one, pulses in closed if pulses.thanked)])
    staff.answers = sum(pulses.answers for one, pulses in closed if one >= first)
    staff.scores = sum(pulses.scores for one, pulses in closed if one >= first)
    for one, pulses in closed:
        if one < first or not pulses.answers:
            del staff.days[one]


def next_change(staff: Staff, closed: int, policy: Policy) -> int | None:
    """The first day after a closed one at whose end something changes without another pulse; None if nothing is known.

    >>> staff = Staff()
    >>> count(staff, StaffPulse(id="1", source="crm", time=3 * DAY, customer_id=None, store_id="S1", pulse="answered", score=2))
    >>> next_change(staff, 2, Policy())
    3
    >>> close(staff, 3, Policy())
    >>> next_change(staff, 3, Policy()), staff.values()
    (63, {'staff_answers': 1, 'staff_score': 200})
    """
    if not staff.last:
        return None
    window = policy.staff.answers_within // DAY
    changes = [one if one > closed else one + window for one in staff.days]
    return max(min([*changes, staff.last + policy.retention.silent // DAY]), closed + 1)
