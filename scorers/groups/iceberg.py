"""What the voices of a store stand for: the dissatisfied below the surface (X2, X3), and who hears of it (X5)."""

from typing import Literal, NamedTuple

from msgspec import Struct

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import rfc3339
from scorers.groups.store import Voices
from scorers.policy.group_tables import Iceberg

Coverage = Literal["heard", "never heard"]
"""Whether a complaint or a mark ever came from a store: of one that was never heard, the silence proves nothing."""


class Reach(NamedTuple):
    """How many people hear of a store within the window from its customers, of the satisfied and the dissatisfied ones."""

    satisfied: int
    dissatisfied: int


class StoreVoices(Struct, kw_only=True):
    """A line of `stores.jsonl`: a store at the end of the newest closed day, and the window before it.

    What stands for others is null for a store that was never heard: nothing is known of it.
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


def line(store_id: str, found: tuple[int, Voices] | None, was_heard: bool, rules: Iceberg) -> StoreVoices:
    """The line of a store; `found` is None if nothing was voiced in the window."""
    day, voices = found or (0, Voices())
    told = reach(voices, rules)
    return StoreVoices(
        store_id=store_id,
        date=rfc3339(day * DAY)[:10] if found else None,
        coverage="heard" if was_heard else "never heard",
        formal=voices.formal,
        informal=voices.informal + voices.bad,
        satisfied=voices.good,
        implied_dissatisfied=voices.implied(rules) if was_heard else None,
        silent_dissatisfied=silent(voices, rules) if was_heard else None,
        pressure=pressure(voices, rules) if was_heard else None,
        told_by_satisfied=told.satisfied if was_heard else None,
        told_by_dissatisfied=told.dissatisfied if was_heard else None,
    )
