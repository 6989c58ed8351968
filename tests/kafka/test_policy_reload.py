"""On a real Kafka a policy file that changes comes into force on all workers at one instant of event time."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from scorers.contract.events import DAY, HOUR
from scorers.in_force.control import PolicyInForce, decode_control
from scorers.policy.reading import parse_policy
from streams.clock.policy_file import WatchedPolicy
from streams.records import control_log
from tests.kafka.running import Running, replayed, standing
from tests.support.desk import MAY
from tests.support.driver import record
from tests.support.seals import KEYS

pytestmark = pytest.mark.kafka

PATIENT, HASTY = "[prospects]\nconversion_window = '30d'\n", "[prospects]\nconversion_window = '15d'\n"
DAYS, CHANGE = 24, 12  # the policy changes after so many days; its deadlines are 10 and no longer 20 days
PARTITIONS = 4


@pytest_asyncio.fixture
async def running(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"reload-{uuid4().hex[:8]}.", tmp_path, PARTITIONS, PATIENT) as running:
        yield running


def leads(day: int) -> list[bytes]:
    """Two new prospects, spread over the partitions by their names."""
    return [record("lead.created", MAY + day * DAY + n * HOUR, f"C{day}-{n}", value_minor=1000) for n in range(2)]


async def policies(running: Running) -> list[list[PolicyInForce]]:
    """What each partition was sent."""
    found: list[list[PolicyInForce]] = [[] for _ in range(PARTITIONS)]
    for one in await running.read("clock"):
        control = decode_control(one.value)
        if isinstance(control, PolicyInForce):
            found[one.partition].append(control)
    return found


async def test_two_workers_change_their_policy_at_one_instant(running: Running, tmp_path: Path) -> None:
    """A file with an error changes nothing; a good one is in force everywhere from one instant on, as a replay of the same records has it."""
    file = running.clock.file = WatchedPolicy(running.policy_file, PATIENT)
    for name in ("a", "b"):
        running.start(name)
    running.tick()
    for day in range(DAYS):
        await running.publish(leads(day))
        await running.ticked(MAY + day * DAY + HOUR)
        if day == CHANGE - 1:
            running.policy_file.write_text("[prospects]\nconversion_window = 'soon'\n")
            await running.until(lambda: _is(file.refused))
        if day == CHANGE:
            running.policy_file.write_text(HASTY)
            await running.until(lambda: _is(file.changes == 1))
    sent = await policies(running)
    instants = {
        control.in_force for of_one in sent for control in of_one if control.version == parse_policy(HASTY).version
    }
    assert [len(of_one) for of_one in sent] == [2] * PARTITIONS  # the first and the changed one
    assert len(instants) == 1
    assert MAY + CHANGE * DAY < min(instants) < MAY + (CHANGE + 1) * DAY
    assert list(await control_log.policy_texts(running.broker, KEYS)) == [
        parse_policy(t).version for t in (PATIENT, HASTY)
    ]

    alarms = await running.alarms()
    cooled = {alarm.subject.id: (alarm.at - MAY) // DAY for alarm in alarms if alarm.kind == "prospect-cooling"}
    assert cooled == {f"C{day}-{n}": day + 10 for day in range(DAYS) for n in range(2) if day + 10 + n < DAYS}
    assert {a.policy_version for a in alarms if a.kind == "prospect-cooling"} == {parse_policy(HASTY).version}
    lines = [line for day in range(DAYS) for line in leads(day)]
    control = await running.control()
    told = replayed(lines, tmp_path / "replay", control, running.policy)
    assert standing(told) == standing(alarms)


async def _is(true: bool) -> bool:
    return true
