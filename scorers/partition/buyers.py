"""What the customers of a partition bought lately, in memory: so that those who are exposed to complaints are found without their rows."""

from collections.abc import Callable, Iterator, Mapping

from scorers.customer.exposed import exposure
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.timeline.timeline import AnyTimeline
from scorers.worklist.candidates import Readings


class Buyers:
    """The things of each customer by name, as `Bought.things`; for those who bought any."""

    def __init__(self) -> None:
        self._things: dict[str, bytes] = {}

    def put(self, name: str, c: Customer) -> None:
        """Replace what a customer bought."""
        if c.bought.things:
            self._things[name] = c.bought.things

    def recover(self, name: str, readings: Readings | None) -> None:
        """Take what a customer bought from a row that was stored earlier."""
        if readings is not None and readings.things:
            self._things[name] = readings.things

    def remove(self, name: str) -> None:
        """Forget a customer."""
        self._things.pop(name, None)

    def undo(self, changed: Mapping[str, AnyTimeline | None]) -> None:
        """Go back to what was before a record; `changed` are the subjects that it had changed, as they were before."""
        for name, timeline in changed.items():
            self.remove(name)
            if timeline is not None and isinstance(timeline.state, Customer):
                self.put(name, timeline.state)

    def exposed(
        self, timeline_of: Callable[[str], AnyTimeline | None], ctx: Context
    ) -> Iterator[tuple[str, AnyTimeline]]:
        """The customers who are exposed to something that nobody was asked about yet, each with the instant as the deadline.

        A customer whose deadlines up to that instant were judged is left alone.
        """
        begun, ctx.exposures.begun = ctx.exposures.begun, []
        for one in begun:
            for name in sorted(name for name, things in self._things.items() if one.key in things):
                timeline = timeline_of(name)
                if timeline is None or timeline.row.clock > one.since or not isinstance(timeline.state, Customer):
                    continue
                c = timeline.state
                if (not c.due or c.due > one.since) and exposure(c, one.since, ctx) == one:
                    c.due = one.since
                    yield name, timeline
