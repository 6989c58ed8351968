"""The examples of the docs on a real Kafka: each publishes to the partition where Vigía looks for the customer, and reads alarms."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from streams.engine.batching_producer import partition_of
from tests.kafka.processes import CHECKOUT
from tests.kafka.running import Running
from vigia.lab.local_kafka import free_port, jars

pytestmark = pytest.mark.kafka

EXAMPLES = CHECKOUT / "docs" / "examples"
LANGUAGES = ("python", "shell", "java", "node")
TOKEN = "an example's token of some length"
MOST = 120  # seconds that one program may take


@pytest_asyncio.fixture
async def shop(kafka: str, tmp_path: Path) -> AsyncIterator[Running]:
    async with Running(kafka, f"test-{uuid4().hex[:8]}-", tmp_path) as shop:
        shop.start()
        yield shop


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kafkajs and the examples of Node, as their first lines say."""
    if shutil.which("npm") is None:
        pytest.skip("npm is not on the PATH")
    folder = tmp_path_factory.mktemp("node")
    subprocess.run(["npm", "install", "--silent", "--no-audit", "kafkajs@2.2.4"], cwd=folder, check=True, timeout=MOST)
    for file in EXAMPLES.glob("*.mjs"):
        shutil.copy(file, folder)
    return folder


@pytest.fixture(scope="module")
def console_consumer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with kafka-console-consumer.sh, which Apache Kafka's archive has and its jars have not."""
    folder = tmp_path_factory.mktemp("bin")
    script = folder / "kafka-console-consumer.sh"
    script.write_text(f'#!/bin/sh\nexec java -cp "{jars()}/*" org.apache.kafka.tools.consumer.ConsoleConsumer "$@"\n')
    script.chmod(0o755)
    return folder


def event(kind: str, customer: str, **fields: object) -> str:
    return json.dumps(
        {
            "type": kind,
            "id": f"{kind} of {customer}",
            "source": customer,
            "time": "2024-05-06T10:00:00Z",
            "customer_id": customer,
            **fields,
        }
    )


def trouble(customer: str) -> str:
    """A purchase and a major complaint, which is an alarm at once."""
    return "\n".join(
        [
            event("purchase.completed", customer, amount_minor=1000, currency="EUR"),
            event("complaint.opened", customer, complaint_id=f"K-{customer}", severity="major"),
        ]
    )


async def run(*command: object, given: str = "", folder: Path = EXAMPLES, **environment: str) -> str:
    """Run a program with a standard input; return what it prints."""
    program = await asyncio.create_subprocess_exec(
        *map(str, command),
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), **environment},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(program.communicate(given.encode()), MOST)
    assert program.returncode == 0, f"{command}: {out.decode()}\n{err.decode()}"
    return out.decode()


async def test_every_language_publishes_events_and_reads_alarms(
    shop: Running, tmp_path: Path, node: Path, console_consumer: Path
) -> None:
    """Each for a customer of its own, whose complaint comes back as an alarm in all of them."""
    address, prefix, port = shop.broker.address, shop.broker.prefix, free_port()
    config = tmp_path / "gateway.toml"
    config.write_text(f'[token.example]\ndigest = "{hashlib.sha256(TOKEN.encode()).hexdigest()}"\n')
    gateway = [sys.executable, "-m", "vigia", "gateway", "--config", str(config), "--port", str(port)]
    shop.processes.start("gateway", [*gateway, "--metrics-port", "0", "--kafka", address, "--prefix", prefix], {})
    java = "java", "-cp", f"{jars()}/*"

    await run(sys.executable, "publish.py", address, prefix, given=trouble("python"))
    await run(*java, "Publish.java", address, prefix, given=trouble("java"))
    await run("node", "publish.mjs", address, prefix, given=trouble("node"), folder=node)
    await shop.until(lambda: _answers(port))
    await run("./publish.sh", given=trouble("shell"), GATEWAY=f"http://127.0.0.1:{port}", TOKEN=TOKEN)

    async def alarmed() -> bool:
        return {alarm.customer_id for alarm in await shop.alarms() if alarm.kind == "major-problem"} == {*LANGUAGES}

    await shop.until(alarmed)
    for record in await shop.read("purchases", "complaints"):
        assert record.partition == partition_of(shop.settings.partitions, record.key), record.key

    changes = len(await shop.alarms())
    read = [
        await run(sys.executable, "consume.py", address, prefix, changes),
        await run("./consume.sh", address, prefix, changes, PATH=f"{console_consumer}:{os.environ['PATH']}"),
        await run(*java, "Consume.java", address, prefix, changes),
        await run("node", "consume.mjs", address, prefix, changes, folder=node),
    ]
    for printed in read:
        lines = [line for line in printed.splitlines() if "major-problem" in line]
        assert sorted(who for who in LANGUAGES for line in lines if who in line) == sorted(LANGUAGES), printed
    assert not await shop.read("dead-letters")


async def _answers(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True
