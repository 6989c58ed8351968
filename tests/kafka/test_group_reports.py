"""On a real Kafka every partition knows of each store what a replay knows, whoever is killed on the way."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
from confluent_kafka.admin import AdminClient

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.in_force.control import GroupInForce, decode_control
from scorers.partition.places import slot_of
from streams.engine.batching_producer import partition_of
from tests.faults.proof import LATER
from tests.kafka.running import Running, replayed, standing, time_of
from tests.streams.worker.test_groups import complaint, pulse
from tests.support.cluster import known
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase

pytestmark = pytest.mark.kafka

PARTITIONS = 4
POLICY = """
risk.horizon = "10d"
staff = {ask_every = "4d", thank_every = "4d"}
stores = {mention_from = 2, complaint_window = "7d"}
"""
STORES = ("S0", "S1", "S2")
QUIET = ("C0", "C1", "C2", "C3")  # they buy for the first days only
DAYS, SILENT_FROM = 14, 7

KILLS = {1: {3: 0.0}, 2: {2: 0.0, 5: 0.2}, 4: {3: 0.1}}
"""By the number of workers: seconds from the events of two days to the kill."""

Known = dict[int, Mapping[str, int]]


def story() -> list[list[bytes]]:
    """The events of each day in the order in which they are published: some are hours late, one is two days late."""
    days: list[list[tuple[int, bytes]]] = [[] for _ in range(DAYS)]

    def put(at: int, raw: bytes) -> None:
        days[(at - MAY) // DAY].append((at, raw))

    for n in range(DAYS):
        morning = MAY + n * DAY + 9 * HOUR
        for c in range(16):
            if n < SILENT_FROM or f"C{c}" not in QUIET:
                at = morning + c * MINUTE
                put(at, purchase(at, f"C{c}", store_id=STORES[c % 3]))
        for m, store in enumerate(STORES[: 1 + n % 3]):
            at = morning + (1 + m) * HOUR
            put(at, complaint(at, f"C{(n + 5 * m) % 16}", store, f"K{n}-{m}"))
            put(at + 8 * HOUR, complaint(at - 5 * HOUR, f"C{(n + 3) % 16}", store, f"L{n}-{m}"))
            put(at + MINUTE, complaint(at + MINUTE, None, store, f"A{n}-{m}"))
        if n % 5 == 1:
            put(morning, pulse(morning, "S0", "asked"))
            put(morning + HOUR, pulse(morning - 3 * HOUR, "S0", "thanked", key="head-office"))
            put(morning + HOUR, pulse(morning + HOUR, "S1", "asked", key="head-office"))
    late = MAY + 6 * DAY + HOUR
    put(late + 50 * HOUR, complaint(late, None, "S1", "two days late"))
    return [[raw for _, raw in sorted(day, key=lambda one: one[0])] for day in days]


def changes(reports: Known) -> list[tuple[int, dict[str, int]]]:
    """Each change of what is known, and since when: a day that changes nothing may be reported or not."""
    found: list[tuple[int, dict[str, int]]] = []
    for at, values in sorted(reports.items()):
        if not found or found[-1][1] != values:
            found.append((at, dict(values)))
    return found


def reasons(alarms: Iterable[Alarm]) -> dict[tuple[str, str], list[str]]:
    """The texts of raised alarms about customers who no longer come."""
    return {
        (alarm.subject.id, alarm.alarm_id): [reason.text for reason in alarm.reasons]
        for alarm in alarms
        if alarm.type == "alarm.raised" and alarm.kind == "gone-quiet"
    }


class Groups(Running):
    """Workers, and what they say of stores."""

    def begin(self, name: str) -> None:
        """Start a worker; figures never come in force, as every partition would put them in force after other events."""
        self.start(name, VIGIA_SESSION="6", VIGIA_MARGIN=LATER)

    def owner(self, store: str) -> str:
        """The worker that has the partition of a store."""
        home = partition_of(PARTITIONS, slot_of("store", store).encode())
        admin, group = AdminClient({"bootstrap.servers": self.broker.address}), self.broker.name("vigia")
        found: Any = admin.describe_consumer_groups([group])[group].result(10)
        for member in found.members:
            if any(
                tp.topic == self.broker.name("groups") and tp.partition == home
                for tp in member.assignment.topic_partitions
            ):
                return str(member.group_instance_id)
        raise AssertionError(f"nobody has partition {home} of groups")

    async def ticking(self) -> bool:
        """Whether the clock follows every event from now on."""
        return await self.clock.ready() == ""

    async def known(self) -> dict[str, list[Known]]:
        """What each partition was told of each store, by the instant up to which it was known."""
        found: dict[str, list[Known]] = {store: [{} for _ in range(PARTITIONS)] for store in STORES}
        for record in await self.read("clock"):
            control = decode_control(record.value)
            if isinstance(control, GroupInForce) and control.subject.type == "store":
                assert control.in_force >= control.reported
                found[control.subject.id][record.partition][int(control.reported)] = control.values
        return found


@pytest_asyncio.fixture
async def groups(kafka: str, tmp_path: Path) -> AsyncIterator[Groups]:
    async with Groups(kafka, f"test-{uuid4().hex[:8]}-", tmp_path, PARTITIONS, POLICY) as groups:
        yield groups


@pytest.mark.parametrize("workers", [1, 2, 4])
async def test_stores_are_known_as_in_a_replay(groups: Groups, tmp_path: Path, workers: int) -> None:
    """Workers that own a store die at work: each complaint counts once, everywhere, and alarms mention it."""
    days = story()
    for name in "abcd"[:workers]:
        groups.begin(name)
    groups.tick()
    await groups.until(groups.ticking)  # a clock that starts later would follow the last events only, which may be late
    for n in range(DAYS // 2):
        await groups.publish(days[2 * n] + days[2 * n + 1])
        if n in KILLS[workers]:
            await asyncio.sleep(KILLS[workers][n])
            killed = groups.owner(STORES[n % 3])
            groups.kill(killed)
            if workers == 1 or n == 5:  # else the others take over
                groups.begin(killed)
        await groups.ticked(max(map(time_of, days[2 * n + 1])))
    assert set(await asyncio.gather(*map(groups.stop, list(groups.workers)))) == {0}

    lines = [line for day in days for line in day]
    driver = Driver(POLICY).feed(*lines).advance(groups.clock.newest)
    for store, partitions in (await groups.known()).items():
        expected = changes(dict(known(driver.ctx, store)))
        assert len(expected) > 3
        assert [changes(reports) for reports in partitions] == [expected] * PARTITIONS, store

    found = await groups.alarms()
    again = replayed(lines, tmp_path / "replay", await groups.control(), groups.policy)
    assert standing(found) == standing(again)
    assert reasons(found) == reasons(again)
    assert {alarm.kind for alarm in found if alarm.subject.type == "site"} == {"staff-unasked", "staff-unthanked"}
    mentioned = {
        who for (who, _), texts in reasons(found).items() if any("about their store" in text for text in texts)
    }
    assert mentioned == set(QUIET)
    assert "exposed-silently" in {alarm.kind for alarm in found}
    assert not await groups.read("dead-letters")
