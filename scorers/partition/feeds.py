"""The feeds of a partition: those that report to it, and those that have their place in it.

A feed is judged once all partitions have told what they noted up to the end of an hour. First comes the base, then the sources, because
the others are judged by what these report. The worker does each of these steps at a tick of its own. In a replay, which has one partition, a feed is
told and judged when it may be silent, when much is to be told, and when somebody asks for an instant.
"""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from scorers.contract.events import DAY, HOUR, Micros
from scorers.groups.feed import PAUSES, PAUSES_OF, SOURCE, STORE, Feed
from scorers.groups.runs import Told
from scorers.in_force.closures import BASE, HELD, report_values, spans_of
from scorers.in_force.context import Context
from scorers.in_force.control import PHASES, Group, Phase
from scorers.in_force.hours import hour_end, last_hour
from scorers.partition.feed_log import FeedLog
from scorers.partition.places import Places
from scorers.partition.routing import Address, Timelines
from scorers.subjects.feed import FEED
from scorers.subjects.feed_timeline import FeedTimeline
from scorers.timeline.emitter import Step
from scorers.timeline.facts import short
from scorers.timeline.row import Row, decode_row
from scorers.timeline.subjects import Report


class Feeds:
    """Tells, merges and judges. `next` is the first instant at which a feed has to be looked at."""

    def __init__(self, ctx: Context, timelines: Timelines, places: Places, log: FeedLog) -> None:
        self.ctx, self.log = ctx, log
        self.silent: set[str] = set()  # the feeds about which an alarm is open
        self.is_over = False  # the run is, and its inputs have ended: no fact shows that all feeds are silent
        self._timelines, self._places = timelines, places
        self._due: dict[str, Micros] = {}  # by feed
        self._heap: list[tuple[Micros, str]] = []

    @property
    def next(self) -> Micros:
        """The first instant at which a feed has to be looked at."""
        return self._heap[0][0] if self._heap else HELD

    def expect(self, due: Micros, feed: str) -> None:
        """Set the deadline of a feed."""
        self._due[feed] = due
        heappush(self._heap, (due, feed))

    def recover(self, feed: str, row: bytes) -> None:
        """Take the stored row of a feed."""
        self._note_silence(feed, decode_row(row))

    def _note_silence(self, feed: str, row: Row) -> None:
        if any(e.status == "open" for e in row.emitted):
            self.silent.add(feed)
        else:
            self.silent.discard(feed)

    # --- the steps ------------------------------------------------------------------------------------------------

    def tell(self, until: Micros) -> Iterator[Told]:
        """What was noted and has not been told yet."""
        return self.log.tell_all(until, self._kept)

    @property
    def _kept(self) -> Micros:
        return 2 * (self.ctx.policy.time.allowed_lateness + HOUR)

    def merge(self, told: Told) -> Step:
        """Give a feed what a partition tells."""
        address = Address("feed", told.feed)
        timeline = self._timelines.get(address.name)
        if timeline is None:
            if not self._places.take(address.slot):
                return Step(forgotten={"other_feed": sum(run.events for run in told.runs)})
            timeline = FeedTimeline.new(FEED, told.feed, self.ctx)
        assert isinstance(timeline, FeedTimeline)
        step = timeline.merge(told)
        self._timelines[address.name] = timeline
        self.expect(timeline.state.due, told.feed)
        return step

    def judge(self, until: Micros, clock: Micros, phase: Phase) -> list[Step]:
        """Judge the feeds of a phase with a deadline up to the end of the last hour before an instant."""
        end = last_hour(until)
        due = self._take(end)
        later = [feed for feed in due if _phase(feed) != phase]
        for feed in later:
            self.expect(self._due[feed], feed)
        return [step for feed in due if feed not in later and (step := self._judge(feed, end, clock)) is not None]

    def _take(self, end: Micros) -> list[str]:
        """The feeds with a deadline up to an instant, in the order of their names."""
        found: set[str] = set()
        while self._heap and self._heap[0][0] <= end:
            due, feed = heappop(self._heap)
            if self._due.get(feed) == due:
                found.add(feed)
        return sorted(found)

    def _judge(self, feed: str, end: Micros, clock: Micros) -> Step | None:
        address = Address("feed", feed)
        timeline = self._timelines.get(address.name)
        if timeline is None:
            self._due.pop(feed, None)
            return None
        if end >= FEED.retires(timeline.state, self.ctx) > 0:
            step = timeline.retire(end + 1, clock, self.ctx)
            del self._timelines[address.name]
            del self._due[feed]
            self._places.give_back(address.slot)
            self.silent.discard(feed)
            step.forgotten = {"silent_feed": 1}
            return step
        step = timeline.judge_until(end + 1, clock, self.ctx)
        self._timelines[address.name] = timeline
        self._note_silence(feed, timeline.row)
        if timeline.state.due:
            self.expect(timeline.state.due, feed)
        return step

    def selling(self) -> list[str]:
        """The stores that have reported sales here and are still known."""
        return [feed.removeprefix(STORE) for feed in self.log.heard if feed.startswith(STORE)]

    @property
    def stores(self) -> int:
        """How many stores are watched here as feeds: they sell, whether anything was voiced there or not."""
        return sum(feed.startswith(STORE) for feed in self._due)

    # --- in a replay ----------------------------------------------------------------------------------------------

    def attend(self) -> None:
        """Look at each feed when it may be silent for the first time, or when much is to be told."""
        self.log.appeared = self._appeared
        self.log.many = lambda feed: self.expect(0, feed)

    def _appeared(self, feed: str, at: Micros) -> None:
        """A feed is heard for the first time, or again after its log was forgotten in a long silence."""
        is_new = self._state(feed) is None
        self.expect(hour_end(at + self.ctx.policy.feeds.history if is_new else at + 1), feed)

    def hear(self, until: Micros, clock: Micros, *, of_all: bool = False) -> Iterator[Step]:
        """Tell and judge the feeds that may be silent at the end of the last hour before an instant, or all.

        What they report is in force at once.
        """
        for step in self._heard(until, clock, of_all):
            self._adopt(step.reports)
            yield step

    def _heard(self, until: Micros, clock: Micros, of_all: bool) -> Iterator[Step]:
        end = last_hour(until)
        due = self._take(end)
        due = sorted({*due, *self.log.heard}) if of_all else [feed for feed in due if self._may_be_silent(feed, end)]
        if not due:
            return
        due = sorted({BASE, *due, *self._sources_of(due)}, key=_order)
        for feed in due:
            told = self.log.tell(feed, until, self._kept)
            if told is not None:
                yield self.merge(told)
        for feed in due:
            if (step := self._judge(feed, end, clock)) is not None:
                yield step
            state = self._state(feed)
            if state is not None and (state.silent or _pauses(state) or not state.allowed):
                self.expect(
                    min(end + (HOUR if state.events >= self.ctx.policy.feeds.events_at_least else DAY), state.due), feed
                )

    def _sources_of(self, feeds: Iterable[str]) -> Iterator[str]:
        """The sources of the last sales of stores, by which these are judged."""
        for feed in feeds:
            if feed.startswith(STORE) and (heard := self.log.heard.get(feed)) is not None:
                yield SOURCE + short(heard.ref.source)

    def _may_be_silent(self, feed: str, end: Micros) -> bool:
        """Whether a feed has to be told and judged; if not, it is looked at again when it may be."""
        state, heard = self._state(feed), self.log.heard.get(feed)
        if state is None or heard is None or not self._due[feed]:
            return True
        if not state.allowed and state.events + heard.events() < self.ctx.policy.feeds.events_at_least:
            self.expect(end + DAY, feed)
            return False
        if state.silent or _pauses(state) or not state.allowed:
            if heard.last == state.last < end < state.due:
                self.expect(min(end + HOUR, state.due), feed)
                return False
            return True
        wait = state.allowed // 2 if feed.startswith(SOURCE) else state.allowed
        at = hour_end(heard.last + wait)
        if at > end:
            self.expect(at, feed)
        return at <= end

    def _adopt(self, reports: Iterable[Report]) -> None:
        for report in reports:
            values = report.values
            if self.is_over and report.id == BASE:
                values = report_values(span for span in spans_of(values) if span.end < HELD)
            self.ctx.adopt_group(report.subject, report.id, report.in_force, report.in_force, values)

    def _state(self, feed: str) -> Feed | None:
        timeline = self._timelines.get(Address("feed", feed).name)
        return timeline.state if isinstance(timeline, FeedTimeline) else None


def is_of_feeds(group: Group) -> bool:
    """Whether feeds report under this name."""
    return group.type == FEED.name or (group.type == PAUSES_OF and group.id.partition(" ")[0] == PAUSES)


def _pauses(feed: Feed) -> bool:
    """Whether a source has to be looked at until it reports again. The base is looked at with every other feed."""
    return feed.pausing and feed.id != BASE


def _phase(feed: str) -> Phase:
    return "base" if feed == BASE else "sources" if feed.startswith(SOURCE) else "groups"


def _order(feed: str) -> tuple[int, str]:
    return PHASES.index(_phase(feed)), feed
