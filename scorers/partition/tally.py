"""What became of the events of a partition, and of the steps that they caused."""

from collections import Counter

from msgspec import Struct, field
from msgspec.structs import replace

from scorers.timeline.emitter import Step


class Tally(Struct):
    """How many events were read, and how many of them had no effect, by cause."""

    events: int = 0
    anonymous: int = 0
    duplicates: int = 0
    conflicts: int = 0
    too_late: int = 0
    core_errors: int = 0
    unfolded: int = 0  # accepted, but without effect: actions about no known customer
    forgotten: Counter[str] = field(default_factory=Counter)  # by bound of a subject's state: what it made forget

    def count(self, step: Step) -> None:
        """Count what became of an event."""
        if step.status == "duplicate":
            self.duplicates += 1
        elif step.status == "conflict":
            self.duplicates += 1
            self.conflicts += 1
        elif step.status == "too_late":
            self.too_late += 1
        elif step.status == "core_error":
            self.core_errors += 1


def joined(first: Step, second: Step) -> Step:
    """Both steps as one, with the status of the second."""
    return replace(
        second,
        alarms=first.alarms + second.alarms,
        lessons=first.lessons + second.lessons,
        counts=first.counts + second.counts,
        reports=first.reports + second.reports,
        parcels=first.parcels + second.parcels,
        refused=first.refused + second.refused,
        forgotten=dict(Counter(first.forgotten) + Counter(second.forgotten)),
    )
