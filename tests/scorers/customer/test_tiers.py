"""Tiers: ranked by what a year brought in, up at once, down after a dwell (T1, T2)."""

import pytest

from scorers.contract.events import DAY, SECOND
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.parts.buying import Spending
from scorers.customer.state import Customer
from scorers.customer.tiers import expire_purse, place, year_value
from scorers.in_force.base_rhythm import BaseRhythm
from scorers.in_force.figures import Figures
from scorers.policy.tables import Policy
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T09:00:00Z"))
BOUNDS = Figures("f", 0, BaseRhythm(), 100, {"EUR": (1000.0, 500.0, 100.0)}, 60 * DAY)
POLICY = Policy()


@pytest.mark.parametrize(
    ("value", "current", "tier"),
    [
        (1000, "none", "platinum"),
        (999, "none", "gold"),
        (500, "none", "gold"),
        (499, "none", "iron"),
        (100, "none", "iron"),
        (99, "none", "lead"),
        (0, "none", "lead"),
        (-5, "none", "lead"),
        (999, "platinum", "platinum"),
        (900, "platinum", "platinum"),
        (899, "platinum", "gold"),
        (450, "gold", "gold"),
        (449, "gold", "iron"),
        (1000, "gold", "platinum"),
        (89, "iron", "lead"),
    ],
)
def test_a_value_has_its_place_and_a_fall_takes_the_hysteresis(value, current, tier):
    """Each boundary from both sides."""
    assert place(value, current, BOUNDS.bounds["EUR"], POLICY) == tier


def test_everybody_is_iron_while_too_few_are_ranked():
    """Fifty are needed."""
    assert place(10**9, "none", None, POLICY) == "iron"
    driver = Driver().feed(*(purchase(START + n, f"C{n:02}", amount=100 + n) for n in range(49)))
    driver.advance(START + 40 * DAY)
    assert {driver.timelines[name].state.tiering.tier for name in driver.subjects()} == {"iron"}
    driver.feed(purchase(START + 41 * DAY, "C99")).advance(START + 80 * DAY)
    assert {driver.timelines[name].state.tiering.tier for name in driver.subjects()} == {
        "platinum",
        "gold",
        "iron",
        "lead",
    }


def test_a_prospect_has_no_tier():
    """Nothing bought, nothing ranked."""
    assert Driver().feed(record("lead.created", START)).timelines["C1"].state.tiering.tier == "none"


def test_margin_counts_where_it_is_known_and_revenue_where_not():
    """A refund takes back its share of the margin."""
    driver = Driver().feed(purchase(START, amount=1000, margin_minor=300), purchase(START + DAY, amount=500))
    c = driver.timelines["C1"].state
    assert year_value(c, START + DAY, POLICY) == 800
    driver.feed(record("purchase.refunded", START + 2 * DAY, amount_minor=1000, currency="EUR"))
    assert year_value(driver.timelines["C1"].state, START + 2 * DAY, POLICY) == 500


def test_a_refund_is_no_day_of_a_purchase():
    """The day on which money went back counts nowhere as a visit."""
    driver = Driver().feed(purchase(START))
    driver.feed(record("purchase.refunded", START + 9 * DAY, amount_minor=100, currency="EUR"))
    assert driver.timelines["C1"].state.spending.days == [START // DAY]


def test_the_year_rolls():
    """A purchase of 365 days ago does not count."""
    c = Customer("c", spending=Spending(days=[100, 200], takings=[7, 5], year_minor=12))
    assert year_value(c, 464 * DAY, POLICY) == 12
    assert year_value(c, 465 * DAY, POLICY) == 5
    expire_purse(c.spending, 465 * DAY, POLICY)
    assert (c.spending.days, c.spending.takings, c.spending.year_minor) == ([200], [5], 5)


def ranked(*facts: bytes) -> Driver:
    """A customer ranked platinum from the first purchase on; bounds rise later, which is a fall."""
    driver = Driver(figures=False)
    driver.ctx.adopt_figures(BOUNDS)
    driver.feed(*facts)
    higher = Figures("g", START + 20 * DAY, BaseRhythm(), 100, {"EUR": (9000.0, 5000.0, 100.0)}, 60 * DAY)
    driver.ctx.adopt_figures(higher)
    return driver


def test_a_fall_raises_an_alarm_after_the_dwell_time_and_a_rise_settles_it():
    """Fourteen days, to the second; the tier counts from then."""
    driver = ranked(*(purchase(START + k * 5 * DAY) for k in range(4)))
    low = START + 25 * DAY
    driver.feed(purchase(low, amount=1))
    low_since = driver.timelines["C1"].state.tiering.low_since
    assert START + 20 * DAY <= low_since <= low
    assert driver.timelines["C1"].state.tiering.tier == "platinum"
    ends = low_since + 14 * DAY
    assert not [a for a in driver.advance(ends).alarms if a.kind == "tier-drop"]
    told = [a for a in driver.advance(ends + SECOND).alarms if a.kind == "tier-drop"]
    assert [(a.type, a.at) for a in told] == [("alarm.raised", ends // SECOND * SECOND)]
    driver.feed(purchase(ends + DAY, amount=90000))
    told = [a for a in driver.alarms if a.kind == "tier-drop"]
    assert [(a.type, a.outcome) for a in told] == [("alarm.raised", None), ("alarm.settled", "returned")]


def test_a_fall_shorter_than_the_dwell_time_raises_nothing():
    """A tier does not flap."""
    driver = ranked(*(purchase(START + k * 5 * DAY) for k in range(4)))
    driver.feed(purchase(START + 25 * DAY, amount=1), purchase(START + 30 * DAY, amount=90000))
    driver.advance(START + 50 * DAY)
    assert not [a for a in driver.alarms if a.kind == "tier-drop"]
