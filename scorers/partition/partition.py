"""The subjects of one partition under one clock: routes facts to subjects, judges deadlines in order, and closes days.

A tick costs what is due, never a scan. At the end of each day plus the allowed lateness the figures are closed and, if this process
trains, a new model comes into force. The replay and the worker both fold through this class; in a replay every event advances the
clock (`feed`), on Kafka only ticks do (`fold` and `tick`), because topics are read at unequal speed.
"""

from collections.abc import Callable, Iterator

from scorers.contract.events import DAY, SECOND, AlarmAction, AnyEvent, Micros
from scorers.customer.open_time import stores_of
from scorers.customer.state import Customer
from scorers.in_force.closures import concerns
from scorers.in_force.context import Context
from scorers.in_force.figures import FigureBook
from scorers.partition.deadlines import Deadlines
from scorers.partition.feed_log import FeedLog
from scorers.partition.feeds import Feeds
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
from scorers.partition.suppression import PlainSuppressions, Suppression, Suppressions
from scorers.partition.tally import Tally, joined
from scorers.risk.training import Trainer
from scorers.timeline.emitter import Step
from scorers.timeline.facts import Ref
from scorers.timeline.subjects import State
from scorers.timeline.timeline import AnyTimeline, Timeline
from scorers.worklist.dates import DatesToList
from scorers.worklist.ranking import Candidates

AGAIN_A_TICK = 5_000  # customers that are judged again because of a closure, so that no tick takes long


