"""In a backlog partitions are read days apart; what they forward to one group comes out as in a replay all the same."""

import json
import random
from collections import defaultdict, deque

import pytest

from scorers.contract.events import DAY, HOUR, MINUTE
from streams.engine.batching_producer import partition_of
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import Driver, record

PARTITIONS = 4
KINDS = {"complaint-theme", "staff-unasked", "staff-unthanked"}
DAYS = 240


def story(dice: random.Random) -> list[tuple[int, str, bytes]]:
    """Complaints about two stores, rising at times, with months of quiet between; pulses of a site, published by two offices."""
    found = {}
    for n in range(DAYS):
        for store, often in (("S0", 0.3), ("S1", 0.05)):
            rising = n % 90 in range(40, 50)
            for k in range(3 if rising else 1):
                if dice.random() < (0.9 if rising else often) and not (store == "S1" and 100 < n < 190):
                    at, case = MAY + n * DAY + dice.randrange(20 * 60) * MINUTE, f"{store}-{n}-{k}"
                    raw = record(
                        "complaint.opened", at, f"C{dice.randrange(12)}", id=case, complaint_id=case, store_id=store
                    )
                    found[at] = ("complaints", raw)
        if dice.random() < 0.02:
            at, what = MAY + n * DAY + 21 * HOUR, dice.choice(["asked", "thanked"])
            key = dice.choice(["S0", "head-office"])
            found[at] = ("feedback", record("staff.pulse", at, key, id=f"P{n}", store_id="S0", pulse=what))
    return [(at, topic, raw) for at, (topic, raw) in sorted(found.items())]


@pytest.mark.parametrize(("seed", "deaths"), [(1, 0.0), (7, 0.1)])
def test_partitions_that_are_read_months_apart_give_the_alarms_of_a_replay(seed: int, deaths: float) -> None:
    """Each partition is read in order, but any of them may be far ahead; ticks follow the one that is last. Workers die now and then."""
    dice = random.Random(seed)
    facts = story(dice)
    until = MAY + (DAYS + 100) * DAY
    driver = Driver().feed(*(raw for _, _, raw in facts)).advance(until)
    logs: dict[int, deque[tuple[int, str, bytes]]] = defaultdict(deque)
    for fact in facts:
        logs[partition_of(PARTITIONS, json.loads(fact[2])["customer_id"].encode())].append(fact)
    cluster = Cluster(PARTITIONS)
    cluster.close_days(facts[0][0])
    while logs:
        home = dice.choice(list(logs))
        for _ in range(min(dice.choice([1, 5, 40]), len(logs[home]))):
            _, topic, raw = logs[home].popleft()
            cluster.receive(topic, raw)
        if dice.random() < 0.1:
            cluster.flush()
        if dice.random() < deaths:
            cluster.crash(dice.randrange(PARTITIONS), dice.random())
        if not logs[home]:
            del logs[home]
        if logs:
            cluster.close_days(min(log[0][0] for log in logs.values()))
    cluster.close_days(until)
    cluster.tick(until)
    expected = {one for one in driver.outcomes() if one[1] in KINDS}
    assert {one for one in cluster.outcomes() if one[1] in KINDS} == expected
    assert {one[1] for one in expected} == KINDS
    told: dict[str, int] = {}
    if deaths:  # a successor tells again, at another time
        return
    for alarm in [alarm for desk in cluster.desks for alarm in desk.alarms()]:
        assert int(alarm.time) >= told.get(alarm.alarm_id, 0), (
            "whoever sorts by time sees an alarm end before it begins"
        )
        told[alarm.alarm_id] = int(alarm.time)
