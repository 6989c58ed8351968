"""A timeline of what is told in sums, not in facts: everything after what is settled is played again, and the difference is emitted."""

from abc import abstractmethod

from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.timeline.emitter import Step
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.silence import Silence
from scorers.timeline.snapshot import open_ids
from scorers.timeline.subjects import Effects, S
from scorers.timeline.timeline import Timeline


class PlayedTimeline(Timeline[S]):
    """One subject. The row's snapshot holds what is settled, and what was told after it; `state` is the snapshot with that played."""

    __slots__ = ()

    @abstractmethod
    def _played(self, ctx: Context, effects: Effects) -> S:
        """The snapshot with everything after it played."""

    def _refold(self, ctx: Context, facts: Effects, silence: Effects) -> None:
        self.silence = Silence(ctx.policy_version)
        self.state = self._played(ctx, silence)

    def _judge_snapshot(self, ctx: Context) -> None:
        """What follows is played under the policy in force, and the alarms of the snapshot with it."""

    @abstractmethod
    def _known(self, e: Episode) -> Micros:
        """When the newest change of an alarm could be known."""

    def _cause(self) -> tuple[Ref, ...]:
        """The fact because of which alarms are withdrawn, as far as one is known."""
        return ()

    def _emit_played(self, effects: Effects, ctx: Context, out: Step, clock: Micros) -> None:
        """Play, and emit what differs from what was emitted before; `effects` are those of what was settled now."""
        final = {name for name, e in effects.touched.items() if e.status != "open"}
        self.state = self._played(ctx, effects)
        for name in [name for name in self.emitted if name not in effects.touched]:
            self._emit_one(self.emitted.pop(name), "alarm.withdrawn", clock, self._cause(), ctx, out)
        for name, e in effects.touched.items():
            self._emit(Effects({name: e}), max(clock, self._known(e)), NO_FACT, ctx, out)
        for name in final - set(open_ids(self.state)):
            del self.emitted[name]
