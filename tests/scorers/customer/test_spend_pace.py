"""The spend of a recent window against the own pace of the rest of the year, and the alarm where the risk points elsewhere (A10)."""

from collections.abc import Sequence

import pytest

from scorers.contract.events import DAY
from scorers.customer.spend_pace import change
from tests.support.driver import Driver, instant, purchase

START = instant("2024-01-01T09:00:00Z")
YEAR = 365 * DAY


def played(*steps: tuple[int, int], policy: str = "") -> Driver:
    """Purchases, each so many days after the one before, of so many cents."""
    driver, at = Driver(policy), START
    for gap, minor in steps:
        at += gap * DAY
        driver.feed(purchase(at, amount=minor))
    return driver


@pytest.mark.parametrize(
    ("title", "steps", "expected"),
    [
        ("as before", [(7, 1000)] * 60, 0.0),
        ("half", [(7, 1000)] * 40 + [(7, 500)] * 13, -0.5),
        ("twice", [(7, 1000)] * 40 + [(7, 2000)] * 13, 1.0),
        ("the time before is too short", [(7, 1000)] * 20, None),
        ("too few dates before", [(40, 1000)] * 7, None),
    ],
)
def test_the_recent_spend_is_compared_with_the_own_pace(
    title: str, steps: Sequence[tuple[int, int]], expected: float | None
) -> None:
    """Over the year that is kept, without the recent window itself."""
    c = played(*steps).timelines["C1"].state
    found = change(c, c.purchases.last, 90 * DAY, YEAR, 6)
    assert found == (expected if expected is None else pytest.approx(expected, abs=0.08)), title


def said(driver: Driver) -> list[str]:
    return [a.outcome or a.type.removeprefix("alarm.") for a in driver.alarms if a.kind == "score-money-disagree"]


def test_a_high_risk_with_a_spend_that_rises_disagrees() -> None:
    """Noticed at a review after a rich time, and settled by the purchase that brings the risk down."""
    rich = [(7, 1000)] * 30 + [(7, 9000)] * 8
    driver = played(*rich, policy="[silence]\nfalse_a_year = 0.01\ndefected_factor = 4")
    last = driver.timelines["C1"].state.purchases.last
    assert said(driver.advance(last + 26 * DAY)) == ["raised"]
    assert said(driver.feed(purchase(last + 27 * DAY))) == ["raised", "returned"]


def test_an_edge_makes_one_alarm() -> None:
    """A spend about the share that raises, for half a year: what lies between it and the share that settles changes nothing."""
    steps = [(7, 1000)] * 40 + [(7, 600), (7, 750)] * 13
    assert said(played(*steps)).count("raised") == 1
