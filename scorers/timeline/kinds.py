"""A kind of alarm: its condition, severity, reasons, treatment and remedy, in one value.

Each kind is one file in `scorers/alarms` with one value `KIND`, and one line in the catalogue. A condition answers `Finding` (true
since ...) or the instant at which to ask again, so deadlines follow from conditions and no instant is written twice.
"""

from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, NamedTuple

from msgspec import Struct

from scorers.contract.alarms import (
    SEVERITIES,
    Matter,
    Outcome,
    Reason,
    Severity,
    Skill,
    Stage,
    SubjectType,
    Tier,
    Treatment,
)
from scorers.contract.events import Instant, Micros
from scorers.in_force.context import Context
from scorers.timeline.episodes import Answer, Episode

Condition = Callable[[Any, Micros, Context, Episode | None], Answer]
"""(state, now, what is in force, the current episode of this kind or None) -> `Finding`, or when to ask again."""
CaseCondition = Callable[[Any, Any, Micros, Context, Episode | None], Answer]
"""The same for each case: (state, case, now, what is in force, the current episode of this case or None)."""


EVEN = 0.5  # a risk under this one: the customer more likely stays


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of alarm.

    `about` is the type of subject that the alarm names, `watched` the type whose timeline raises it: alarms about a complaint are
    raised by the timeline of its customer. `when` names a part of the state; while that is empty or 0 the kind cannot hold, and is not asked.
    A kind with neither condition is a state change, which is recorded where the state changes.
    """

    name: str
    rules: tuple[str, ...]
    headline: str  # for messages; {who} is the subject
    milder: tuple[frozenset[Stage], str] | None = None  # another headline, for these stages and under an even risk
    example: str  # one sentence for the docs
    severity: Severity = "info"
    by_risk: bool = False  # the severity follows from the reported risk when it is raised (J4)
    unproven: Severity | None = (
        None  # and is no graver than this until the base has shown that such risks are true (J5)
    )
    treatment: Treatment = "tailored_service"
    remedy: str | None = None  # what settles it, for people; {by} is the deadline
    suffices: Callable[[Any, Episode, Instant, Context], bool] | None = (
        None  # whether the remedy would, by then; else it is not told
    )
    about: SubjectType = "customer"
    watched: SubjectType = "customer"
    outcome: Outcome = "returned"  # `saved` where somebody has acted on it
    fixed: bool = False  # the same severity for every tier
    skill: Skill = "retention"
    matter: Matter = ""
    of_buyers: bool = False  # about customers who buy on: further purchases do not show that it was false
    expires_after: int = 2  # how many horizons it may stay open
    stages: frozenset[Stage] | None = None  # the customer's stages in which it can hold, None for all
    when: str | None = None  # the dotted path of a part of the state
    condition: Condition | None = None
    case_condition: CaseCondition | None = None  # asked about each of the cases that `when` names
    reasons: Callable[[Any, Episode, Micros, Context], list[Reason]]
    deadline: Callable[[Any, Episode, Context], Instant | None] | None = None  # an instant of its own by which to act

    def is_milder(self, stage: Stage | None, risk: float | None) -> bool:
        """Whether an alarm about a customer in a stage, with a risk, has the milder headline: nobody is said to leave who likely stays."""
        return self.milder is not None and (stage in self.milder[0] or (risk is not None and risk < EVEN))

    def headline_in(self, stage: Stage | None, risk: float | None = None) -> str:
        """The headline of an alarm about a customer in a stage, with a risk."""
        return self.milder[1] if self.milder is not None and self.is_milder(stage, risk) else self.headline

    def part(self, state: Any) -> Any:
        """The part of a state that `when` names; true if the kind is always asked."""
        return True if self.when is None else attrgetter(self.when)(state)

    @property
    def is_case(self) -> bool:
        """Whether the alarm is about a case, which outlives the customer's leaving."""
        return self.about in ("complaint", "request", "promise")

    @property
    def is_state_change(self) -> bool:
        """Whether it only records that a state has changed."""
        return self.condition is None and self.case_condition is None


Key = tuple[str, str]
"""The name of a kind and the id of the case; "" where the alarm is about the subject itself."""
Asked = tuple[tuple[Key, Kind, Condition], ...]
"""Kinds about the subject, with the keys of their findings."""
Gate = tuple[Asked, tuple[tuple[Kind, CaseCondition], ...]]
"""The kinds with the same `when`: those about the subject, and those about each of the cases that it names."""


class Plan(NamedTuple):
    """The kinds that can hold for a subject in one stage: those that are always asked, and the others by the part they read.

    `parts` reads all these parts of a state at once, in the order of `gates`.
    """

    always: Asked
    parts: Callable[[Any], Sequence[Any]]
    gates: tuple[Gate, ...]


def plan(kinds: Sequence[Kind], stage: Stage | None = None) -> Plan:
    """The kinds to ask, of those that can hold in a stage."""
    possible = [kind for kind in kinds if kind.stages is None or stage in kind.stages]
    always = tuple(((k.name, ""), k, k.condition) for k in possible if k.condition is not None and k.when is None)
    paths = list(dict.fromkeys(k.when for k in possible if k.when is not None))
    gates = [
        (
            tuple(((k.name, ""), k, k.condition) for k in possible if k.condition is not None and k.when == path),
            tuple((k, k.case_condition) for k in possible if k.case_condition is not None and k.when == path),
        )
        for path in paths
    ]
    return Plan(always, _reader(paths), tuple(gates))


def _reader(paths: Sequence[str]) -> Callable[[Any], Sequence[Any]]:
    """A function that reads several dotted paths of a state in one call."""
    if len(paths) > 1:
        return attrgetter(*paths)
    return lambda state: [attrgetter(path)(state) for path in paths]


_STEPS_DOWN: dict[Tier, int] = {"platinum": 0, "gold": 0, "iron": 1, "none": 1, "lead": 2}


def severity_for(severity: Severity, tier: Tier) -> Severity:
    """A severity as the tier carries it: iron and no tier one step lower, lead two, never under info.

    >>> severity_for("error", "iron"), severity_for("warning", "lead")
    ('warning', 'info')
    """
    return SEVERITIES[min(SEVERITIES.index(severity) + _STEPS_DOWN[tier], len(SEVERITIES) - 1)]
