"""Customers who are exposed to what others complain of: found in all partitions at one instant, late facts and dying workers included."""

import json
import random

import pytest

from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.customer.exposed import MAX_THINGS
from scorers.in_force.exposures import ENTRY, key_of, sku_name
from tests.support.cluster import Cluster
from tests.support.desk import MAY, Desk
from tests.support.driver import Driver, purchase, record

KIND = "exposed-silently"


def complaint(at: int, case: str, customer: str | None = None, **own: str) -> bytes:
    return record("complaint.opened", at, customer, id=case, complaint_id=case, **own)


def bought(at: int, customer: str, *skus: str, lot: str | None = None, **own: str) -> bytes:
    items = [{"sku": sku, "quantity": 1, "category": "all", **({"lot": lot} if lot else {})} for sku in skus]
    return purchase(at, customer, items=items, **own)


def exposed(driver: Driver | Cluster) -> set[tuple[str, str, int, str]]:
    return {one for one in driver.outcomes() if one[1] == KIND}


def topic_of(raw: bytes) -> str:
    return {"purchase": "purchases", "complaint": "complaints"}.get(json.loads(raw)["type"].split(".")[0], "feedback")


def story(rng: random.Random) -> list[bytes]:
    """Forty customers buy now and then; complaints about a kettle, a lot of tea and a store come in waves, some read late."""
    facts = []
    for c in range(40):
        for n in range(rng.randrange(1, 6)):
            at = MAY + rng.randrange(90) * DAY + rng.randrange(24) * HOUR + n
            sku = rng.choice(["kettle", "tea", "cup"])
            store = rng.choice(["S1", "S2"])
            facts.append(bought(at, f"C{c}", sku, lot=rng.choice([None, "L1", "L2"]), store_id=store))
        if rng.random() < 0.3:
            at = MAY + rng.randrange(90) * DAY
            facts.append(record("survey.answered", at, f"C{c}", satisfaction=4))
    for wave, own in (
        (30, {"sku": "kettle"}),
        (45, {"sku": "tea", "lot": "L1"}),
        (60, {"store_id": "S1"}),
        (75, {"sku": "kettle"}),
    ):
        for n in range(4):
            who = rng.choice([None, f"C{rng.randrange(40)}"])
            facts.append(complaint(MAY + wave * DAY + n * 9 * HOUR, f"K{wave}-{n}", who, **own))
    return facts


def arrival(facts: list[bytes], rng: random.Random) -> list[bytes]:
    """In the order in which they are read: by time, one in five up to some hours late."""

    def read_at(raw: bytes) -> tuple[str, float]:
        time = json.loads(raw)["time"]
        return (time if rng.random() > 0.2 else time[:11] + "23:59:59Z"), rng.random()

    return sorted(facts, key=read_at)


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_finds_whom_a_replay_finds(partitions: int) -> None:
    """Each at the instant at which the report came into force, settled by the next purchase."""
    rng = random.Random(5)
    facts, until = arrival(story(rng), rng), MAY + 120 * DAY
    driver, cluster = Driver().feed(*facts).advance(until), Cluster(partitions)
    for raw in facts:
        cluster.publish(topic_of(raw), raw)
    cluster.close_days(until)
    cluster.tick(until)
    assert exposed(cluster) == exposed(driver)
    assert len(exposed(driver)) > 15
    assert {outcome for *_, outcome in exposed(driver)} >= {"returned", "open"}
    assert len({at for _, _, at, _ in exposed(driver)}) == 4
    in_order = Driver().feed(*sorted(facts, key=lambda raw: json.loads(raw)["time"])).advance(until)
    assert exposed(in_order) == exposed(driver)


@pytest.mark.parametrize("seed", range(4))
def test_workers_that_die_lose_nobody(seed: int) -> None:
    """Whatever part of the rows was written, and however often they are read again from disk."""
    rng = random.Random(seed)
    facts, until = arrival(story(rng), rng), MAY + 120 * DAY
    driver, cluster = Driver().feed(*facts).advance(until), Cluster(4)
    for n, raw in enumerate(facts):
        cluster.publish(topic_of(raw), raw)
        if rng.random() < 0.1:
            cluster.flush()
        if rng.random() < 0.1:
            cluster.crash(n % 4, rng.random())
    cluster.close_days(until)
    cluster.tick(until)
    assert exposed(cluster) == exposed(driver)


