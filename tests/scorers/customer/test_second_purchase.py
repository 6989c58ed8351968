"""The second purchase (L3): its limit is read from cohorts that are old enough, and the one in force when it falls due counts."""

from msgspec.structs import replace

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.in_force.figures import COHORT_GAPS, no_figures
from tests.support.driver import Driver, purchase

START = int(parse_instant("2024-01-01T10:00:00Z"))
SHOP = "[lifecycle]\nsecond_purchase_known = 3"


def limits(driver: Driver) -> list[tuple[int, int]]:
    """The days, from `START`, on which a new limit came into force, with the limit in days."""
    found: list[tuple[int, int]] = []
    for figures in driver.ctx._figures:
        day, limit = (figures.in_force - START) // DAY, round(figures.second_limit / DAY)
        if not found or found[-1][1] != limit:
            found.append((day, limit))
    return found[1:]


def test_the_fast_do_not_set_the_limit_before_the_slow_could_come_back():
    """Four buy on one day and come back after 2, 2, 2 and 80 days: nothing is known until all of them are 90 days old."""
    back = {"A": 2, "B": 2, "C": 2, "D": 80}
    facts = [(0, name) for name in back] + [(gap, name) for name, gap in back.items()]
    driver = Driver(SHOP)
    driver.feed(*[purchase(START + day * DAY, name) for day, name in sorted(facts)])
    driver.advance(START + 120 * DAY)
    assert limits(driver) == [(91, 2)]
    assert "second-purchase-overdue" not in driver.kinds("A")


def test_who_comes_back_after_the_cohort_is_old_counts_on_that_day():
    """After 100 days, in a cohort that has been old enough for ten."""
    driver = Driver(SHOP).feed(*[purchase(START, name) for name in "ABC"])
    driver.feed(*[purchase(START + 100 * DAY, name) for name in "ABC"])
    driver.advance(START + 120 * DAY)
    assert [day for day, _ in limits(driver)] == [101]


def test_a_late_second_purchase_moves_its_count():
    """What the order of arrival is has no effect on what all contributions add up to."""
    facts = [purchase(START, "A"), purchase(START + 5 * DAY, "A"), purchase(START + 6 * DAY, "A")]
    late = Driver().feed(facts[0], facts[2], facts[1]).figures
    assert late == Driver().feed(*facts).figures
    assert [(day - START // DAY, n) for (day, name, _), n in late.items() if name == COHORT_GAPS] == [(90, 1)]


def with_limits(*limits: tuple[int, int]) -> Driver:
    """A driver with limits of the second purchase, in days, from days after `START` on."""
    driver = Driver(figures=False)
    figures = no_figures(driver.ctx.policy)
    for day, limit in limits:
        driver.ctx.adopt_figures(replace(figures, in_force=START + day * DAY, second_limit=limit * DAY))
    return driver.feed(purchase(START))


def overdue(driver: Driver) -> list[float]:
    driver.advance(START + 400 * DAY)
    kind = "second-purchase-overdue"
    return [(a.at - START) / DAY for a in driver.alarms if a.kind == kind and a.type == "alarm.raised"]


def test_the_limit_in_force_when_it_falls_due_counts():
    """It fell due after 20 days, when 30 were in force, and then after 30, when 40 were."""
    assert overdue(with_limits((-1, 20))) == [20]
    assert overdue(with_limits((-1, 20), (5, 30), (25, 40))) == [40]
    assert overdue(with_limits((-1, 20), (5, 30), (25, 40), (41, 90))) == [40]


def test_a_limit_that_falls_raises_nothing_in_a_crowd():
    """A shorter limit is for those who buy first from then on."""
    assert overdue(with_limits((-1, 40), (5, 10))) == [40]


def test_a_purchase_read_late_withdraws_an_alarm_of_the_moved_limit():
    """It was made before the limit in force when it fell due."""
    driver = with_limits((-1, 20), (5, 30)).advance(START + 30 * DAY + 2)
    assert driver.kinds() == ["second-purchase-overdue"]
    driver.feed(purchase(START + 29 * DAY + DAY // 2))
    assert [a.type for a in driver.alarms if a.kind == "second-purchase-overdue"] == ["alarm.raised", "alarm.withdrawn"]


def test_nobody_has_left_before_the_horizon_has_passed():
    """Three times a limit of two days is less than the horizon of ninety."""
    driver = with_limits((-1, 2)).advance(START + 400 * DAY)
    assert next((a.at - START) / DAY for a in driver.alarms if a.kind == "defected") == 90
