"""The worker on the embedded broker gives the results of a replay of the same events."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

import pytest
import pytest_asyncio

from scorers.contract.alarms import Alarm
from scorers.contract.lessons import Lesson
from streams.records.lessons import decode_lesson, pseudonymous
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from tests.faults.proof import Proof, of_partition, put_in_force
from tests.kafka.running import by_day, changes_of, replayed, standing, time_of
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.lab.simulate import simulate
from vigia.runtime.privacy.keyed_hash import FILE, KeyedHash

pytest.importorskip("confluent_kafka")


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Proof]:
    with EmbeddedKafka() as broker:
        async with Proof(broker.address, "", tmp_path, PARTITIONS, "[risk]\nhorizon = '10d'\n") as running:
            yield running


def simulated(directory: Path, customers: int, days: int, seed: int) -> list[bytes]:
    """The events of an invented business, in their order."""
    simulate(customers, days, seed, directory)
    return (directory / "events.jsonl").read_bytes().splitlines()


def risks(alarms: list[Alarm]) -> dict[tuple[str, str, int], float]:
    """The risk in each record of an alarm."""
    return {(one.alarm_id, one.type, int(one.at)): one.risk for one in alarms if one.risk is not None}


def by_question(lessons: Iterable[Lesson]) -> dict[tuple[str, int], Lesson]:
    """Each lesson once, by its customer and instant."""
    return {(one.customer_id, int(one.asked_at)): one for one in lessons}


async def test_the_worker_gives_the_results_of_a_replay(running: Proof, tmp_path: Path) -> None:
    """Day by day on a broker, the alarms are those of a replay with the same figures and models in force, and so are
    the lessons, under a hash of the id."""
    lines = simulated(tmp_path / "sim", 150, 30, 3)
    running.start()
    running.tick()
    running.train()
    await running.step_by_step(by_day(lines))
    await running.ticked(max(map(time_of, lines)))
    assert await running.stop() == 0
    found = await running.alarms()
    control = await running.control()
    again = replayed(lines, tmp_path / "replay", control, running.policy)
    assert len(again) > 300
    assert standing(found) == standing(again)
    assert changes_of(found) == changes_of(again)
    here, there = risks(found), risks(again)
    assert len(set(there.values())) > 20
    assert here == pytest.approx(there, abs=1e-9)
    rows = await running.rows()
    until = max(map(time_of, lines))
    taught: list[Lesson] = []
    for number, kept in rows.items():
        file = tmp_path / f"partition-{number}.jsonl"
        file.write_bytes(b"".join(line + b"\n" for line in of_partition(lines, number, PARTITIONS)))
        replay(
            [str(file)],
            tmp_path / "lessons",
            running.policy,
            ScoreSchedule(until=until),
            controls=put_in_force(kept),
            watch=lambda step: taught.extend(step.lessons),
        )
    hashes = KeyedHash(next(tmp_path.rglob(FILE)).read_text())
    named = (decode_lesson(pseudonymous(lesson, hashes)[1]) for lesson in taught)
    asked = by_question(decode_lesson(record.value) for record in await running.read("lessons"))
    answered = by_question(named)
    assert len({one.predicted for one in asked.values() if one.voices}) > 20
    assert asked == answered  # columns, voices, model and risk as told when asked, the label
    judged = (tmp_path / "replay" / "customers.jsonl").read_bytes()
    for left_out in ("figures.in_force", "model.in_force"):
        part = tmp_path / "part.jsonl"
        part.write_text("".join(line for line in control.read_text().splitlines(True) if left_out not in line))
        other = replayed(lines, tmp_path / "part", part, running.policy)
        judged_other = (tmp_path / "part" / "customers.jsonl").read_bytes()
        assert (changes_of(other), judged_other) != (changes_of(found), judged), f"{left_out} made no difference"


async def test_a_backlog_of_months_is_read_in_the_order_it_was_written(running: Proof, tmp_path: Path) -> None:
    """A worker that starts late finds months on several topics; nothing comes too late, and time passes after it."""
    lines = simulated(tmp_path / "sim", 100, 150, 5)
    await running.publish(lines)
    running.start()
    running.tick()
    await running.ticked(max(map(time_of, lines)))
    assert await running.stop() == 0
    found = await running.alarms()
    again = replayed(lines, tmp_path / "replay", await running.control(), running.policy)
    assert len(again) > 300
    assert standing(found) == standing(again)
