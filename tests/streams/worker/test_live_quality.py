"""Live quality on Kafka (A9): the sums of any number of partitions are those of a replay."""

import json
from collections import Counter

import pytest

from scorers.contract.events import DAY, HOUR, TOPIC_OF
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.in_force.figures import Totals
from scorers.in_force.live_quality import is_of_quality
from tests.support.cluster import Cluster
from tests.support.driver import Driver
from vigia.lab.simulate.write import simulate

POLICY = "[risk]\nhorizon = '30d'\n[hold_out]\nshare = 0.4\n"


def of_quality(totals: Totals) -> dict[str, dict[int, int]]:
    """The histograms of live quality."""
    return {name: dict(sorted(counts.items())) for name, counts in sorted(totals.items()) if is_of_quality(name)}


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    """A year of a small shop in the order of time, but every fifth purchase is read most of a day late."""
    folder = tmp_path_factory.mktemp("shop")
    simulate(40, 365, 11, folder)
    lines = (folder / "events.jsonl").read_bytes().splitlines()

    def read_at(raw: bytes) -> int:
        one = json.loads(raw)
        late = one["type"] == "purchase.completed" and sum(one["id"].encode()) % 5 == 0
        return int(parse_instant(one["time"])) + late * 20 * HOUR

    return sorted(lines, key=read_at)


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_counts_what_a_replay_counts(facts: list[bytes], partitions: int) -> None:
    """Answers and leavers, at the end of the last closed day."""
    until = max(int(parse_instant(json.loads(raw)["time"])) for raw in facts) + 60 * DAY
    driver = Driver(POLICY).feed(*facts).advance(until)
    cluster = Cluster(partitions, POLICY)
    for raw in facts:
        cluster.publish(TOPIC_OF[json.loads(raw)["type"].split(".")[0]], raw)
    cluster.close_days(until)
    assert driver.book is not None
    summed: Totals = {}
    for desk in cluster.desks:
        for name, counts in desk.processor.state.book.total.items():
            summed.setdefault(name, Counter()).update(counts)
    assert of_quality(summed) == of_quality(driver.book.total), rfc3339(until)
    assert len(of_quality(summed)) >= 8