def test_a_restart_forgets_nobody_who_bought() -> None:
    """What was bought is found again from the rows, without a fact in between."""
    desk = Desk()
    desk.send("purchases", bought(MAY, "C1", "kettle"))
    desk.flush()
    desk.open()
    assert list(desk.processor.partition.buyers.who_bought(key_of(sku_name("kettle")))) == ["C1"]
    for _ in range(2):
        driver = Driver().feed(bought(MAY, "C1", "kettle"), bought(MAY + HOUR, "C2", "kettle")).restart()
        driver.feed(*(complaint(MAY + DAY + n, f"K{n}", sku="kettle") for n in range(3))).advance(MAY + 9 * DAY)
        before = exposed(driver)
        driver.restart().feed(purchase(MAY + 8 * DAY, "C2")).advance(MAY + 10 * DAY)
        assert {subject for subject, *_ in before} == {"customer:C1", "customer:C2"}
        assert {(subject, outcome) for subject, _, _, outcome in exposed(driver)} == {
            ("customer:C1", "open"),
            ("customer:C2", "returned"),
        }


def test_a_store_that_is_always_complained_of_exposes_its_customers_once() -> None:
    """What is usual there tells nothing new, until there is more of it."""
    driver = Driver()
    for n in range(150):
        at = MAY + n * DAY
        if n % 7 == 0:
            driver.feed(purchase(at, "C1", store_id="S1"))
        driver.feed(*(complaint(at + m * HOUR, f"K{n}-{m}", store_id="S1") for m in (3, 9)))
        if n > 120:
            driver.feed(*(complaint(at + m * MINUTE, f"M{n}-{m}", store_id="S1") for m in range(3)))
    times = sorted(at for _, _, at, _ in exposed(driver))
    assert len(times) == 2
    assert times[0] < MAY + 10 * DAY
    assert MAY + 120 * DAY < times[1] < MAY + 130 * DAY


def test_what_is_known_of_a_customer_is_bounded() -> None:
    """The newest things are kept, and what is forgotten is counted."""
    driver = Driver()
    for n in range(40):
        driver.feed(bought(MAY + n * 25 * HOUR, "C1", *(f"sku-{n}-{m}" for m in range(12)), lot="L"))
    held = driver.timelines["C1"].state.bought.things
    assert len(held) == MAX_THINGS * ENTRY
    assert driver.partition.tally.forgotten["thing"] > 30
    assert len(driver.timelines["C1"].encode()) < 4_096
    driver.feed(*(complaint(MAY + 41 * DAY + n, f"K{n}", sku="sku-39-3") for n in range(3))).advance(MAY + 45 * DAY)
    assert len(exposed(driver)) == 1


@pytest.mark.parametrize("days", [61, 200, 256, 273, 300, 530])
def test_what_was_bought_long_ago_exposes_nobody(days: int) -> None:
    """However long ago: of a day only its last byte is kept."""
    driver = Driver().feed(bought(MAY, "C1", "kettle"), bought(MAY + days * DAY, "C1", "tea"))
    start = MAY + (days + 1) * DAY
    driver.feed(*(complaint(start + n, f"K{n}", sku="kettle") for n in range(3))).advance(start + 9 * DAY)
    assert exposed(driver) == set()
    driver.feed(*(complaint(start + 10 * DAY + n, f"L{n}", sku="tea") for n in range(3))).advance(start + 19 * DAY)
    assert len(exposed(driver)) == 1


@pytest.mark.parametrize("lot", ["L1", "é" * 300, "l:o@t"])
def test_two_articles_may_have_lots_of_one_name(lot: str) -> None:
    """Complaints that name the article concern its lot alone; those that name only the lot concern all."""
    facts = [bought(MAY, "C1", "tea", lot=lot), bought(MAY + 1, "C2", "cup", lot=lot)]
    both = [complaint(MAY + DAY + n, f"K{n}", sku="tea", lot=lot) for n in range(3)]
    lots = [complaint(MAY + DAY + n, f"K{n}", lot=lot) for n in range(3)]
    for more, found in ((both, {"customer:C1"}), (lots, {"customer:C1", "customer:C2"})):
        driver = Driver().feed(*facts, *more).advance(MAY + 5 * DAY)
        assert {subject for subject, *_ in exposed(driver)} == found


def test_what_a_merged_id_bought_counts_for_the_customer() -> None:
    """Whichever of the two bought the kettle; a mark that either gave since then ends the silence."""
    for who, told, found in (("C1", None, 1), ("C2", None, 1), ("C2", "C1", 0), ("C1", "C2", 0)):
        driver = Driver().feed(bought(MAY, who, "kettle"), bought(MAY + DAY, "C1", "tea"), bought(MAY + 3, "C2", "cup"))
        if told:
            driver.feed(record("survey.answered", MAY + 2 * DAY, told, satisfaction=4))
        driver.feed(record("customer.merged", MAY + 4 * DAY, "C2", into="C1"))
        driver.feed(*(complaint(MAY + 5 * DAY + n, f"K{n}", sku="kettle") for n in range(3))).advance(MAY + 9 * DAY)
        assert len(exposed(driver)) == found, (who, told)
