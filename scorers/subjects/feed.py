"""The feed as a subject: what its runs, and the time that passes without one, change."""

from msgspec.structs import replace

from scorers.alarms.catalogue import watched_by
from scorers.alarms.render import render
from scorers.contract.alarms import Alarm, Change
from scorers.contract.events import HOUR, AnyEvent, Micros
from scorers.groups import feed as feeds
from scorers.groups.feed import PAUSES_OF, SOURCE, STORE, Feed, pauses_of
from scorers.groups.runs import Run, merged
from scorers.in_force.closures import BASE, report_values
from scorers.in_force.context import Context
from scorers.in_force.hours import hour_end
from scorers.timeline.compare import compare
from scorers.timeline.episodes import NEVER, Episode
from scorers.timeline.facts import NO_FACT, Ref
from scorers.timeline.kinds import Kind, plan
from scorers.timeline.subjects import AlarmingType, Effects, Report

FOR_GOOD = "for good"
"""The detail of an alarm about a silence that counts as for good."""
_KINDS = watched_by("feed")
_PLAN = plan(_KINDS)


class FeedType(AlarmingType[Feed]):
    """How a feed changes. Its facts are runs, which `FeedTimeline` keeps until all partitions have told them."""

    reports = True

    def __init__(self) -> None:
        super().__init__("feed", Feed, _KINDS)

    def retained(self, event: AnyEvent) -> AnyEvent:
        """A feed keeps no event."""
        raise TypeError("events reach a feed as runs")

    def advance(self, feed: Feed, at: Micros, event: AnyEvent | None, ref: Ref, ctx: Context, effects: Effects) -> None:
        """Only runs change a feed."""
        raise TypeError("a feed advances by runs: see play")

    def play(self, feed: Feed, until: Micros, ctx: Context, effects: Effects) -> None:
        """Fold the runs that began up to the end of an hour, judge the silence there, and set the next deadline."""
        ahead = NEVER
        for run in merged(feed.parts):
            if run.first >= until:
                ahead = run.first + 1
                break
            self.fold(feed, run, ctx, effects)
        feed.parts = {}
        now = until + 1
        silence = feeds.silence(feed, ctx)
        feed.silent = silence.over < now
        feed.allowed = silence.allowed
        shut = feeds.for_good(feed, silence.over, ctx) if feed.silent else NEVER
        feed.shut = shut if shut < now else 0
        asks = [feed.pending or NEVER, ahead, until + HOUR if silence.held else NEVER]
        asks += [at for at in (silence.over, shut) if at >= now]
        if feed.last and (from_then := feeds.pause_from(feed, ctx.policy.feeds)):
            pause = feed.last + from_then
            feed.pausing = pause < now
            asks += [] if feed.pausing else [pause]
        if feed.id != BASE:
            asks.append(self._tell(feed, now, ctx, effects))
        feed.due = hour_end(min(self.retires(feed, ctx), *asks))

    def fold(self, feed: Feed, run: Run, ctx: Context, effects: Effects) -> None:
        """Fold the next run; if the silence before it was too long, it was so at its own instant, and ends with the run."""
        start, at = feed.last, run.first
        if feed.last and at - feed.last >= ctx.policy.feeds.at_least // 2:
            if feeds.is_pause(feed, at, ctx.policy.feeds):
                feeds.end_pause(feed, at)
            silence = feeds.silence(feed, ctx) if feeds.may_be_silent(feed, at, ctx.policy.feeds) else None
            start = start if silence is None else min(silence.start, at)
            if silence is not None and silence.over < at:
                if feed.id != BASE:
                    self._tell(feed, at, ctx, effects)
                feeds.end_silence(feed, min(at, feeds.for_good(feed, silence.over, ctx)))
                start = at
        feeds.take(feed, run, start, feeds.holidays(feed, ctx))
        if feed.open:
            compare(self, feed, _PLAN, at, run.ref or NO_FACT, ctx, effects)

    def _tell(self, feed: Feed, now: Micros, ctx: Context, effects: Effects) -> Micros:
        """Compare with the open alarms. That of a silence for good is updated when it counts as that, and expires in the end."""
        told = feeds.silence_to_tell(feed, ctx)
        shut = feeds.for_good(feed, told.over, ctx)
        ends = shut + ctx.policy.risk.horizon
        for at in (ends + 1, ends + 2) if ends + 2 < now and not told.held else ():  # raised, and then expired
            compare(self, feed, _PLAN, at, NO_FACT, ctx, effects)
        soon = compare(self, feed, _PLAN, now, NO_FACT, ctx, effects)
        for e in feed.open if shut < now else ():
            e.detail = FOR_GOOD
            effects.touched[e.alarm_id] = e
        return min(soon, shut) if shut >= now else soon

    def expires(self, feed: Feed, kind: Kind, episode: Episode, ctx: Context) -> Micros:
        """A horizon after the silence began to count as for good."""
        return feeds.for_good(feed, episode.at, ctx) + ctx.policy.risk.horizon

    def retires(self, feed: Feed, ctx: Context) -> Micros:
        """So long after the newest event."""
        return feed.last_fact + ctx.policy.retention.silent

    def known(self, feed: Feed, at: Micros) -> tuple[Report, ...]:
        """The closures that were found up to an instant; of the base and of sources also the pauses."""
        closures = Report("feed", feed.id, at, report_values(feed.closures()))
        if feed.id.startswith(STORE):
            return (closures,)
        return Report(PAUSES_OF, pauses_of(feed.id), at, report_values(feed.all_pauses())), closures

    def render(
        self, feed: Feed, episode: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context
    ) -> Alarm:
        """One change in the life of an alarm as a record of the topic `alarms`; its evidence is the last event before the silence."""
        kind = self.kinds[episode.kind]
        store = feed.id.removeprefix(STORE) if feed.id.startswith(STORE) else None
        own = {"customer_id": None, "skill": kind.skill, "store_id": store, "name": name_of(feed.id)}
        alarm = render(kind, feed, episode, change, time, cause, ctx, own)
        return replace(alarm, evidence=alarm.evidence[1:])


def name_of(feed_id: str) -> str:
    """What people call the feed.

    >>> name_of("store:S1"), name_of("source:till")
    ('store S1', 'source till')
    """
    for prefix in (STORE, SOURCE):
        if feed_id.startswith(prefix):
            return f"{prefix[:-1]} {feed_id.removeprefix(prefix)}"
    return feed_id


FEED = FeedType()
