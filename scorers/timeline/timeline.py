"""The timeline of one subject: facts go in, in any order; alarms, lessons and contributions to the figures come out.

A row holds a snapshot and the recent facts after it; the current state follows from both. A fact in order is folded into the
current state. A late fact is inserted in its place, everything after the snapshot is folded again, and only the difference to what was
emitted before is emitted; so in the end the order of arrival changes nothing. Of two payloads under one identity the one read first
stands; the other is a conflict and changes nothing.

Once a fact is accepted, nothing older than the allowed lateness can follow, so the snapshot advances to that point. Only facts advance
it, never ticks: if a fact read later shows that there was no silence, the alarm about it is withdrawn. In a silence the snapshot
may also advance past deadlines that touched no alarm.
"""

from operator import attrgetter
from typing import Any

from msgspec.structs import replace

from scorers.contract.alarms import Change
from scorers.contract.events import AlarmAction, AnyEvent, Micros
from scorers.in_force.context import Context
from scorers.timeline.emitter import Step
from scorers.timeline.episodes import NEVER, Episode
from scorers.timeline.facts import NO_FACT, Fact, Ref, content_check, identity_of, newest_of
from scorers.timeline.keeping import Keeping
from scorers.timeline.packing import encode
from scorers.timeline.row import MAX_SEEN_EARLY, ROW_FORM, Row, decode_row, encode_row
from scorers.timeline.silence import Silence
from scorers.timeline.snapshot import difference, fold, joined, judge_due, lapse, open_ids
from scorers.timeline.subjects import Effects, S, SubjectType

_TIDY = 16  # from so many recent facts on, those beyond the allowed lateness go into the snapshot

UndoPoint = tuple[Row, dict[str, Episode]]


