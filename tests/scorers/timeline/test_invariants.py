"""The invariants that Timeline, Silence, Checkpoint and Row state hold after every step of any history."""

from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, SECOND
from scorers.timeline.keeping import MAX_ROW
from scorers.timeline.packing import encode
from scorers.timeline.row import decode_row
from scorers.timeline.snapshot import fold, lapse, open_ids
from scorers.timeline.subjects import MAX_RECENT, Effects
from scorers.timeline.timeline import AnyTimeline
from tests.support.driver import Driver, purchase
from tests.support.histories import histories, time_of

FEW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def last_emitted(driver: Driver) -> dict[str, Alarm]:
    """The last record of each alarm that was not withdrawn."""
    last = {a.alarm_id: a for a in driver.alarms}
    return {alarm_id: a for alarm_id, a in last.items() if a.type != "alarm.withdrawn"}


def check(driver: Driver) -> None:
    """Raise AssertionError if a timeline of the driver breaks an invariant."""
    last = last_emitted(driver)
    for name in driver.subjects():  # what a feed keeps is played again, see test_feed
        timeline = driver.timelines[name]
        check_row(timeline)
        check_state(timeline, driver)
        check_silence(timeline, driver)
        check_emitted(timeline, last)


def check_row(timeline: AnyTimeline) -> None:
    """Recent facts ascend, are within their bound, and none is as old as what was erased."""
    row = timeline.row
    keys = [fact.key for fact in row.recent]
    assert all(before < after for before, after in pairwise(keys)), "recent facts ascend by key"
    assert len(keys) <= MAX_RECENT
    assert all(fact.time > row.erased for fact in row.recent)
    assert all(fact.time <= row.clock for fact in row.recent)
    stored = timeline.encode()
    assert len(stored) <= MAX_ROW
    assert decode_row(stored).emitted == list(timeline.emitted.values())


def check_state(timeline: AnyTimeline, driver: Driver) -> None:
    """The state is the snapshot with the recent facts folded in and every deadline before the row's clock judged."""
    row, effects = timeline.row, Effects()
    state = fold(timeline.subject, row.snapshot, row.recent, driver.ctx, effects)
    lapse(timeline.subject, state, row.clock, driver.ctx, effects)
    assert encode(state) == encode(timeline.state)
    assert not state.due or state.due >= row.clock
    assert set(effects.touched) == set(timeline.emitted), "open in the snapshot, or touched since"
    assert sorted(lesson.asked_at for lesson in effects.lessons) == sorted(row.lessons)


def check_silence(timeline: AnyTimeline, driver: Driver) -> None:
    """`judged_to` is the last deadline judged; checkpoints are states of the silence before any alarm was touched."""
    row, silence = timeline.row, timeline.silence

    def after_facts() -> Any:
        return fold(timeline.subject, row.snapshot, row.recent, driver.ctx, Effects())

    state, effects = after_facts(), Effects()
    still_open = [e.alarm_id for e in state.open if e.status == "open"]
    assert silence.judged_to == lapse(timeline.subject, state, row.clock, driver.ctx, effects)[1]
    assert silence.touched == set(effects.touched)
    times = [checkpoint.at for checkpoint in silence.checkpoints]
    assert times == sorted(times), "checkpoints ascend"
    for checkpoint in silence.checkpoints:
        state, effects = after_facts(), Effects()
        if checkpoint.state != encode(state):
            lapse(timeline.subject, state, checkpoint.at + 1, driver.ctx, effects)
        assert checkpoint.state == encode(state)
        assert checkpoint.open == open_ids(state)
        assert [e.alarm_id for e in state.open if e.status == "open"] == still_open, "only expired ones may be dropped"
        assert not effects.touched, "no alarm was touched up to a checkpoint"


def check_emitted(timeline: AnyTimeline, last: dict[str, Alarm]) -> None:
    """`emitted` holds each alarm as its last record says."""
    for alarm_id, e in timeline.emitted.items():
        record = last[alarm_id]
        assert (record.kind, int(record.at)) == (e.kind, e.at // SECOND * SECOND)
        assert record.severity == e.severity
        if record.type == "alarm.settled":
            assert record.outcome == e.outcome
        else:
            assert e.status in ("open", "noted")
    open_now = {e.alarm_id for e in timeline.state.open if e.status == "open"}
    assert {alarm_id for alarm_id, e in timeline.emitted.items() if e.status == "open"} == open_now


@given(records=histories(most=16, names=2, erase=True), data=st.data())
@FEW
def test_every_step_keeps_the_invariants(records: list[bytes], data: Any) -> None:
    """After each fact, late or in order, each tick and each restart."""
    driver, delays = Driver(figures=False), st.sampled_from((0, 0, 1, HOUR, DAY - SECOND))
    arrival = [(time_of(raw) + data.draw(delays), n, raw) for n, raw in enumerate(records)]
    for at, _, raw in sorted(arrival):
        driver.feed(raw)
        check(driver)
        if data.draw(st.booleans()):
            driver.advance(at + data.draw(st.sampled_from((HOUR, 30 * DAY, 200 * DAY))))
            check(driver)
        if data.draw(st.integers(0, 3)) == 0:
            driver.restart()
            check(driver)


def test_encoding_a_row_changes_nothing() -> None:
    """`encode` is pure: twice the same bytes, and the timeline goes on as if it had not been called."""
    driver = Driver()
    driver.feed(*(purchase(f"2024-01-{day:02}T09:00:00Z") for day in (1, 8, 15))).advance("2024-06-01T00:00:00Z")
    timeline = driver.timelines["C1"]
    before = msgspec.msgpack.encode(timeline.row, enc_hook=int)
    assert timeline.encode() == timeline.encode()
    assert msgspec.msgpack.encode(timeline.row, enc_hook=int) == before
