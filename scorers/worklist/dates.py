"""The dates of the business whose worklist is not final yet, and what a partition knows for each when it is."""

from collections.abc import Callable
from functools import partial

from scorers.contract.events import DAY, SECOND, Micros
from scorers.contract.worklist import WorklistEntry
from scorers.customer.effort import Effort
from scorers.in_force.context import Context
from scorers.timeline.timeline import AnyTimeline
from scorers.worklist.candidates import Table
from scorers.worklist.entry import date_of, render_entry
from scorers.worklist.ranking import Candidate, Candidates


class DatesToList:
    """Closes one date after the other, from the date of the first instant on."""

    def __init__(self) -> None:
        self.table = Table()
        self._day = -1  # the next date to be closed, in days since 1970

    def begin(self, now: Micros, ctx: Context) -> None:
        """Begin with the date of an instant."""
        self._day = ctx.zone.day(now)

    def end(self, ctx: Context) -> Micros:
        """The instant at which the next date ends."""
        return ctx.zone.instant((self._day + 1) * DAY)

    def final_at(self, ctx: Context) -> Micros:
        """The instant from which on no late fact can change the list of that date."""
        return self.end(ctx) + ctx.policy.time.allowed_lateness

    def close(self, timeline_of: Callable[[str], AnyTimeline | None], ctx: Context) -> Candidates | None:
        """What is known for the list of the next date, which is then closed; None if an effort pays for nobody."""
        day, end = self._day, self.end(ctx)
        self._day += 1
        names, counts, held_out = self.table.best(day, end, ctx)
        if not names and not held_out:
            return None

        def rendering(name: str, effort: Effort) -> WorklistEntry:
            timeline = timeline_of(name)
            assert timeline is not None  # the table holds customers of the partition alone
            return render_entry(timeline.as_of(end, ctx), effort, end, True, ctx)

        found = [
            Candidate(name, effort.net, currency, effort.evidence * SECOND, partial(rendering, name, effort))
            for name, currency, effort in names
        ]
        return Candidates(day, date_of(end, ctx), end, True, tuple(found), dict(counts), held_out)
