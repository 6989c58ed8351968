"""Each alarm that asks somebody to act says by when (J9)."""

import pytest

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY
from tests.scorers.alarms.test_kinds import story
from tests.scorers.alarms.test_scenarios import play
from tests.support.driver import Driver, instant, purchase
from tests.support.paths import SCENARIOS


@pytest.fixture(scope="module")
def raised() -> list[Alarm]:
    """All alarms that the stories raise."""
    drivers = [play(story(path))[0] for path in sorted(SCENARIOS.glob("*.txt"))]
    return [alarm for driver in drivers for alarm in driver.alarms if alarm.type == "alarm.raised"]


def test_every_alarm_has_a_deadline_within_a_month_and_a_change_of_state_none(raised: list[Alarm]) -> None:
    """A customer's own pace decides; cases have theirs, other subjects a week."""
    assert len({alarm.kind for alarm in raised}) > 25
    for alarm in raised:
        if alarm.kind in STATE_CHANGES:
            assert alarm.deadline is None
            continue
        assert alarm.deadline is not None, alarm.kind
        left = alarm.deadline - alarm.at
        assert 0 < left <= 30 * DAY, alarm.kind
        if alarm.customer_id is None:
            assert left == 7 * DAY


@pytest.mark.parametrize(("gap", "left"), [(7, 7), (50, 30), (1, 1)])
def test_one_own_gap_is_left_at_least_a_day_and_at_most_thirty(gap: int, left: int) -> None:
    """After a silence, one more usual gap; nobody has half a year to call a yearly buyer."""
    start = instant("2024-01-01T09:00:00Z")
    driver = Driver().feed(*(purchase(start + n * gap * DAY) for n in range(12))).advance(start + 900 * DAY)
    quiet = next(alarm for alarm in driver.alarms if alarm.kind == "gone-quiet" and alarm.type == "alarm.raised")
    assert quiet.deadline is not None
    assert abs(quiet.deadline - quiet.at - left * DAY) < DAY / 10
