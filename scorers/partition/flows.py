"""The flows that have their place in a partition: what is told of them at the end of a day is judged at once.

On Kafka the worker that adds up the figures of a day tells the partition of each flow; a replay, which has one partition, does both.
"""

from collections.abc import Callable

from scorers.contract.events import Micros
from scorers.in_force.context import Context
from scorers.in_force.counted.flows import STORE, Told, lost_in
from scorers.partition.places import Places
from scorers.partition.routing import Address, Timelines
from scorers.subjects.flows.flow import FLOW
from scorers.subjects.flows.flow_timeline import FlowTimeline
from scorers.timeline.emitter import Step


class Flows:
    """Judges what is told of flows."""

    def __init__(
        self, ctx: Context, timelines: Timelines, places: Places, expect: Callable[[Micros, str], None]
    ) -> None:
        self._ctx, self._timelines, self._places, self._expect = ctx, timelines, places, expect

    def take(self, told: Told, clock: Micros) -> Step:
        """Judge the counts of a day; a flow of which too few are lost for any alarm is not kept."""
        address = Address("base", told.flow)
        timeline = self._timelines.get(address.name)
        if timeline is None:
            if lost_in(told) < self._ctx.policy.base.lost_at_least and not told.has_kept:
                return Step()
            if not self._places.take(address.slot) and told.flow.startswith(STORE):
                return Step(forgotten={"other_base": 1})
            timeline = FlowTimeline.new(FLOW, told.flow, self._ctx)
        assert isinstance(timeline, FlowTimeline)
        step = timeline.take(told, clock, self._ctx)
        self._timelines[address.name] = timeline
        if step.is_new:
            self._expect(timeline.state.due, address.name)
        return step
