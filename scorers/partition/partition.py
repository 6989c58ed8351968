"""Many customers under one clock: whom a fact concerns, whose deadlines fall due, and what the base adds up to.

Deadlines in their order make silence an event: a tick costs what is due, never a scan. At the end of each day plus
the allowed lateness the base's figures are closed and, where the runner learns itself, a new model comes in force.
Both runners, the replay and the Faust worker, fold through this one class; a partition is to the worker what the whole
of its files is to the replay. What differs is who moves the time: in a replay every event does (`feed`), on Kafka only
ticks do (`fold` and `tick`), as topics are read at unequal speed and an event from afar must not make others silent.
"""

from collections.abc import Callable, Iterator
from typing import Protocol

from msgspec import Struct

from scorers.contract.events import DAY, AnyEvent, CustomerErased, CustomerMerged, Micros, StaffPulse
from scorers.customer.state import Ref
from scorers.in_force.context import Context
from scorers.in_force.figures import FigureBook
from scorers.partition.deadlines import Deadlines
from scorers.risk.training import Trainer
from scorers.timeline.timeline import Monitor, Step


class Tally(Struct):
    """What became of the events."""

    events: int = 0
    anonymous: int = 0
    duplicates: int = 0
    conflicts: int = 0
    too_late: int = 0
    core_errors: int = 0
    unfolded: int = 0  # accepted, but no fact of a customer's: staff pulses, merges


class Monitors(Protocol):
    """Monitors by customer; one that has folded something is set again, for those who keep it elsewhere."""

    def get(self, name: str, /) -> Monitor | None: ...

    def __setitem__(self, name: str, monitor: Monitor, /) -> None: ...


class Partition:
    """The customers of one partition, and the time that they share.

    Where making a monitor is dear, `due` says when a customer falls due, so that none is made for a deadline that moved.
    """

    def __init__(
        self,
        ctx: Context,
        monitors: Monitors,
        book: FigureBook | None = None,
        trainer: Trainer | None = None,
        due: Callable[[str], Micros] | None = None,
    ) -> None:
        self.ctx = ctx
        self.monitors = monitors
        self.tally = Tally()
        self.clock: Micros = 0
        self._book = book
        self._trainer = trainer
        self._boundary: Micros = 0  # the next instant at which a day's figures come in force
        self._due = due
        self._deadlines = Deadlines()

    def expect(self, due: Micros, name: str) -> None:
        """Something falls due for a customer of an earlier life of this process."""
        self._deadlines.add(due, name)

    def feed(self, event: AnyEvent, ref: Ref) -> Iterator[Step]:
        """Fold one event; first, the time of all customers moves up to it."""
        if event.time > self.clock:
            yield from self.tick(int(event.time))
        step = self.fold(event, ref)
        if step is not None:
            yield step

    def fold(self, event: AnyEvent, ref: Ref) -> Step | None:
        """Fold one event, with its own customer's deadlines before it; None where it is no customer's."""
        self.tally.events += 1
        if event.customer_id is None:
            self.tally.anonymous += 1
            return None
        if isinstance(event, (StaffPulse, CustomerMerged)):
            self.tally.unfolded += 1
            return None
        monitor = self.monitors.get(event.customer_id)
        if monitor is None:
            monitor = Monitor.new(event.customer_id, self.ctx)
        if isinstance(event, CustomerErased):
            step = monitor.erase(int(event.time), ref, self.clock, self.ctx)
        else:
            step = monitor.step(event, ref, self.clock, self.ctx)
        self._count(step)
        return self._after(monitor, step)

    def tick(self, until: Micros) -> Iterator[Step]:
        """Let the time of all customers pass up to an instant: deadlines and the ends of days, in their order."""
        if not self._boundary:
            self._boundary = self._next_boundary(until)
        while self._boundary <= until:
            yield from self._settle(self._boundary)
            self._close_day()
            self._boundary += DAY
        yield from self._settle(until)
        self.clock = max(self.clock, until)

    def _settle(self, until: Micros) -> Iterator[Step]:
        while (next_due := self._deadlines.take(until)) is not None:
            due, name = next_due
            if self._due is not None and self._due(name) != due:
                continue
            monitor = self.monitors.get(name)
            if monitor is None or monitor.due != due:
                continue  # moved since, and pushed anew
            self.clock = max(self.clock, due)
            yield self._after(monitor, monitor.settle(due + 1, self.clock, self.ctx))

    def _after(self, monitor: Monitor, step: Step) -> Step:
        self.monitors[monitor.row.id] = monitor
        if monitor.due:
            self._deadlines.add(monitor.due, monitor.row.id)
        if self._book is not None and step.counts:
            self._book.add(step.counts)
        if self._trainer is not None:
            for lesson in step.lessons:
                self._trainer.learn(lesson)
        return step

    def _next_boundary(self, now: Micros) -> Micros:
        lateness = self.ctx.policy.time.allowed_lateness
        return (now - lateness) // DAY * DAY + DAY + lateness

    def _close_day(self) -> None:
        lateness = self.ctx.policy.time.allowed_lateness
        if self._book is not None:
            self.ctx.adopt_figures(self._book.close((self._boundary - lateness) // DAY - 1))
        if self._trainer is not None:
            model = self._trainer.snapshot(self.ctx.policy.risk.champion)
            if model.version != self.ctx.newest_model.version:
                self.ctx.adopt_model(model, self._boundary)

    def _count(self, step: Step) -> None:
        tally = self.tally
        if step.verdict == "folded":
            return
        if step.verdict == "duplicate":
            tally.duplicates += 1
        elif step.verdict == "conflict":
            tally.duplicates += 1
            tally.conflicts += 1
        elif step.verdict == "too_late":
            tally.too_late += 1
        elif step.verdict == "core_error":
            tally.core_errors += 1
