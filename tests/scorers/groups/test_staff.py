"""The staff of a store (P2): what their pulses come to at the end of each day, and which alarms mention them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, StaffPulse
from scorers.contract.wire import decode
from scorers.groups import staff as staffs
from scorers.groups.staff import Staff
from scorers.policy.tables import Policy
from tests.support.driver import Driver, instant, purchase, record

START = instant("2024-01-01T09:00:00Z")
DAY_0, POLICY = START // DAY, Policy()


def pulse(at: int, what: str, score: int | None = None) -> bytes:
    return record("staff.pulse", at, "S1", id=f"{what} {at}", store_id="S1", pulse=what, score=score)


@given(
    st.permutations(
        [(0, "asked", None), (1, "answered", 2), (1, "answered", 5), (3, "thanked", None), (40, "asked", None)]
    )
)
def test_pulses_of_any_order_come_to_the_same(pulses: list[tuple[int, str, int | None]]) -> None:
    """At the end of each day: of a day that is not closed nothing is told, and answers count for a while."""
    staff = Staff()
    for day, what, score in pulses:
        event = decode(pulse(START + day * DAY, what, score))
        assert isinstance(event, StaffPulse)
        staffs.count(staff, event)
    found = {}
    for day in (0, 1, 39, 40, 60, 61):
        staffs.close(staff, DAY_0 + day, POLICY)
        found[day] = staff.values()
    mood = {staffs.ANSWERS: 2, staffs.SCORE: 350}
    asked, thanked = {staffs.ASKED: DAY_0}, {staffs.THANKED: DAY_0 + 3}
    again = {staffs.ASKED: DAY_0 + 40, **thanked}
    assert found == {
        0: asked, 1: {**asked, **mood}, 39: {**asked, **thanked, **mood}, 40: {**again, **mood}, 60: {**again, **mood},
        61: again,
    }  # fmt: skip


def test_after_a_long_silence_nothing_is_known_and_the_row_goes() -> None:
    """A store that nobody ever heard has a row for its staff, and none when that is forgotten."""
    driver = Driver("[retention]\nsilent = '400d'\n").feed(pulse(START, "asked")).advance(START + 399 * DAY)
    assert "\x01store:S1" in driver.subjects()
    assert driver.ctx.group("store", "S1", driver.partition.clock) == {staffs.ASKED: DAY_0}
    driver.advance(START + 403 * DAY)
    assert "\x01store:S1" not in driver.subjects()
    assert driver.ctx.group("store", "S1", driver.partition.clock) == {}


@pytest.mark.parametrize(("score", "mentions"), [(1, True), (4, False)])
def test_an_alarm_about_silence_mentions_a_staff_that_is_not_content(score: int, mentions: bool) -> None:
    """By what was known at its instant."""
    driver = Driver()
    for n in range(12):
        driver.feed(purchase(START + n * 7 * DAY, "C1", store_id="S1"))
        if n == 11:
            driver.feed(pulse(START + n * 7 * DAY + HOUR, "answered", score))
    driver.advance(START + 140 * DAY)
    quiet = next(a for a in driver.alarms if a.kind == "gone-quiet" and a.type == "alarm.raised")
    said = [reason.text for reason in quiet.reasons if reason.code == "store_staff"]
    assert said == (
        ["The staff of their store is not content: 1.0 of 5 on average within 60 days."] if mentions else []
    )
