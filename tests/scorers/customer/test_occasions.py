"""An occasion is a visit (J1): one date of the business, or a few hours, never more than two dates."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, SECOND
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.state import Customer
from scorers.customer.value import expected_purchases
from scorers.policy.business_zone import business_zone
from tests.support.driver import Driver, purchase

LOS_ANGELES = "[time]\nzone = 'America/Los_Angeles'\n"


def customer(driver: Driver) -> Customer:
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    return state


@pytest.mark.parametrize(
    ("what", "policy", "times", "visits"),
    [
        ("one date", "", ["2024-07-01T00:00:00Z", "2024-07-01T23:59:59Z"], 1),
        ("over midnight", "", ["2024-07-01T23:59:00Z", "2024-07-02T00:01:00Z"], 1),
        ("four hours over midnight", "", ["2024-07-01T22:00:00Z", "2024-07-02T02:00:00Z"], 1),
        ("a second more", "", ["2024-07-01T22:00:00Z", "2024-07-02T02:00:01Z"], 2),
        ("the evening after", "", ["2024-07-01T23:00:00Z", "2024-07-02T01:00:00Z", "2024-07-02T20:00:00Z"], 1),
        (
            "two dates at most",
            "[time]\nallowed_lateness = '2d'\n",
            ["2024-07-01T23:00:00Z", "2024-07-02T01:00:00Z", "2024-07-02T22:00:00Z", "2024-07-03T01:00:00Z"],
            2,
        ),
        ("an evening in Los Angeles", LOS_ANGELES, ["2024-07-02T15:00:00Z", "2024-07-03T06:59:59Z"], 1),
        ("two dates in Los Angeles, one in UTC", LOS_ANGELES, ["2024-07-02T02:00:00Z", "2024-07-02T07:00:00Z"], 2),
    ],
)
def test_a_visit(what, policy, times, visits):
    """In every order of arrival, and its money adds up."""
    facts = [purchase(at, amount=100, id=str(n)) for n, at in enumerate(times)]
    for order in itertools.permutations(facts):
        driver = Driver(policy).feed(*order)
        assert customer(driver).rhythm.occasions == visits, what
        assert customer(driver).spending.amount_minor == 100 * len(times)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 30 * HOUR // SECOND), min_size=1, max_size=40), st.sampled_from(["UTC", "Asia/Tokyo"]))
def test_any_purchases_make_sane_visits(gaps, name):
    """No visit spans three dates, no gap is under four hours, and no more than a visit a day is expected."""
    zone, at = business_zone(name), int(parse_instant("2024-03-01T00:00:00Z"))
    driver = Driver(f"[time]\nzone = '{name}'\n", figures=False).feed(purchase(at, id="first"))
    begun, before = at, 1
    for n, gap in enumerate(gaps):
        at += gap * SECOND
        driver.feed(purchase(at, id=str(n)))
        c = customer(driver)
        if c.rhythm.occasions > before:
            assert at - begun > 4 * HOUR
            begun, before = at, c.rhythm.occasions
        assert zone.day(at) - zone.day(c.rhythm.last) <= 1
        assert expected_purchases(c, 0.0, at, driver.ctx.policy) <= 91


def test_a_rhythm_is_not_ruined_by_a_visit_over_midnight():
    """A weekly customer who pays in two parts around midnight keeps the limit of a weekly customer."""
    start = int(parse_instant("2024-01-01T23:59:00Z"))
    plain = Driver().feed(*[purchase(start + n * 7 * DAY, id=str(n)) for n in range(10)])
    parts = Driver()
    for n in range(10):
        parts.feed(purchase(start + n * 7 * DAY, id=f"a{n}"), purchase(start + n * 7 * DAY + 120 * SECOND, id=f"b{n}"))
    assert customer(parts).rhythm.mean_gap() == customer(plain).rhythm.mean_gap() == 7.0
    assert customer(parts).purchases.quiet_limit == customer(plain).purchases.quiet_limit
