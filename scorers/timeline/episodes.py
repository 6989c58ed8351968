"""Episodes, which are alarms as a subject's row keeps them, and the answers of a condition."""

from typing import Literal

from msgspec import Struct, field

from scorers.contract.alarms import Outcome, Severity, SubjectType
from scorers.contract.events import DAY, ActionName, Duration, Micros
from scorers.timeline.facts import Ref

MAX_EVIDENCE = 6
NEVER: Micros = 1 << 62
"""The answer of a condition that is false and stays so until a fact comes."""


class Finding(Struct, frozen=True, gc=False):
    """The answer of a condition that is true: since when, and the fact that opened the episode."""

    since: Micros
    opener: Ref
    severity: Severity | None = None  # None for the severity of the kind
    evidence: tuple[Ref, ...] = ()  # beyond the opener
    until: Micros = NEVER  # ask again then: time alone may make the condition false


Answer = Finding | Micros
"""True since an instant, or false and to be asked again at an instant (`NEVER`: only after a fact)."""


def once_past(at: Micros, opener: Ref, now: Micros) -> Answer:
    """The answer of a condition that is true as soon as an instant has passed: the finding since then, else the wait."""
    return Finding(at, opener) if at < now else at


ACTED: frozenset[ActionName] = frozenset({"act", "resolve"})
"""The actions by which somebody has acted on an alarm."""
UNDO_WITHIN: Duration = DAY


class Act(Struct, array_like=True, frozen=True, gc=False):
    """What a person did about an alarm, and when."""

    at: Micros
    by: str
    action: ActionName


class Episode(Struct, array_like=True, gc=False):
    """The time in which one kind holds for one subject or case; it is one alarm with one id."""

    alarm_id: str
    kind: str
    subject: SubjectType
    subject_id: str  # of a case; "" where the alarm is about the watched subject itself
    at: Micros
    opener: Ref
    severity: Severity
    status: Literal["open", "settled", "spent", "noted"] = "open"
    # spent: expired while its condition still holds; noted: a state change, which needs no end
    outcome: Outcome | None = None  # while open: how it is going to end, where a fact has decided that
    evidence: list[Ref] = field(default_factory=list)  # beyond the opener
    cause: list[Ref] = field(default_factory=list)
    detail: str = ""  # of a state change: from what to what; of a feed that counts as closed for good: that it does
    ended: Micros = 0
    acted: Micros = (
        0  # when somebody first acted on it for good, by an action or by contacting the customer; 0 if nobody did
    )
    acts: list[Act] = field(default_factory=list)  # actions that could still be undone when the last one came
    actor: str = ""  # who first acted on it for good; empty where that is not known

    @property
    def was_acted_on(self) -> bool:
        """Whether somebody has acted on it, so that a later comeback is `saved`."""
        if not self.acts:
            return self.acted > 0
        return self.acted > 0 or any(act.action in ACTED for act in self.acts)

    @property
    def first_actor(self) -> str:
        """Who first acted on it; empty if nobody did, or if it is not known who."""
        return self.actor or next((act.by for act in self.acts if act.action in ACTED), "")

    @property
    def dismissed(self) -> bool:
        """Whether somebody has called it false, and that can still be undone."""
        return any(act.action == "dismiss" for act in self.acts)

    def unchanged(self, until: Micros = NEVER) -> Finding:
        """A finding that leaves the episode as it is, for kinds that raise and settle at different thresholds."""
        return Finding(self.at, self.opener, self.severity, tuple(self.evidence), until)
