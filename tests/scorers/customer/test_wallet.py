"""The wallet (P7): the spend and the categories of eight weeks against the own pace of the half year before."""

from collections.abc import Sequence

import pytest

from scorers.contract.events import DAY, Micros
from scorers.customer.facts.baskets import MAX_BLOCKS, different
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
WEEKLY = [(7, 90, "abcd")] * 32
THIRD, NARROW = (7, 30, "abcd"), (7, 90, "a")
Step = tuple[int, int, str]
"""Days since the purchase before, EUR, categories."""


def played(*steps: Step, policy: str = "", currency: str = "EUR") -> Driver:
    driver, at = Driver(policy), START
    for gap, euros, categories in steps:
        at += gap * DAY
        driver.feed(sale(at, euros, categories, currency))
    return driver


def sale(at: Micros, euros: int, categories: str, currency: str = "EUR") -> bytes:
    items = [{"sku": c, "quantity": 1, "category": c} for c in categories] or None
    return record("purchase.completed", at, amount_minor=euros * 100, currency=currency, items=items)


def said(driver: Driver) -> list[str]:
    """What was said of the wallet: raised, or the outcome."""
    return [a.outcome or a.type.removeprefix("alarm.") for a in driver.alarms if a.kind == "wallet-shrinking"]


@pytest.mark.parametrize(
    ("title", "steps", "raised"),
    [
        ("a third of the spend", [*WEEKLY, *[THIRD] * 8], True),
        ("most of the spend", [*WEEKLY, *[(7, 50, "abcd")] * 8], False),
        ("a third of the spend, for too short a time", [*WEEKLY, *[THIRD] * 3], False),
        ("half as often", [*WEEKLY, *[(14, 90, "")] * 7], True),
        ("half the basket, twice as often", [*[(14, 90, "")] * 17, *[(7, 45, "")] * 10], False),
        ("one category of four", [*WEEKLY, *[NARROW] * 14], True),
        ("categories that are no longer told", [*WEEKLY, *[(7, 90, "")] * 14], False),
        ("categories that were not told before", [*[(7, 90, "")] * 32, *[(7, 90, "ab")] * 20], False),
        ("five purchase dates in the half year", [*[(35, 90, "")] * 8, *[(7, 2, "")] * 8], False),
        ("the purchase after a long silence", [*WEEKLY, (70, 30, "abcd")], False),
        ("less than half a year known", [*[(7, 90, "")] * 8, *[THIRD] * 4], False),
    ],
)
def test_a_wallet_shrinks_by_half_against_its_own_pace(title: str, steps: Sequence[Step], raised: bool) -> None:
    """Spend or categories, while the customer buys, with enough purchase dates in the half year before."""
    assert ("raised" in said(played(*steps))) is raised, title


def test_what_brings_the_pace_back_settles_it() -> None:
    """Over four fifths of the pace at which it was raised, not of the lower one since."""
    shrunk = [*WEEKLY, *[THIRD] * 10]
    assert said(played(*shrunk, *[(7, 70, "abcd")] * 7)) == ["raised"]
    assert said(played(*shrunk, *[(7, 80, "abcd")] * 8)) == ["raised", "returned"]


def test_a_time_out_while_it_lasts_is_no_false_alarm() -> None:
    """The customer bought on, but not as before: the alarm expires and is not raised a second time."""
    assert said(played(*WEEKLY, *[THIRD] * 60)) == ["raised", "expired"]


def test_another_currency_ends_it_without_a_claim() -> None:
    """Amounts of two currencies are not compared: it expires."""
    driver, at = played(*WEEKLY, *[THIRD] * 8), START + 40 * 7 * DAY
    for day in range(1, 45):
        driver.feed(sale(at + day * DAY, 30, "abcd", "USD"))
    assert said(driver)[:2] == ["raised", "expired"]


def test_what_is_kept_of_categories_is_bounded() -> None:
    """Eight blocks of four weeks before the current one, and a gap longer than that leaves none."""
    driver = played(*[(7, 90, "ab")] * 120)
    baskets = driver.timelines["C1"].state.baskets
    assert len(baskets.blocks) == MAX_BLOCKS
    assert different(baskets, baskets.block - 1, baskets.block) == 2
    driver.feed(sale(START + 2000 * DAY, 90, "c"))
    baskets = driver.timelines["C1"].state.baskets
    assert len(baskets.blocks) == MAX_BLOCKS
    assert different(baskets, baskets.block - MAX_BLOCKS, baskets.block) == 1
