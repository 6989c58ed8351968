"""On a real Kafka a rebuilding that is killed while it builds goes on: each event is there once, and those that came meanwhile too."""

import asyncio
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from scorers.contract.events import DAY, MINUTE
from scorers.contract.rfc3339 import rfc3339
from streams.files.resumable import AT_ONCE, GROUP
from tests.support.desk import MAY
from tests.support.driver import purchase
from tests.support.paths import ROOT
from tests.support.sales_map import SALES_MAP
from vigia.runtime import topics
from vigia.runtime.broker import INPUTS, Broker
from vigia.runtime.topic_reader import committed, read

pytestmark = pytest.mark.kafka

ROWS, LIVE = 8 * AT_ONCE, 3 * AT_ONCE
PATIENCE = 240.0


class Build:
    """The command, with the files that it reads."""

    def __init__(self, address: str, folder: Path) -> None:
        self.address, self.folder, self.name = address, folder, uuid4().hex[:8]
        self.old, self.new = Broker(address, f"{self.name}-a-"), Broker(address, f"{self.name}-b-")
        (folder / "map.toml").write_text(SALES_MAP)

    def start(self, table: str = "sales.csv") -> "subprocess.Popen[bytes]":
        words = ["import", str(self.folder / table), "--map", str(self.folder / "map.toml"), "--rebuild"]
        words += ["--to", self.new.prefix, "--kafka", self.address, "--prefix", self.old.prefix]
        env = os.environ | {"VIGIA_SEAL": "a long enough secret for tests", "VIGIA_PARTITIONS": "2"}
        with (self.folder / "build.log").open("ab") as log:
            return subprocess.Popen([sys.executable, "-m", "vigia", *words], cwd=ROOT, env=env, stdout=log, stderr=log)

    @property
    def log(self) -> str:
        return (self.folder / "build.log").read_text()


async def test_a_killed_build_goes_on(kafka: str, tmp_path: Path) -> None:
    """Killed once it has noted what it takes, and twice while it writes; sales go on, and other files are refused."""
    build, admin = Build(kafka, tmp_path), AIOKafkaAdminClient(bootstrap_servers=kafka)
    await topics.apply(build.old, 2)
    day = [rfc3339(MAY + n * MINUTE) for n in range(DAY // MINUTE)]
    rows = [f"S{n},{day[n % len(day)]},{f'C{n % 500}' if n % 3 else ''}" for n in range(ROWS)]
    (tmp_path / "sales.csv").write_text("\n".join(["Id,Time,Customer", *rows]) + "\n")
    (tmp_path / "fewer.csv").write_text("\n".join(["Id,Time,Customer", *rows[1:]]) + "\n")
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await admin.start()
    await producer.start()
    live = 0

    async def sell(count: int) -> None:
        nonlocal live
        for n in range(live, live + count):
            sale = purchase(MAY + 2 * DAY + n * MINUTE, f"C{n % 500}", id=f"L{n}")
            await producer.send(build.old.name("purchases"), sale, key=f"C{n % 500}".encode())
        live += count
        await producer.flush()

    async def noted(place: TopicPartition) -> int:
        found = await committed(admin, build.new.name(GROUP), [place])
        return found[place].offset if place in found else -1

    async def killed(place: TopicPartition) -> None:
        """Killed as soon as more is noted there."""
        before, process, deadline = await noted(place), build.start(), time.monotonic() + PATIENCE
        while await noted(place) <= before:
            assert process.poll() is None, build.log
            assert time.monotonic() < deadline, "nothing was noted"
            await asyncio.sleep(0.02)
        process.kill()
        process.wait(PATIENCE)

    await sell(LIVE)
    await killed(TopicPartition(build.old.name(INPUTS[0]), 0))
    mark = TopicPartition(build.new.name(INPUTS[0]), 0)
    for _ in range(2):
        await sell(50)
        await killed(mark)
        assert await noted(mark) < ROWS + LIVE, "the kill came too late to prove anything"
    assert build.start("fewer.csv").wait(PATIENCE) == 2
    assert "a build of other files" in build.log
    await sell(50)
    for _ in range(2):  # the second forwards nothing
        assert build.start().wait(PATIENCE) == 0, build.log
    await producer.stop()
    await admin.close()

    found: list[str] = []
    await read(build.new, "purchases", lambda record: found.append(msgspec.json.decode(record.value)["id"]))
    assert set(Counter(found).values()) == {1}
    assert set(found) == {f"S{n}" for n in range(ROWS)} | {f"L{n}" for n in range(live)}
    assert build.log.count("the build goes on after") == 2
    assert f"{ROWS + LIVE} events of history and of the live topics written" in build.log
    assert "150 records forwarded" in build.log
    assert "0 records forwarded" in build.log
