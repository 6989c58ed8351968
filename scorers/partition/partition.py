"""The subjects of one partition under one clock: routes facts to subjects, judges deadlines in order, and closes days.

A tick costs what is due, never a scan. At the end of each day plus the allowed lateness the figures are closed and, if this process
trains, a new model comes into force. The replay and the worker both fold through this class; in a replay every event advances the
clock (`feed`), on Kafka only ticks do (`fold` and `tick`), because topics are read at unequal speed.
"""

from collections import deque
from collections.abc import Callable, Iterator

from scorers.contract.events import DAY, AlarmAction, AnyEvent, CustomerErased, CustomerMerged, Micros
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.in_force.counted.flows import told_of
from scorers.in_force.figures import FigureBook
from scorers.partition.buyers import Buyers
from scorers.partition.deadlines import Deadlines
from scorers.partition.feed_log import FeedLog
from scorers.partition.feeds import Feeds
from scorers.partition.flows import Flows
from scorers.partition.judged_again import JudgedAgain
from scorers.partition.listing import Listing
from scorers.partition.merges import Merges, erasures, let_go
from scorers.partition.places import Places
from scorers.partition.routing import (
    FEED_PREFIX,
    Address,
    Timelines,
    address_of,
    erases,
    other_subjects,
    own_subject,
    subject_type,
)
from scorers.partition.sites import Sites
from scorers.partition.stores import Stores
from scorers.partition.suppression import PlainSuppressions, Suppression, Suppressions, kept_out_until
from scorers.partition.tally import Tally, joined
from scorers.risk.training import Trainer
from scorers.subjects.site import SITE
from scorers.subjects.store import STORE
from scorers.timeline.emitter import Step
from scorers.timeline.episodes import NEVER
from scorers.timeline.facts import Ref, nameless
from scorers.timeline.merging.parcels import Parcel
from scorers.timeline.timeline import AnyTimeline, Timeline
from scorers.worklist.dates import DatesToList


