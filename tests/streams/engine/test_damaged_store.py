"""A worker whose disk has damaged its rows has them again from the changelog, and tells what it would have told."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from rocksdict import AccessType, Options, Rdict

from scorers.contract.events import DAY, Instant
from scorers.in_force.control import Tick
from streams.engine.row_store import damaged_stores
from tests.kafka.running import Running
from tests.support.driver import instant, purchase
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka

pytest.importorskip("confluent_kafka")

MAY = instant("2024-05-01T00:00:00Z")
CUSTOMERS = [f"C{number}" for number in range(40)]


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    with EmbeddedKafka() as broker:
        async with Running(broker.address, "", tmp_path, PARTITIONS) as running:
            yield running


async def folded(running: Running, at: int) -> None:
    """Tell all partitions an instant and wait until everything is committed."""
    await running.send_control(Tick(until=Instant(at), follows=True))

    async def there() -> bool:
        return (await running.standing())[1] == 0

    await running.until(there)


def spoil(state: Path) -> None:
    """Bring the rows of a partition into tables, and damage a block of each."""
    store = min(path for path in state.rglob("*.db") if path.is_dir() and any(path.iterdir()))
    database = Rdict(str(store), options=Options(raw_mode=True), access_type=AccessType.read_write())
    database.flush()
    database.close()
    for table in store.glob("*.sst"):
        data = bytearray(table.read_bytes())
        data[40:60] = os.urandom(20)
        table.write_bytes(data)


async def test_damaged_rows_come_back_from_the_changelog(running: Running) -> None:
    """The first life after the damage may end; then every customer is known, and silence is told of each of them."""
    await running.publish(purchase(MAY + n * 3 * DAY, name) for n in range(8) for name in CUSTOMERS)
    running.start()
    await folded(running, MAY + 22 * DAY)
    running.kill()
    spoil(running.directory / "a")
    before = len(await running.alarms())

    running.start()
    if not damaged_stores(running.directory / "a"):
        assert await running.died() == 70, "damage inside a table is found when the rows are read"
        running.start()
    await folded(running, MAY + 31 * DAY)
    assert await running.stop() == 0
    silent = {alarm.customer_id for alarm in (await running.alarms())[before:] if alarm.kind == "gone-quiet"}
    assert silent == set(CUSTOMERS)
    assert len(damaged_stores(running.directory / "a")) == 1
