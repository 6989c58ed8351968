"""A feed, which is a store or a source of events: how long its gaps usually are, and when it was silent (J3).

Its limit is a multiple of the longest gaps that it usually has, nights and closed days among them. Holidays stop the clock, and a
silence in which nobody else reports either begins to count when somebody does. One feed, `BASE`, sees the events of all sources: it
finds closures of the whole business, and tells the others when nobody reports. So does a source for the alarms of its stores: what the
source's alarm says is one matter.
"""

import math
from bisect import bisect_right
from itertools import zip_longest
from operator import itemgetter
from typing import NamedTuple

from msgspec import field

from scorers.contract.alarms import SubjectType as SubjectName
from scorers.contract.events import DAY, HOUR, Duration, Micros
from scorers.groups.runs import MAX_RUNS, Run, Told, known
from scorers.in_force.closures import BASE, HELD, MAX_FOUND, Closed, Span, open_between, open_until, spans_of
from scorers.in_force.context import Context
from scorers.in_force.hours import hour_end
from scorers.policy.group_tables import Feeds
from scorers.timeline.facts import Ref
from scorers.timeline.subjects import State

PAUSES = "pauses"
"""The id, and the type of the group, under which it is reported when nobody reports. A source adds its own id."""
PAUSES_OF: SubjectName = "base"
STORE, SOURCE = "store:", "source:"
MAX_LONG = 256  # gaps longer than an hour that are kept exactly
_RECENT = 28 * DAY
_OFTEN = 3  # a gap that came back so often is usual
_end_of = itemgetter(0)


class Feed(State, array_like=True, gc=False):
    """The state of a feed: what is known up to `settled`, and the runs after it.

    A gap longer than an hour is kept with its end; of older ones only the count by whole hours.
    """

    parts: dict[str, list[Run]] = field(default_factory=dict)  # by partition: the runs that are not folded yet
    settled: Micros = 0  # runs that ended up to then are folded, and what is told of them does not count any more
    pending: Micros = 0  # the end of the hour of the first news that were not judged
    last: Micros = 0
    last_ref: Ref | None = None
    events: int = 0
    gaps: int = 0  # of any length
    long: list[tuple[Micros, Duration]] = field(default_factory=list)
    rest: dict[int, int] = field(default_factory=dict)
    silences: list[tuple[Micros, Micros]] = field(default_factory=list)  # that were found and have ended
    allowed: Duration = 0  # the limit when it was judged last; 0 if it was not known
    surely: Duration = 0  # a limit under which none can be, while the number of longer gaps is
    longer: int = 0  # this
    silent: bool = False  # a silence since `last` was found
    pauses: list[tuple[Micros, Micros]] = field(default_factory=list)  # shorter ones that have ended; not of stores
    pausing: bool = False
    shut: Micros = 0  # when the present silence began to count as for good; 0 if it does not

    def closures(self) -> list[Span]:
        """The silences that were found, the present one included; of one for good only the time until then."""
        found = [Span(start, end) for start, end in self.silences]
        return [*found, Span(self.last, self.shut or HELD)] if self.silent else found

    def all_pauses(self) -> list[Span]:
        """When the base or a source paused, the present pause included."""
        found = [Span(start, end) for start, end in self.pauses]
        return [*found, Span(self.last, HELD)] if self.pausing else found


class Silence(NamedTuple):
    """From when a silence counts, and after which instant it is longer than `allowed`; `HELD` if it is not judged.

    That is so while too little is known of the feed, or nobody else reports either; `allowed` is 0 then.
    """

    start: Micros
    over: Micros
    allowed: Duration = 0
    held: bool = False


def merge(feed: Feed, told: Told) -> bool:
    """Add what a partition tells; False if it is no news. What was settled stays as it is."""
    before = feed.parts.get(told.part, [])
    after = known(before, [run for run in told.runs if run.last > feed.settled])
    if after == before:
        return False
    feed.parts[told.part] = after[-MAX_RUNS:]
    news = next(new for new, old in zip_longest(after, before) if new != old) or after[-1]
    ends = hour_end(news.first + 1)
    feed.pending = min(feed.pending or ends, ends)
    feed.last_fact = max(feed.last_fact, after[-1].last)
    return True


def take(feed: Feed, run: Run, start: Micros, closed: Closed | None) -> None:
    """Add the next run to the history; the gap before it counts from `start`, closures excluded."""
    if feed.last:
        _note_gap(feed, open_between(closed, start, run.first), run.first)
    else:
        feed.first_seen = run.first
    feed.events += run.events
    feed.gaps += run.events - 1
    feed.last, feed.last_ref, feed.last_fact = run.last, run.ref, run.last


def pauses_of(feed_id: str) -> str:
    """The id under which the base or a source reports its pauses."""
    return PAUSES if feed_id == BASE else f"{PAUSES} {feed_id}"


def pause_from(feed: Feed, rules: Feeds) -> Duration:
    """From when on a silence is reported as a pause: of the base, under all that the others are judged over; of a source, half its limit.

    0 for a store, and while too little is known of a source.
    """
    if feed.id == BASE:
        return rules.at_least // 2
    return limit(feed, rules) // 2 if feed.id.startswith(SOURCE) else 0


