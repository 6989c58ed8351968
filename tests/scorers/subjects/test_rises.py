"""Steps by which the risk rises within a window (A5): raised at a reading, settled when half of the step is gone."""

import pytest

from scorers.contract.events import DAY, SECOND
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.subjects import rises
from tests.support.driver import Driver, instant, purchase, record

START = instant("2024-01-01T09:00:00Z")


def followed(*readings: tuple[int, float], bought: tuple[int, ...] = ()) -> list[bool]:
    """Whether a rise is told after each reading, given as day and risk; purchases on the days in `bought`."""
    c, ctx, told = Customer("C1"), Context(Policy(), UNTRAINED), []
    c.rhythm.occasions = 3
    for day, risk in readings:
        c.risk.last, c.risk.at = risk, START + day * DAY
        rises.follow(c, c.risk.at, day in bought, ctx)
        told.append(c.risk.rise is not None and not c.risk.rise.over)
    return told


@pytest.mark.parametrize(
    ("title", "readings", "told"),
    [
        ("a step within the window", [(0, 0.1), (20, 0.36)], [False, True]),
        ("less than the step", [(0, 0.1), (20, 0.34)], [False, False]),
        ("the same step in a longer time", [(0, 0.1), (15, 0.2), (31, 0.36), (46, 0.45)], [False] * 4),
        ("the lowest counts, not the last", [(0, 0.1), (10, 0.2), (20, 0.3), (25, 0.36)], [False, False, False, True]),
        ("a third of the step is gone", [(0, 0.1), (20, 0.4), (21, 0.3)], [False, True, True]),
        ("half of the step is gone", [(0, 0.1), (20, 0.4), (21, 0.25)], [False, True, False]),
        ("again without a purchase", [(0, 0.1), (20, 0.4), (21, 0.1), (25, 0.4)], [False, True, False, False]),
    ],
)
def test_a_rise_is_a_step_within_the_window(title: str, readings: list[tuple[int, float]], told: list[bool]) -> None:
    """Against the lowest reading of thirty days; back by half ends it."""
    assert followed(*readings) == told, title


def test_no_purchase_is_a_rise_and_one_allows_the_next() -> None:
    """What a purchase shows raises nothing; after a purchase a new rise is a new alarm."""
    assert followed((0, 0.1), (20, 0.4), bought=(20,)) == [False, False]
    again = followed((0, 0.1), (20, 0.4), (21, 0.1), (22, 0.1), (30, 0.4), bought=(22,))
    assert again == [False, True, False, False, True]


def test_the_list_of_readings_is_short_in_a_long_rise() -> None:
    """A reading a day for two months, each a little higher: seven are kept."""
    c, ctx = Customer("C1"), Context(Policy(), UNTRAINED)
    c.rhythm.occasions = 3
    for day in range(60):
        c.risk.last = 0.1 + day / 1000
        rises.follow(c, START + day * DAY, False, ctx)
        assert len(c.risk.lows) <= 2 * (rises.KEPT_EVERY + 1)


def test_an_edge_makes_one_alarm() -> None:
    """A buyer whose gaps grow and shrink for a year: at most one rise between two purchases."""
    driver, at = Driver(), START
    for n in range(40):
        at += (7 if n % 2 else 13) * DAY
        driver.feed(purchase(at))
    raised = [a for a in driver.alarms if a.kind == "risk-rising" and a.type == "alarm.raised"]
    assert len({a.alarm_id for a in raised}) == len(raised) <= 20


def test_who_has_left_and_comes_back_begins_without_a_rise() -> None:
    """The alarm ends as lost, and the purchase that wins the customer back raises none."""
    driver = Driver().feed(*(purchase(START + n * 7 * DAY) for n in range(12)))
    driver.advance(START + 95 * DAY)
    assert [a.type for a in driver.alarms if a.kind == "risk-rising"] == ["alarm.raised"]
    driver.feed(record("exit.explained", START + 96 * DAY, reason="price"), purchase(START + 97 * DAY))
    driver.advance(START + 97 * DAY + SECOND)
    told = [a.outcome or a.type for a in driver.alarms if a.kind == "risk-rising"]
    assert told == ["alarm.raised", "lost"]
