"""Distributors and staff (P1)."""

from typing import Any

from scorers.contract.events import DAY
from scorers.customer.parties import margin_share
from scorers.in_force.figures import TRADE, years_of
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
RANKED = "[tiers]\nranked_at_least = 2"


def described(customer: str, party: str, at: int = START) -> bytes:
    return record("customer.described", at, customer, party_type=party)


def weekly(customer: str, amount: int, times: int, **own: Any) -> list[bytes]:
    return [
        record("purchase.completed", START + n * 7 * DAY + 1, customer, amount_minor=amount, currency="EUR", **own)
        for n in range(times)
    ]


def in_histogram(driver: Driver, name: str) -> int:
    return sum(count for (_, histogram, _), count in driver.figures.items() if histogram == name)


def test_distributors_do_not_move_the_tiers_of_customers() -> None:
    """The bounds are those of the customers alone; a distributor above the highest of them is platinum."""
    driver = Driver(RANKED).feed(described("D", "external"))
    for rows in zip(weekly("D", 10**7, 8), weekly("A", 10_000, 8), weekly("B", 5_000, 8), strict=True):
        driver.feed(*rows)
    figures = driver.ctx.newest_figures
    assert figures.bounds["EUR"][0] < 10**6
    assert driver.timelines["D"].state.tiering.tier == "platinum"
    assert (in_histogram(driver, TRADE + "EUR"), in_histogram(driver, years_of("EUR"))) == (1, 2)
    share = margin_share(driver.timelines["D"].state, driver.partition.clock, driver.ctx)
    assert 0.99 < share <= 1.0


def test_a_business_of_distributors_only_has_tiers() -> None:
    """Where no final customer is ranked, distributors are ranked among themselves."""
    driver = Driver(RANKED).feed(described("D", "external"), described("E", "external"))
    for rows in zip(weekly("D", 10**7, 8), weekly("E", 10_000, 8), strict=True):
        driver.feed(*rows)
    assert [driver.timelines[name].state.tiering.tier for name in "DE"] == ["platinum", "iron"]


def test_staff_are_no_customers() -> None:
    """Who stops buying as a member of staff is nobody's alarm, has no tier and stands in no figure; a complaint is heard."""
    driver = Driver().feed(described("S", "internal"), *weekly("S", 1_000, 12, discount_minor=200))
    driver.advance(START + 400 * DAY)
    assert driver.kinds("S") == []
    assert driver.timelines["S"].state.tiering.tier == "none"
    assert [key for key in driver.figures if key[1] != "back"] == []
    assert driver.lessons == []
    driver.feed(record("complaint.opened", START + 400 * DAY, "S", complaint_id="K", severity="major"))
    assert driver.kinds("S") == ["major-problem"]


def test_who_turns_out_to_be_staff_leaves_the_figures() -> None:
    """A description that comes later settles what stands as false, and takes the member of staff out of the figures."""
    driver = Driver().feed(*weekly("S", 1_000, 12)).advance(START + 130 * DAY)
    assert "gone-quiet" in driver.kinds("S")
    assert in_histogram(driver, years_of("EUR")) == 1
    driver.feed(described("S", "internal", START + 131 * DAY))
    assert {outcome for _, kind, _, outcome in driver.outcomes() if kind == "gone-quiet"} == {"false"}
    assert in_histogram(driver, years_of("EUR")) == 0
    assert driver.timelines["S"].state.efforts == ()