class Partition:
    """The subjects of one partition and their common clock.

    `book` adds up contributions and closes days; without it the figures come from control records. `trainer` learns from lessons; without
    it models come from control records. `due` gives the deadline of a subject by name, so that no timeline is read for a deadline that
    has moved. `suppressed` holds what remains of erased customers. With `lists` the candidates for the worklist of each date are
    collected in `ended`. `heard` notes what feeds report where ticks of their own ask for it; without it every tick judges feeds.
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
    ) -> None:
        self.ctx = ctx
        self.timelines = timelines
        self.suppressed = PlainSuppressions() if suppressed is None else suppressed
        self.newest: Micros = 0  # of all facts, erasures and actions excepted
        self.tally = Tally()
        self.clock: Micros = 0
        self.places = Places()
        self._hears = heard is None
        self.feeds = Feeds(ctx, timelines, self.places, heard or FeedLog())
        if self._hears:
            self.feeds.attend()
        self._book = book
        self._trainer = trainer
        self._boundary: Micros = 0  # the next instant at which a day's figures come into force
        self._due = due
        self._deadlines = Deadlines()
        self.lists = lists
        self._again: list[str] = []  # customers who wait to be judged again,
        self._feeds: set[str] = set()  # because closures of these feeds have changed
        self.ended: list[Candidates] = []  # for editions of worklists; the runner takes them out

    def expect(self, due: Micros, name: str) -> None:
        """Add the deadline of a subject that was stored earlier."""
        if name.startswith(FEED_PREFIX):
            self.feeds.expect(due, name.removeprefix(FEED_PREFIX))
        else:
            self._deadlines.add(due, name)

    def feed(self, event: AnyEvent, ref: Ref) -> Iterator[Step]:
        """Advance the clock to an event, then fold it for every subject that it concerns; one step for each."""
        if event.time > self.clock:
            if event.time >= self.feeds.next:
                yield from map(self._counted, self.feeds.hear(int(event.time), self.clock))
            yield from self._advance(int(event.time))
            if self.ended:
                yield Step()  # the runner takes out what has ended before a fact changes it
        step = self.fold(event, ref)
        if step is not None:
            yield step
        if step is None or step.is_new:
            for number, address in enumerate(other_subjects(event)):
                other = self.fold_for(address, event, ref)
                if step is None and not number and event.customer_id is not None:
                    self.tally.count(other)
                yield other

    def fold(self, event: AnyEvent, ref: Ref, arrival: Micros = 0) -> Step | None:
        """Fold one event for the subject of its key, after judging that subject's earlier deadlines; None if it has no subject.

        `arrival` is when the event was written to its log, 0 if the runner does not know.
        """
        self.tally.events += 1
        address = own_subject(event)
        if erases(event):
            assert address is not None
            step = self._erase(address.name, int(event.time), ref, arrival)
            self.tally.count(step)
            return step
        acts = type(event) is AlarmAction
        if event.time > self.newest and not acts:
            self.newest = int(event.time)
        if address is None or (acts and self.timelines.get(address.name) is None):
            if acts:
                self.tally.unfolded += 1  # there is nobody whose alarm it could concern
            elif event.customer_id is None:
                self.tally.anonymous += 1
            elif not other_subjects(event):
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
        name = address.name
        timeline = self.timelines.get(name)
        before, parts = None, None
        if self.lists is not None and event.time >= self.lists.final_at:
            before, parts = self._part_of(timeline, int(event.time))
        if timeline is not None and timeline.state.due < event.time:  # the clock has not passed this deadline yet
            retires = timeline.subject.retires(timeline.state, self.ctx)
            if 0 < retires < event.time:
                retired = self._retire(address, timeline, retires)
                before = retired if before is None else joined(before, retired)
                timeline = None
        if timeline is None:
            if type(event) is AlarmAction:
                return before or Step()  # it makes nobody a customer
            subject = subject_type(name)
            kept = subject.retires(subject.new(address.id), self.ctx)  # from 0, so it is the length of time
            if kept and event.time + kept < self.clock:
                return Step(status="too_late")  # if it was known before, it has been deleted since
            if address.type != "customer" and not self.places.take(address.slot):
                return self._counted(Step(forgotten={f"other_{address.type}": 1}))
            suppression = self.suppressed.get(name)
            if suppression is not None and event.time <= suppression.until:
                return Step(status="too_late")
            timeline = Timeline.new(subject, address.id, self.ctx)
            if suppression is not None:
                timeline.row.erased = suppression.until
        step = self._after(name, timeline, timeline.step(event, ref, self.clock, self.ctx, origin))
        if parts and step.is_new:
            self.ended += parts
        return step if before is None else joined(before, step)

    def _part_of(self, timeline: AnyTimeline | None, at: Micros) -> tuple[Step | None, list[Candidates]]:
        """What a customer adds to the lists that no fact from an instant on can change, before such a fact is folded.

        On Kafka facts may be read before the tick that closes these lists; a later fact replaces what was known before it.
        """
        assert self.lists is not None
        self.lists.begin(at, self.ctx)
        out: Step | None = None
        parts: list[Candidates] = []
        if timeline is None or not isinstance(timeline.state, Customer):
            return out, parts
        for day, final_at in self.lists.final_before(at, timeline.state.last_fact, self.ctx):
            if 0 < timeline.state.due < final_at:
                step = self._effects(timeline.judge_until(final_at, self.clock, self.ctx))
                out = step if out is None else joined(out, step)
            if part := self.lists.part_of(timeline, day, self.ctx):
                parts.append(part)
        return out, parts

    def _retire(self, address: Address, timeline: AnyTimeline, at: Micros) -> Step:
        """Delete a subject at its last deadline: nothing is known of it any more, and its place is free."""
        step = timeline.retire(at + 1, max(self.clock, at), self.ctx)
        self._delete(address.name)
        if address.type != "customer":
            self.places.give_back(address.slot)
        step.forgotten = {**step.forgotten, f"silent_{address.type}": 1}
        return self._effects(self._counted(step))

    def _counted(self, step: Step) -> Step:
        self.tally.forgotten.update(step.forgotten)
        return step

    def _erase(self, name: str, at: Micros, ref: Ref, arrival: Micros) -> Step:
        """Delete all that is known of a customer. An erasure that was carried out before is a duplicate.

        Facts up to `until` stay out: the time of the erasure if that is no later than its arrival and no further ahead of the newest
        fact than the allowed lateness. An erasure that is dated ahead must not keep out the sales that follow it. Where no fact was read
        yet, nothing says that it is ahead.
        """
        before = self.suppressed.get(name) or Suppression()
        erasure = self.suppressed.digests(f"{ref.source}\x1f{ref.id}")
        if not set(erasure).isdisjoint(before.erasures):
            return Step(status="duplicate")
        is_ahead = 0 < self.newest < at - self.ctx.policy.time.allowed_lateness
        until = self.newest if is_ahead else at
        until = min(until, arrival or until)
        step = Step()
        timeline = self.timelines.get(name)
        if timeline is not None:
            until = max(until, timeline.newest)
            try:
                step = timeline.erase(at, ref, self.clock, self.ctx)
            except Exception as fault:  # the customer is deleted all the same
                step = Step(status="core_error", fault=f"{type(fault).__name__}: {fault}")
            self._delete(name)
        self.suppressed[name] = before.extended(until, erasure[0])
        return self._effects(step)

    def tick(self, until: Micros) -> Iterator[Step]:
        """Advance the clock to an instant: judge feeds, then the deadlines before it and close days, in order."""
        if self._hears:
            yield from map(self._counted, self.feeds.hear(until, self.clock, of_all=True))
        yield from self._advance(until)

    def _advance(self, until: Micros) -> Iterator[Step]:
        if not self._boundary:
            self._boundary = self._next_boundary(until)
            if self.lists is not None:
                self.lists.begin(until, self.ctx)
        while self._boundary <= until:
            yield from self._list(self._boundary)
            yield from self._settle(self._boundary)
            self._close_day()
            self._boundary += DAY
        yield from self._list(until)
        yield from self._settle(until)
        if self.ctx.closures.changed or self._again:
            yield from self._judge_again(until)
            yield from self._settle(until)
        self.clock = max(self.clock, until)

    def _judge_again(self, now: Micros) -> Iterator[Step]:
        """Judge customers again for whom closures were found, have ended, or were withdrawn.

        A worker judges some thousands a tick; those who wait meet their deadlines under the closures that are known. It begins with
        all of them when it starts, so that none is missed if one ended halfway; who was judged before is not changed by it.
        """
        closures = self.ctx.closures
        if closures.changed:
            self._feeds |= closures.changed
            closures.changed.clear()
            self._again = sorted(self._deadlines.names(), reverse=True)
        in_memory = self._due is None
        for _ in range(len(self._again) if in_memory else min(AGAIN_A_TICK, len(self._again))):
            name = self._again.pop()
            timeline = self.timelines.get(name)
            if timeline is not None and self._is_concerned(timeline.state):
                yield self._after(name, timeline, timeline.judge_again(now, self.ctx))
        if not self._again:
            self._feeds.clear()

    def _is_concerned(self, state: State) -> bool:
        """Whether a customer's clock depends on the closures that have changed."""
        return isinstance(state, Customer) and concerns(self._feeds, stores_of(state), state.purchases.last_ref.source)

    def _list(self, until: Micros) -> Iterator[Step]:
        """Collect the candidates of each edition that is closed up to an instant, in order."""
        lists = self.lists
        while lists is not None:
            early = lists.next_early(until, self.ctx)
            if lists.final_at <= until and (early is None or lists.final_at <= early):
                yield from self._settle(lists.final_at)
                self._collect(lists, final=True)
            elif early is not None:
                yield from self._settle(early)
                self._collect(lists, final=False)
            else:
                return

    def list_ended(self, end: Micros) -> None:
        """Collect the candidates of the last dates that have ended, although late facts could still come: the run ends."""
        lists = self.lists
        while lists is not None and lists.end(lists.final, self.ctx) - SECOND <= end:
            self._collect(lists, final=True)

    def _collect(self, lists: DatesToList, final: bool) -> None:
        found = lists.close(final, lambda name: self.timelines.get(name), self.ctx)
        if found is not None:
            self.ended.append(found)

    def _delete(self, name: str) -> None:
        del self.timelines[name]
        if self.lists is not None:
            self.lists.table.remove(name)

    def tick_groups(self, until: Micros) -> list[Step]:
        """Judge the deadlines of groups up to an instant, that instant included; customers and the clock do not change."""
        waiting, steps = [], []
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
        step = timeline.judge_until(due + 1, self.clock, self.ctx)
        if timeline.state.due or step.status == "core_error":
            return self._after(name, timeline, step)
        retires = timeline.subject.retires(timeline.state, self.ctx)
        if not retires or due < retires:
            return self._after(name, timeline, step)
        self._effects(self._counted(step))
        address = address_of(name.encode()) or Address("customer", name)
        return joined(step, self._retire(address, timeline, due))

    def _after(self, name: str, timeline: AnyTimeline, step: Step) -> Step:
        self.timelines[name] = timeline
        if self.lists is not None and isinstance(timeline.state, Customer):
            self.lists.table.put(name, timeline.state)
        if step.forgotten:
            self._counted(step)
        if due := timeline.state.due:
            self._deadlines.add(due, name)
        return self._effects(step)

    def _effects(self, step: Step) -> Step:
        if self._book is not None:
            if step.counts:
                self._book.add(step.counts)
            for report in step.reports:
                self.ctx.adopt_group(report.subject, report.id, report.in_force, report.in_force, report.values)
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