class Timeline(Keeping[S]):
    """One subject: its row, its current state, and its alarms as last emitted.

    Invariants between two calls:

    - `state` is the snapshot with the recent facts folded in and every deadline before `row.clock` judged.
    - `row.recent` ascends by `Fact.key`.
    - `emitted` holds each alarm as it was last emitted, for all alarms that were open in the snapshot or touched since.
    - `silence` keeps its own invariants.
    """

    __slots__ = ("_kept",)

    def __init__(self, subject: SubjectType[S], row: Row, ctx: Context) -> None:
        self.subject = subject
        self.row = row
        self.emitted = {e.alarm_id: e for e in row.emitted}
        self.state: S
        self.silence: Silence
        self._kept: UndoPoint | None = None  # of the caller, if nothing has changed since
        if row.cached is not None and row.cached.policy == ctx.judged_by:
            self._resume(row.cached, ctx)
        else:
            self._refold(ctx, Effects(), Effects())

    @classmethod
    def new(cls, subject: SubjectType[S], subject_id: str, ctx: Context) -> "Timeline[S]":
        """The timeline of a subject without facts."""
        return cls(subject, Row(ROW_FORM, subject_id, encode(subject.new(subject_id))), ctx)

    @classmethod
    def decode(cls, subject: SubjectType[S], stored: bytes, ctx: Context) -> "Timeline[S]":
        """The timeline that `encode` wrote. Raises msgspec.DecodeError if the bytes are no row."""
        return cls(subject, decode_row(stored), ctx)

    def encode(self) -> bytes:
        """The row as bytes, about 2 KiB for a customer of two years."""
        return encode_row(self._row())

    def cache(self) -> None:
        """Cache the state in the row where that makes it quicker to read; called before the row is stored."""
        self.silence.cache(self.state, self.row)

    @property
    def due(self) -> Micros:
        """The next deadline, at which something may change without a fact; 0 if there is none."""
        return self.state.due

    def as_of(self, end: Micros, ctx: Context) -> S:
        """The state after everything before an instant; it is not to be changed.

        Exact as long as the snapshot holds no fact from that instant on, so within the allowed lateness.
        """
        if max(self.silence.judged_to, self.state.last_fact) < end:
            return self.state
        effects = Effects()
        state = fold(
            self.subject, self.row.snapshot, [fact for fact in self.row.recent if fact.time < end], ctx, effects
        )
        lapse(self.subject, state, end, ctx, effects)
        return state

    # --- one record ---------------------------------------------------------------------------------------------

    def step(
        self,
        event: AnyEvent,
        ref: Ref,
        clock: Micros,
        ctx: Context,
        origin: tuple[str, int] | None = None,
        complete_to: Micros = NEVER,
    ) -> Step:
        """Fold one event. `clock` is the newest instant that the runner has seen.

        `origin` is the log that a forwarded fact was read from, and its offset there. Facts of one log come in order, so an offset not
        above the newest one folded is a duplicate. Facts from several logs may be days apart where one is read behind another: the runner
        says up to which instant all logs were read, and lateness counts from there, or from the newest fact of the same log. If the core
        fails, the timeline is unchanged and the step's status is `core_error`.
        """
        if origin is not None and self.row.came_before(origin):
            return Step(status="duplicate")
        undo, self._kept = self._kept or self.undo_point(), None
        forgotten = self.state.forgotten.copy()
        try:
            self.row.note_origin(origin)
            of_log = 0 if origin is None or complete_to == NEVER else self.row.note_time(origin[0], int(event.time))
            step = self._step(event, ref, clock, ctx, complete_to, of_log)
            if len(self.row.recent) >= _TIDY or len(self.state.open) + self.state.cases() > _TIDY:
                self._limit_size(ref, clock, ctx, step)
            if self.state.forgotten != forgotten:
                more = {name: n - forgotten.get(name, 0) for name, n in self.state.forgotten.items()}
                step.forgotten = {name: n for name, n in more.items() if n > 0}
        except Exception as fault:  # any fault concerns this record alone
            self.restore(undo, ctx)
            return Step(status="core_error", fault=f"{type(fault).__name__}: {fault}")
        return step

    def keep(self) -> UndoPoint:
        """An undo point that the next change uses too, so that it makes none of its own."""
        self._kept = self.undo_point()
        return self._kept

    def undo_point(self) -> UndoPoint:
        """What `restore` needs to take back all later changes."""
        return self.row.copy(), self.emitted.copy()

    def restore(self, point: UndoPoint, ctx: Context) -> None:
        """Go back to an undo point."""
        self.row, self.emitted = point[0].copy(), point[1].copy()
        self._refold(ctx, Effects(), Effects())

    def judge_until(self, until: Micros, clock: Micros, ctx: Context) -> Step:
        """Judge every deadline before an instant. `clock` is the newest instant that the runner has seen.

        If the core fails, the step's status is `core_error` and this subject has no deadline until its next fact.
        """
        out, self._kept = Step(), None
        try:
            self._pass_time(until, clock, ctx, out)
        except Exception as fault:
            out.status, out.fault = "core_error", f"{type(fault).__name__}: {fault}"
            self.state.due = self.silence.judged = 0  # a half-judged state must not be cached
        if until > self.row.clock:
            self.row.clock = until
        return out

    def judge_again(self, clock: Micros, ctx: Context, *, another_policy: bool = False) -> Step:
        """Fold everything after the snapshot again, because what is in force has changed for the past (J3).

        Under another policy, alarms of the snapshot that do not hold by it are taken out of it first. Every deadline before `clock` has been judged. What no longer follows is withdrawn. If the core fails, the timeline is unchanged and the step's status is `core_error`.
        """
        undo, self._kept = self.undo_point(), None
        try:
            self.row.clock = max(self.row.clock, clock)
            if another_policy:
                self._judge_snapshot(ctx)
            return self._refold_and_emit(0, NO_FACT, clock, ctx)
        except Exception as fault:
            self.restore(undo, ctx)
            return Step(status="core_error", fault=f"{type(fault).__name__}: {fault}")

    def _judge_snapshot(self, ctx: Context) -> None:
        """Judge the snapshot at its own instant by the policy in force: what does not hold by it never did, and deadlines may come earlier."""
        state, judged = self.subject.decode(self.row.snapshot), self.subject.decode(self.row.snapshot)
        if not state.due:
            return
        at = max(self.row.snapshot_time, state.last_fact, *(e.at for e in state.open))
        self.subject.advance(judged, at, None, NO_FACT, ctx, Effects())
        holds = set(open_ids(judged))
        state.open = [e for e in state.open if e.alarm_id in holds]
        state.due = min(state.due, at + 1)
        self.row.snapshot = encode(state)

    @property
    def newest(self) -> Micros:
        """The time of the newest fact that was folded."""
        recent = self.row.recent  # a step of a case is folded up to a second before its own time
        return max([int(fact.event.time) for fact in recent], default=self.row.snapshot_time)

    def erase(self, at: Micros, ref: Ref, clock: Micros, ctx: Context) -> Step:
        """What ends with the subject, which must not be used again: its open alarms, and its contributions to the figures.

        `at` is the time of the erasure `ref`. Alarms that became true later are withdrawn, so it does not matter how far a tick had
        come. No record says the subject's name.
        """
        at = max(at, self.newest)
        out = self._end(at, clock, (ref,), ctx)
        out.alarms = [replace(alarm, name=None) for alarm in out.alarms]
        return out

    def retire(self, at: Micros, clock: Micros, ctx: Context) -> Step:
        """What ends with the subject at its own last deadline; like `erase`, after which it must not be used again."""
        return self._end(at, clock, (), ctx)

    def _end(self, at: Micros, clock: Micros, cause: tuple[Ref, ...], ctx: Context) -> Step:
        out = Step()
        self._pass_time(at, clock, ctx, out)
        out.counts += self.subject.contributions(self.state, at)
        self.state = self.subject.new(self.row.id)
        for e in self.emitted.values():
            if e.status == "open" or e.at > at:  # a copy, as an undo point shares the episodes emitted before
                ended = replace(e, status="settled", outcome="expired")
                change: Change = "alarm.settled" if e.at <= at else "alarm.withdrawn"
                self._emit_one(ended, change, max(clock, at), cause, ctx, out)
        return out

    def _step(
        self, event: AnyEvent, ref: Ref, clock: Micros, ctx: Context, complete_to: Micros, of_log: Micros
    ) -> Step:
        row, recent, ref = self.row, self.row.recent, self.subject.reference(ref)
        lateness = ctx.policy.time.allowed_lateness
        fact = Fact.of(event, self.subject.retained(event), ref)
        newest = newest_of(recent, row.snapshot_time)
        late = event.time < max(min(newest, complete_to), of_log) - lateness or event.time <= row.erased
        if complete_to < newest and event.time < row.snapshot_time and not row.forced:
            late = True  # `complete_to` may lie further back after a restart, the snapshot does not
        if fact.time <= row.erased < event.time:  # a step of a case in the second of the erasure
            fact = replace(fact, time=int(event.time))
        for other in recent:
            if other.ref.id == ref.id and other.ref.source == ref.source:  # what was read first stands
                return Step(status="duplicate" if other.event == fact.event else "conflict")
        if row.seen and (identity := identity_of(fact)) in row.seen:
            return Step(status="duplicate" if row.has_seen(identity, content_check(fact)) else "conflict")
        if not late and fact.time < row.snapshot_time:  # its place is in the snapshot already
            late = len(row.seen) == MAX_SEEN_EARLY  # it may have been there before
            fact = replace(fact, time=row.snapshot_time)
        if late:
            return self._absorb(fact, ctx)
        follows = not recent or recent[-1].time < fact.time or recent[-1].key < fact.key
        if not follows or fact.time <= self.silence.judged_to:
            recent.append(fact)
            return self._refold_and_emit(fact.time, fact.ref, clock, ctx)
        settled = min(newest if type(event) is AlarmAction else fact.time, complete_to) - lateness
        if recent and (recent[-1].time < settled or len(recent) >= _TIDY):
            self._advance_snapshot(settled, ctx)
        return self._in_order(fact, clock, ctx)

    # --- in order -------------------------------------------------------------------------------------------------

    def _in_order(self, fact: Fact, clock: Micros, ctx: Context) -> Step:
        """Fold a fact that is newer than all facts and deadlines before it."""
        row, out, effects = self.row, Step(), Effects()
        passed = self.subject.passed(fact.time)
        self._pass_time(passed, clock, ctx, out)
        row.recent.append(fact)
        row.cached = None
        self.silence.end()
        self.subject.advance(self.state, fact.time, fact.placed, fact.ref, ctx, effects)
        self._emit(effects, max(clock, fact.time), fact.ref, ctx, out)
        row.clock = max(row.clock, passed)
        self._pass_time(row.clock, clock, ctx, out)  # after an erasure a fact may be older than `row.clock`
        return out

    def _pass_time(self, until: Micros, clock: Micros, ctx: Context, out: Step) -> None:
        """Judge the deadlines before an instant, one by one, and emit their effects."""
        state, silence, subject = self.state, self.silence, self.subject
        if not 0 < state.due < until:
            return
        lateness = ctx.policy.time.allowed_lateness
        silence.policy = ctx.judged_by
        effects = Effects()
        while 0 < state.due < until:
            silence.before_deadline(state, self.row, lateness)
            judge_due(subject, state, ctx, effects)
            silence.judged += 1
            if effects.touched or effects.counts or effects.lessons or effects.withdrawn:
                silence.touched |= effects.touched.keys() | effects.withdrawn
                self._emit(effects, max(clock, silence.judged_to), NO_FACT, ctx, out)
                effects = Effects()
            if subject.reports:
                self._report(out)

    # --- out of order ---------------------------------------------------------------------------------------------

    def _refold_and_emit(self, time: Micros, ref: Ref, clock: Micros, ctx: Context) -> Step:
        """Fold everything after the snapshot again and emit the difference to what was emitted before, caused by a fact, or by none."""
        row, facts, silence, out = self.row, Effects(), Effects(), Step(status="refolded")
        row.recent.sort(key=attrgetter("key"))
        row.clock = max(row.clock, self.subject.passed(time))
        clock = max(
            clock, time, self.newest, self.silence.judged_to
        )  # no alarm ends before the time at which it was told
        cause = () if ref is NO_FACT else (ref,)
        counted, answered = row.counts, set(row.lessons)
        row.counts = []
        self._refold(ctx, facts, silence)
        effects = joined(facts, silence, answered)
        for name in [name for name in self.emitted if name not in effects.touched]:
            self._emit_one(self.emitted.pop(name), "alarm.withdrawn", clock, cause, ctx, out)
        self._emit(effects, clock, ref, ctx, out)
        out.counts = difference(counted, effects.counts)
        if (beyond := len(row.recent) - self.subject.max_recent) > 0:
            self._snapshot_early(beyond, ctx)
        self._report(out)
        return out

    def _absorb(self, fact: Fact, ctx: Context) -> Step:
        """Count a fact older than the allowed lateness, if the subject can count facts in any order; else reject it."""
        row = self.row
        snapshot = self.subject.decode(row.snapshot)
        if fact.event.time <= row.erased or not self.subject.absorb(snapshot, fact.event, fact.ref):
            return Step(status="too_late")
        row.snapshot = encode(snapshot)
        row.remember([fact])
        self._refold(ctx, Effects(), Effects())
        out = Step(status="refolded")
        self._report(out)
        return out


AnyTimeline = Timeline[Any]