class Partition:
    """The subjects of one partition and their common clock.

    `book` adds up contributions and closes days, `trainer` learns from lessons; without them figures and models come from control records.
    Without `own_figures` the book only tells flows. `due` gives a subject's deadline, so that no timeline is read for one that has moved.
    `suppressed` holds what remains of erased customers. With `lists` the candidates for each date's worklist are collected in
    `listing.ended`. `heard` notes what feeds report where ticks of their own ask for it; without it every tick judges feeds.
    """

    def __init__(
        self,
        ctx: Context,
        timelines: Timelines,
        book: FigureBook | None = None,
        trainer: Trainer | None = None,
        due: Callable[[str], Micros] | None = None,
        suppressed: Suppressions | None = None,
        lists: DatesToList | None = None,
        heard: FeedLog | None = None,
        own_figures: bool = True,
    ) -> None:
        self.ctx = ctx
        self.timelines = timelines
        self.suppressed = PlainSuppressions() if suppressed is None else suppressed
        self.newest: Micros = 0  # of all facts, erasures and actions excepted
        self.tally = Tally()
        self.clock: Micros = 0
        self._groups_told: Micros = 0  # the instant up to which groups have been told all facts
        self.places = Places()
        self._hears = heard is None
        self.feeds = Feeds(ctx, timelines, self.places, heard or FeedLog())
        if self._hears:
            self.feeds.attend()
        self._merges = Merges(ctx, timelines, self)
        self._book, self._own_figures = book, own_figures
        self._trainer = trainer
        self._boundary: Micros = 0  # the next instant at which a day's figures come into force
        self._due = due
        self._deadlines = Deadlines()
        self.flows = Flows(ctx, timelines, self.places, self._deadlines.add)
        self.listing = Listing(ctx, timelines, lists, self._settle, self._effects)
        self.buyers = Buyers()
        self.stores = Stores()
        self.sites = Sites()
        self.again = JudgedAgain()

    def judge_all_again(self) -> None:
        """Judge everybody again with the next instant, because another policy is in force: a deadline may come earlier under it."""
        self.again.under_another_policy(self._deadlines.names())

    def expect(self, due: Micros, name: str) -> None:
        """Add the deadline of a subject that was stored earlier."""
        if name.startswith(FEED_PREFIX):
            self.feeds.expect(due, name.removeprefix(FEED_PREFIX))
        else:
            self._deadlines.add(due, name)

    def feed(self, event: AnyEvent, ref: Ref) -> Iterator[Step]:
        """Advance the clock to an event, then fold it for every subject that it concerns; one step for each."""
        for step in self._feed(event, ref):
            yield step
            if step.parcels:
                yield from self._deliver(step)

    def _feed(self, event: AnyEvent, ref: Ref) -> Iterator[Step]:
        if event.time > self.clock:
            if event.time >= self.feeds.next:
                yield from map(self._counted, self.feeds.hear(int(event.time), self.clock))
            yield from self._advance(int(event.time))
            if self.listing.ended:
                yield Step()  # the runner takes out what has ended before a fact changes it
        step = self.fold(event, ref)
        if step is not None:
            yield step
        if step is None or step.is_new:
            for number, address in enumerate(other_subjects(event)):
                other = self.fold_forwarded(address, event, ref)
                if step is None and not number and event.customer_id is not None:
                    self.tally.count(other)
                yield other

    def _deliver(self, step: Step) -> Iterator[Step]:
        """What a step sends to customers, taken in this partition."""
        waiting = deque(step.parcels)
        while waiting:
            parcel = waiting.popleft()
            taken = self.receive(parcel)
            if parcel.content == "fact" and not taken.parcels and not erases(parcel.event):
                self.tally.count(taken)
            yield taken
            waiting += taken.parcels

    def receive(self, parcel: Parcel, origin: tuple[str, int] | None = None, arrival: Micros = 0) -> Step:
        """Take what another customer has sent to one of this partition, because their ids were merged; `origin` as in `Timeline.step`."""
        before, parts = None, None
        if parcel.content == "known":
            before, parts = self.listing.before(self.timelines.get(parcel.to), int(parcel.event.time), self.clock)
        step = self._merges.receive(parcel, origin, arrival)
        if parts and step.is_new:
            self.listing.ended += parts
        return step if before is None else joined(before, step)

    def fold(self, event: AnyEvent, ref: Ref, arrival: Micros = 0) -> Step | None:
        """Fold one event for the subject of its key, after judging that subject's earlier deadlines; None if it has no subject.

        `arrival` is when the event was written to its log, 0 if the runner does not know.
        """
        self.tally.events += 1
        address = own_subject(event)
        if erases(event):
            assert address is not None
            step = self.erase(address.name, event, ref, arrival)
            self.tally.count(step)
            return step
        acts = type(event) is AlarmAction
        if event.time > self.newest and not acts:
            self.newest = int(event.time)
        if address is None or (acts and self.timelines.get(address.name) is None):
            if not acts and event.customer_id is None:
                self.tally.anonymous += 1
            elif acts or not other_subjects(event):  # an action about nobody's alarm, or a fact about nothing watched
                self.tally.unfolded += 1
            if not acts:
                self.feeds.log.note(event, ref)
            return None
        step = self.fold_for(address, event, ref)
        self.tally.count(step)
        if step.is_new and not acts:
            self.feeds.log.note(event, ref)
        return step

    def fold_for(self, address: Address, event: AnyEvent, ref: Ref, origin: tuple[str, int] | None = None) -> Step:
        """Fold one event for one subject, new or known; `origin` as in `Timeline.step`."""
        timeline = self.timelines.get(address.name)
        if self.again.waiting and timeline is not None and self.again.is_next(address.name, timeline.state):
            again = self._judge_one_again(address.name, timeline, self.clock)
            return joined(again, self._fold_for(address, event, ref, origin))
        return self._fold_for(address, event, ref, origin)

    def _fold_for(self, address: Address, event: AnyEvent, ref: Ref, origin: tuple[str, int] | None = None) -> Step:
        name, complete_to = address.name, self._complete_to(address)
        timeline = self.timelines.get(name)
        if timeline is not None and timeline.row.moved is not None:
            return self._merges.follow(timeline, Parcel(name, event, ref), origin)
        if type(event) is AlarmAction and (timeline is None or not timeline.state.first_seen):
            return Step()  # it makes nobody a customer
        before, parts = self.listing.before(timeline, int(event.time), self.clock)
        passed = min(int(event.time), complete_to)
        if timeline is not None and timeline.state.due < passed:  # the clock has not passed this deadline yet
            retires = timeline.subject.retires(timeline.state, self.ctx)
            if 0 < retires < passed:
                retired = self._retire(address, timeline, retires)
                before = retired if before is None else joined(before, retired)
                timeline = None
        if timeline is None:
            subject = subject_type(name)
            kept = subject.retires(subject.new(address.id), self.ctx)  # from 0, so it is the length of time
            if kept and event.time + kept < self.clock and type(event) is not CustomerMerged:
                return Step(status="too_late")  # if it was known before, it has been deleted since
            if address.type != "customer" and not self.places.take(address.slot):
                return self._counted(Step(forgotten={f"other_{address.type}": 1}))
            if (suppression := self.suppressed.get(name)) is not None and event.time <= suppression.until:
                return Step(status="too_late")
            timeline = self.begin(name) if address.type == "customer" else Timeline.new(subject, address.id, self.ctx)
        if type(event) is CustomerMerged:
            step = self._merges.merge(timeline, event, ref, origin)
            if step.is_new:
                self.buyers.remove(name)
        else:
            step = timeline.step(event, ref, self.clock, self.ctx, origin, complete_to)
            step = self.after(name, timeline, self._merges.described(timeline.row, event, ref, step))
        if parts and step.is_new:
            self.listing.ended += parts
        return step if before is None else joined(before, step)

    def fold_forwarded(
        self, address: Address, event: AnyEvent, ref: Ref, origin: tuple[str, int] | None = None
    ) -> Step:
        """Fold an event for a group. The reference that a theme keeps, and shows in its alarm, does not name the customer."""
        if address.type == "theme":
            ref = nameless(ref, event.customer_id)
        return self.fold_for(address, event, ref, origin)

    def _complete_to(self, address: Address) -> Micros:
        """Up to when all facts of a subject have come. Those of a customer come in one log; the logs of a group's may be read days apart."""
        if address.type == "customer":
            return NEVER
        return self.clock if self._hears else self._groups_told

    def begin(self, name: str) -> AnyTimeline:
        """The timeline of a customer of whom nothing is known, but perhaps that they were erased."""
        timeline = Timeline.new(subject_type(name), name, self.ctx)
        if (suppression := self.suppressed.get(name)) is not None:
            timeline.row.erased = suppression.until
        return timeline

    def _retire(self, address: Address, timeline: AnyTimeline, at: Micros) -> Step:
        """Delete a subject at its last deadline: nothing is known of it any more, and its place is free."""
        step = timeline.retire(at + 1, max(self.clock, at), self.ctx)
        self.delete(address.name)
        if address.type != "customer":
            self.places.give_back(address.slot)
        step.forgotten = {**step.forgotten, f"silent_{address.type}": 1}
        step.parcels += let_go(address.name, timeline.row.ids, at)
        return self._effects(self._counted(step))

    def _counted(self, step: Step) -> Step:
        self.tally.forgotten.update(step.forgotten)
        return step

    def erase(self, name: str, event: CustomerErased, ref: Ref, arrival: Micros) -> Step:
        """Delete all that is known of a customer, under all ids that were merged. An erasure that was carried out before is a duplicate."""
        at = int(event.time)
        before = self.suppressed.get(name) or Suppression()
        erasure = self.suppressed.digests(f"{ref.source}\x1f{ref.id}")
        if not set(erasure).isdisjoint(before.erasures):
            return Step(status="duplicate")
        until = kept_out_until(at, arrival, self.newest, self.ctx.policy.time.allowed_lateness)
        step = Step()
        timeline = self.timelines.get(name)
        if timeline is not None:
            until = max(until, timeline.newest)
            try:
                step = timeline.erase(at, ref, self.clock, self.ctx)
            except Exception as fault:  # the customer is deleted all the same
                step = Step(status="core_error", fault=f"{type(fault).__name__}: {fault}")
            step.parcels += erasures(timeline.row, event, ref)
            self.delete(name)
        self.suppressed[name] = before.extended(until, erasure[0])
        return self._effects(step)

    def tick(self, until: Micros) -> Iterator[Step]:
        """Advance the clock to an instant: judge feeds, then the deadlines before it and close days, in order."""
        if self._hears:
            yield from map(self._counted, self.feeds.hear(until, self.clock, of_all=True))
        for step in self._advance(until):
            yield step
            if step.parcels and self._hears:
                yield from self._deliver(step)

    def _advance(self, until: Micros) -> Iterator[Step]:
        if self.ctx.exposures.begun:
            self.wake()
        if not self._boundary:
            lateness = self.ctx.policy.time.allowed_lateness
            self._boundary = (until - lateness) // DAY * DAY + DAY + lateness
            self.listing.begin(until)
        while self._boundary <= until:
            yield from self.listing.close(self._boundary)
            yield from self._settle(self._boundary)
            yield from map(self._counted, self._close_day())
            self._boundary += DAY
        yield from self.listing.close(until)
        yield from self._settle(until)
        if self.ctx.closures.changed or self.again.waiting:
            yield from self._judge_again(until)
            yield from self._settle(until)
        self.clock = max(self.clock, until)

    def wake(self) -> None:
        """Let customers be judged who are exposed to what more complain of than usual; called as soon as that is known."""
        for name, timeline in self.buyers.exposed(self.timelines.get, self.ctx):
            self.timelines[name] = timeline
            self._deadlines.add(timeline.state.due, name)

    def _judge_again(self, now: Micros) -> Iterator[Step]:
        """Judge customers again for whom closures were found, have ended, or were withdrawn; all of them under a new policy."""
        if self.ctx.closures.changed:
            self.again.closures_changed(self.ctx.closures, self._deadlines.names())
        in_memory = self._due is None
        if in_memory:
            yield from self._judge_groups_again(now)
        for name in self.again.take(in_memory):
            timeline = self.timelines.get(name)
            if timeline is not None and self.again.concerns(timeline.state):
                yield self._judge_one_again(name, timeline, now)
        self.again.end_round()

    def _judge_groups_again(self, now: Micros) -> list[Step]:
        found = [(name, self.timelines.get(name)) for name in self.again.take_groups()]
        return [self._judge_one_again(name, timeline, now) for name, timeline in found if timeline is not None]

    def _judge_one_again(self, name: str, timeline: AnyTimeline, now: Micros) -> Step:
        return self.after(name, timeline, timeline.judge_again(now, self.ctx, another_policy=self.again.everybody))

    def delete(self, name: str) -> None:
        """Delete what is known of a subject."""
        del self.timelines[name]
        self.buyers.remove(name)
        self.stores.remove(name)
        self.sites.remove(name)
        self.listing.remove(name)

    def tick_groups(self, until: Micros) -> list[Step]:
        """Judge the deadlines of groups up to an instant, that instant included; customers and the clock do not change.

        Every fact before the instant was forwarded by then, by all partitions.
        """
        self._groups_told = max(self._groups_told, until)
        waiting, steps = [], self._judge_groups_again(until)
        self.again.end_round()
        try:
            while (entry := self._deadlines.take(until + 1)) is not None:
                if subject_type(entry[1]).name == "customer":
                    waiting.append(entry)
                elif (step := self._judge_one(*entry)) is not None:
                    steps.append(step)
        finally:
            for due, name in waiting:
                self._deadlines.add(due, name)
        return steps

    def _settle(self, until: Micros) -> Iterator[Step]:
        while (entry := self._deadlines.take(until)) is not None:
            due, name = entry
            if due > self.clock:
                self.clock = due
            if (step := self._judge_one(due, name)) is not None:
                yield step

    def _judge_one(self, due: Micros, name: str) -> Step | None:
        """Judge a deadline; None if it has moved since it was added."""
        if self._due is not None and self._due(name) != due:
            return None
        timeline = self.timelines.get(name)
        if timeline is None or timeline.state.due != due:
            return None
        if self.again.waiting and self.again.is_next(name, timeline.state):
            return self._judge_one_again(name, timeline, self.clock)  # its deadlines come after that, in their order
        step = timeline.judge_until(due + 1, self.clock, self.ctx)
        if timeline.state.due or step.status == "core_error":
            return self.after(name, timeline, step)
        retires = timeline.subject.retires(timeline.state, self.ctx)
        if not retires or due < retires:
            return self.after(name, timeline, step)
        self._effects(self._counted(step))
        address = address_of(name.encode()) or Address("customer", name)
        return joined(step, self._retire(address, timeline, due))

    def after(self, name: str, timeline: AnyTimeline, step: Step) -> Step:
        """Note what a step has changed of a subject: its row, its deadline, its readings for worklists."""
        self.timelines[name] = timeline
        if isinstance(timeline.state, Customer):
            self.listing.put(name, timeline.state)
            self.buyers.put(name, timeline.state)
        elif timeline.subject is STORE:
            self.stores.put(timeline.state)
        elif timeline.subject is SITE:
            self.sites.put(name, timeline.state)
        if step.forgotten:
            self._counted(step)
        if due := timeline.state.due:
            self._deadlines.add(due, name)
        return self._effects(step)

    def _effects(self, step: Step) -> Step:
        if self._book is not None:
            if step.counts:
                self._book.add(step.counts)
            for report in step.reports if self._own_figures else ():
                self.ctx.adopt_group(report.subject, report.id, report.in_force, report.in_force, report.values)
            if self.ctx.exposures.begun:
                self.wake()
        if self._trainer is not None:
            for lesson in step.lessons:
                self._trainer.learn(lesson)
        return step

    def _close_day(self) -> Iterator[Step]:
        lateness = self.ctx.policy.time.allowed_lateness
        if self._book is not None:
            day = (self._boundary - lateness) // DAY - 1
            figures = self._book.close(day)
            if self._own_figures:
                self.ctx.adopt_figures(figures)
            yield Step(forgotten=self._book.take_refused())
            for told in told_of(self._book.total, day):
                yield self.flows.take(told, self.clock)
        if self._trainer is not None:
            model = self._trainer.snapshot(self.ctx.policy.risk.champion)
            if model.version != self.ctx.newest_model.version:
                self.ctx.adopt_model(model, self._boundary)
