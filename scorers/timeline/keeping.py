"""What the row of a subject keeps: a snapshot and the recent facts after it; the current state follows from both.

Only facts advance the snapshot, never ticks, because nothing older than the allowed lateness can follow an accepted fact. A row that grows
too large puts facts into the snapshot early, and then forgets its oldest cases.
"""

from msgspec.structs import replace

from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.timeline.emitter import Emitter, Step
from scorers.timeline.facts import Fact, Ref, short_ref
from scorers.timeline.packing import encode
from scorers.timeline.row import CachedState, Row
from scorers.timeline.silence import Silence
from scorers.timeline.snapshot import Checkpoint, difference, fold, lapse, open_ids
from scorers.timeline.subjects import Bound, Effects, S

MAX_ROW = 60 * 1024
EARLY: Bound = "early_facts"  # `forgotten` counts facts that went into the snapshot early under this name


class Keeping(Emitter[S]):
    """The row of a subject, and the state that follows from it."""

    __slots__ = ("silence",)

    silence: Silence

    # --- the row ----------------------------------------------------------------------------------------------------

    def _row(self) -> Row:
        return replace(self.row, emitted=list(self.emitted.values()))

    def _size(self) -> int:
        """The bytes of the row before they are packed, so that no text that packs well makes a row large to read."""
        return len(encode(self._row()))

    # --- the state --------------------------------------------------------------------------------------------------

    def _refold(self, ctx: Context, facts: Effects, silence: Effects) -> None:
        """Compute state and caches from the row, under the policy in force."""
        self.state, checkpoint = self._after_facts(ctx, facts)
        self.row.cached = None
        now = self.silence = Silence(ctx.judged_by)
        now.judged, now.judged_to = lapse(self.subject, self.state, self.row.clock, ctx, silence)
        now.touched, now.checkpoints = frozenset(silence.touched), [checkpoint]

    def _resume(self, cached: CachedState, ctx: Context) -> None:
        """Compute state and caches from the row's cached state."""
        row, effects = self.row, Effects()
        stored = cached.read(row.snapshot)
        self.state = self.subject.decode(stored)
        open_then = open_ids(self.state)
        now = self.silence = Silence(ctx.judged_by)
        now.judged, judged_to = lapse(self.subject, self.state, row.clock, ctx, effects)
        now.judged_to = judged_to or cached.judged_to
        now.touched = frozenset((*cached.touched, *effects.touched))
        if not cached.touched:
            since = {lesson.asked_at for lesson in effects.lessons}
            lessons = tuple([at for at in row.lessons if at not in since])
            counts = tuple(difference(effects.counts, row.counts))
            now.checkpoints = [Checkpoint(stored, cached.judged_to, counts, lessons, open_then)]

    def _after_facts(self, ctx: Context, effects: Effects) -> tuple[S, Checkpoint]:
        """The state after the snapshot and the recent facts, before any later deadline, and its checkpoint."""
        state = fold(self.subject, self.row.snapshot, self.row.recent, ctx, effects)
        checkpoint = Checkpoint.of(state, state.last_fact, self.row)
        checkpoint.counts = tuple(effects.counts)
        checkpoint.lessons = tuple([int(lesson.asked_at) for lesson in effects.lessons])
        return state, checkpoint

    # --- the snapshot -----------------------------------------------------------------------------------------------

    def _advance_snapshot(self, before: Micros, ctx: Context) -> None:
        """Put the recent facts older than an instant into the snapshot; no fact older than that can still be accepted."""
        row, recent = self.row, self.row.recent
        if recent[-1].time < before:
            row.forced = False
            self._snapshot_all(self._checkpoint(before, ctx))
            return
        if old := sum(fact.time < before for fact in recent):
            row.forced = False
            self._snapshot_oldest(old, ctx)
        elif len(recent) >= self.subject.max_recent:
            self._snapshot_early(len(recent) - self.subject.max_recent + 1, ctx)

    def _checkpoint(self, before: Micros, ctx: Context) -> Checkpoint:
        """The newest state after all recent facts in which no deadline from an instant on was judged."""
        found = self.silence.checkpoint_before(before)
        if found is not None:
            return found
        if self.silence.judged_to:
            return self._after_facts(ctx, Effects())[1]
        return Checkpoint.of(self.state, self.state.last_fact, self.row)

    def _snapshot_all(self, checkpoint: Checkpoint) -> None:
        """Make a checkpoint, which contains all recent facts, the snapshot."""
        row, touched = self.row, self.silence.touched
        self.emitted = {name: e for name, e in self.emitted.items() if name in checkpoint.open or name in touched}
        row.counts = difference(checkpoint.counts, row.counts)
        row.lessons = [at for at in row.lessons if at not in checkpoint.lessons]
        self._replace_snapshot(checkpoint.state, row.recent, [])

    def _snapshot_oldest(self, old: int, ctx: Context, early: bool = False) -> None:
        """Fold the oldest recent facts into the snapshot."""
        row, effects = self.row, Effects()
        state = fold(self.subject, row.snapshot, row.recent[:old], ctx, effects)
        if early:
            state.forget(EARLY, old)
        self._take_in(state, effects, row.recent[:old], row.recent[old:])

    def _take_in(self, state: S, effects: Effects, folded: list[Fact], recent: list[Fact]) -> None:
        """Make the snapshot a state into which facts were folded with these effects, and drop from the row what it holds now."""
        row, still = self.row, set(open_ids(state))
        for name, e in effects.touched.items():
            if name not in still and e.status != "open":
                self.emitted.pop(name, None)
        row.counts = difference(effects.counts, row.counts)
        asked = {lesson.asked_at for lesson in effects.lessons}
        row.lessons = [at for at in row.lessons if at not in asked]
        self._replace_snapshot(encode(state), folded, recent)

    def _snapshot_early(self, old: int, ctx: Context) -> None:
        """Put facts within the allowed lateness into the snapshot to limit the size; for them the order of arrival counts, and each is counted."""
        self.row.forced = True
        self._snapshot_oldest(old, ctx, early=True)
        self.state.forget(EARLY, old)

    def _replace_snapshot(self, snapshot: bytes, folded: list[Fact], recent: list[Fact]) -> None:
        row = self.row
        row.snapshot, row.snapshot_time = snapshot, folded[-1].time if folded else row.snapshot_time
        row.remember(folded)
        row.recent = recent
        row.cached = None
        self.silence.checkpoints.clear()

    def _limit_size(self, ref: Ref, clock: Micros, ctx: Context, out: Step) -> None:
        """Keep the row within `MAX_ROW` bytes: put recent facts into the snapshot early, then forget the oldest cases, whose alarms expire."""
        row = self.row
        if len(row.recent) > 1 and self._size() > MAX_ROW:
            self._snapshot_early(len(row.recent) - 1, ctx)
        while self._size() > MAX_ROW and self.state.cases():
            row.forced = True
            state = self.subject.decode(encode(self.state))
            state.forget_oldest_half()
            gone = [e for e in state.open if e.status == "open" and e.outcome is not None]
            state.open = [e for e in state.open if e not in gone]
            self._replace_snapshot(encode(state), row.recent, [])
            row.counts, row.lessons = [], []  # all of them are in the snapshot now
            self._refold(ctx, Effects(), Effects())
            for e in gone:
                e.status, e.ended = "settled", row.clock
                self._emit_one(e, "alarm.settled", max(clock, row.clock), (short_ref(ref),), ctx, out)
            kept = open_ids(state)
            self.emitted = {name: e for name, e in self.emitted.items() if name in kept}
