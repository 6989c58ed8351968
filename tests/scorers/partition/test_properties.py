"""Properties of any history: ticks, duplicates, order of arrival, restarts and other customers change no alarm."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.events import DAY, SECOND
from scorers.contract.rfc3339 import rfc3339
from scorers.risk.model import Model
from tests.support.driver import Driver, record
from tests.support.histories import FIXED, SHAPES, START, customer_of, histories, time_of

FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
MODELS = pytest.mark.parametrize("model", [None, FIXED], ids=["rules", "fixed model"])


def end_of(records: list[bytes], more: int = 400 * DAY) -> int:
    return max(map(time_of, records), default=START) + more


def records_of(driver: Driver) -> list[tuple[object, ...]]:
    """All alarm records, without the times at which they were emitted."""
    return [(a.type, a.alarm_id, a.kind, a.subject, a.at, a.severity, a.outcome, a.evidence) for a in driver.alarms]


def run(records: list[bytes], model: Model | None = None) -> Driver:
    return Driver(model=model).feed(*records).advance(end_of(records))


@MODELS
@given(records=histories(), data=st.data())
@FEW
def test_ticks_added_anywhere_change_nothing(model, records, data):
    """Results follow from facts and not from how often the clock ticks."""
    plain = run(records, model)
    ticked = Driver(model=model)
    for n, raw in enumerate(records):
        if data.draw(st.booleans()):
            at = time_of(raw)
            ticked.advance(at - data.draw(st.sampled_from((0, 1, DAY, 20 * DAY))))
        ticked.feed(raw)
        if data.draw(st.booleans()):
            following = time_of(records[n + 1]) if n + 1 < len(records) else end_of(records)
            ticked.advance(data.draw(st.integers(time_of(raw), following)))
    ticked.advance(end_of(records))
    assert ticked.outcomes() == plain.outcomes()
    assert records_of(ticked) == records_of(plain)
    assert ticked.states() == plain.states()


@given(records=histories(erase=True), data=st.data())
@FEW
def test_a_record_fed_again_changes_nothing(records, data):
    """Events fed twice raise each alarm once."""
    plain = run(records)
    twice = Driver()
    for n, raw in enumerate(records):
        twice.feed(raw)
        if data.draw(st.booleans()):
            twice.feed(records[data.draw(st.integers(0, n))])
    twice.feed(*records).advance(end_of(records))
    assert records_of(twice) == records_of(plain)
    assert twice.states() == plain.states()
    assert twice.figures == plain.figures


@given(records=histories(), data=st.data())
@FEW
def test_another_payload_under_an_identity_changes_nothing(records, data):
    """Whatever it says and whenever it comes, as long as its identity is known: within the allowed lateness."""
    plain, driver = run(records), Driver()
    for raw in records:
        driver.feed(raw)
        if data.draw(st.booleans()):
            kind, own = data.draw(st.sampled_from(SHAPES))
            if kind != json.loads(raw)["type"]:
                own = {**own, "due": rfc3339(time_of(raw))} if "due" in own else own
                at = time_of(raw) - data.draw(st.sampled_from((0, SECOND, DAY)))
                driver.feed(record(kind, at, customer_of(raw), **{**own, "id": json.loads(raw)["id"]}))
                assert driver.statuses[-1] == "conflict"
    driver.advance(end_of(records))
    assert records_of(driver) == records_of(plain)
    assert driver.states() == plain.states()
    assert driver.figures == plain.figures


def delayed(records: list[bytes], data: st.DataObject) -> list[bytes]:
    """The records in another order, in which none is more than a day older than one before it."""
    delays = [data.draw(st.sampled_from((0, 0, 1, 3600, 43200, 86399, 86400))) * 1_000_000 for _ in records]
    order = sorted(range(len(records)), key=lambda n: (time_of(records[n]) + delays[n], -n))
    return [records[n] for n in order]


@MODELS
@given(records=histories(), data=st.data())
@FEW
def test_the_order_of_arrival_changes_neither_state_nor_alarms(model, records, data):
    """Within the allowed lateness a late fact takes its own place, where no two facts share an identity."""
    plain, late = run(records, model), run(delayed(records, data), model)
    assert late.partition.tally.too_late == 0
    assert late.states() == plain.states()
    assert late.outcomes() == plain.outcomes()
    assert late.figures == plain.figures


@given(records=histories(most=30, names=2), data=st.data())
@FEW
def test_late_facts_and_ticks_between_them_agree_with_the_facts_in_order(records, data):
    """A silence that was judged before a late fact was read is judged again.

    Without the base's figures: of those only two years are kept, and a restart after a longer silence misses them.
    """
    plain, late = Driver(figures=False).feed(*records).advance(end_of(records)), Driver(figures=False)
    for raw in delayed(records, data):
        late.feed(raw)
        if data.draw(st.booleans()):
            late.advance(time_of(raw) + data.draw(st.sampled_from((1, 3600, 86400))) * 1_000_000)
        if data.draw(st.integers(0, 3)) == 0:
            late.restart()
    late.advance(end_of(records))
    assert late.states() == plain.states()
    assert late.outcomes() == plain.outcomes()


@given(records=histories(most=30, names=2, erase=True), data=st.data())
@FEW
def test_a_restart_at_any_point_changes_nothing(records, data):
    """The encoded row is all that is needed of a customer, also after a long silence.

    Without the base's figures: of those only two years are kept, and a history may be longer.
    """
    plain, restarted = Driver(figures=False), Driver(figures=False)
    for raw in delayed(records, data):
        silence = data.draw(st.sampled_from((0, 0, 20 * DAY, 90 * DAY, 300 * DAY)))
        for driver in (plain, restarted):
            driver.feed(raw)
            if silence:
                driver.advance(time_of(raw) + silence)
        if data.draw(st.booleans()):
            restarted.restart()
    for driver in (plain, restarted):
        driver.advance(end_of(records))
    assert records_of(restarted) == records_of(plain)
    assert restarted.states() == plain.states()
    assert restarted.figures == plain.figures
    assert restarted.lessons == plain.lessons


def sale(raw: bytes) -> bytes:
    """An anonymous sale at the time of an event; an erasure is no fact, and leaves nothing."""
    if b"customer.erased" in raw:
        return raw
    return record(
        "purchase.completed", time_of(raw), None, id=f"for {json.loads(raw)['id']}", amount_minor=1, currency="EUR"
    )


@given(records=histories(names=4, erase=True))
@FEW
def test_customers_do_not_affect_each_other(records):
    """With fixed figures, a customer's alarms and state are the same with the others and with anonymous sales in their place.

    Those tell how far the time of the base is, against which an erasure is found to be dated ahead.
    """
    together = Driver(figures=False).feed(*records).advance(end_of(records))
    alone = [
        Driver(figures=False)
        .feed(*(raw if customer_of(raw) == name else sale(raw) for raw in records))
        .advance(end_of(records))
        for name in {customer_of(raw) for raw in records}
    ]
    assert together.outcomes() == set().union(*(driver.outcomes() for driver in alone))
    assert together.states() == {name: state for driver in alone for name, state in driver.states().items()}


@MODELS
@given(records=histories(most=40, names=2), data=st.data())
@FEW
def test_no_open_alarm_is_raised_again(model, records, data):
    """An alarm goes from raised through updates to an end, and only what was raised ends."""
    driver = run(delayed(records, data), model)
    standing: set[str] = set()
    ended: dict[str, tuple[int, str | None]] = {}
    for a in driver.alarms:
        if a.kind in STATE_CHANGES:
            continue
        match a.type:
            case "alarm.raised":
                assert a.alarm_id not in standing, a
                standing.add(a.alarm_id)
            case "alarm.updated":
                assert a.alarm_id in standing, a
            case "alarm.settled":  # a late fact may change how it ended
                assert a.alarm_id in standing or ended[a.alarm_id] != (a.at, a.outcome), a
                assert a.outcome is not None
                ended[a.alarm_id] = (a.at, a.outcome)
                standing.discard(a.alarm_id)
            case "alarm.withdrawn":
                standing.discard(a.alarm_id)
    assert standing == {e.alarm_id for m in driver.timelines.values() for e in m.state.open if e.status == "open"}


@given(records=histories(most=40, names=2))
@FEW
def test_only_a_purchase_wins_a_customer_back(records):
    """A complaint, a survey or time alone never do."""
    driver = Driver()
    for raw in records:
        at, name = time_of(raw), customer_of(raw)
        driver.advance(at)
        timeline = driver.timelines.get(name)
        before = timeline.state.life.stage if timeline else "prospect"
        driver.feed(raw)
        after = driver.timelines[name].state.life.stage
        if before in ("defector", "core_defector") and after not in ("defector", "core_defector"):
            assert json.loads(raw)["type"] == "purchase.completed"


@given(records=histories(most=40, names=2))
@FEW
def test_in_order_an_alarm_is_raised_at_its_instant_and_only_once(records):
    """No alarm is about the past, and no episode is raised twice, unless a fact of its own second took it back.

    A step of a case is folded up to a second before its time, so it can come before a deadline that was judged already.
    """
    driver = run(sorted(records, key=lambda raw: (time_of(raw), json.loads(raw)["id"])))
    seen: set[str] = set()
    for a in driver.alarms:
        if a.type == "alarm.raised" and a.kind not in STATE_CHANGES:
            assert 0 <= a.time - a.at <= SECOND, a
            assert a.alarm_id not in seen, a
            seen.add(a.alarm_id)
        elif a.type == "alarm.withdrawn" and a.time - a.at <= SECOND:
            seen.discard(a.alarm_id)
