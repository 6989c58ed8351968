"""Since when somebody is a customer (J5), as the business says it: for the stage and its tenure, and for the clocks of silence."""

import pytest

from scorers.contract.events import DAY, SECOND
from scorers.contract.rejection import Rejection
from scorers.contract.rfc3339 import parse_instant
from scorers.contract.wire import decode
from scorers.customer.state import Customer
from scorers.in_force.figures import COHORT_GAPS, FIRST_GAPS
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-04-01T10:00:00Z"))


def described(at: int, since: str) -> bytes:
    return record("customer.described", at, customer_since=since)


def state(driver: Driver) -> Customer:
    found = driver.timelines["C1"].state
    assert isinstance(found, Customer)
    return found


@pytest.mark.parametrize(
    ("since", "stage"),
    [
        ("2024-01-02", "early_repeat_buyer"),
        ("2024-01-03", "first_time_buyer"),
        ("1969-07-20", "early_repeat_buyer"),
        ("2024-06-01", "first_time_buyer"),
    ],
)
@pytest.mark.parametrize("first", [True, False])
def test_ninety_days_before_the_first_purchase_that_was_seen(since, stage, first):
    """Said before that purchase or after it; a date ahead is ignored."""
    facts = [purchase(START), described(START + DAY, since)]
    if first:
        facts = [described(START - DAY, since), purchase(START)]
    assert state(Driver().feed(*facts)).life.stage == stage


def test_it_is_never_taken_back():
    """A later date changes the tenure and not what the customer was taken for."""
    driver = Driver().feed(described(START - DAY, "2020-01-01"), purchase(START), described(START + DAY, "2024-03-30"))
    assert state(driver).life.stage == "early_repeat_buyer"


def test_the_tenure_of_a_core_customer_counts_from_it():
    """Five occasions in five weeks are enough for who has been a customer for years."""
    facts = [purchase(START + week * 7 * DAY) for week in range(5)]
    assert state(Driver().feed(*facts)).life.stage == "early_repeat_buyer"
    assert state(Driver().feed(described(START - DAY, "2020-01-01"), *facts)).life.stage == "core_customer"


def test_the_gap_to_the_next_purchase_is_no_first_gap():
    """It says nothing about how soon first-time buyers come back."""
    driver = Driver().feed(described(START - DAY, "2020-01-01"), purchase(START), purchase(START + 9 * DAY))
    assert not {name for _, name, _ in driver.figures} & {FIRST_GAPS, COHORT_GAPS}


def test_who_was_given_up_as_a_first_time_buyer_and_is_described_then_comes_back_like_all():
    """The loss stands until the next purchase."""
    driver = Driver().feed(purchase(START)).advance(START + 500 * DAY).feed(described(START + 500 * DAY, "2020-01-01"))
    assert state(driver).life.stage == "defector"
    assert state(driver.feed(purchase(START + 501 * DAY))).life.stage == "early_repeat_buyer"


def test_a_description_in_a_long_silence_raises_nothing_about_the_past():
    """The silence until then is what such a customer is allowed; a second later it is longer."""
    said = START + 400 * DAY
    driver = Driver().feed(purchase(START)).advance(said).feed(described(said, "2020-01-01")).advance(said + DAY)
    assert [(a.at - said) // SECOND for a in driver.alarms if a.kind == "gone-quiet"] == [1]


def test_what_is_no_date_is_rejected():
    """A time of day too."""
    for since in ("2019-13-01", "2019-03-01T00:00:00Z", "soon"):
        found = decode(described(START, since))
        assert isinstance(found, Rejection)
        assert (found.code, "customer_since" in found.detail) == ("bad_value", True)
