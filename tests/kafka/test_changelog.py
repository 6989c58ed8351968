"""A changelog that is not what the disk remembers: the worker goes on, or ends and says why; it never hangs."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio
from aiokafka.admin import NewTopic

from scorers.contract.events import DAY, Instant
from scorers.in_force.control import Tick
from tests.kafka.running import Running
from tests.support.driver import instant, purchase
from vigia.runtime.topics import CHANGELOG

pytestmark = pytest.mark.kafka

MAY = instant("2024-05-01T00:00:00Z")
CUSTOMERS = [f"C{number}" for number in range(20)]


@pytest_asyncio.fixture
async def running(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"test-{uuid4().hex[:8]}.", tmp_path) as running:
        yield running


async def folded(running: Running, at: int) -> None:
    """Tell all partitions an instant and wait until everything is committed."""
    await running.send_control(Tick(until=Instant(at), follows=True))

    async def there() -> bool:
        return (await running.standing())[1] == 0

    await running.until(there)


async def history(running: Running) -> None:
    """A life with customers, ended by a kill."""
    await running.publish(purchase(MAY + n * 3 * DAY, name) for n in range(8) for name in CUSTOMERS)
    running.start()
    await folded(running, MAY + 22 * DAY)
    running.kill()


async def recreate(running: Running, **config: str) -> None:
    """Delete the changelog and create it again, empty."""
    name = running.broker.name(CHANGELOG)
    await running.admin.delete_topics([name])
    for _ in range(100):
        await asyncio.sleep(0.1)
        if name not in await running.admin.list_topics():
            break
    topic = NewTopic(name, running.settings.partitions, 1, topic_configs={"cleanup.policy": "compact"})
    await running.admin.create_topics([topic])


async def test_a_recreated_changelog_under_a_disk_that_holds_more_is_named(running: Running) -> None:
    """The disk holds what no changelog has: the worker ends by itself and names the changelog and the mend."""
    await history(running)
    await recreate(running)
    running.start()
    assert await running.died(within=60) != 0
    said = (running.directory / "a.log").read_text()
    assert "changelog" in said
    assert "highwater" in said


async def test_an_empty_changelog_is_a_new_beginning_where_the_disk_is_empty_too(running: Running) -> None:
    """Rows and changelog are both gone: the worker starts at once, with nobody known."""
    await history(running)
    await recreate(running)
    shutil.rmtree(running.directory / "a")
    before = len(await running.alarms())
    running.start()
    await folded(running, MAY + 31 * DAY)
    assert await running.stop() == 0
    assert len(await running.alarms()) == before
