"""What is heard of each store, and how its staff is (X2, P2): the same from a replay and from any number of workers."""

import json
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from scorers.contract.events import DAY, HOUR
from scorers.policy.group_tables import Iceberg
from scorers.policy.reading import parse_policy
from streams.replay.replay import replay
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import purchase, record
from tests.support.hashes import HASHES
from tests.support.readmodels import a_customer
from vigia.console import figures
from vigia.console.figures import BaseFigures
from vigia.console.stores import StoreRow, store_rows
from vigia.readmodel.store.folder import load
from vigia.readmodel.store.folding import Folding
from vigia.readmodel.store.model import ReadModel
from vigia.readmodel.store.sqlite.store import SqliteStore

TOPICS = {"purchase": "purchases", "complaint": "complaints", "contact": "contacts"}
POLICY = "[iceberg]\nformal = 50.0\n"


def story(days: int = 90) -> list[bytes]:
    """Three stores sell: at one customers complain and the staff is asked, at one only the staff is thanked, one is never heard.

    A pulse is read most of a day late; the staff's first answers and all voices have gone out of their windows in the end.
    """
    facts: list[tuple[int, bytes]] = []
    for n in range(days):
        at = MAY + n * DAY
        facts += [(at, purchase(at + s, f"C{n % 5}{s}", store_id=f"S{s}")) for s in range(3)]
        if n < 40 and n % 3 == 0:
            own = {"id": f"K{n}", "complaint_id": f"K{n}", "store_id": "S0", "formality": ("formal", "informal")[n % 2]}
            facts.append((at + HOUR, record("complaint.opened", at + HOUR, f"C{n % 5}0", **own)))
            own = {"id": f"M{n}", "channel": "desk", "store_id": "S0", "satisfaction": 1 + n % 5}
            facts.append((at + HOUR, record("contact.received", at + HOUR, f"C{n % 5}0", **own)))
        if n % 20 == 1:
            for hours, store, pulse, score in (
                (2, "S0", "asked", None),
                (3, "S0", "answered", 1 + n // 20),
                (4, "S1", "thanked", None),
            ):
                own = {"id": f"{pulse} {n}", "store_id": store, "pulse": pulse, "score": score}
                facts.append((at + 22 * HOUR, record("staff.pulse", at + hours * HOUR, store, **own)))
    return [raw for _, raw in sorted(facts, key=lambda fact: fact[0])]


def rows_of(store: SqliteStore, rules: Iceberg) -> dict[str, StoreRow]:
    with store.snapshot() as db:
        return {row.store: row for row in store_rows(db, rules)}


def by_replay(folder: Path, facts: list[bytes]) -> dict[str, StoreRow]:
    """As the console of the run shows them."""
    (folder / "events.jsonl").write_bytes(b"\n".join(facts) + b"\n")
    policy = parse_policy(POLICY)
    replay([str(folder / "events.jsonl")], folder / "out", policy)
    store = SqliteStore(folder / "run.sqlite")
    tables = store.tables()
    load(folder / "out", tables, HASHES)
    tables.close()
    return rows_of(store, policy.iceberg)


def by_workers(folder: Path, facts: list[bytes], partitions: int) -> SqliteStore:
    """A read model of what each worker has written to the first partition of `clock`; it crashes once on the way."""
    cluster = Cluster(partitions, POLICY)
    for n, raw in enumerate(facts):
        what = json.loads(raw)
        cluster.publish(TOPICS.get(what["type"].partition(".")[0], "feedback"), raw)
        if n == len(facts) // 2:
            cluster.flush()
            cluster.crash(partitions - 1, 0.5)
    store = SqliteStore(folder / f"{partitions}.sqlite")
    tables = store.tables()
    folding = Folding(tables, HASHES, lambda: MAY)
    with tables.transaction():
        for one in cluster.desks[0].log:
            if one.topic == "clock":
                folding.take("clock", one)
        for n in range(3):
            folding.customer(a_customer(f"C0{n}", store_id=f"S{n}"))
    tables.close()
    return store


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_each_store_is_known_as_in_a_replay(partitions: int, tmp_path: Path) -> None:
    """Coverage, the three layers, word of mouth, and the pulse of the staff; the factor is the policy's."""
    for days in (30, 90):
        part = story(days)
        expected = by_replay(tmp_path, part)
        rules = parse_policy(POLICY).iceberg
        found = rows_of(by_workers(tmp_path, part, partitions), rules)
        dated = {"S0": expected["S0"].voices.date, "S1": None, "S2": None}
        for name in ("S0", "S1", "S2"):
            found[name].voices.date = dated[name]
            assert found[name].voices == expected[name].voices, (name, days)
        heard, pulsed, unheard = (expected[name].voices for name in ("S0", "S1", "S2"))
        assert [one.coverage for one in (heard, pulsed, unheard)] == ["heard", "never heard", "never heard"]
        assert heard.staff_score is not None
        assert (pulsed.staff_asked, unheard.staff_thanked, unheard.implied_dissatisfied) == (None, None, None)
        assert pulsed.staff_thanked is not None


async def test_the_largest_stores_have_gauges_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as other figures of stores: names come from outside."""
    store = by_workers(tmp_path, story(30), 2)
    monkeypatch.setattr(figures, "STORES", 2)
    registry = CollectorRegistry()
    shown = BaseFigures(ReadModel(store, lambda: MAY), Iceberg(), registry)
    await shown.look()
    samples = {(one.name, *one.labels.values()): one.value for family in registry.collect() for one in family.samples}
    heard = {labels[1]: value for labels, value in samples.items() if labels[0] == "vigia_store_heard"}
    assert len(heard) == 2
    assert heard.items() <= {"S0": 1.0, "S1": 0.0, "S2": 0.0}.items()
    if "S0" in heard:
        assert samples["vigia_site_pulse_time_seconds", "S0", "asked"] == (MAY // DAY + 21) * DAY / 1e6
        assert samples["vigia_store_dissatisfied_customers", "S0", "formal"] >= 1
