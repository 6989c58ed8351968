"""On a real Kafka the worklists are those of a replay, with 1, 2 and 4 workers, whoever is killed on the way (J7)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from scorers.contract.events import DAY
from scorers.contract.worklist import WorklistEntry, Worklists, decode_entry
from tests.faults.proof import LATER
from tests.kafka.running import Running, by_day, replayed, time_of
from tests.streams.worker.test_worklists import POLICY, story
from vigia.commands.files.worklist import live_worklist

pytestmark = pytest.mark.kafka

PARTITIONS = 4
DAYS = 28
KILLS = {1: {3: ("a",)}, 2: {2: ("a",), 5: ("b",)}, 4: {3: ("a", "c")}}
"""By the number of workers: who is killed while which step of three days is folded."""

Lists = dict[str, list[WorklistEntry]]


def final_lists(lists: Worklists) -> Lists:
    """The final lists by date."""
    return {date: found for date in lists.dates() if (found := lists.of(date))[0].final}


@pytest_asyncio.fixture
async def running(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"test-{uuid4().hex[:8]}-", tmp_path, PARTITIONS, POLICY) as running:
        yield running


@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_the_worklists_are_those_of_a_replay(running: Running, tmp_path: Path, workers: int) -> None:
    """Workers die at work, the one that ranks among them: each final list has the entries of the replay, each rank once."""
    lines = [raw for _, raw in story(DAYS, 12)]
    days = by_day(lines)
    for name in "abcd"[:workers]:
        running.start(name, VIGIA_SESSION="15", VIGIA_MARGIN=LATER)
    running.tick()

    async def ticking() -> bool:
        return await running.clock.ready() == ""

    await running.until(ticking)
    for step, n in enumerate(range(0, len(days), 3)):
        await running.publish(raw for day in days[n : n + 3] for raw in day)
        for name in KILLS[workers].get(step, ()):
            await asyncio.sleep(0.3)
            running.kill(name)
            if workers < 4:  # else the others take over
                running.start(name, VIGIA_SESSION="15", VIGIA_MARGIN=LATER)
        sales = [time_of(raw) for day in days[n : n + 3] for raw in day if b"purchase" in raw[:40]]
        await running.ticked(max(sales))  # no clock follows what people do

    newest = running.clock.newest
    again = tmp_path / "replay"
    replayed(lines, again, await running.control(), running.policy)
    expected: Lists = {}
    for line in (again / "worklist.jsonl").read_bytes().splitlines():
        entry = decode_entry(line)
        if entry.at + DAY < newest:  # the lists of the last days are closed by the end of a replay
            expected.setdefault(entry.date, []).append(entry)
    assert len(expected) > 9
    assert {entry.funded for listed in expected.values() for entry in listed} == {True, False}

    async def published() -> Lists:
        lists = Worklists()
        for record in await running.read("worklist"):
            lists.take(record.key, record.value, record.headers)
        return final_lists(lists)

    async def complete() -> bool:
        return max(await published(), default="") >= max(expected)

    await running.until(complete)
    await asyncio.sleep(0.5)
    assert await published() == expected
    early = [e for r in await running.read("worklist") if r.value and not (e := decode_entry(r.value)).final]
    assert len({entry.date for entry in early} & expected.keys()) > len(expected) / 2
    last = await asyncio.to_thread(live_worklist, running.broker, max(expected))
    assert last == expected[max(expected)]
    assert set(await asyncio.gather(*map(running.stop, list(running.workers)))) == {0}
    assert not await running.read("dead-letters")
