"""Closures that a silent feed shows: alarms about silence are held, withdrawn and judged again (J3)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, Micros
from scorers.in_force.closures import BASE, HELD, Span, feed_of_source, feed_of_store, report_values
from scorers.partition import judged_again
from tests.support.driver import Driver, purchase, record
from tests.support.histories import START, histories, time_of

FEW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
SILENCES = {"gone-quiet", "defected", "second-purchase-overdue"}
WEEKLY = [purchase(START + week * 7 * DAY, store_id="S1") for week in range(20)]
LAST = START + 19 * 7 * DAY
SHUT = Span(LAST + 5 * DAY, LAST + 26 * DAY)


def tell(driver: Driver, at: Micros, *found: Span, feed: str = BASE) -> Driver:
    """Advance the clock to an instant, and let a feed report there that these closures stand."""
    driver.advance(at)
    driver.ctx.adopt_group("feed", feed, at, at, report_values(found))
    return driver.advance(at)


def quiet(driver: Driver) -> list[tuple[str, Micros]]:
    """The changes of the alarm `gone-quiet`."""
    return [(a.type.removeprefix("alarm."), int(a.at)) for a in driver.alarms if a.kind == "gone-quiet"]


def due() -> Micros:
    """When the weekly buyer's silence is news, without a closure."""
    return quiet(Driver().feed(*WEEKLY).advance(LAST + 60 * DAY))[0][1]


def test_nothing_falls_due_while_the_closure_is_open() -> None:
    """When it ends, the deadline is moved by its length, so it is never before the return of the feed."""
    assert SHUT.start < due() < SHUT.end
    driver = tell(Driver().feed(*WEEKLY), SHUT.start + DAY, Span(SHUT.start, HELD))
    assert quiet(driver.advance(SHUT.end + HOUR)) == []
    tell(driver, SHUT.end + HOUR, SHUT)
    moved = due() + (SHUT.end - SHUT.start)
    assert quiet(driver.advance(moved)) == []
    assert quiet(driver.advance(moved + 1)) == [("raised", moved)]


def test_what_fell_due_inside_is_withdrawn_when_the_closure_is_found() -> None:
    """And judged again when it ends; what had fallen due before it stands."""
    driver = Driver().feed(*WEEKLY).advance(due() + DAY)
    assert quiet(driver) == [("raised", due())]
    tell(driver, due() + 2 * DAY, Span(SHUT.start, HELD))
    assert quiet(driver)[1:] == [("withdrawn", due())]
    assert not [one for one in driver.outcomes() if one[1] == "stage-changed" and one[2] >= due()]
    tell(driver, SHUT.end + HOUR, SHUT).advance(SHUT.end + 30 * DAY)
    assert quiet(driver)[2:] == [("raised", due() + (SHUT.end - SHUT.start))]
    later = Driver().feed(*WEEKLY).advance(due() + DAY)
    tell(later, due() + 3 * DAY, Span(due() + DAY, HELD))
    assert quiet(later) == [("raised", due())]


def test_a_closure_known_late_moves_what_is_due_already() -> None:
    """Where its end comes with its beginning, and the moved deadline has passed by then."""
    moved = due() + (SHUT.end - SHUT.start)
    driver = Driver().feed(*WEEKLY).advance(moved + DAY)
    tell(driver, moved + DAY, SHUT)
    assert quiet(driver) == [("raised", due()), ("updated", moved)]


def test_a_message_sent_meanwhile_keeps_no_alarm_alive() -> None:
    """Facts that are no purchase have closed the books on the alarm; it is withdrawn all the same, and not settled as a comeback."""
    letters = [record("contact.made", due() + n * DAY, channel="mail", purpose="marketing") for n in (1, 4, 7)]
    driver = Driver().feed(*WEEKLY, *letters)
    assert quiet(driver) == [("raised", due())]
    tell(driver, due() + 8 * DAY, Span(SHUT.start, HELD)).advance(SHUT.end)
    assert quiet(driver)[1:] == [("withdrawn", due())]
    tell(driver, SHUT.end + HOUR, SHUT).advance(SHUT.end + 30 * DAY)
    assert quiet(driver)[2:] == [("raised", due() + (SHUT.end - SHUT.start))]


def test_who_was_given_up_inside_a_closure_has_not_left() -> None:
    """Also where a message was sent since; the last class of the silence is what gives up without a record."""
    shut = Span(SHUT.start, SHUT.start + 100 * DAY)
    letters = [record("contact.made", shut.start + n * DAY, channel="mail", purpose="marketing") for n in (90, 94)]
    driver = Driver().feed(*WEEKLY, *letters).advance(shut.end)
    assert driver.timelines["C1"].state.life.stage == "defector"  # type: ignore[union-attr]
    tell(driver, shut.end + HOUR, shut).advance(shut.end + DAY)
    assert not [one for one in driver.outcomes() if one[1] == "defected"]
    assert driver.timelines["C1"].state.life.stage == "core_customer"  # type: ignore[union-attr]


