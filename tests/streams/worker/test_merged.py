"""Merged ids over partitions: what is known of an old id, and its later facts, reach the new one exactly once."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.contract.wire import decode_alarm
from scorers.customer.state import Customer
from streams.engine.batching_producer import Output, partition_of
from tests.scorers.partition.test_merges import merged
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import AlarmOutcome, Driver, outcomes_of, purchase, record

IDS = 8
CHAINS = (("C0", "C1"), ("C2", "C3"), ("C3", "C4"), ("C5", "C6"), ("C6", "C5"))
"""Old and new ids of the merges, in their order: a pair, a chain, and a circle of which the second merge is refused."""
ALIAS = CHAINS[0]  # told as an alias of the new id


def topic_of(raw: bytes) -> str:
    kind = json.loads(raw)["type"].partition(".")[0]
    return {"purchase": "purchases", "complaint": "complaints"}.get(kind, "feedback")


def story(days: int = 30) -> list[bytes]:
    """Eight ids of four persons buy and complain; they are merged one after the other, and old ids go on for a while."""
    facts: list[tuple[int, bytes]] = []
    for n in range(0, days, 3):
        for c in range(IDS):
            at = MAY + n * DAY + 9 * HOUR + c * MINUTE
            if n < days // 2 or c % 2:
                facts.append((at, purchase(at, f"C{c}", 1000 + 7 * n + c, store_id=f"S{c % 2}")))
            if n == 9:
                opened = record("complaint.opened", at, f"C{c}", complaint_id=f"K{c}", severity="major", store_id="S0")
                facts.append((at + HOUR, opened))
        late = MAY + (n + 1) * DAY
        facts.append((late + 20 * HOUR, purchase(late, "C0", 50)))  # read most of a day late
    for number, (old, into) in enumerate(CHAINS):
        at = MAY + (12 + number) * DAY
        told = record("customer.described", at, into, aliases=[old]) if (old, into) == ALIAS else merged(at, old, into)
        facts.append((at, told))
    at = MAY + 20 * DAY
    facts.append((at, record("complaint.resolved", at, "C2", complaint_id="K2")))
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


class Merging(Cluster):
    """Partitions whose alarms are kept in the order in which they were sent: two of them tell of the same case."""

    def __init__(self, partitions: int) -> None:
        super().__init__(partitions)
        self.sent: list[Alarm] = []

    def route(self, outputs: list[Output]) -> None:
        for output in outputs:
            if output.topic == "alarms":
                alarm = decode_alarm(output.value or b"")
                assert isinstance(alarm, Alarm)
                self.sent.append(alarm)
            super().route([output])

    def outcomes(self) -> set[AlarmOutcome]:
        return outcomes_of(self.sent)


def customers(cluster: Cluster) -> Iterator[tuple[str, Customer]]:
    for desk in cluster.desks:
        for name in desk.subjects():
            timeline = desk.processor.timelines.peek(name)
            if timeline is not None and isinstance(timeline.state, Customer) and timeline.state.first_seen:
                yield name, timeline.state


def seen(c: Customer) -> tuple[Any, ...]:
    """What was counted of a customer."""
    return (
        *(c.purchases.count, c.purchases.last, c.rhythm.occasions, c.rhythm.first, c.spending.amount_minor),
        *(c.spending.days, c.complaints.count, [case.id for case in c.complaints.open], c.life.stage, c.account.bad),
    )


def same(cluster: Cluster, driver: Driver) -> None:
    """The same customers, with the same counts, and the same alarms."""
    expected = {
        name: seen(t.state) for name, t in driver.timelines.items() if name in driver.states() and name[0] == "C"
    }
    assert {name: seen(c) for name, c in customers(cluster)} == expected
    assert set(expected) == {"C1", "C4", "C6", "C7"}
    assert cluster.outcomes() == driver.outcomes()
    census = sum(
        (desk.processor.timelines.census for desk in cluster.desks[1:]), cluster.desks[0].processor.timelines.census
    )
    assert census.total() == len(expected)


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_merges_as_a_replay_does(partitions: int) -> None:
    """Pairs, chains and circles, with late facts of old ids."""
    facts, until = story(), MAY + 130 * DAY
    driver, cluster = Driver().feed(*facts).advance(until), Merging(partitions)
    for raw in facts:
        cluster.publish(topic_of(raw), raw)
    cluster.close_days(until)
    cluster.tick(until)
    same(cluster, driver)
    assert [code for desk in cluster.desks for code in desk.codes()] == ["bad_value"]
    gone = {
        output.key
        for desk in cluster.desks
        for output in desk.outputs
        if output.topic == "customers" and output.value is None
    }
    assert gone >= {b"C0", b"C2", b"C3", b"C5"}


@settings(deadline=None, max_examples=15, phases=(Phase.explicit, Phase.reuse, Phase.generate))
@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 3), st.floats(0, 1)), min_size=1, max_size=8),
    st.sets(st.integers(0, 99), max_size=12),
)
def test_crashes_lose_nothing_and_count_nothing_twice(crashes: list[tuple[int, int, float]], flushes: set[int]) -> None:
    """Whenever workers die, and whatever part of their rows was written."""
    facts, until = story(21), MAY + 60 * DAY
    driver, cluster = Driver().feed(*facts).advance(until), Merging(4)
    for number, raw in enumerate(facts):
        cluster.publish(topic_of(raw), raw)
        if number in flushes:
            cluster.flush()
        for after, n, share in crashes:
            if after == number:
                cluster.crash(n, share)
    cluster.close_days(until)
    cluster.tick(until)
    same(cluster, driver)


def test_an_erasure_reaches_every_partition_of_merged_ids() -> None:
    """By the new id or an old one: rows of all partitions are gone, and other processes hear of each id."""
    for who in ("C0", "C1", "C2"):
        cluster = Merging(4)
        for n, (old, into) in enumerate((("C0", "C1"), ("C1", "C2"))):
            at = MAY + n * DAY
            cluster.publish("purchases", purchase(at, old))
            cluster.publish("feedback", merged(at + HOUR, old, into))
        cluster.flush()
        cluster.publish("feedback", record("customer.erased", MAY + 2 * DAY, who, id="gdpr"))
        cluster.flush()
        assert not [name for desk in cluster.desks for name in desk.subjects() if name.startswith("C")]
        heard = {output.key for desk in cluster.desks for output in desk.outputs if output.topic == "feedback"}
        assert heard | {who.encode()} >= {b"C0", b"C1", b"C2"}
        assert not [raw for desk in cluster.desks for raw in desk.store.rows.values() if b"C0" in raw or b"C1" in raw]


def test_a_row_of_an_old_id_is_no_customer_after_a_restart() -> None:
    """Neither in the count of customers nor on the topic `customers`."""
    cluster = Merging(1)
    cluster.publish("purchases", purchase(MAY, "C0"))
    cluster.publish("feedback", merged(MAY + HOUR, "C0", "C1"))
    cluster.publish("feedback", merged(MAY + HOUR, "C8", "C9"))
    cluster.flush()
    (desk,) = cluster.desks
    desk.open()
    assert desk.processor.timelines.census.total() == 1
    desk.outputs.clear()
    for n in range(4):
        desk.tick(MAY + (2 + n) * DAY)
    assert {output.key for output in desk.outputs if output.topic == "customers"} == {b"C1"}
    cluster.publish("purchases", purchase(MAY + 9 * DAY, "C8"))
    assert desk.processor.timelines.census.total() == 2


def test_what_a_dead_worker_tells_again_of_a_case_is_put_right() -> None:
    """An alarm about a case has one id under both customers: its old partition tells it again after the new one has settled it."""
    facts = [purchase(MAY + n * DAY, "C2") for n in range(3)]
    facts.append(record("complaint.opened", MAY + 3 * DAY, "C2", complaint_id="K2", severity="major"))
    facts.append(merged(MAY + 3 * DAY + HOUR, "C2", "C3"))
    facts.append(record("complaint.resolved", MAY + 3 * DAY + 2 * HOUR, "C3", complaint_id="K2"))
    driver, cluster = Driver().feed(*facts), Merging(4)
    for raw in facts:
        cluster.publish(topic_of(raw), raw)
    home = partition_of(4, b"C2")
    assert home != partition_of(4, b"C3")
    for n in range(4):
        if n != home:
            cluster.desks[n].flush()
    cluster.crash(home, 0.0)
    assert ("complaint:K2", "major-problem", MAY + 3 * DAY, "resolved") in driver.outcomes()
    assert cluster.outcomes() == driver.outcomes()
