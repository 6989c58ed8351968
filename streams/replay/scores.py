"""When customers are scored, and the file of scores."""

import csv
from collections.abc import Iterable, Iterator
from typing import IO, Any

from msgspec import Struct

from scorers.contract.events import DAY, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.spreadsheet import cell
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.subjects.assessment import Assessment, assess
from scorers.timeline.timeline import Timeline

SCORE_COLUMNS = (
    "time",
    "customer_id",
    "stage",
    "tier",
    "loyalty_type",
    "risk",
    "expected_purchases",
    "value_at_risk_minor",
    "currency",
)


class ScoreSchedule(Struct):
    """When customers are scored: at the instants `at`, every `every` microseconds, or both; and where the run ends."""

    at: tuple[Micros, ...] = ()
    every: int = 0
    until: Micros | None = None


class Scores:
    """The instants of a schedule that are still to come, and the file."""

    def __init__(self, schedule: ScoreSchedule, file: IO[str]) -> None:
        self._every = schedule.every
        self._at = sorted(set(schedule.at), reverse=True)
        self._next: Micros = 0
        self._file = csv.writer(file, lineterminator="\n")
        self._file.writerow(SCORE_COLUMNS)

    def begin(self, first: Micros) -> None:
        """The first event is known: regular scores begin on its day."""
        self._next = first // DAY * DAY + self._every if self._every else 0

    def due(self) -> Micros:
        """The next instant, 0 if there is none."""
        return min([when for when in (self._next, self._at[-1] if self._at else 0) if when], default=0)

    def passed(self, when: Micros) -> None:
        """The next instant was scored."""
        if self._at and self._at[-1] == when:
            self._at.pop()
        if self._next == when:
            self._next += self._every

    def later(self) -> Iterator[Micros]:
        """The instants that were asked for one by one and have not come."""
        while self._at:
            yield self._at.pop()

    def write(self, now: Micros, customers: Iterable[tuple[str, Timeline[Customer]]], ctx: Context) -> None:
        """Score customers at an instant."""
        time = rfc3339(now)
        for name, timeline in customers:
            self._file.writerow((time, cell(name), *_score(assess(timeline.state, now, ctx))))


def _score(v: Assessment) -> tuple[Any, ...]:
    risk, expected = f"{v.risk:.9g}", f"{v.expected_purchases:.6g}"
    return (v.stage, v.tier, v.loyalty_type, risk, expected, v.value_at_risk_minor, v.currency or "")
