"""What the voices of a store stand for (X2, X3, X5): by store in a replay, as sums in the metrics of a worker."""

import json
from pathlib import Path

import pytest

from scorers.contract.events import DAY, HOUR
from scorers.groups.iceberg import line, pressure, reach, silent
from scorers.groups.store import Voices
from scorers.policy.group_tables import Iceberg
from scorers.policy.reading import parse_policy
from streams.replay.replay import replay
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import purchase, record

RULES = Iceberg()
TOPICS = {"purchase": "purchases", "complaint": "complaints", "contact": "contacts", "survey": "feedback"}


def story() -> list[bytes]:
    """Three stores sell; at one there are complaints and marks, at one only a mark, and one was never heard."""
    facts = [purchase(MAY + n, f"C{n}", store_id=f"S{n % 3}") for n in range(9)]
    for n in range(2):
        own = {"id": f"F{n}", "complaint_id": f"F{n}", "store_id": "S0"}
        facts.append(record("complaint.opened", MAY + DAY + n, f"C{n}", **own))
    own = {"id": "I", "complaint_id": "I", "store_id": "S0", "formality": "informal"}
    facts.append(record("complaint.opened", MAY + DAY + 5, None, **own))
    for n, (store, mark) in enumerate((("S0", 1), ("S0", 5), ("S0", 3), ("S1", 4), ("S1", 4))):
        own = {"id": f"M{n}", "channel": "desk", "store_id": store, "satisfaction": mark}
        facts.append(record("contact.received", MAY + DAY + HOUR + n, f"C{n}", **own))
    return facts


def stores_of(folder: Path, facts: list[bytes], policy: str = "", days: int = 5) -> dict[str, dict[str, object]]:
    events = folder / "events.jsonl"
    events.write_bytes(b"\n".join(facts) + b"\n")
    later = purchase(MAY + days * DAY, "C-last")
    events.write_bytes(events.read_bytes() + later + b"\n")
    replay([str(events)], folder / "out", parse_policy(policy))
    lines = [json.loads(raw) for raw in (folder / "out" / "stores.jsonl").read_text().splitlines()]
    return {one["store_id"]: one for one in lines}


def test_a_replay_says_of_each_store_what_its_voices_stand_for(tmp_path: Path) -> None:
    """With the day up to which they count; where nobody ever spoke, the silence proves nothing."""
    found = stores_of(tmp_path, story())
    assert found["S0"] == {
        "store_id": "S0",
        "date": "2024-05-03",
        "coverage": "heard",
        "formal": 2,
        "informal": 2,
        "satisfied": 1,
        "implied_dissatisfied": 334,
        "silent_dissatisfied": 330,
        "pressure": 69.0,
        "told_by_satisfied": 4,
        "told_by_dissatisfied": 3173,
        "staff_asked": None,
        "staff_thanked": None,
        "staff_answers": 0,
        "staff_score": None,
    }
    assert (found["S1"]["coverage"], found["S1"]["implied_dissatisfied"], found["S1"]["told_by_satisfied"]) == (
        "heard",
        0,
        9,
    )
    assert found["S2"]["coverage"] == "never heard"
    assert {found["S2"][name] for name in ("implied_dissatisfied", "silent_dissatisfied", "pressure")} == {None}


def test_the_factor_is_policy_and_a_store_that_was_heard_once_is_covered(tmp_path: Path) -> None:
    """One formal complaint is 50 dissatisfied customers if 2 % of all complain formally; after the window nothing is said."""
    policy = "[iceberg]\nformal = 50.0\nsilent_weight = 0.0\n"
    found = stores_of(tmp_path, story(), policy)
    assert (found["S0"]["implied_dissatisfied"], found["S0"]["pressure"]) == (100, 3.0)
    later = stores_of(tmp_path, story(), policy, days=40)
    assert (later["S0"]["coverage"], later["S0"]["formal"], later["S0"]["date"]) == ("heard", 0, None)


@pytest.mark.parametrize("partitions", [1, 4])
def test_workers_count_what_a_replay_counts(partitions: int, tmp_path: Path) -> None:
    """Over all partitions, and again after a restart."""
    cluster, facts = Cluster(partitions), story()
    for raw in facts:
        cluster.publish(TOPICS[json.loads(raw)["type"].split(".")[0]], raw)
    cluster.close_days(MAY + 5 * DAY)
    found = stores_of(tmp_path, facts).values()
    expected = {
        "vigia_stores_heard": 2,
        "formal": sum(one["formal"] for one in found),  # type: ignore[misc]
        "informal": sum(one["informal"] for one in found),  # type: ignore[misc]
        "silent": sum(one["silent_dissatisfied"] or 0 for one in found),  # type: ignore[misc]
        "satisfied": sum(one["told_by_satisfied"] or 0 for one in found),  # type: ignore[misc]
        "dissatisfied": sum(one["told_by_dissatisfied"] or 0 for one in found),  # type: ignore[misc]
    }
    assert measured(cluster) == expected
    for desk in cluster.desks:
        desk.flush()
        desk.open()
    assert measured(cluster) == expected


def measured(cluster: Cluster) -> dict[str, float]:
    total: dict[str, float] = {}
    for desk in cluster.desks:
        for family in desk.metrics.registry.collect():
            if family.name in ("vigia_stores_heard", "vigia_dissatisfied_customers", "vigia_word_of_mouth_people"):
                for sample in family.samples:
                    name = sample.labels.get("state", sample.name)
                    total[name] = total.get(name, 0) + sample.value
    return total


def test_each_layer_has_its_weight() -> None:
    """Silent, informal, formal; and who voiced it is not silent."""
    voices = Voices(formal=1, informal=2, good=0, bad=3)
    assert silent(voices, RULES) == 167 - 6
    assert pressure(voices, RULES) == round(161 * 0.2 + 5 * 0.5 + 1 * 1.0, 1)
    assert reach(Voices(good=2), RULES) == (9, 0)
    assert line("S", None, False, RULES, {}).pressure is None


@pytest.mark.parametrize("partitions", [1, 4])
def test_surveys_count_for_the_store_that_they_name(partitions: int, tmp_path: Path) -> None:
    """Word of mouth (X5): a mark of 5 and two of 1 about a store; a survey about the business counts for none. A store is heard by them."""
    facts = [*story(), *(record("survey.answered", MAY + DAY + n, f"C{n}", satisfaction=1) for n in range(3))]
    for n, mark in enumerate((5, 1, 1)):
        own = {"id": f"V{n}", "satisfaction": mark, "would_recommend": 3, "store_id": "S2"}
        facts.append(record("survey.answered", MAY + DAY + HOUR + n, f"C{n}", **own))
    found = stores_of(tmp_path, facts)["S2"]
    assert (found["coverage"], found["satisfied"], found["informal"]) == ("heard", 1, 2)
    told = reach(Voices(informal=2, good=1), RULES)
    assert (found["told_by_satisfied"], found["told_by_dissatisfied"]) == told == (4, 66)
    cluster = Cluster(partitions)
    for raw in sorted(facts, key=lambda one: json.loads(one)["time"]):
        cluster.publish(TOPICS[json.loads(raw)["type"].partition(".")[0]], raw)
    cluster.close_days(MAY + 5 * DAY)
    totals = [desk.processor.partition.stores.totals(RULES) for desk in cluster.desks]
    assert sum(one["told_by_satisfied"] for one in totals) == sum(
        one["told_by_satisfied"] or 0 for one in stores_of(tmp_path, facts).values()
    )
