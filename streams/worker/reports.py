"""What a partition tells of its customers at the end of a day, and the one place where the partitions are added up.

Totals are those since the beginning, so that a report told twice adds nothing. A day is closed once every partition has
told it; its figures come in force at the day's end plus the allowed lateness, or a margin after the newest instant that
any partition had judged, as control records must not reach back.
"""

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar

import msgspec
from msgspec import Struct

from scorers.contract.events import Duration, Micros
from scorers.in_force.control import FiguresInForce
from scorers.in_force.figures import Totals, close, in_force, no_totals
from scorers.policy.tables import Policy


class Report(Struct, frozen=True):
    """The totals of a partition up to the end of a day."""

    KEY: ClassVar[bytes] = b"figures"  # one key, one partition: reports stand in one order

    partition: int
    day: int
    newest: Micros  # nothing was judged there at a later instant
    total: Mapping[str, Mapping[int, int]]

    def encode(self) -> bytes:
        """The report as JSON."""
        return msgspec.json.encode(self)


_decode = msgspec.json.Decoder(Report).decode


def decode_report(raw: bytes) -> Report:
    """The report that `Report.encode` told; ValueError where it is none."""
    return _decode(raw)


class Sums:
    """Adds up the partitions' reports, a day at a time."""

    def __init__(self, partitions: int, policy: Policy, margin: Duration) -> None:
        self.partitions, self.policy, self.margin = partitions, policy, margin
        self.day = -1  # the newest that is closed
        self._told: dict[int, dict[int, Report]] = {}

    def add(self, report: Report) -> FiguresInForce | None:
        """Take in a report; the figures of its day, if it was the last one missing."""
        if report.day <= self.day:
            return None
        told = self._told.setdefault(report.day, {})
        told[report.partition] = report
        if len(told) < self.partitions:
            return None
        self.day = report.day
        self._told = {day: reports for day, reports in self._told.items() if day > report.day}
        return self._close(report.day, told)

    def _close(self, day: int, told: dict[int, Report]) -> FiguresInForce:
        total: Totals = no_totals()
        for report in told.values():
            for name, counts in report.total.items():
                total.setdefault(name, Counter()).update(counts)
        figures = close(day, total, self.policy)
        newest = max(report.newest for report in told.values())
        nominal = in_force(day, self.policy)
        if newest + self.margin > nominal:
            figures = msgspec.structs.replace(figures, in_force=newest + max(self.margin, 1))
        return FiguresInForce.of(day, figures)
