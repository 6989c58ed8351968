"""What the voices of a store stand for: the dissatisfied below the surface (X2, X3), who hears of it (X5); and how its staff is (P2)."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from msgspec import Struct

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.groups import staff
from scorers.groups.store import Voices
from scorers.policy.group_tables import Iceberg

COMPLAINTS, FORMAL, LOW, SATISFIED = "complaints", "formal", "low", "satisfied"
"""In the report of a store that was heard: all complaints, the formal ones, the others with the low marks, and the high marks."""
Coverage = Literal["heard", "never heard"]
"""Whether a complaint or a mark ever came from a store: of one that was never heard, the silence proves nothing."""


class Reach(NamedTuple):
    """How many people hear of a store within the window from its customers, of the satisfied and the dissatisfied ones."""

    satisfied: int
    dissatisfied: int


class StoreVoices(Struct, kw_only=True):
    """A line of `stores.jsonl`: a store at the end of the newest closed day, and the window before it.

    What stands for others is null for a store that was never heard: nothing is known of it. Null is also what was never asked of the staff.
    """

    store_id: str
    date: str | None
    coverage: Coverage
    formal: int
    informal: int
    satisfied: int
    implied_dissatisfied: int | None
    silent_dissatisfied: int | None
    pressure: float | None
    told_by_satisfied: int | None
    told_by_dissatisfied: int | None
    staff_asked: str | None = None
    staff_thanked: str | None = None
    staff_answers: int = 0
    staff_score: float | None = None


def silent(voices: Voices, rules: Iceberg) -> int:
    """The dissatisfied customers for whom the voices stand, and who told nothing."""
    return max(voices.implied(rules) - voices.formal - voices.informal - voices.bad, 0)


def pressure(voices: Voices, rules: Iceberg) -> float:
    """The dissatisfied customers of the three layers by their weights (X3).

    >>> pressure(Voices(formal=1, informal=2), Iceberg())
    34.8
    """
    weighed = (
        silent(voices, rules) * rules.silent_weight
        + (voices.informal + voices.bad) * rules.informal_weight
        + voices.formal * rules.formal_weight
    )
    return round(weighed, 1)


def reach(voices: Voices, rules: Iceberg) -> Reach:
    """How many people the customers tell.

    >>> reach(Voices(informal=10, good=10), Iceberg())
    Reach(satisfied=45, dissatisfied=323)
    """
    return Reach(round(voices.good * rules.satisfied_tells), round(voices.implied(rules) * rules.dissatisfied_tells))


def line(
    store_id: str, found: tuple[int, Voices] | None, was_heard: bool, rules: Iceberg, pulse: Mapping[str, int]
) -> StoreVoices:
    """The line of a store; `found` is None if nothing was voiced in the window, and `pulse` is what it reports of its staff."""
    day, voices = found or (0, Voices())
    told = reach(voices, rules)
    return StoreVoices(
        store_id=store_id,
        date=_date(day),
        coverage="heard" if was_heard else "never heard",
        formal=voices.formal,
        informal=voices.informal + voices.bad,
        satisfied=voices.good,
        implied_dissatisfied=voices.implied(rules) if was_heard else None,
        silent_dissatisfied=silent(voices, rules) if was_heard else None,
        pressure=pressure(voices, rules) if was_heard else None,
        told_by_satisfied=told.satisfied if was_heard else None,
        told_by_dissatisfied=told.dissatisfied if was_heard else None,
        staff_asked=_date(pulse.get(staff.ASKED, 0)),
        staff_thanked=_date(pulse.get(staff.THANKED, 0)),
        staff_answers=pulse.get(staff.ANSWERS, 0),
        staff_score=pulse[staff.SCORE] / staff.HUNDREDTHS if pulse.get(staff.SCORE) else None,
    )


def reported_line(store_id: str, values: Mapping[str, int], was_heard: bool, rules: Iceberg) -> StoreVoices:
    """The line of a store by what it has reported, without the date; `was_heard`, by this report or an earlier one.

    >>> reported_line("S1", {"complaints": 2, "formal": 1, "low": 2}, True, Iceberg()).implied_dissatisfied
    167
    """
    voices = Voices(values.get(FORMAL, 0), values.get(LOW, 0), values.get(SATISFIED, 0))
    return line(store_id, (0, voices), was_heard, rules, values)


def reported_values(line: StoreVoices) -> dict[str, int]:
    """What a store has reported, by its line.

    >>> reported = {"complaints": 2, "formal": 1, "low": 1, "staff_asked": 19_800, "staff_answers": 2, "staff_score": 250}
    >>> reported_values(reported_line("S1", reported, True, Iceberg())) == reported
    True
    """
    score = None if line.staff_score is None else round(line.staff_score * staff.HUNDREDTHS)
    found = {
        FORMAL: line.formal,
        LOW: line.informal,
        SATISFIED: line.satisfied,
        staff.ASKED: _day(line.staff_asked),
        staff.THANKED: _day(line.staff_thanked),
        staff.ANSWERS: line.staff_answers,
        staff.SCORE: score,
    }
    heard = {COMPLAINTS: line.formal + line.informal} if line.coverage == "heard" else {}
    return {**heard, **{name: value for name, value in found.items() if value}}


def _date(day: int) -> str | None:
    return rfc3339(day * DAY)[:10] if day else None


def _day(date: str | None) -> int:
    return int(parse_instant(f"{date}T00:00:00Z")) // DAY if date else 0
