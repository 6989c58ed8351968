"""What every subject has: a state with its open alarms, and a type that defines how facts and time change it.

A subject is what is watched: a customer, a site, a store. `Timeline` works for every subject; all that differs between them is in
`SubjectType`.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from typing import Generic, Literal, TypeVar

from msgspec import Struct, field

from scorers.contract.alarms import Alarm, Change, Outcome, Severity, Tier
from scorers.contract.events import AnyEvent, Micros
from scorers.contract.lessons import Lesson
from scorers.in_force.context import Context
from scorers.in_force.control import GroupName
from scorers.in_force.figures import Contribution
from scorers.timeline.episodes import Episode, Finding
from scorers.timeline.facts import Ref, short_ref
from scorers.timeline.kinds import Kind
from scorers.timeline.packing import decoder

MAX_RECENT = 64
Bound = Literal[
    "early_facts",
    "complaint",
    "closed_complaint",
    "request",
    "promise",
    "outreach",
    "currency",
    "told",
    "merged_id",
    "thing",
]
"""The bounds of a state that may make it forget something; `forgotten` counts under these names, and by types of subjects."""


class State(Struct, array_like=True, gc=False):
    """The state of a subject at one instant; each subject adds its own fields."""

    id: str
    first_seen: Micros = 0
    last_fact: Micros = 0
    due: Micros = 0  # the next deadline, at which something may change without a fact; 0 if there is none
    open: list[Episode] = field(default_factory=list)
    forgotten: dict[str, int] = field(default_factory=dict)  # by bound: how often it was reached and forgot something

    def clear(self) -> None:
        """Know nothing but the id any more, as nothing is known of what is deleted."""
        fresh = type(self)(self.id, open=self.open, forgotten=self.forgotten)
        for name in self.__struct_fields__:
            setattr(self, name, getattr(fresh, name))

    def cases(self) -> int:
        """How many things the state keeps that `forget_oldest_half` could drop."""
        return 0

    def forget_oldest_half(self) -> None:
        """Drop the older half of the cases, because the row has become too large; their alarms end as `forget_case` says."""

    def forget(self, bound: Bound, times: int = 1) -> None:
        """Count what a bound has made the state forget."""
        self.forgotten[bound] = self.forgotten.get(bound, 0) + times

    def forget_case(self, about: Bound, case_id: str) -> None:
        """Count a case that a bound has made the state forget. Its alarms expire: nobody has resolved it."""
        self.forget(about)
        for e in self.open:
            if e.subject_id == case_id and e.subject == about and e.status == "open":
                e.outcome = "expired"

    def end_as(self, outcome: Outcome, kind: str, case_id: str = "") -> None:
        """Say how the open alarm of a kind, about a case if one is given, is going to end."""
        for e in self.open:
            if e.kind == kind and e.subject_id == case_id and e.status == "open":
                e.outcome = outcome


S = TypeVar("S", bound=State)


class Effects(Struct, gc=False):
    """What facts and deadlines of a subject caused."""

    touched: dict[str, Episode] = field(default_factory=dict)  # alarms raised, changed or ended, by id
    counts: list[Contribution] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    withdrawn: set[str] = field(default_factory=set)  # ids of alarms that were never true, as is known by now


class Report(Struct, array_like=True, frozen=True, gc=False):
    """What is known of a group; it reaches customers as a control record."""

    subject: GroupName
    id: str
    in_force: Micros
    values: dict[str, int]


class SubjectType(ABC, Generic[S]):
    """How one type of subject changes.

    `advance` depends only on its arguments: the state, the fact or deadline, and what is in force.
    """

    reports = False  # whether customers receive what it knows
    max_recent = MAX_RECENT  # recent facts of a row; the oldest beyond it go into the snapshot early
    reference = staticmethod(short_ref)  # a fact's reference as a row keeps it

    def __init__(self, name: GroupName, state: type[S]) -> None:
        self.name = name
        self.state = state
        self.decode: Callable[[bytes], S] = decoder(state)

    def new(self, subject_id: str) -> S:
        """The state of a subject without facts."""
        return self.state(subject_id)

    @abstractmethod
    def retained(self, event: AnyEvent) -> AnyEvent:
        """The event with the fields that a row keeps."""

    @abstractmethod
    def advance(self, state: S, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, effects: Effects) -> None:
        """Fold a fact, or judge the deadline `at` (`event` is None); then compare with the open alarms and set `state.due`."""

    def report(self, state: S) -> "Report | None":
        """What customers should know of this subject; None if nothing yet, or never."""
        return None

    def absorb(self, state: S, event: AnyEvent, ref: Ref) -> bool:
        """Count a fact older than the allowed lateness into a snapshot; False if this subject cannot."""
        return False

    def combine(self, own: S, other: S, ctx: Context) -> list[Contribution]:
        """Add the state of an id that was merged into this subject to its own; return the contributions that this changes.

        Both are states before the facts that are folded again afterwards.
        """
        raise NotImplementedError(f"a {self.name} is never merged")

    def passed(self, fact_time: Micros) -> Micros:
        """Up to when a fact lets the subject's time pass: to its own time; 0 where ticks alone do.

        What a subject reports, and when, must not depend on which of its facts was read first.
        """
        return 0 if self.reports else fact_time

    def retires(self, state: S, ctx: Context) -> Micros:
        """The deadline at which nothing of the subject is kept any more, if no fact comes before; 0 if there is none."""
        return 0

    def contributions(self, state: S, at: Micros) -> list[Contribution]:
        """What takes back the state's contributions to the base's figures, dated with an instant; used by an erasure."""
        return []


class AlarmingType(SubjectType[S]):
    """How one type of subject changes that raises alarms of its kinds.

    The defaults suit a subject without stages and tiers, such as a site.
    """

    def __init__(self, name: GroupName, state: type[S], kinds: Iterable[Kind]) -> None:
        super().__init__(name, state)
        self.kinds: Mapping[str, Kind] = {kind.name: kind for kind in kinds}
        self.order = {name: number for number, name in enumerate(self.kinds)}  # of alarms raised at one instant

    @abstractmethod
    def render(
        self, state: S, episode: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
    ) -> Alarm:
        """One change in the life of an alarm as a record of the topic `alarms`."""

    def tier(self, state: S) -> Tier:
        """The tier by which the severity of an alarm steps down."""
        return "gold"

    def severity(self, state: S, kind: Kind, finding: Finding, now: Micros, ctx: Context) -> Severity:
        """The severity of an alarm that is raised now, before the tier's step."""
        return finding.severity or kind.severity

    def outcome(self, state: S, kind: Kind) -> Outcome:
        """The outcome of an alarm whose condition has become false."""
        return "resolved"

    def was_never_true(self, state: S, kind: Kind, episode: Episode, now: Micros, ctx: Context) -> bool:
        """Whether an alarm whose condition is false now has not ended, but what is in force has changed for its own instant."""
        return False

    def closes(self, state: S, kind: Kind, now: Micros) -> bool:
        """Whether the subject has just reached a state that ends alarms of this kind as lost."""
        return False

    def expires(self, state: S, kind: Kind, episode: Episode, ctx: Context) -> Micros:
        """The instant after which an open alarm expires."""
        return episode.at + kind.expires_after * ctx.policy.risk.horizon

    def raised(self, state: S, kind: Kind, episode: Episode, ctx: Context, effects: Effects) -> None:
        """Note that an alarm has just been raised."""

    def expired(self, state: S, episode: Episode) -> Outcome:
        """The outcome of an alarm that has expired."""
        return "expired"
