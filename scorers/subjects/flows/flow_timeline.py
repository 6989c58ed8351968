"""The timeline of a flow: the counts of all partitions come in at the end of each day, old days among them as far as late facts reach.

Days are settled once they are a window old: what late facts change after that does not withdraw alarms any more.
"""

from typing import cast

from scorers.contract.events import DAY, Micros
from scorers.groups.flow import ByDay, Flow
from scorers.in_force.context import Context
from scorers.in_force.counted.flows import Sections, Told, days_kept, first_bucket
from scorers.in_force.figures import in_force
from scorers.policy.tables import Policy
from scorers.subjects.flows.flow import FlowType
from scorers.subjects.played_timeline import PlayedTimeline
from scorers.timeline.emitter import Step
from scorers.timeline.episodes import Episode
from scorers.timeline.packing import encode
from scorers.timeline.subjects import Effects


class FlowTimeline(PlayedTimeline[Flow]):
    """One flow. `state` is the snapshot with all days played."""

    __slots__ = ()

    def take(self, told: Told, clock: Micros, ctx: Context) -> Step:
        """Judge the counts of a day; those of a day that was told before are a duplicate."""
        flow = self.subject.decode(self.row.snapshot)
        if told.day <= flow.day:
            return Step(status="duplicate")
        out, effects, policy = Step(), Effects(), ctx.policy
        flow.sections = _joined(flow.sections, told, policy)
        flow.day = told.day
        effects.touched.update((e.alarm_id, e) for e in flow.open)
        settled = told.day - policy.base.window // DAY
        if settled > flow.settled:
            cast(FlowType, self.subject).play(flow, ByDay(flow), settled, ctx, effects)
        for section, counts in flow.sections.items():
            first = first_bucket(section, told.day - days_kept(section, policy) + 1)
            flow.sections[section] = {bucket: count for bucket, count in counts.items() if bucket >= first}
        self.row.snapshot = encode(flow)
        self._emit_played(effects, ctx, out, max(clock, in_force(told.day, policy)))
        return out

    def _played(self, ctx: Context, effects: Effects) -> Flow:
        state = self.subject.decode(self.row.snapshot)
        effects.touched.update((e.alarm_id, e) for e in state.open)
        cast(FlowType, self.subject).play(state, ByDay(state), state.day, ctx, effects)
        state.due = self.subject.retires(state, ctx)
        return state

    def _known(self, e: Episode) -> Micros:
        return e.ended or e.at

    def _pass_time(self, until: Micros, clock: Micros, ctx: Context, out: Step) -> None:
        """Time alone only retires a flow of which nothing is told any more."""
        if 0 < self.state.due < until:
            self.state.due = 0


def _joined(before: Sections, told: Told, policy: Policy) -> Sections:
    """What was told now, and the days before that which are not settled yet."""
    found = {section: dict(counts) for section, counts in told.sections.items()}
    for section, counts in before.items():
        end = first_bucket(section, told.day - days_kept(section, policy) + 1)
        older = {bucket: count for bucket, count in counts.items() if bucket < end}
        if older:
            found[section] = {**older, **found.get(section, {})}
    return found
