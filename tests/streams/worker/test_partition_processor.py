"""Records of a partition: which are folded, which are rejected and why, and what a crash leaves."""

import time
from typing import Any

import msgspec
import pytest

from scorers.contract.events import DAY, HOUR, Instant
from scorers.contract.wire import decode_alarm
from scorers.in_force.control import PolicyInForce
from scorers.policy.reading import parse_policy
from scorers.timeline.timeline import Timeline
from streams.records.written import written_at
from tests.support.desk import MAY, Desk, Record, figures
from tests.support.driver import purchase, record
from vigia.runtime.erasures import read_erasure


def test_a_tick_reveals_a_silence_and_other_customers_events_do_not() -> None:
    """An event of another customer never advances the clock; a tick does."""
    desk = Desk()
    for n in range(8):
        desk.send("purchases", purchase(MAY + n * 3 * DAY))
    desk.send("purchases", purchase(MAY + 300 * DAY, "C2"))
    assert "gone-quiet" not in [alarm.kind for alarm in desk.alarms()]
    desk.tick(MAY + 300 * DAY)
    assert "gone-quiet" in [alarm.kind for alarm in desk.alarms()]


def test_a_deadline_that_has_moved_decodes_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """The deadline precedes the bytes of a row, so they are not decoded to learn that it has moved."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, "C1"))
    desk.send("purchases", purchase(MAY + 5 * DAY, "C1"))
    desk.tick(MAY + 5 * DAY)  # its row is told, for which it would be decoded
    desk.flush()
    due = desk.rows.get(b"C1").due  # type: ignore[union-attr]
    desk.rows.evict(0)
    made: list[bytes] = []
    decode = Timeline.decode
    monkeypatch.setattr(Timeline, "decode", lambda kind, data, ctx: made.append(data) or decode(kind, data, ctx))
    desk.processor.partition.expect(due - 1, "C1")
    desk.tick(due)
    assert not made
    desk.tick(due + 1)
    assert len(made) == 1


def test_alarms_are_keyed_by_their_subject() -> None:
    """So all changes of one subject are in one partition."""
    desk = Desk()
    desk.send("complaints", record("complaint.opened", MAY, complaint_id="K1", severity="major"))
    desk.tick(MAY + 60 * DAY)
    keys = {(decode_alarm(o.value or b"").subject.id, o.key) for o in desk.outputs if o.topic == "alarms"}  # type: ignore[union-attr]
    assert keys
    assert all(subject.encode() == key for subject, key in keys)


@pytest.mark.parametrize(
    ("value", "key", "code"),
    [
        (b"not json", b"C1", "not_json"),
        (purchase(MAY), b"C2", "key_mismatch"),
        (purchase(MAY, None), b"C2", "key_mismatch"),
        (None, None, "key_mismatch"),
        (None, b"\xff", "key_mismatch"),
        (purchase(MAY + 2 * DAY + 1), b"C1", "bad_time"),
    ],
)
def test_a_record_that_cannot_be_folded_is_a_dead_letter(value: bytes | None, key: bytes | None, code: str) -> None:
    """It keeps key and bytes, and has its reason and its place in the log; no row is made."""
    desk = Desk()
    desk.tick(MAY + DAY)
    before = dict(desk.processor.timelines.census)
    (letter,) = desk.send("purchases", value, key, written=(MAY + DAY) // 1_000)
    told = dict(letter.headers)
    nothing = value is None and key is None  # which a producer cannot send
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", key, b"" if nothing else value)
    assert (told["code"].decode(), told["topic"], told["partition"], told["offset"]) == (code, b"purchases", b"0", b"0")
    assert dict(desk.processor.timelines.census) == before


@pytest.mark.parametrize("ticks", [(), (False,), (True,)], ids=["no tick", "a tick", "a tick that follows"])
def test_an_event_may_be_a_day_ahead_of_its_records_timestamp(ticks: tuple[bool, ...]) -> None:
    """From the first record on, however far the clock is behind, and on the topic of forwarded facts as well."""
    desk = Desk()
    for follows in ticks:
        desk.tick(MAY - 9 * DAY, follows)
    desk.send("purchases", purchase(MAY + DAY), written=MAY // 1_000)
    assert desk.codes() == []
    desk.send("purchases", purchase(MAY + DAY + 1), written=MAY // 1_000)
    late = record("complaint.opened", MAY + DAY + 1, complaint_id="K1", store_id="S1")
    origin = (("origin", b'["complaints",0,1,"complaints@0"]'),)
    desk.receive("groups", b"\x01store:S1", late, origin, written=MAY // 1_000)
    assert desk.codes() == ["bad_time", "bad_time"]
    assert desk.processor.timelines.get("\x01store:S1") is None


def test_one_sale_of_2099_puts_nothing_in_force_in_2099() -> None:
    """No record of any kind moves the newest instant of a partition past the day after its timestamp."""
    desk = Desk()
    desk.send("purchases", purchase("2099-06-01T00:00:00Z"), written=MAY // 1_000)
    desk.send("purchases", purchase(MAY, "C2"), written=MAY // 1_000)
    assert desk.codes() == ["bad_time"]
    assert desk.processor.state.progress.newest == MAY
    desk.control(figures(desk.policy, MAY // DAY - 2, MAY + HOUR))
    assert desk.processor.ctx.newest_figures.in_force == MAY + HOUR


@pytest.mark.parametrize(("timestamp", "kind"), [(1 << 50, 0), (-1, 0), (None, 0)])
def test_a_timestamp_ahead_of_this_host_is_read_as_its_clock(timestamp: int | None, kind: int) -> None:
    """A producer that sets the timestamp, or sets none, gains nothing by it."""
    one = Record("purchases", 0, b"C1", b"", timestamp=timestamp, timestamp_type=kind)  # type: ignore[arg-type]
    before = time.time_ns() // 1_000
    assert before <= written_at(one) <= time.time_ns() // 1_000
    assert written_at(one._replace(timestamp=MAY // 1_000)) == MAY


def test_a_conflict_is_logged_by_source_and_bounded(caplog: pytest.LogCaptureFixture) -> None:
    """The log names source and place, never the customer or the id; a flood of them is a line for each doubling."""
    desk = Desk()
    desk.send("purchases", purchase(MAY, "canary-customer", id="canary-id", source="till\u200b 1"))
    for amount in range(1, 1 + 40):
        desk.send("purchases", purchase(MAY, "canary-customer", amount, id="canary-id", source="till\u200b 1"))
    lines = [one.getMessage() for one in caplog.records]
    assert [line.split(":")[0] for line in lines] == [f"purchases/0@{n}" for n in (1, 2, 4, 8, 16, 32)]
    assert all("of source till 1: another event stands" in line for line in lines)
    assert "canary" not in caplog.text
    assert desk.metrics.registry.get_sample_value("vigia_fates_total", {"fate": "conflict"}) == 40


def test_an_anonymous_sale_makes_no_row() -> None:
    """It has no key, and is not a dead letter."""
    desk = Desk()
    assert desk.send("purchases", purchase(MAY, None)) == []
    assert desk.rows.get(b"") is None
    assert not desk.processor.timelines.census.total()


ACT: dict[str, Any] = {"alarm_id": "a1", "action": "act", "by": "eva"}


@pytest.mark.parametrize("value", [None, b"not json", purchase(MAY), b"{}", record("alarm.action", MAY, **ACT)])
def test_an_action_makes_nobody_a_customer(value: bytes | None) -> None:
    """What is no action has its dead letter from the notifier; an action about an unknown customer changes nothing."""
    desk = Desk()
    assert desk.send("alarm-actions", value, b"C1") == []
    assert desk.rows.get(b"C1") is None


def test_an_action_under_another_key_or_dated_ahead_is_a_dead_letter() -> None:
    """It could not be found again by the customer's partition, or would judge silences that are still to come."""
    desk = Desk()
    desk.send("alarm-actions", record("alarm.action", MAY, **ACT), b"C2")
    desk.send("alarm-actions", record("alarm.action", MAY + 2 * DAY, **ACT), b"C1", written=MAY // 1_000)
    assert desk.codes() == ["key_mismatch", "bad_time"]


@pytest.mark.parametrize("typed", [True, False])
def test_an_action_counts_at_its_time_or_that_of_its_record(typed: bool) -> None:
    """A record without type, as older tools write it, has its Kafka timestamp as time. It puts no later figures in force."""
    desk = Desk()
    for n in range(8):
        desk.send("purchases", purchase(MAY + n * 3 * DAY))
    desk.tick(MAY + 35 * DAY)
    newest = desk.processor.state.progress.newest
    (quiet,) = [a for a in desk.alarms() if a.kind == "gone-quiet"]
    act, at = {**ACT, "alarm_id": quiet.alarm_id, "customer_id": "C1"}, MAY + 36 * DAY
    raw = record("alarm.action", at, **act) if typed else msgspec.json.encode(act)
    assert {one.topic for one in desk.send("alarm-actions", raw, b"C1", written=at // 1_000)} <= {
        "figures"
    }  # of a worklist
    assert desk.processor.state.progress.newest == newest
    desk.send("purchases", purchase(MAY + 37 * DAY))
    assert [a.outcome for a in desk.alarms() if a.kind == "gone-quiet" and a.outcome] == ["saved"]


def test_a_null_value_forgets_the_customer() -> None:
    """The row is deleted and stays away although older facts are read again; a later fact begins a new customer."""
    desk = Desk()
    desk.send("purchases", purchase(MAY))
    desk.send("purchases", None, b"C1")
    desk.send("purchases", purchase(MAY - HOUR))
    assert desk.rows.get(b"C1") is None
    desk.send("purchases", purchase(MAY + 5 * DAY))
    timeline = desk.processor.timelines.get("C1")
    assert timeline is not None
    assert timeline.state.purchases.count == 1


def test_a_null_value_is_published_as_an_erasure() -> None:
    """On `feedback`, which is all that other processes read; the worker itself reads it there without effect."""
    desk = Desk()
    desk.send("purchases", purchase(MAY))
    (told,) = (one for one in desk.send("purchases", None, b"C1") if one.topic == "feedback")
    assert (told.topic, told.key) == ("feedback", b"C1")
    erasure = read_erasure(Record("feedback", 7, b"C1", told.value))
    assert erasure is not None
    assert (erasure.customer_id, erasure.event_id) == ("C1", "null-purchases-0-1")
    assert desk.send("feedback", told.value, b"C1") == []
    assert desk.send("feedback", None, b"C1") == []


def test_a_null_value_before_any_fact_or_tick_has_no_effect() -> None:
    """No customer can be known then, and the erasure would have no time."""
    assert Desk().send("purchases", None, b"C1") == []


def test_a_failed_fold_leaves_rows_and_timelines_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """If making the outputs fails, the record has no effect, in memory too."""
    desk = Desk()
    desk.send("purchases", purchase(MAY))
    row = desk.rows.get(b"C1")
    assert row is not None
    one = Record("purchases", 1, b"C1", purchase(MAY + DAY))
    monkeypatch.setattr(desk.processor, "_outputs", lambda step: 1 / 0)
    desk.rows.begin("purchases", one.offset, one.key)
    with pytest.raises(ZeroDivisionError):
        desk.processor.fold(one)
    desk.rows.undo()
    assert desk.rows.get(b"C1") is row
    timeline = desk.processor.timelines.get("C1")
    assert timeline is not None
    assert timeline.state.purchases.count == 1


def test_an_erasure_that_fails_leaves_the_alarms_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the erasure that is sent again still ends them."""
    desk = Desk()
    desk.send("complaints", record("complaint.opened", MAY, complaint_id="K1", severity="critical"))
    one = Record("complaints", 1, b"C1", None)
    with monkeypatch.context() as fault:
        fault.setattr(desk.processor, "_outputs", lambda step: 1 / 0)
        desk.rows.begin("complaints", one.offset, one.key)
        with pytest.raises(ZeroDivisionError):
            desk.processor.fold(one)
        desk.rows.undo()
    desk.offsets["complaints"] = 1
    desk.send("complaints", None, b"C1")
    raised = {alarm.alarm_id for alarm in desk.alarms() if alarm.kind == "major-problem"}
    assert raised
    assert raised <= {alarm.alarm_id for alarm in desk.alarms() if alarm.type == "alarm.settled"}


def test_a_deadline_that_a_policy_has_moved_outlives_an_eviction() -> None:
    """The old deadline is met first: the row is then read under the new policy, and evicted before the new deadline."""
    desk, text = Desk(), '[prospects]\nconversion_window = "60d"\n'
    desk.send("feedback", record("lead.created", MAY, value_minor=1000))
    desk.flush()
    version = parse_policy(text).version
    desk.control(PolicyInForce(in_force=Instant(0), version=version, text=text))
    for until in (MAY + 21 * DAY, MAY + 300 * DAY):
        desk.rows.evict(0)
        desk.tick(until)
        desk.flush()
    cooling = [alarm for alarm in desk.alarms() if alarm.kind == "prospect-cooling"]
    assert [(alarm.type, alarm.at) for alarm in cooling][:1] == [("alarm.raised", MAY + 40 * DAY)]
