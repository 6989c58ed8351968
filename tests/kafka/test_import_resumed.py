"""On a real Kafka an import that is killed in the middle continues: each event is there once, anonymous sales too."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from scorers.contract.events import DAY, MINUTE
from scorers.contract.rfc3339 import rfc3339
from streams.files.resumable import AT_ONCE, GROUP
from tests.support.desk import MAY
from tests.support.paths import ROOT
from tests.support.sales_map import SALES_MAP
from vigia.runtime import topics
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.topic_reader import committed, read

pytestmark = pytest.mark.kafka

ROWS = 8 * AT_ONCE
KILLS = 2
PATIENCE = 120.0


def start(folder: Path, address: str, prefix: str, *more: str) -> "subprocess.Popen[bytes]":
    words = ["import", str(folder / "sales.csv"), "--map", str(folder / "map.toml"), "--kafka", address]
    with (folder / "import.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "vigia", *words, "--prefix", prefix, *more], cwd=ROOT, stdout=log, stderr=log
        )


async def test_a_killed_import_loses_and_doubles_nothing(kafka: str, tmp_path: Path) -> None:
    """Killed twice while it sends; every third sale has no customer, so nobody would notice a second one of it."""
    where = Broker(kafka, f"import-{uuid4().hex[:8]}.")
    await topics.apply(where, 2)
    day = [rfc3339(MAY + n * MINUTE) for n in range(DAY // MINUTE)]
    rows = [f"S{n},{day[n % len(day)]},{f'C{n % 500}' if n % 3 else ''}" for n in range(ROWS)]
    (tmp_path / "sales.csv").write_text("\n".join(["Id,Time,Customer", *rows]) + "\n")
    (tmp_path / "map.toml").write_text(SALES_MAP)
    mark = TopicPartition(where.name(INPUTS[0]), 0)
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()

    async def position() -> int:
        found = await committed(admin, where.name(GROUP), [mark])
        return found[mark].offset if mark in found else 0

    for _ in range(KILLS):
        before, process, deadline = await position(), start(tmp_path, kafka, where.prefix), time.monotonic() + PATIENCE
        while await position() <= before:
            assert process.poll() is None, (tmp_path / "import.log").read_text()
            assert time.monotonic() < deadline, "nothing was committed"
            await asyncio.sleep(0.02)
        process.kill()
        process.wait(PATIENCE)
        assert await position() < ROWS, "the kill came too late to prove anything"
    for _ in range(2):  # the second has nothing to do
        assert start(tmp_path, kafka, where.prefix).wait(PATIENCE) == 0, (tmp_path / "import.log").read_text()
    assert start(tmp_path, kafka, where.prefix, "--again").wait(PATIENCE) == 0
    await admin.close()

    found: list[str] = []
    await read(where, "purchases", lambda record: found.append(msgspec.json.decode(record.value)["id"]))
    assert len(found) == 2 * ROWS
    assert set(Counter(found).values()) == {2}, "once, and once more for --again"
    log = (tmp_path / "import.log").read_text()
    assert log.count("that an earlier run has sent") == KILLS + 1
    assert "all events were sent by an earlier import" in log
