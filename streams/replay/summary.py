"""What a run has done, as `summary.json` says it."""

from msgspec import Struct, field

from scorers.in_force.live_quality import Quality
from scorers.worklist.ranking import DayList


class Worklists(Struct):
    """The worklists of a run: how many dates have one, their entries, and by date how many customers are only counted."""

    dates: int = 0
    listed: int = 0
    funded: int = 0
    not_listed: dict[str, int] = field(default_factory=dict)
    held_out: int = 0

    def add(self, ranked: DayList) -> None:
        """Count the list of a date."""
        self.dates += bool(ranked.entries)
        self.listed += len(ranked.entries)
        self.funded += sum(entry.funded for entry in ranked.entries)
        self.held_out += ranked.held_out
        if ranked.not_listed:
            self.not_listed[ranked.date] = ranked.not_listed


class Summary(Struct):
    """The content of `summary.json`."""

    events: int
    anonymous: int
    duplicates: int
    conflicts: int
    conflicts_by_source: dict[str, int]
    too_late: int
    unfolded: int
    forgotten: dict[str, int]
    contradictions: dict[str, int]
    rejected: int
    rejected_codes: dict[str, int]
    customers: int
    lessons: int
    alarms: dict[str, int]
    quality: Quality
    worklists: Worklists
    from_time: str | None
    until_time: str | None
    policy_version: str