def test_a_withdrawn_closure_counts_as_silence_again() -> None:
    """A late fact of the feed may show that there was none."""
    driver = tell(Driver().feed(*WEEKLY), SHUT.start + DAY, Span(SHUT.start, HELD)).advance(SHUT.end)
    assert quiet(driver) == []
    tell(driver, SHUT.end)
    assert quiet(driver) == [("raised", due())]


@pytest.mark.parametrize(
    ("feed", "is_held"),
    [
        (BASE, True),
        (feed_of_store("S1"), True),
        (feed_of_store("S2"), False),
        (feed_of_source("test"), True),
        (feed_of_source("web"), False),
    ],
)
def test_the_closure_of_another_store_or_source_holds_nothing(feed: str, is_held: bool) -> None:
    """Nor does it judge anybody again."""
    driver = tell(Driver().feed(*WEEKLY), SHUT.start + DAY, Span(SHUT.start, HELD), feed=feed).advance(SHUT.end)
    assert quiet(driver) == ([] if is_held else [("raised", due())])


def test_a_restart_in_the_middle_of_a_closure_changes_nothing() -> None:
    """Rows cache the state under the closures that were known."""
    plain, restarted = Driver().feed(*WEEKLY), Driver().feed(*WEEKLY)
    for driver in (plain, restarted):
        tell(driver, due() + DAY, Span(SHUT.start, HELD)).advance(SHUT.end + HOUR)
    restarted.restart()
    for driver in (plain, restarted):
        tell(driver, SHUT.end + HOUR, SHUT)
        driver.advance(SHUT.end + 60 * DAY)
    assert restarted.outcomes() == plain.outcomes()
    assert restarted.states() == plain.states()


def test_a_worker_judges_some_thousands_of_customers_a_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those who wait for a later one raise nothing meanwhile."""
    monkeypatch.setattr(judged_again, "AT_ONCE", 2)
    sales = [purchase(START + week * 7 * DAY, f"C{n}") for week in range(20) for n in range(5)]
    driver = Driver().feed(*sales).advance(due() + DAY)
    assert len(quiet(driver)) == 5
    driver.partition._due = lambda name: driver.timelines[name].due  # as a worker has it
    tell(driver, due() + DAY, Span(SHUT.start, HELD))
    withdrawn = []
    for hour in range(1, 4):
        withdrawn.append([kind for kind, _ in quiet(driver)].count("withdrawn"))
        driver.advance(due() + DAY + hour)
    assert withdrawn[-1] == 5
    assert withdrawn[0] < 5


@given(records=histories(), data=st.data())
@FEW
def test_when_a_closure_was_found_changes_nothing_in_the_end(records: list[bytes], data: st.DataObject) -> None:
    """Known before the first fact, or found in its middle and ended later, with ticks anywhere: the same alarms and states."""
    first, last = time_of(records[0]), time_of(records[-1])
    start = data.draw(st.integers(first, last)) + DAY
    shut = Span(start, start + data.draw(st.sampled_from((2 * DAY, 20 * DAY, 90 * DAY))))
    kept = [raw for raw in records if not shut.start < time_of(raw) < shut.end]
    end = max(last, shut.end) + 400 * DAY
    known = Driver()
    known.ctx.adopt_group("feed", BASE, 0, 0, report_values([shut]))
    known.feed(*kept).advance(end)
    found = Driver().feed(*[raw for raw in kept if time_of(raw) <= shut.start])
    tell(found, data.draw(st.integers(shut.start, shut.end)), Span(shut.start, HELD))
    after = [raw for raw in kept if time_of(raw) >= shut.end and time_of(raw) > shut.start]
    known_at = data.draw(st.integers(shut.end, shut.end + 12 * HOUR))
    found.feed(*[raw for raw in after if time_of(raw) < known_at])
    tell(found, known_at, shut)
    for raw in after:
        if time_of(raw) >= known_at:
            if data.draw(st.booleans()):
                found.advance(time_of(raw) - data.draw(st.sampled_from((0, 1, DAY))))
            found.feed(raw)
    found.advance(end)
    assert found.outcomes() == known.outcomes()
    assert found.states() == known.states()


@given(records=histories(), data=st.data())
@FEW
def test_late_facts_across_a_closure_change_nothing(records: list[bytes], data: st.DataObject) -> None:
    """Neighbours within the allowed lateness that are read in the other order, the closure between them."""
    last = time_of(records[-1])
    shut = Span(last - data.draw(st.integers(HOUR, 40 * DAY)), last + 20 * DAY)
    drivers = []
    for late in (False, True):
        driver = Driver()
        driver.ctx.adopt_group("feed", BASE, 0, 0, report_values([shut]))
        order = list(records)
        for n in range(0, len(order) - 1, 2) if late else ():
            if time_of(order[n + 1]) - time_of(order[n]) < DAY:
                order[n], order[n + 1] = order[n + 1], order[n]
        drivers.append(driver.feed(*order).advance(last + 400 * DAY))
    assert drivers[0].outcomes() == drivers[1].outcomes()
    assert drivers[0].states() == drivers[1].states()
