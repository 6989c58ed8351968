"""The bound on groups: invented names find no place, are counted, and change nothing for the names that have one."""

import random

import pytest

from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.partition.places import NAMES, SLOTS, Places, slot_of
from tests.support.cluster import Cluster, known
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase, record

POLICY = "[stores]\nmention_from = 2\n"


def complaint(at: int, customer: str | None, store: str, case: str) -> bytes:
    return record("complaint.opened", at, customer, id=case, complaint_id=case, store_id=store)


def names_of(slot: str, count: int) -> list[str]:
    """So many invented names of stores in one slot."""
    found, n = [], 0
    while len(found) < count:
        if slot_of("store", name := f"invented-{n}") == slot:
            found.append(name)
        n += 1
    return found


def flood(invented: list[str]) -> list[bytes]:
    """Customers of S0 complain and fall silent, while somebody invents stores in its slot."""
    facts: list[tuple[int, bytes]] = []
    for n in range(16):
        at = MAY + n * DAY + 9 * HOUR
        if n < 12:
            facts += [(at + c * MINUTE, purchase(at + c * MINUTE, f"C{c}", store_id="S0")) for c in range(2)]
        if n % 2 == 0:
            facts.append((at + HOUR, complaint(at + HOUR, f"C{n % 6}", "S0", f"K{n}")))
        for m, name in enumerate(invented):
            when = at + 2 * HOUR + m
            facts.append((when, complaint(when, None, name, f"I{n}-{m}")))
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


def stores(cluster: Cluster) -> list[str]:
    """The stores that have a row."""
    return [name for desk in cluster.desks for name in desk.subjects() if name.startswith("\x01store:")]


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_a_flood_of_invented_stores_gives_the_same_with_any_number_of_partitions(partitions: int) -> None:
    """The store that was known keeps its place and its counts, the invented ones are bounded and counted, as in a replay."""
    facts, until = flood(names_of(slot_of("store", "S0"), NAMES + 20)), MAY + 60 * DAY
    driver, cluster = Driver(POLICY).feed(*facts).advance(until), Cluster(partitions, POLICY)
    for raw in facts:
        cluster.publish("purchases" if b"purchase" in raw[:25] else "complaints", raw)
    assert len(stores(cluster)) == NAMES
    cluster.close_days(until)
    cluster.tick(until)
    assert cluster.outcomes() == driver.outcomes()
    assert cluster.known("S0") == [known(driver.ctx, "S0")] * partitions
    assert max(value["complaints"] for _, value in known(driver.ctx, "S0")) == 7
    others = sum(desk.processor.partition.tally.forgotten["other_store"] for desk in cluster.desks)
    assert others == driver.partition.tally.forgotten["other_store"] == 21 * 16
    assert stores(cluster) == []


def test_a_place_is_free_again_when_its_name_has_nothing_to_say() -> None:
    """Two weeks after the flood new stores are watched."""
    invented = names_of(slot_of("store", "S0"), NAMES + 1)
    driver = Driver(POLICY).feed(*(complaint(MAY + n, None, name, f"I{n}") for n, name in enumerate(invented)))
    assert driver.partition.tally.forgotten == {"other_store": 1}
    driver.advance(MAY + 20 * DAY).feed(complaint(MAY + 21 * DAY, None, invented[-1], "I-new"))
    assert driver.partition.tally.forgotten == {"other_store": 1, "silent_store": NAMES}
    driver.advance(MAY + 24 * DAY)
    assert known(driver.ctx, invented[-1])[-1][1] == {"complaints": 1, "formal": 1}
    driver.feed(*(complaint(MAY + 40 * DAY + n, None, "S1", f"L{n}") for n in range(2))).advance(MAY + 44 * DAY)
    assert not known(driver.ctx, invented[0])


@pytest.mark.parametrize("seed", range(5))
def test_in_whatever_order_the_last_names_come_as_many_are_watched_and_counted(seed: int) -> None:
    """Only which of the newcomers takes a last place differs: the store that had one, and what is counted, are as ever."""
    invented = names_of(slot_of("store", "S0"), NAMES + 10)
    newcomers = [complaint(MAY + DAY, None, name, f"I-{name}") for name in invented]
    random.Random(seed).shuffle(newcomers)
    before = [complaint(MAY + n, f"C{n}", "S0", f"K{n}") for n in range(2)]
    driver = Driver(POLICY).feed(*before, *newcomers)
    assert driver.partition.tally.forgotten == {"other_store": 11}
    driver.advance(MAY + 5 * DAY)
    assert known(driver.ctx, "S0")[-1][1] == {"complaints": 2, "formal": 2}


def test_the_changes_of_a_record_can_be_undone() -> None:
    """A record that fails gives back the place that it took."""
    places = Places(names=1)
    assert places.take("store/1")
    places.begin()
    assert not places.take("store/1")
    assert places.take("store/2")
    places.give_back("store/1")
    places.undo()
    assert (places.take("store/1"), places.take("store/2")) == (False, True)


def test_slots_are_used_evenly() -> None:
    """A business of 2,000 stores stays far from the bound."""
    counts = [0] * SLOTS
    for n in range(2_000):
        counts[int(slot_of("store", f"S{n}").partition("/")[2])] += 1
    assert max(counts) < NAMES // 2
