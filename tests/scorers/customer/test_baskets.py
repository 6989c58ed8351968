"""Baskets: categories per occasion, and when falling variety and growing gaps mean boredom (X9)."""

from collections.abc import Sequence

import pytest

from scorers.contract.events import DAY, HOUR, Micros
from scorers.customer.facts.baskets import KEPT, varieties
from scorers.customer.parts.buying import Visit
from tests.support.driver import Driver, instant, purchase

START = instant("2024-01-01T09:00:00Z")
BROAD, NARROW = "abcde", "a"
USUAL = [(14, BROAD)] * 6
"""Six visits, a fortnight apart, each with five categories."""


def basket(at: Micros, categories: str) -> bytes:
    return purchase(at, items=[{"sku": c, "quantity": 1, "category": c} for c in categories] or None)


def visits(*steps: tuple[int, str]) -> Driver:
    """A customer who came after each of these gaps in days and bought from these categories."""
    driver, at = Driver(), START
    for gap, categories in steps:
        at += gap * DAY
        driver.feed(basket(at, categories))
    return driver


def kinds(driver: Driver) -> list[str]:
    return [a.type.removeprefix("alarm.") for a in driver.alarms if a.kind == "boredom"]


@pytest.mark.parametrize(
    ("title", "newest", "raised"),
    [
        ("less variety and longer gaps", [(25, NARROW)] * 4, True),
        ("less variety at the usual pace", [(14, NARROW)] * 4, False),
        ("the usual variety and longer gaps", [(25, BROAD)] * 4, False),
        ("the basket of the current occasion is not judged", [(25, NARROW)] * 3, False),
        ("an occasion without categories", [(25, NARROW), (25, ""), (25, NARROW), (25, NARROW)], False),
    ],
)
def test_boredom_needs_less_variety_and_longer_gaps(
    title: str, newest: Sequence[tuple[int, str]], raised: bool
) -> None:
    """Judged when an occasion begins, over the three completed ones before it against the six before those."""
    assert kinds(visits(*USUAL, *newest)) == (["raised"] if raised else []), title


def test_the_usual_variety_settles_boredom() -> None:
    """Once three completed occasions have it again."""
    bored = [*USUAL, *[(25, NARROW)] * 4]
    assert kinds(visits(*bored, (25, NARROW))) == ["raised"]
    driver = visits(*bored, (14, BROAD), (14, BROAD))
    assert kinds(driver) == ["raised", "settled"]
    assert [a.outcome for a in driver.alarms if a.kind == "boredom"][-1] == "returned"
    assert driver.timelines["C1"].state.baskets.bored_at == 0


def test_purchases_of_one_date_are_one_occasion() -> None:
    """Their categories add up, and visits are kept for nine occasions."""
    driver = visits(*USUAL)
    at = START + 98 * DAY
    driver.feed(basket(at, "x"), basket(at + HOUR, "yz"))
    kept = driver.timelines["C1"].state.baskets.visits
    assert (len(kept), kept[-1].categories.bit_count()) == (7, 3)
    for day in range(10):
        driver.feed(basket(at + (day + 1) * DAY, "a"))
    assert len(driver.timelines["C1"].state.baskets.visits) == KEPT


def test_variety_is_compared_over_as_many_occasions() -> None:
    """The earlier six count as two threes, whose mean is compared with the newest three."""
    masks = (0b1, 0b10, 0b100, 0b1, 0b1, 0b1, 0b11, 0b11, 0b11)
    assert varieties([Visit(n, mask) for n, mask in enumerate(masks)]) == (2.0, 2.0)
