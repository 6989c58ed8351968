"""Customers lost and won on Kafka (L8): any number of partitions raises, withdraws and settles what a replay does."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.in_force.counted.flows import FLOW_OF_STORE, Told
from streams.worker.forwarded import tell_flow
from tests.support.cluster import Cluster
from tests.support.desk import MAY, Desk
from tests.support.driver import Driver, purchase, record

UNTIL = MAY + 130 * DAY
STORES = ("S1", "S2")


def story() -> list[bytes]:
    """Two stores lose customers in autumn; one of them wins some, whose sales are read most of a day late, and many more later."""
    facts: list[tuple[int, bytes]] = []
    for n in range(36):
        who, store = f"C{n}", STORES[n % 2]
        for visit in range(4):
            at = MAY + (12 * visit + n % 5) * DAY + n * MINUTE
            facts.append((at, purchase(at, who, 1000 + n, store_id=store)))
        left = MAY + (50 + n // 2) * DAY + n * MINUTE
        facts.append((left, record("exit.explained", left, who, reason="price")))
    for n in range(18):
        at = MAY + (50 + n) * DAY + n * MINUTE
        facts.append((at + 20 * HOUR, purchase(at, f"L{n}", store_id="S1")))
    for n in range(20):
        at = MAY + (100 + n // 2) * DAY + n * MINUTE
        facts.append((at, purchase(at, f"N{n}", store_id=STORES[n % 2])))
    return [raw for _, raw in sorted(facts)]


def topic_of(raw: bytes) -> str:
    return "purchases" if json.loads(raw)["type"].startswith("purchase") else "feedback"


@pytest.fixture(scope="module")
def replayed() -> Driver:
    return Driver().feed(*story()).advance(UNTIL)


def outflows(driver: Driver | Cluster) -> set[tuple[str, int, str]]:
    return {(subject, at, end) for subject, kind, at, end in driver.outcomes() if kind == "base-outflow"}


def test_the_stores_differ_and_all_is_settled(replayed: Driver) -> None:
    """The base and the second store lose more than they win; the first store has won as many as it has lost."""
    assert {(subject, end) for subject, _, end in outflows(replayed)} == {
        ("base:base", "resolved"),
        ("tier:iron", "resolved"),
        ("store:S2", "resolved"),
    }
    raised = next(a for a in replayed.alarms if a.subject.type == "base" and a.type == "alarm.raised")
    assert raised.time - raised.at == DAY
    assert raised.currency == "EUR"
    assert raised.value_at_risk_minor
    assert raised.customer_id is None
    assert raised.evidence == ()


def test_with_one_store_and_one_tier_the_matter_is_the_bases_alone() -> None:
    """All customers of the second store: what the base has lost and won is all of the store and of the tier."""
    one = [
        raw
        for raw in story()
        if json.loads(raw).get("store_id") != "S1" and json.loads(raw)["customer_id"][1:] in map(str, range(1, 36, 2))
    ]
    driver = Driver().feed(*one).advance(UNTIL)
    assert {subject for subject, _, _ in outflows(driver)} == {"base:base"}


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_raises_what_a_replay_raises(partitions: int, replayed: Driver) -> None:
    """Customers of a store are spread over all partitions; each flow is judged in one."""
    cluster = Cluster(partitions)
    cluster.live_through([(topic_of(raw), raw) for raw in story()], UNTIL)
    assert cluster.outcomes() == replayed.outcomes()
    assert outflows(cluster)


@settings(deadline=None, max_examples=4)
@given(
    crashes=st.lists(st.tuples(st.integers(0, 999), st.integers(0, 2), st.floats(0, 1)), max_size=4),
    flushes=st.sets(st.integers(0, 30)),
)
def test_a_worker_that_dies_changes_nothing(
    crashes: list[tuple[int, int, float]], flushes: set[int], replayed: Driver
) -> None:
    """Whatever part of its rows was written; a day that is told again is a duplicate."""
    facts, cluster = story(), Cluster(3)
    written = {n for n in range(len(facts)) if n % 31 in flushes}
    cluster.live_through([(topic_of(raw), raw) for raw in facts], UNTIL, crashes, written)
    assert outflows(cluster) == outflows(replayed)


def test_what_tells_a_flow_nothing_is_a_dead_letter() -> None:
    """No counts, no JSON, and the counts of another flow."""
    desk = Desk()
    other = tell_flow("groups", 1, Told("tier:gold", 19_000, {"EUR": {76_000: 10}})).value
    for value in (b"not json", b'["base"]', other):
        desk.receive("groups", b"\x01base:base", value)
    assert desk.codes() == ["bad_value"] * 3


def test_invented_stores_are_bounded_and_the_base_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound a store is counted as refused; what the base loses is known all the same."""
    monkeypatch.setattr("scorers.in_force.figures._MOST", {FLOW_OF_STORE: 3})
    facts: list[tuple[int, bytes]] = []
    for n in range(30):
        at = MAY + n * MINUTE
        facts.append((at, purchase(at, f"C{n}", store_id=f"invented-{n}")))
        left = MAY + 40 * DAY + n * MINUTE
        facts.append((left, record("exit.explained", left, f"C{n}", reason="price")))
    driver = Driver().feed(*(raw for _, raw in sorted(facts))).advance(MAY + 50 * DAY)
    assert driver.book is not None
    assert sum(name.startswith(FLOW_OF_STORE) for name in driver.book.total) == 3
    assert driver.partition.tally.forgotten == {"other_base": 2 * 2 * 27}
    assert {subject for subject, _, _ in outflows(driver)} == {"base:base"}
