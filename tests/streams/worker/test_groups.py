"""Subjects with keys of their own: facts reach them through `groups`, and what they know comes back to every partition."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE
from tests.support.cluster import Cluster, known
from tests.support.desk import MAY, Desk
from tests.support.driver import Driver, purchase, record

POLICY = "[stores]\nmention_from = 2\n"


def complaint(at: int, customer: str | None, store: str, case: str) -> bytes:
    return record("complaint.opened", at, customer, id=case, complaint_id=case, store_id=store)


def pulse(at: int, site: str, what: str, key: str | None = None) -> bytes:
    return record("staff.pulse", at, key or site, store_id=site, pulse=what)


def topic_of(raw: bytes) -> str:
    return {b"purchase": "purchases", b"complain": "complaints"}.get(raw[10:18], "feedback")


def story(days: int = 20) -> list[bytes]:
    """Customers of two stores buy and complain; complaints about one store grow, and one is read most of a day late."""
    facts: list[tuple[int, bytes]] = []
    for n in range(days):
        at = MAY + n * DAY + 9 * HOUR
        for c in range(6):
            if n < 12 or c > 1:
                when = at + c * MINUTE
                facts += [(when, purchase(when, f"C{c}", store_id=f"S{c % 2}"))]
        if n % 2:
            facts.append((at + HOUR, complaint(at + HOUR, f"C{n % 6}", "S0", f"K{n}")))
        if n % 5 == 0:
            facts.append((at + 22 * HOUR, complaint(at + 2 * HOUR, f"C{(n + 1) % 6}", "S1", f"L{n}")))
            facts.append((at + 3 * HOUR, complaint(at + 3 * HOUR, None, "S1", f"A{n}")))
    facts.append((MAY, pulse(MAY, "S0", "asked")))
    facts.append((MAY + 5 * DAY, pulse(MAY + 5 * DAY, "S0", "thanked", key="head-office")))
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


def replayed(facts: list[bytes], until: int) -> Driver:
    return Driver(POLICY).feed(*facts).advance(until)


def same(cluster: Cluster, driver: Driver) -> None:
    """The same alarms, and in each partition the same knowledge of each store since the same instants."""
    assert cluster.outcomes() == driver.outcomes()
    for store in ("S0", "S1"):
        assert cluster.known(store) == [known(driver.ctx, store)] * len(cluster.desks)


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_knows_what_a_replay_knows(partitions: int) -> None:
    """Counts by store, told to the customers of every partition, and alarms about sites."""
    facts, until = story(), MAY + 130 * DAY
    driver, cluster = replayed(facts, until), Cluster(partitions, POLICY)
    for raw in facts:
        cluster.publish(topic_of(raw), raw)
    cluster.close_days(until)
    cluster.tick(until)
    same(cluster, driver)
    assert max(value["complaints"] for _, value in known(driver.ctx, "S0")) == 7
    assert known(driver.ctx, "S0")[-1][1] == {"complaints": 0}
    assert {"staff-unasked", "staff-unthanked"} <= {kind for _, kind, _, _ in driver.outcomes()}


@settings(deadline=None, max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 99), st.integers(0, 3), st.floats(0, 1)), max_size=6), st.data())
def test_crashes_do_not_show(crashes: list[tuple[int, int, float]], data: Any) -> None:
    """Whenever workers die, and whatever part of their rows was written: the same counts, each fact once."""
    facts, until = story(9), MAY + 30 * DAY
    flushes = set(data.draw(st.lists(st.integers(0, len(facts)), max_size=8)))
    driver, cluster = replayed(facts, until), Cluster(4, POLICY)
    for n, raw in enumerate(facts):
        cluster.publish(topic_of(raw), raw)
        for at, who, share in crashes:
            if at % len(facts) == n:
                cluster.crash(who, share)
        if n in flushes:
            cluster.flush()
    cluster.close_days(until)
    cluster.tick(until)
    same(cluster, driver)


def test_a_silent_customer_of_a_store_with_complaints_is_told_so() -> None:
    """The alarm mentions what others complain of, as it was known at its instant."""
    driver = replayed(story(), MAY + 16 * DAY)
    quiet = [a for a in driver.alarms if a.kind == "gone-quiet" and a.type == "alarm.raised"]
    assert {a.customer_id for a in quiet} == {"C0", "C1"}
    told = {a.customer_id: [r.text for r in a.reasons if r.code == "store_complaints"] for a in quiet}
    assert told["C0"] == ["5 complaints about their store in 14 days."]


def test_a_record_of_groups_that_is_none_is_a_dead_letter() -> None:
    """Without a group as key, an origin or an event."""
    desk = Desk()
    for key, headers in ((b"C1", ()), (b"\x01store:S1", ()), (b"\x01moon:S1", (("origin", b"[]"),))):
        desk.receive("groups", key, complaint(MAY, "C1", "S1", "K1"), headers)
    desk.receive("groups", b"\x01store:S1", b"not json", (("origin", b'["complaints",0,1,"complaints@0"]'),))
    assert desk.codes() == ["bad_value"] * 4
