"""Two currencies of one customer are kept apart; value and tier use the one of most purchases of the last year."""

import itertools
from collections import Counter
from typing import Any

import pytest

from alerts.wording.formats import money
from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.parts.buying import MAX_CURRENCIES
from scorers.customer.state import Customer
from scorers.customer.value import value_at_risk
from tests.support.driver import Driver, record

START = int(parse_instant("2024-01-01T10:00:00Z"))


def sale(day: float, amount: int, currency: str, **own: Any) -> bytes:
    at = START + round(day * DAY)
    return record(
        "purchase.completed", at, id=f"{day} {currency} {amount}", amount_minor=amount, currency=currency, **own
    )


def refund(day: float, amount: int, currency: str) -> bytes:
    at = START + round(day * DAY)
    return record("purchase.refunded", at, id=f"r{day}", amount_minor=amount, currency=currency)


def customer(driver: Driver) -> Customer:
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    return state


def amounts(driver: Driver) -> dict[str, int]:
    money = customer(driver).spending
    return {purse.currency: purse.amount_minor for purse in (money, *money.others)}


EUROS = [sale(7 * n, 4000, "EUR", margin_minor=1000) for n in range(10)]
YEN = [sale(70 + n, 300_000, "JPY") for n in range(2)]


def test_amounts_of_two_currencies_are_never_added():
    """Sums, margins and refunds stay in their own currency, in every order of two of them."""
    driver = Driver().feed(*EUROS, *YEN, refund(72, 100_000, "JPY"))
    money = customer(driver).spending
    assert (money.currency, money.amount_minor, money.margin_minor, money.refund_minor) == ("EUR", 40_000, 10_000, 0)
    assert money.year_minor == 10_000
    assert [(p.currency, p.amount_minor, p.year_minor, p.refund_minor) for p in money.others] == [
        ("JPY", 600_000, 500_000, 100_000)
    ]
    assert customer(driver).purchases.count == 12
    row = Driver().feed(*EUROS, *YEN)
    assert amounts(row) == {"EUR": 40_000, "JPY": 600_000}
    alarms = driver.advance(START + 400 * DAY).alarms
    assert {alarm.currency for alarm in alarms} == {"EUR"}


def test_the_currency_of_most_purchases_of_the_last_year_is_the_own():
    """Of equals the newest; and what is older than a year does not count."""
    driver = Driver().feed(sale(0, 100, "EUR"), sale(1, 100, "EUR"), sale(2, 500, "USD"))
    assert customer(driver).spending.currency == "EUR"
    driver.feed(sale(3, 500, "USD"))
    assert customer(driver).spending.currency == "USD"
    assert amounts(driver) == {"EUR": 200, "USD": 1000}
    driver.feed(sale(4, 100, "EUR"))
    assert customer(driver).spending.currency == "EUR"
    driver.feed(sale(500, 900, "GBP"))
    assert customer(driver).spending.currency == "GBP"
    assert customer(driver).spending.year_minor == 900


def test_several_purchases_of_a_day_count_each():
    """Three sales in yen on one day outnumber two in euros."""
    driver = Driver().feed(sale(0, 1, "EUR"), sale(1, 1, "EUR"), *[sale(2 + n / 100, 9, "JPY") for n in range(3)])
    assert customer(driver).spending.currency == "JPY"
    assert customer(driver).rhythm.occasions == 3


def test_the_order_of_arrival_changes_nothing():
    """Four sales of one day in three currencies."""
    facts = [sale(n / 10, 100 * (n + 1), currency) for n, currency in enumerate(("EUR", "JPY", "JPY", "KWD"))]
    states = set()
    for order in itertools.permutations(facts):
        states.add(tuple(Driver(figures=False).feed(*order).states().values()))
    assert len(states) == 1


def test_the_number_of_currencies_is_bounded():
    """Beyond the bound the least used is forgotten and counted; the customer's own is kept."""
    codes = ["EUR", "EUR", "USD", "USD", "GBP", "GBP", "CHF", "JPY", "KWD"]
    driver = Driver().feed(*[sale(n, 100, code) for n, code in enumerate(codes)])
    assert len(amounts(driver)) == MAX_CURRENCIES
    assert {"EUR", "USD", "GBP"} <= set(amounts(driver))
    assert customer(driver).forgotten == {"currency": 2}


@pytest.mark.parametrize(
    ("currency", "replacement"), [("EUR", "EUR 20.00"), ("JPY", "JPY 2,000"), ("KWD", "KWD 2.000")]
)
def test_the_replacement_cost_is_in_the_minor_units_of_the_currency(currency, replacement):
    """The number of the policy is taken as it is, like every amount on the wire: 2000 are 2,000 yen, not 20."""
    driver = Driver().feed(sale(0, 0, currency))
    assert value_at_risk(customer(driver), START + DAY, driver.ctx) == 2000
    assert money(2000, currency) == replacement


def rank(customers: dict[str, bytes]) -> dict[str, str]:
    """The tier of each customer, each with one purchase, once their figures are in force."""
    driver = Driver().feed(*customers.values()).advance(START + 40 * DAY)
    return {name: driver.timelines[name].state.tiering.tier for name in driver.subjects()}


def one_sale(number: int, amount: int, currency: str) -> tuple[str, bytes]:
    name = f"{currency}{number:03}"
    return name, record("purchase.completed", START + number, name, amount_minor=amount, currency=currency)


@pytest.mark.parametrize(("other", "factor"), [("JPY", 160), ("KWD", 3), ("USD", 1)])
def test_customers_are_ranked_within_their_currency(other, factor):
    """The tiers of a base in two currencies are those of each half alone, whatever a minor unit is worth."""
    euros = dict(one_sale(n, 100 * (n + 1), "EUR") for n in range(60))
    others = dict(one_sale(n, 100 * factor * (n + 1), other) for n in range(60))
    both = rank(euros | others)
    assert both == rank(euros) | rank(others)
    assert set(both.values()) == {"platinum", "gold", "iron", "lead"}
    assert [both[f"EUR{n:03}"] for n in range(60)] == [both[f"{other}{n:03}"] for n in range(60)]


def test_few_customers_in_a_currency_are_not_ranked_among_others():
    """Ten buyers in yen beside sixty in euros: their large numbers make nobody platinum."""
    euros = dict(one_sale(n, 100 * (n + 1), "EUR") for n in range(60))
    yen = dict(one_sale(n, 900_000, "JPY") for n in range(10))
    both = rank(euros | yen)
    assert {both[name] for name in yen} == {"iron"}
    assert {name: both[name] for name in euros} == rank(euros)


def ranked_in(driver: Driver) -> dict[str, int]:
    """How many customers are counted in each currency, those with none left out."""
    counts = Counter[str]()
    for (_, name, _), count in driver.figures.items():
        if name.startswith("year:"):
            counts[name.removeprefix("year:")] += count
    return {currency: count for currency, count in counts.items() if count}


def test_a_customer_who_changes_currency_is_counted_once():
    """The former currency loses what it counted, and an erasure takes back the rest."""
    driver = Driver().feed(*EUROS)
    assert ranked_in(driver) == {"EUR": 1}
    driver.feed(*[sale(70 + n, 300_000, "JPY") for n in range(12)])
    assert customer(driver).spending.currency == "JPY"
    assert ranked_in(driver) == {"JPY": 1}
    assert ranked_in(driver.feed(record("customer.erased", START + 90 * DAY))) == {}
