"""Alarms as a subject keeps them, and what a kind answers when it is asked whether it holds."""

from typing import Literal

from msgspec import Struct, field

from scorers.contract.alarms import Outcome, Severity, SubjectType
from scorers.contract.events import Micros
from scorers.timeline.facts import Ref

MAX_EVIDENCE = 6
NEVER: Micros = 1 << 62
"""The answer of a kind that does not hold and that time alone cannot change."""


class Finding(Struct, frozen=True, gc=False):
    """A kind holds: since when, and the fact that opened the episode."""

    since: Micros
    opener: Ref
    severity: Severity | None = None  # the kind's own where None
    evidence: tuple[Ref, ...] = ()  # beyond the opener
    until: Micros = NEVER  # time alone may end it then: the kind is asked again


Answer = Finding | Micros
"""It holds since an instant, or: ask again at this instant (`NEVER`: only a fact can make it hold)."""


class Episode(Struct, array_like=True, gc=False):
    """An alarm from its raising to its end, as a subject's row keeps it."""

    alarm_id: str
    kind: str
    subject: SubjectType
    subject_id: str  # of a case; "" where the alarm is about the watched subject itself
    at: Micros
    opener: Ref
    severity: Severity
    status: Literal["open", "settled", "spent", "noted"] = "open"
    # spent: timed out while its condition still holds; noted: a state change, settled when it is raised
    outcome: Outcome | None = None
    evidence: list[Ref] = field(default_factory=list)  # beyond the opener
    cause: list[Ref] = field(default_factory=list)
    detail: str = ""  # of a state change: from what to what
    ended: Micros = 0

    def unchanged(self, until: Micros = NEVER) -> Finding:
        """The finding behind this alarm: for kinds that raise and settle at two different thresholds."""
        return Finding(self.at, self.opener, self.severity, tuple(self.evidence), until)
