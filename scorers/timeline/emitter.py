"""What a timeline emits: the difference between what follows from its facts and what it has emitted before."""

from typing import Generic, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from scorers.contract.alarms import Alarm, Change, Outcome
from scorers.contract.events import Micros
from scorers.contract.lessons import Lesson
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.merging.parcels import Parcel
from scorers.timeline.row import Row
from scorers.timeline.subjects import AlarmingType, Effects, Report, S, SubjectType

Status = Literal["folded", "refolded", "duplicate", "conflict", "too_late", "refused", "core_error"]


class Step(Struct, gc=False):
    """What one fact, or the passing of time, has caused."""

    alarms: list[Alarm] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    counts: list[Contribution] = field(default_factory=list)
    reports: list[Report] = field(default_factory=list)
    status: Status = "folded"
    fault: str = ""  # of a core_error: what went wrong
    parcels: list[Parcel] = field(default_factory=list)  # for other customers, because ids were merged
    refused: list[Parcel] = field(default_factory=list)  # merges that would close a circle
    forgotten: dict[str, int] = field(default_factory=dict)  # by bound: what it has newly made the state forget

    @property
    def is_new(self) -> bool:
        """Whether the fact was accepted and is not a duplicate."""
        return self.status in ("folded", "refolded")


class Emitter(Generic[S]):
    """The row and the state of one subject, and its alarms as last emitted; `Timeline` folds facts into them."""

    __slots__ = ("emitted", "row", "state", "subject")

    subject: SubjectType[S]
    row: Row
    state: S
    emitted: dict[str, Episode]  # by alarm id

    def _emit(self, effects: Effects, time: Micros, ref: Ref, ctx: Context, out: Step) -> None:
        """Emit alarms that differ from what was last emitted, and all lessons and contributions."""
        row = self.row
        for name in sorted(effects.withdrawn & self.emitted.keys()) if effects.withdrawn else ():
            self._emit_one(self.emitted.pop(name), "alarm.withdrawn", time, () if ref is NO_FACT else (ref,), ctx, out)
        for name, e in effects.touched.items():
            before = self.emitted.get(name)
            cause = tuple(e.cause) or (() if ref is NO_FACT else (ref,))
            if before is None:
                self._emit_one(e, "alarm.raised", time, (), ctx, out)
            elif e.status == "open" != before.status:
                self._emit_one(e, "alarm.raised", time, cause, ctx, out)
            elif _shown(before) != _shown(e) and before.status in ("open", "noted"):
                self._emit_one(e, "alarm.updated", time, (), ctx, out)
            has_ended = e.status in ("settled", "spent")
            if has_ended and (before is None or before.status == "open" or _ending(before) != _ending(e)):
                self._emit_one(e, "alarm.settled", time, cause, ctx, out)
            self.emitted[name] = replace(e)  # a copy, as the state changes its own
        if effects.counts:
            row.counts += effects.counts
            out.counts += effects.counts
        for lesson in effects.lessons:
            row.lessons.append(lesson.asked_at)
            out.lessons.append(lesson)

    def _report(self, out: Step) -> None:
        """Emit a report if its values differ from those last reported."""
        report = self.subject.report(self.state)
        if report is not None and report.values != self.row.reported:
            out.reports.append(report)
            self.row.reported = report.values

    def _emit_one(
        self, e: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context, out: Step
    ) -> None:
        subject: AlarmingType[S] = self.subject  # type: ignore[assignment]  # only a subject that raises alarms has episodes
        out.alarms.append(subject.render(self.state, e, change, time, cause, ctx))


def _shown(e: Episode) -> tuple[Micros, str, int, str]:
    """What an update of an open alarm shows."""
    return (e.at, e.severity, len(e.evidence), e.detail)


def _ending(e: Episode) -> tuple[Micros, Outcome | None]:
    """What a repeated settlement shows: a late fact may change how an alarm ended."""
    return (e.at, e.outcome)
