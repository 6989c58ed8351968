"""The one checker: what came of the events, against what had to come of them.

An `Outcome` is what can be told of a run without knowing how it was run: how many events each customer's state holds,
that state in a canonical form (without fences and places in a log), and the effects by their ids. One is made of the
ledger of what was sent, another of what lies on the broker in the end; `judge` compares them. It must be able to say
no: tests/faults/test_controls.py shows it four ways of writing state that are wrong.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass
class Outcome:
    """How many events the state of each customer holds, that state, and what was told."""

    events: Counter[str] = field(default_factory=Counter)
    states: Mapping[str, Hashable] = field(default_factory=dict)
    effects: set[Hashable] = field(default_factory=set)


@dataclass
class Verdict:
    """How an outcome differs from the expected one; all zero is exact."""

    missing: int = 0
    double: int = 0
    wrong_states: int = 0
    missing_effects: int = 0
    foreign_effects: int = 0

    def exact(self) -> bool:
        return self == Verdict()

    def __str__(self) -> str:
        if self.exact():
            return "exact"
        return ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in vars(self).items() if count)


def judge(expected: Outcome, found: Outcome) -> Verdict:
    """What is missing, what is there twice, whose state is wrong, and which effects nobody expected."""
    customers = expected.states.keys() | found.states.keys()
    return Verdict(
        missing=(expected.events - found.events).total(),
        double=(found.events - expected.events).total(),
        wrong_states=sum(expected.states.get(name) != found.states.get(name) for name in customers),
        missing_effects=len(expected.effects - found.effects),
        foreign_effects=len(found.effects - expected.effects),
    )


class Line(NamedTuple):
    """A line of the table that a run prints at its end."""

    row: str
    what: str
    seed: int | str
    kills: int
    events: int
    verdict: Verdict

    def cells(self) -> tuple[str, ...]:
        v = self.verdict
        return (self.row, self.what, *map(str, (self.seed, self.kills, self.events, v.missing, v.double, v)))


HEAD = ("row", "what", "seed", "kills", "events", "missing", "double", "verdict")


def table(lines: list[Line]) -> list[str]:
    """The lines as a table in Markdown, by row."""
    rows = [HEAD, *(line.cells() for line in sorted(lines, key=lambda line: (line.row[0], int(line.row[1:]))))]
    return [f"| {' | '.join(row)} |" for row in (rows[0], tuple("---" for _ in HEAD), *rows[1:])]
