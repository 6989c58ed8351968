"""The report of a partition on its customers at the end of a day, and the sum of all reports.

Totals count from the beginning, so a repeated report adds nothing. A day is closed once every partition has reported it; its
figures come into force at the end of the day plus the allowed lateness, or, if that is later, a margin after the newest instant that any
partition had judged, because control records must not change the past.
"""

from collections import Counter
from collections.abc import Mapping
from typing import ClassVar, NamedTuple

import msgspec
from msgspec import Struct

from scorers.contract.events import Duration, Micros
from scorers.in_force.control import FiguresInForce
from scorers.in_force.counted.flows import Told, told_of
from scorers.in_force.figures import Totals, close, in_force, no_totals
from scorers.policy.tables import Policy


class Report(Struct, frozen=True):
    """The totals of a partition up to the end of a day."""

    KEY: ClassVar[bytes] = b"figures"  # one key, one partition: reports have one order

    partition: int
    day: int
    newest: Micros  # the newest instant judged in that partition
    total: Mapping[str, Mapping[int, int]]
    policy: str = ""  # the version in force at that instant

    def encode(self) -> bytes:
        """The report as JSON."""
        return msgspec.json.encode(self)


class Closed(NamedTuple):
    """What a day has brought, once all partitions have reported it: its figures, and what flows are told."""

    figures: FiguresInForce
    told: list[Told]


_decode = msgspec.json.Decoder(Report).decode


def decode_report(raw: bytes) -> Report:
    """The report that `Report.encode` wrote. Raises ValueError if the bytes are none."""
    return _decode(raw)


class Sums:
    """Adds up the reports of the partitions, day by day. `margin` is in microseconds."""

    def __init__(self, partitions: int, policy: Policy, margin: Duration) -> None:
        self.partitions, self.policy, self.margin = partitions, policy, margin
        self.day = -1  # the newest that is closed
        self._reports: dict[int, dict[int, Report]] = {}

    def add(self, report: Report) -> Closed | None:
        """Add a report; return what its day has brought if it was the last report missing, else None."""
        if report.day <= self.day:
            return None
        reports = self._reports.setdefault(report.day, {})
        reports[report.partition] = report
        if len(reports) < self.partitions:
            return None
        self.day = report.day
        self._reports = {day: of_day for day, of_day in self._reports.items() if day > report.day}
        return self._close(report.day, reports)

    def _close(self, day: int, reports: dict[int, Report]) -> Closed:
        total: Totals = no_totals()
        for report in reports.values():
            for name, counts in report.total.items():
                total.setdefault(name, Counter()).update(counts)
        figures = close(day, total, self.policy)
        newest = max(report.newest for report in reports.values())
        nominal = in_force(day, self.policy)
        if newest + self.margin > nominal:
            figures = msgspec.structs.replace(figures, in_force=newest + max(self.margin, 1))
        return Closed(FiguresInForce.of(day, figures), told_of(total, day))
