"""D13: a worker comes back with a disk from before an erasure, when the changelog has forgotten all that led to it.

A changelog forgets a deletion a day after it is compacted (`delete.retention.ms`), so a disk that was away for longer
would keep what was deleted. So an erasure leaves a row under a keyed hash of the id, which compaction keeps for ever; a row
of before that a disk brings back is recognised by it and deleted.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from scorers.contract.events import DAY
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.risk.model import UNTRAINED
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.timeline import Timeline
from streams.engine.fences import unpack
from streams.worker.rows.stored_row import CODEC
from tests.kafka.running import Running
from tests.support.driver import instant, purchase, record
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.topics import CHANGELOG

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

MAY = instant("2024-05-01T00:00:00Z")
GONE, OTHERS = "C-gone", [f"C{number}" for number in range(12)]
FORGETFUL = {
    "cleanup.policy": "compact",
    "delete.retention.ms": "0",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "500",
    "min.cleanable.dirty.ratio": "0.01",
    "segment.ms": "500",
}


@pytest.fixture
def kafka() -> Iterator[str]:
    """A Kafka whose cleaner does not rest."""
    with LocalKafka(properties={"log.cleaner.backoff.ms": "200"}) as node:
        yield node.address


@pytest_asyncio.fixture
async def running(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, "", tmp_path, 2) as running:
        topic = ConfigResource(ConfigResourceType.TOPIC, running.broker.name(CHANGELOG), configs=FORGETFUL)
        await running.admin.alter_configs([topic])
        yield running


async def changelog(running: Running) -> dict[bytes, list[bytes | None]]:
    """All that the changelog still has of each key, oldest first."""
    found: dict[bytes, list[bytes | None]] = {}
    for one in await running.read(CHANGELOG):
        found.setdefault(one.key, []).append(one.value)
    return found


async def forgotten(running: Running) -> None:
    """Write on until the changelog has one row of the erased customer."""
    for number in range(400):
        await running.publish(purchase(MAY + 40 * DAY + number, name) for name in OTHERS)
        if len((await changelog(running)).get(GONE.encode(), ())) <= 1:
            return
        await asyncio.sleep(0.3)
    pytest.fail("the changelog was not compacted")


async def folded(running: Running) -> None:
    async def so() -> bool:
        return (await running.standing())[1] == 0

    await running.until(so)


def of(stored: bytes | None, running: Running) -> Timeline[Customer]:
    """The customer of a row."""
    assert stored is not None
    data = CODEC.decode(unpack(stored)[1]).data
    assert isinstance(data, bytes)
    return Timeline.decode(CUSTOMER, data, Context(running.policy, UNTRAINED))


async def test_a_disk_of_before_an_erasure_brings_nobody_back(running: Running, tmp_path: Path) -> None:
    """Erased while the disk was away, older rows compacted away: older facts stay out, newer ones begin a new state."""
    late = purchase(MAY + 12 * DAY, GONE, id="late")
    await running.publish(purchase(MAY + n * 3 * DAY, name) for n in range(8) for name in [GONE, *OTHERS])
    running.start()
    await folded(running)
    assert await running.stop() == 0
    shutil.copytree(tmp_path / "a", tmp_path / "old")

    running.start()
    await running.publish([record("customer.erased", MAY + 30 * DAY, GONE)])
    await folded(running)
    await forgotten(running)
    assert await running.stop() == 0
    shutil.rmtree(tmp_path / "a")
    shutil.move(tmp_path / "old", tmp_path / "a")

    running.start()
    await folded(running)
    await running.publish([late])
    await folded(running)
    assert (await changelog(running)).get(GONE.encode(), [None])[-1] is None
    await running.publish([purchase(MAY + 41 * DAY, GONE, amount=777)])
    await folded(running)
    assert await running.stop() == 0
    rows = await changelog(running)
    monitor = of(rows[GONE.encode()][-1], running)
    assert (monitor.state.purchases.count, monitor.state.spending.amount_minor) == (1, 777)
    assert monitor.row.erased == MAY + 21 * DAY
    assert Counter(of(rows[name.encode()][-1], running).state.purchases.count > 8 for name in OTHERS) == {
        True: len(OTHERS)
    }
