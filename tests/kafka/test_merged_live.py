"""On a real Kafka merged ids are one customer, whichever worker has them and whoever is killed on the way."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from scorers.contract.events import DAY, HOUR, MINUTE
from streams.engine.batching_producer import partition_of
from tests.faults.proof import LATER
from tests.kafka.running import Running, replayed, standing, time_of
from tests.scorers.partition.test_merges import merged
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase, record

pytestmark = pytest.mark.kafka

PARTITIONS = 4
DAYS = 28
MERGES = {10: ("C0", "C1"), 12: ("C2", "C3"), 14: ("C3", "C4"), 16: ("C5", "C6"), 18: ("C6", "C5"), 20: ("C8", "C9")}
"""By the day: a pair, a chain, a circle of which the second merge is refused, and a pair of which the old one goes on buying."""
KILLS = {10: "a", 14: "b", 18: "a"}
GOING_ON = ("C1", "C4", "C6", "C7", "C9", "C10", "C11")


def story() -> list[list[bytes]]:
    """The events of each two days, in the order in which they are published; some are read most of a day late."""
    days: list[list[tuple[int, bytes]]] = [[] for _ in range(DAYS // 2)]

    def put(at: int, raw: bytes) -> None:
        days[(at - MAY) // DAY // 2].append((at, raw))

    for n in range(DAYS):
        morning = MAY + n * DAY + 9 * HOUR
        for c in range(12):
            if (n + c) % 3 == 0 and (n < 16 or c % 2 or c == 8):
                at = morning + c * MINUTE
                put(at + (13 * HOUR if c == 8 else 0), purchase(at, f"C{c}", 1000 + 7 * n + c))
        if n == 8:
            for c in range(6):
                put(
                    morning + HOUR, record("complaint.opened", morning, f"C{c}", complaint_id=f"K{c}", severity="major")
                )
        if n in MERGES:
            put(morning + 2 * HOUR, merged(morning + 2 * HOUR, *MERGES[n]))
    for day in days:
        day.sort(key=lambda one: one[0])
    return [[raw for _, raw in day] for day in days]


@pytest_asyncio.fixture
async def merging(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"test-{uuid4().hex[:8]}-", tmp_path, PARTITIONS) as running:
        yield running


async def rows(merging: Running) -> dict[str, Any]:
    """The newest row of each customer on the topic `customers`; None for who is no customer any more."""
    found = {record.key.decode(): record.value for record in await merging.read("customers")}
    return {name: value and json.loads(value) for name, value in found.items()}


async def test_merged_ids_are_one_customer_through_kills(merging: Running, tmp_path: Path) -> None:
    """Two workers, of which one dies within a tenth of a second of each of three merges: state, money and alarms are those of a replay."""
    homes = {partition_of(PARTITIONS, f"C{c}".encode()) for c in range(12)}
    assert len(homes) > 2
    days = story()
    for name in "ab":
        merging.start(name, VIGIA_SESSION="6", VIGIA_MARGIN=LATER)
    merging.tick()

    async def ticking() -> bool:
        return await merging.clock.ready() == ""

    await merging.until(ticking)
    for n, lines in enumerate(days):
        await merging.publish(lines)
        if (name := KILLS.get(2 * n)) is not None:
            await asyncio.sleep(0.1)
            merging.kill(name)
            merging.start(name, VIGIA_SESSION="6", VIGIA_MARGIN=LATER)
        await merging.ticked(max(map(time_of, lines)))

    facts = [line for day in days for line in day]
    driver = Driver().feed(*facts).advance(merging.clock.newest)
    expected = {name: driver.timelines[name].state.purchases.count for name in driver.states() if name[0] == "C"}
    assert sorted(expected) == sorted(GOING_ON)

    async def published() -> bool:
        known = {name: row["purchases"] for name, row in (await rows(merging)).items() if row is not None}
        return known == expected

    await merging.until(published)
    found = await rows(merging)
    assert {name for name, row in found.items() if row is None} >= {"C0", "C2", "C3", "C5", "C8"}
    for name in GOING_ON:
        state = driver.timelines[name].state
        assert (found[name]["amount_minor"], found[name]["occasions"], found[name]["complaints"]) == (
            *(state.spending.amount_minor, state.rhythm.occasions, state.complaints.count),
        )
    assert set(await asyncio.gather(*map(merging.stop, list(merging.workers)))) == {0}
    again = replayed(facts, tmp_path / "replay", await merging.control(), merging.policy)
    assert standing(await merging.alarms()) == standing(again)
    letters = {dict(letter.headers)["code"] for letter in await merging.read("dead-letters")}
    assert letters == {b"bad_value"}
