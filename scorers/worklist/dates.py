"""The dates of the business whose worklists are not final yet, and what a partition knows for each of them.

A list has two editions: an early one when its date has ended, and the final one when the allowed lateness has passed, after which no
late fact can change it. Only time closes an edition. But a customer's own facts may be read before the time has passed (on Kafka only
ticks are time), and a later fact replaces what was known before it. So the customer's part of the final editions is taken before it.
"""

from collections.abc import Callable, Iterator
from functools import partial

from scorers.contract.events import DAY, SECOND, Micros
from scorers.contract.worklist import WorklistEntry
from scorers.customer.parts.effort import Effort
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.policy.hold_out import is_held_out
from scorers.timeline.timeline import AnyTimeline
from scorers.worklist.candidates import Table, effort_for
from scorers.worklist.entry import date_of, render_entry
from scorers.worklist.ranking import Candidate, Candidates

NOT_BEGUN = -1
FOREVER: Micros = 1 << 62


class DatesToList:
    """Closes the editions of one date after the other. With `early` there are early editions, and those without anybody are told too.

    `final` and `early` are the next dates to be closed, in days since 1970; `final_at` is the instant at which `final` is closed.
    """

    def __init__(self, *, early: bool = False) -> None:
        self.table = Table()
        self.final = self.early = NOT_BEGUN
        self.final_at: Micros = 0
        self._has_early = early

    @property
    def progress(self) -> tuple[int, int]:
        """The next dates to be closed, for `resume`."""
        return self.final, self.early

    def resume(self, progress: tuple[int, int], ctx: Context) -> None:
        """Continue where `progress` was read."""
        self.final, self.early = progress
        self.final_at = 0 if self.final == NOT_BEGUN else self.end(self.final, ctx) + ctx.policy.time.allowed_lateness

    def begin(self, now: Micros, ctx: Context) -> None:
        """Begin with the first date that a fact may be about which is read at an instant; called again, it does nothing."""
        if self.final == NOT_BEGUN:
            day = ctx.zone.day(now - ctx.policy.time.allowed_lateness)
            self.resume((day, day), ctx)

    def end(self, day: int, ctx: Context) -> Micros:
        """The instant at which a date ends."""
        return ctx.zone.instant((day + 1) * DAY)

    def next_early(self, until: Micros, ctx: Context) -> Micros | None:
        """When the next early edition is to be closed, if that is up to an instant at which its final one is not."""
        self.early = max(self.early, self.final)
        end = self.end(self.early, ctx)
        lateness = ctx.policy.time.allowed_lateness
        while self._has_early and end + lateness <= until:
            self.early += 1
            end = self.end(self.early, ctx)
        return end if self._has_early and end <= until else None

    def close(self, final: bool, timeline_of: Callable[[str], AnyTimeline | None], ctx: Context) -> Candidates | None:
        """Close the next edition: what is known for it; None where an effort pays for nobody, unless that is to be told."""
        day = self.final if final else self.early
        end = self.end(day, ctx)
        names, counts, held_out = self.table.best(day, end, self.final_at if final else FOREVER, ctx)
        if final:
            self.resume((day + 1, self.early), ctx)
        else:
            self.early += 1

        def rendering(name: str, effort: Effort) -> WorklistEntry:
            timeline = timeline_of(name)
            assert timeline is not None  # the table holds customers of the partition alone
            return render_entry(timeline.as_of(end, ctx), effort, end, final, ctx)

        found = [
            _candidate(name, currency, effort, partial(rendering, name, effort)) for name, currency, effort in names
        ]
        if not found and not held_out and not self._has_early:
            return None
        return Candidates(day, date_of(end, ctx), end, final, tuple(found), dict(counts), held_out)

    def part_of(self, timeline: AnyTimeline, day: int, ctx: Context) -> Candidates | None:
        """The part of one customer in the final edition of a date, if they have one."""
        c, end, share = timeline.state, self.end(day, ctx), ctx.policy.hold_out.share
        assert isinstance(c, Customer)
        effort = effort_for(c.efforts, end, ctx.policy.worklist)
        if effort is None:
            return None
        if share and is_held_out(c.id, day, share):
            return Candidates(day, date_of(end, ctx), end, True, (), {}, 1, c.id)
        entry = render_entry(timeline.as_of(end, ctx), effort, end, True, ctx)
        currency = c.spending.currency
        one = _candidate(c.id, currency, effort, lambda: entry)
        return Candidates(day, entry.date, end, True, (one,), {currency: 1}, 0, c.id)

    def final_before(self, at: Micros, last_fact: Micros, ctx: Context) -> Iterator[tuple[int, Micros]]:
        """The open dates whose lists are final at an instant and were not after a fact, each with the instant at which it is final."""
        day, lateness = self.final, ctx.policy.time.allowed_lateness
        while (final_at := self.end(day, ctx) + lateness) <= at:
            if last_fact < final_at:
                yield day, final_at
            day += 1


def _candidate(name: str, currency: str, effort: Effort, render: Callable[[], WorklistEntry]) -> Candidate:
    return Candidate(name, effort.net, currency, effort.evidence * SECOND, render)