def is_pause(feed: Feed, until: Micros, rules: Feeds) -> bool:
    """Whether the silence up to an instant is a pause of the base or of a source."""
    silence = until - feed.last
    if silence < rules.at_least // 2 or (feed.id != BASE and not _may_exceed(feed, 2 * silence, rules)):
        return False
    start = pause_from(feed, rules)
    return 0 < start <= silence


def end_pause(feed: Feed, at: Micros) -> None:
    """A pause has ended."""
    feed.pauses = [*feed.pauses, (feed.last, at)][-MAX_FOUND + 1 :]
    feed.pausing = False


def end_silence(feed: Feed, at: Micros) -> None:
    """A silence that was found has ended; what was closed for good is a closure until it counted as that."""
    feed.silences = [*feed.silences, (feed.last, at)][-MAX_FOUND + 1 :]
    feed.silent, feed.shut = False, 0


def silence_to_tell(feed: Feed, ctx: Context) -> Silence:
    """The present silence as an alarm is raised about it: not while the source of a store's last sale is silent as well."""
    if not feed.id.startswith(STORE) or feed.last_ref is None:
        return silence(feed, ctx)
    return silence(feed, ctx, pauses_of(SOURCE + feed.last_ref.source))


def silence(feed: Feed, ctx: Context, also: str = "") -> Silence:
    """The present silence; `also` names pauses in which it does not count, besides those of the base."""
    rules = ctx.policy.feeds
    if not feed.last:
        return Silence(0, HELD)
    allowed = limit(feed, rules)
    if not allowed:
        return Silence(feed.last, HELD)
    closed = holidays(feed, ctx)
    start = feed.last
    if feed.id != BASE:
        pauses = [span for name in (PAUSES, also) if name for span in spans_of(ctx.group(PAUSES_OF, name, HELD))]
        for pause in sorted(pauses):
            covers = pause.start <= open_until(closed, start, allowed // 2)
            if covers and start < pause.end and pause.end >= open_until(closed, start, allowed):
                if pause.end == HELD:
                    return Silence(start, HELD, held=True)
                start = pause.end
    return Silence(start, open_until(closed, start, allowed), allowed)


def for_good(feed: Feed, over: Micros, ctx: Context) -> Micros:
    """When a silence that was too long at an instant counts as for good; `HELD` of the base, beside which nobody goes on."""
    return HELD if feed.id == BASE or over >= HELD else open_until(holidays(feed, ctx), over, ctx.policy.feeds.for_good)


def holidays(feed: Feed, ctx: Context) -> Closed | None:
    """The holidays of a store, or of the business."""
    store = feed.id.removeprefix(STORE) if feed.id.startswith(STORE) else None
    return ctx.closures.holidays_of(store)


def limit(feed: Feed, rules: Feeds) -> Duration:
    """How long the feed may be silent; 0 while too little is known of it."""
    if feed.events < rules.events_at_least or feed.last - feed.first_seen < rules.history:
        return 0
    feed.longer = _longer(feed, rules)
    usual, often = gap_from_top(feed, feed.longer), _returning_gap(feed)
    feed.surely = max(rules.at_least, round(rules.factor * usual))
    return max(feed.surely, round(rules.recurring * often))


def may_be_silent(feed: Feed, until: Micros, rules: Feeds) -> bool:
    """False if the silence is surely within the limit: more gaps only raise the usual one while no more are to be longer."""
    silence = until - feed.last
    return silence > rules.at_least and _may_exceed(feed, silence, rules)


def _may_exceed(feed: Feed, silence: Duration, rules: Feeds) -> bool:
    return silence > feed.surely or feed.longer != _longer(feed, rules)


def _longer(feed: Feed, rules: Feeds) -> int:
    """How many gaps are longer than the usual one."""
    return feed.gaps - math.ceil(rules.quantile * feed.gaps - 1e-9)


def gap_from_top(feed: Feed, longer: int) -> Duration:
    """The gap than which so many are longer, those up to an hour counted as 0."""
    exact = sorted([length for _, length in feed.long])
    for hours, count in sorted(feed.rest.items(), reverse=True):
        ahead = len(exact) - bisect_right(exact, hours * HOUR)
        if longer < ahead:
            break
        if longer < ahead + count:
            return hours * HOUR
        longer -= count
    return exact[-1 - longer] if longer < len(exact) else 0


def _returning_gap(feed: Feed) -> Duration:
    """The longest gap that was reached three times in the last weeks: of many events, nights are few."""
    first = bisect_right(feed.long, feed.last - _RECENT, key=_end_of)
    recent = sorted([length for _, length in feed.long[first:]])
    return recent[-_OFTEN] if len(recent) >= _OFTEN else 0


def _note_gap(feed: Feed, length: Duration, end: Micros) -> None:
    feed.gaps += 1
    if length <= HOUR:
        return
    feed.long.append((end, length))
    if len(feed.long) > MAX_LONG:
        _, oldest = feed.long.pop(0)
        hours = oldest // HOUR
        feed.rest[hours] = feed.rest.get(hours, 0) + 1
