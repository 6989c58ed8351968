"""Who has been silent for longer than the policy keeps is deleted, by a deadline of event time, and comes back as somebody new."""

from collections import Counter

import pytest

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.events import DAY, HOUR
from scorers.in_force.figures import years_of
from scorers.policy.reading import PolicyError, parse_policy
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase, record

KEPT = 400
POLICY = f"[retention]\nsilent = '{KEPT}d'\n"


def buys(customer: str, *days: int) -> list[bytes]:
    return [purchase(MAY + day * DAY, customer) for day in days]


def test_the_silent_are_deleted_at_their_own_deadline() -> None:
    """To the instant: a fact at the deadline is in time, and what they contributed to the figures is taken back."""
    driver = Driver(POLICY).feed(*buys("C1", 0, 10, 20), *buys("C2", 21))
    driver.advance(MAY + (20 + KEPT) * DAY)
    assert driver.subjects() == {"C1", "C2"}
    driver.advance(MAY + (20 + KEPT) * DAY + 1)
    assert driver.subjects() == {"C2"}
    assert driver.partition.tally.forgotten["silent_customer"] == 1
    driver.advance(MAY + (22 + KEPT) * DAY)
    assert driver.subjects() == set()
    years = Counter[int]()
    for (_, name, bucket), count in driver.figures.items():
        years[bucket] += count if name == years_of("EUR") else 0
    assert not any(years.values())
    assert "open" not in {outcome for _, kind, _, outcome in driver.outcomes() if kind not in STATE_CHANGES}


def test_a_fact_at_the_deadline_is_in_time_and_one_after_it_is_somebody_new() -> None:
    """The first keeps the history; the second begins with its own first purchase, whether the clock has passed or not."""
    at = 20 + KEPT
    kept = Driver(POLICY).feed(*buys("C1", 0, 20, at))
    assert kept.timelines["C1"].state.purchases.count == 3
    for wait in (False, True):
        driver = Driver(POLICY).feed(*buys("C1", 0, 20))
        if wait:
            driver.advance(MAY + (at + 1) * DAY)
        driver.feed(purchase(MAY + (at + 1) * DAY + HOUR, "C1"))
        state = driver.timelines["C1"].state
        assert (state.purchases.count, state.first_seen) == (1, MAY + (at + 1) * DAY + HOUR)
        assert state.life.stage == "first_time_buyer"


def test_what_is_read_again_after_the_deletion_is_too_late() -> None:
    """The ids of the deleted are not known any more, but nothing that old makes a customer."""
    old = buys("C1", 0)
    driver = Driver(POLICY).feed(*old, *buys("C2", KEPT + 30), *old)
    assert driver.statuses[-1] == "too_late"
    assert driver.subjects() == {"C2"}
    assert driver.partition.tally.forgotten["silent_customer"] == 1


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_workers_delete_whom_a_replay_deletes(partitions: int) -> None:
    """The same rows, alarms and outcomes, with a comeback before and after the deadline, and with ticks seldom or often."""
    days = {"C1": (0, 7, 14, 21), "C2": (0, 10, 20, 10 + KEPT), "C3": (5, 15, 25, KEPT + 60), "C4": (KEPT + 61,)}
    facts = sorted(((day, buys(c, day)[0]) for c, some in days.items() for day in some))
    facts.append((KEPT + 61, record("staff.pulse", MAY + (KEPT + 61) * DAY, "S1", store_id="S1", pulse="asked")))
    until = MAY + (2 * KEPT) * DAY
    driver, cluster = Driver(POLICY).feed(*(raw for _, raw in facts)).advance(until), Cluster(partitions, POLICY)
    for _, raw in facts:
        cluster.publish("purchases" if b"purchase" in raw[:25] else "feedback", raw)
    cluster.close_days(until)
    cluster.tick(until)
    assert cluster.outcomes() == driver.outcomes()
    ended = {
        output.key
        for desk in cluster.desks
        for output in desk.outputs
        if output.topic == "customers" and not output.value
    }
    assert ended == {b"C1", b"C3"}  # C3 comes back later, under a row of its own
    rows = {name for desk in cluster.desks for name in desk.subjects()}
    assert rows == driver.subjects() == {"C2", "C3", "C4", "\x01site:S1", "\x01store:S1"}


def test_a_retention_that_would_cut_the_tier_is_refused() -> None:
    """The purchases of a tier's window must be kept."""
    with pytest.raises(PolicyError, match=r"retention.*silent.*tiers.window"):
        parse_policy("[retention]\nsilent = '300d'\n")
    assert parse_policy("").retention.silent == 1825 * DAY
