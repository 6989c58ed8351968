"""Facts under one identity: a duplicate changes nothing, and of two payloads the first read stands."""

import pytest

from scorers.contract.events import DAY, HOUR
from scorers.contract.rfc3339 import parse_instant
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T09:00:00Z"))
BOUGHT = purchase(START)


@pytest.mark.parametrize("later", [0, HOUR, -HOUR, 40 * DAY])
def test_of_two_payloads_under_one_identity_the_first_read_stands(later):
    """The other one is a conflict, whatever its hash or its time, and changes nothing."""
    for amounts in ((100, 200), (200, 100)):
        one = purchase(START + 2 * HOUR, amount=amounts[0], id="x")
        other = purchase(START + 2 * HOUR + later, amount=amounts[1], id="x")
        until = START + 3 * HOUR + max(later, 0)
        plain, driver = Driver().feed(BOUGHT, one).advance(until), Driver().feed(BOUGHT, one, other).advance(until)
        assert "conflict" in driver.statuses
        assert driver.partition.tally.conflicts == 1
        assert (driver.states(), driver.figures) == (plain.states(), plain.figures)
        assert driver.outcomes() == plain.outcomes()
        driver.restart().feed(other, one)
        assert driver.statuses[-2:] == ["conflict", "duplicate"]
        assert driver.states() == plain.states()


def test_no_payload_takes_back_a_complaint():
    """Neither an answer under the complaint's identity nor one of many guesses withdraws its alarm."""
    complaint = record("complaint.opened", START + HOUR, complaint_id="K1", severity="major", id="x")
    driver = Driver().feed(BOUGHT, complaint)
    standing = driver.outcomes()
    for n in range(64):
        driver.feed(record("contact.made", START + HOUR, channel=f"phone {n}", id="x"))
    driver.feed(record("complaint.resolved", START + HOUR, complaint_id="K1", id="x"))
    assert driver.outcomes() == standing
    assert driver.partition.tally.conflicts == 65


def test_a_conflict_with_a_settled_fact_is_no_duplicate():
    """Of the last facts before the recent ones the content is known as well, also after a restart."""
    driver = Driver().feed(purchase(START, id="x"), purchase(START + 20 * DAY), purchase(START + 40 * DAY)).restart()
    driver.feed(purchase(START + 60 * DAY, id="x", amount=7), purchase(START, id="x"))
    assert driver.statuses[-2:] == ["conflict", "duplicate"]
    assert driver.timelines["C1"].state.purchases.count == 3


def test_a_conflict_leaves_no_count_at_the_store_that_it_names():
    """Only what stands is forwarded to its store."""
    one = record("complaint.opened", START + HOUR, complaint_id="K1", store_id="S1", id="x")
    for n in range(16):
        other = record("complaint.opened", START + HOUR, complaint_id=f"K{n}", store_id="S2", id="x")
        plain, driver = Driver().feed(BOUGHT, one), Driver().feed(BOUGHT, one, other)
        assert "\x01store:S1" in driver.timelines
        assert driver.states() == plain.states()


def test_a_duplicate_of_a_settled_fact_is_recognised():
    """Also if the producer sends the old id with a new time."""
    driver = Driver().feed(purchase(START, id="x"), purchase(START + 20 * DAY), purchase(START + 40 * DAY))
    driver.feed(purchase(START + 60 * DAY, id="x"))
    assert driver.partition.tally.duplicates == 1
    assert driver.timelines["C1"].state.purchases.count == 3
