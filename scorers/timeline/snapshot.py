"""Folding facts into a snapshot, and checkpoints, which can become the next snapshot."""

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.facts import NO_FACT, Fact
from scorers.timeline.packing import encode
from scorers.timeline.row import Row
from scorers.timeline.subjects import Effects, S, State, SubjectType


class Checkpoint(Struct, gc=False):
    """A state after the newest fact, taken before any deadline touched an alarm.

    It becomes the new snapshot if the next fact is newer by more than the allowed lateness.
    """

    state: bytes
    at: Micros  # the last instant judged in it
    counts: tuple[Contribution, ...]  # contributed since the old snapshot
    lessons: tuple[Micros, ...]  # when the questions were asked that were answered since the old snapshot
    open: tuple[str, ...]  # ids of its open alarms

    @classmethod
    def of(cls, state: State, at: Micros, row: Row) -> "Checkpoint":
        """A copy of the current state, with the row's contributions and lessons so far."""
        return cls(encode(state), at, tuple(row.counts), tuple(row.lessons), open_ids(state))


def open_ids(state: State) -> tuple[str, ...]:
    """The ids of the open alarms."""
    return tuple([e.alarm_id for e in state.open])


def fold(subject: SubjectType[S], snapshot: bytes, facts: list[Fact], ctx: Context, effects: Effects) -> S:
    """The state after some facts and the deadlines between them; their effects are added to `effects`."""
    state = subject.decode(snapshot)
    effects.touched.update((e.alarm_id, e) for e in state.open)
    for fact in facts:
        lapse(subject, state, subject.passed(fact.time), ctx, effects)
        subject.advance(state, fact.time, fact.placed, fact.ref, ctx, effects)
    return state


def lapse(subject: SubjectType[Any], state: State, until: Micros, ctx: Context, effects: Effects) -> tuple[int, Micros]:
    """Judge every deadline before an instant; return how many there were, and the last of them."""
    judged, last = 0, 0
    while state.due and state.due < until:
        last = judge_due(subject, state, ctx, effects)
        judged += 1
    return judged, last


def judge_due(subject: SubjectType[Any], state: State, ctx: Context, effects: Effects) -> Micros:
    """Judge the next deadline, and return its instant. One that stays where it is would be judged without end: a fault of the core."""
    due = state.due
    subject.advance(state, due, None, NO_FACT, ctx, effects)
    if state.due == due:
        raise RuntimeError(f"the deadline of {subject.name} at {due} was judged and does not move")
    return due


def joined(facts: Effects, silence: Effects, answered: set[Micros]) -> Effects:
    """The effects of facts and of the silence after them, without the lessons of questions already `answered`."""
    lessons = [lesson for lesson in facts.lessons + silence.lessons if lesson.asked_at not in answered]
    touched = {name: e for name, e in facts.touched.items() if name not in silence.withdrawn} | silence.touched
    return Effects(touched, facts.counts + silence.counts, lessons)


def difference(before: Sequence[Contribution], after: Sequence[Contribution]) -> list[Contribution]:
    """What has to be added to the contributions `before` to get those `after`.

    >>> difference([(1, "gap", 7, 1)], [(1, "gap", 9, 1)])
    [(1, 'gap', 9, 1), (1, 'gap', 7, -1)]
    """
    if tuple(before) == tuple(after):
        return []
    changed: dict[tuple[int, str, int], int] = {}
    for counts, sign in ((after, 1), (before, -1)):
        for day, name, bucket, count in counts:
            changed[day, name, bucket] = changed.get((day, name, bucket), 0) + sign * count
    return [(day, name, bucket, count) for (day, name, bucket), count in changed.items() if count]
