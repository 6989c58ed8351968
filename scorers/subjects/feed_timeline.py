"""The timeline of a feed: runs come in from all partitions in any order, and are judged when all have told up to an instant.

The row's snapshot holds what is settled, and the runs after it. Everything after what is settled is played again each time that the
feed is judged, and the difference to what was emitted before is emitted. Runs are settled by newer ones and never by time, so that a
fact which is read after a long silence still shows that there was none.
"""

from typing import cast

from scorers.contract.events import Micros
from scorers.groups import feed as feeds
from scorers.groups.feed import Feed
from scorers.groups.runs import Told, merged
from scorers.in_force.context import Context
from scorers.in_force.hours import hour_end, last_hour
from scorers.subjects.feed import FeedType
from scorers.subjects.played_timeline import PlayedTimeline
from scorers.timeline.emitter import Step
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import Ref
from scorers.timeline.packing import encode
from scorers.timeline.subjects import Effects


class FeedTimeline(PlayedTimeline[Feed]):
    """One feed. `state` is the snapshot with all runs played that began before `row.clock`."""

    __slots__ = ()

    def merge(self, told: Told) -> Step:
        """Keep what a partition tells until the feed is judged next."""
        row, feed = self.row, self.subject.decode(self.row.snapshot)
        if not feeds.merge(feed, told):
            return Step(status="duplicate")
        row.snapshot = encode(feed)
        state = self.state
        state.due = min(state.due or feed.pending, feed.pending)
        state.last_fact = max(state.last_fact, feed.last_fact)
        return Step()

    @property
    def newest(self) -> Micros:
        """The time of the newest event."""
        return self.state.last_fact

    def _played(self, ctx: Context, effects: Effects) -> Feed:
        state = self.subject.decode(self.row.snapshot)
        effects.touched.update((e.alarm_id, e) for e in state.open)
        cast(FeedType, self.subject).play(state, last_hour(max(self.row.clock - 1, 0)), ctx, effects)
        return state

    def _cause(self) -> tuple[Ref, ...]:
        return () if self.state.last_ref is None else (self.state.last_ref,)

    def _known(self, e: Episode) -> Micros:
        return hour_end(e.ended or (self.state.shut if e.detail else e.at))

    def _pass_time(self, until: Micros, clock: Micros, ctx: Context, out: Step) -> None:
        """Judge the feed at the last end of an hour before an instant."""
        row, effects = self.row, Effects()
        row.clock = max(row.clock, last_hour(until - 1) + 1)
        self._settle(ctx, effects)
        self._emit_played(effects, ctx, out, clock)
        self._report_closures(out)

    def _settle(self, ctx: Context, effects: Effects) -> None:
        """Fold the runs into the snapshot that ended before the newest one by more than the allowed lateness."""
        row, feed = self.row, self.subject.decode(self.row.snapshot)
        feed.pending = 0
        runs = [run for run in merged(feed.parts) if run.first < row.clock]
        before = min(runs[-1].last, row.clock) - ctx.policy.time.allowed_lateness if runs else 0
        old = [run for run in runs if run.last < before]
        if old:
            effects.touched.update((e.alarm_id, e) for e in feed.open)
            for run in old:
                cast(FeedType, self.subject).fold(feed, run, ctx, effects)
            feed.settled = old[-1].last
            kept = {part: [run for run in runs if run.last > feed.settled] for part, runs in feed.parts.items()}
            feed.parts = {part: runs for part, runs in kept.items() if runs}
        row.snapshot = encode(feed)

    def _report_closures(self, out: Step) -> None:
        before = self.row.reported or {}
        reports = cast(FeedType, self.subject).known(self.state, self.row.clock - 1)
        values = {f"{report.id} {start}": end for report in reports for start, end in report.values.items()}
        if values != before:
            out.reports += [report for report in reports if _of(report.id, values) != _of(report.id, before)]
            self.row.reported = values


def _of(name: str, values: dict[str, int]) -> dict[str, int]:
    return {key: end for key, end in values.items() if key.startswith(f"{name} ")}
