"""When a feed is silent for too long: gaps and instants against a plain reckoning over all events (J3)."""

from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE, Micros, Purchase
from scorers.contract.wire import decode
from scorers.groups.feed import Feed, _note_gap, gap_from_top, merge
from scorers.groups.runs import merged
from scorers.in_force.closures import HELD
from scorers.partition.feed_log import MAX_FEEDS, FeedLog
from scorers.policy.group_tables import Feeds
from scorers.timeline.facts import Ref
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase

RULES = Feeds()


class Found(NamedTuple):
    """A silence: since which event, when it was too long, and which event ended it."""

    start: Micros
    over: Micros
    end: Micros


def reckoned(times: list[Micros], until: Micros) -> list[Found]:
    """The silences that a plain reading of the rule finds, while others report all the time."""
    found: list[Found] = []
    gaps: list[tuple[Micros, int]] = []
    for number, (before, at) in enumerate(pairwise([*times, until]), 1):
        gap, allowed = at - before, 0
        if number >= RULES.events_at_least and before - times[0] >= RULES.history:
            lengths = sorted((length for _, length in gaps), reverse=True)
            usual = lengths[len(lengths) * 1 // 1000]
            recent = sorted(length for end, length in gaps if end > before - 28 * DAY and length > HOUR)
            often = recent[-3] if len(recent) > 2 else 0
            allowed = max(RULES.at_least, 3 * usual, often * 3 // 2)
        if allowed and gap > allowed:
            found.append(Found(before, before + allowed, at if number < len(times) else HELD))
            gap = 0
        gaps.append((at, gap))
    return found


def events(*steps: int) -> list[Micros]:
    """Twenty days of six events each, and then an event after each of some numbers of minutes."""
    times = [MAY + day * DAY + hour * HOUR for day in range(20) for hour in (9, 11, 12, 14, 17, 20)]
    for step in steps:
        times.append(times[-1] + step * MINUTE)
    return times


def played(times: list[Micros], until: Micros) -> Driver:
    """A store that reports at some instants, beside a source that reports all the time."""
    facts = [purchase(at, None, id=f"S {n}", source="till", store_id="S1") for n, at in enumerate(times)]
    facts += [purchase(at, None, id=f"W {at}", source="web") for at in range(MAY, until, HOUR)]
    order = sorted(zip([*times, *range(MAY, until, HOUR)], facts, strict=True), key=lambda one: one[0])
    return Driver().feed(*[raw for _, raw in order]).advance(until)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 200) | st.integers(200, 9000), max_size=12))
@example([13 * 60, 40 * 60, 39 * 60 + 1])
@example([39 * 60, 1])
def test_silences_are_those_of_a_plain_reckoning(steps: list[int]) -> None:
    """Closures begin and end with events, and alarms say the very instant at which the limit was passed."""
    times = events(*steps)
    until = times[-1] + 300 * HOUR
    until -= until % HOUR
    driver, found = played(times, until), reckoned(times, until)
    closures = {(one.start, one.end) for one in driver.ctx.closures._found.get("store:S1", ())}
    assert closures == {(one.start, one.end) for one in found}
    told = {(subject, at, end) for subject, kind, at, end in driver.outcomes() if kind == "feed-silent"}
    ends = {(one.over, "open" if one.end == HELD else "resolved") for one in found}
    assert told == {("feed:source:till", *one) for one in ends}, "the store is the same matter"


@pytest.mark.parametrize(("minutes", "is_silent"), [(39 * 60, False), (39 * 60 + 1, True)])
def test_a_silence_of_exactly_the_limit_is_in_time(minutes: int, is_silent: bool) -> None:
    """Thirteen hours of night, three times: an event at the very end of it is in time."""
    driver = played(events(minutes, 60), events(minutes, 60)[-1] + HOUR)
    assert bool(driver.ctx.closures._found) == is_silent


@given(st.lists(st.tuples(st.integers(1, 60), st.integers(1, 900)), max_size=400), st.integers(0, 5))
def test_old_gaps_keep_their_place(gaps: list[tuple[int, int]], longer: int) -> None:
    """Beyond those that are kept exactly, a gap is known by its whole hours."""
    feed = Feed("store:S1")
    for n, (hours, minutes) in enumerate(gaps):
        _note_gap(feed, hours * HOUR + minutes * MINUTE, n)
    exact = sorted((hours * HOUR + minutes * MINUTE for hours, minutes in gaps), reverse=True)
    true = exact[longer] if longer < len(exact) else 0
    found = gap_from_top(feed, longer)
    assert true - HOUR < found <= true if true else found == 0


EVENTS = st.lists(st.tuples(st.integers(0, 40 * 60), st.sampled_from("abc")), min_size=1, max_size=40)


def runs_of(times: list[Micros]) -> list[tuple[Micros, Micros, int]]:
    """The runs of some instants, by the definition."""
    found: list[tuple[Micros, Micros, int]] = []
    for at in sorted(times):
        if found and at - found[-1][1] <= HOUR:
            found[-1] = (found[-1][0], at, found[-1][2] + 1)
        else:
            found.append((at, at, 1))
    return found


@given(EVENTS, st.lists(st.integers(0, 40), max_size=4))
def test_runs_are_the_same_however_events_are_spread_and_ordered(
    events: list[tuple[int, str]], tells: list[int]
) -> None:
    """Each partition notes some of them, in any order, and tells now and then."""
    feed = Feed("source:till")
    logs = {part: FeedLog(part) for part in "abc"}
    for number, (minute, part) in enumerate(events):
        raw = decode(purchase(MAY + minute * MINUTE, None, source="till"))
        assert isinstance(raw, Purchase)
        logs[part].note(raw, Ref("till", f"E{number}"))
        if number in tells and (told := logs[part].tell("source:till", MAY, 9 * DAY)):
            merge(feed, told)
    for log in logs.values():
        if told := log.tell("source:till", MAY, 9 * DAY):
            merge(feed, told)
            assert not merge(feed, told)
        assert log.tell("source:till", MAY, 9 * DAY) is None
    expected = runs_of([MAY + minute * MINUTE for minute, _ in events])
    assert [(run.first, run.last, run.events) for run in merged(feed.parts)] == expected


def test_what_is_kept_of_a_feed_is_bounded() -> None:
    """Of gaps and runs, in the row and in the log."""
    driver = Driver()
    for n in range(3000):
        driver.feed(purchase(MAY + n * 2 * HOUR, None))
    driver.advance(MAY + 6000 * HOUR)
    assert len(driver.partition.feeds.log.heard["base"].runs) < 60
    assert len(driver.timelines["\x01feed:source:test"].encode()) < 12_000


def test_feeds_beyond_the_bound_are_counted() -> None:
    """Sources are named by senders, who may invent many."""
    log = FeedLog()
    for n in range(MAX_FEEDS + 10):
        raw = decode(purchase(MAY, None, source=f"S{n}"))
        assert isinstance(raw, Purchase)
        log.note(raw, Ref(f"S{n}", "E"))
    assert (len(log.heard), log.refused) == (MAX_FEEDS, 11)
