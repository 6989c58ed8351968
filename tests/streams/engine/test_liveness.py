"""A worker's life as seen from outside, on the embedded broker: when it is ready, and what it tells of itself."""

import asyncio
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from streams.engine.liveness import EXIT_STATUS
from tests.kafka.running import Running, time_of
from vigia.lab.embedded_kafka import PARTITIONS, EmbeddedKafka
from vigia.lab.simulate import simulate

pytest.importorskip("confluent_kafka")


@pytest_asyncio.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    with EmbeddedKafka() as broker:
        async with Running(broker.address, "", tmp_path, PARTITIONS) as running:
            yield running


def simulated(directory: Path, customers: int, days: int, seed: int) -> list[bytes]:
    """The events of an invented business, in their order."""
    simulate(customers, days, seed, directory)
    return (directory / "events.jsonl").read_bytes().splitlines()


async def door(log: Path) -> str:
    """Where the worker whose log this is tells of itself."""
    while not (found := re.findall(r"metrics on (http://[^/]+)/metrics", log.read_text() if log.exists() else "")):
        await asyncio.sleep(0.05)
    return str(found[-1])


async def page(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        return answer.status, await answer.text()


async def figures(url: str) -> dict[str, float]:
    """The sum of each figure over its labels."""
    _, text = await page(f"{url}/metrics")
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0) + sample.value
    return found


async def became_ready(running: Running, name: str, url: str) -> list[str]:
    """What a worker said of itself until it was ready; all the while it lived."""
    said: list[str] = []
    while True:
        running.processes.check()
        status, why = await page(f"{url}/readyz")
        assert (await page(f"{url}/healthz"))[0] == 200
        if not said or said[-1] != why:
            said.append(why)
        if status == 200:
            return said
        assert status == 503


BEFORE_READY = {
    "starting\n",
    "partitions are being assigned\n",
    "rows are being recovered\n",
    "rows are being read\n",
}


async def test_ready_is_who_has_read_the_rows_of_every_partition(running: Running, tmp_path: Path) -> None:
    """Not while starting, sharing out or recovering; who is ready has counted every customer, without an event."""
    lines = simulated(tmp_path / "sim", 600, 20, 11)
    running.start("a")
    running.tick()
    await became_ready(running, "a", await door(tmp_path / "a.log"))
    await running.publish(lines)
    await running.ticked(max(map(time_of, lines)))
    while (before := await figures(await door(tmp_path / "a.log")))["vigia_lag_records"]:
        await asyncio.sleep(0.1)
    assert before["vigia_customers"] > 500
    assert before["vigia_partitions"] == PARTITIONS
    assert before["vigia_event_time_lag_seconds"] > 0
    running.kill("a")
    url = await started_anew(running, tmp_path)
    said = await became_ready(running, "b", url)
    *before_ready, _ = said
    assert before_ready
    assert set(before_ready) <= BEFORE_READY  # which of them is seen depends on when somebody asks
    after = await figures(url)
    assert after["vigia_customers"] == before["vigia_customers"]
    assert after["vigia_recovered_rows"] == after["vigia_recovery_rows"] > 500
    assert re.search(r"(\d+) of \1 rows are recovered", (tmp_path / "b.log").read_text())
    assert await running.stop("b") == 0


async def started_anew(running: Running, tmp_path: Path) -> str:
    """Where a second worker with an empty disk tells of itself."""
    running.start("b")
    return await door(tmp_path / "b.log")


STALLS = """
import asyncio, threading, time
from streams.engine.liveness import Watchdog
async def main():
    Watchdog({limit})
    await asyncio.sleep(0.1)
    {stall}
    print("went on", flush=True)
asyncio.run(main())
"""


@pytest.mark.parametrize(
    ("limit", "stall", "status", "said"),
    [
        (0.5, "time.sleep(300)", EXIT_STATUS, "the event loop stood still for"),
        (0.5, "while True: pass", EXIT_STATUS, "the event loop stood still for"),
        (4, "await asyncio.sleep(5)", 0, "went on"),  # far over what a busy machine lets a loop wait
    ],
    ids=["blocked", "busy", "waiting"],
)
def test_a_loop_that_stands_still_ends_the_process(limit: float, stall: str, status: int, said: str) -> None:
    """Whether something blocks it or keeps it busy; a loop that only waits is none."""
    code = STALLS.format(limit=limit, stall=stall)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.returncode == status
    assert said in done.stdout + done.stderr


def test_a_stopped_process_does_nothing_more_when_it_goes_on() -> None:
    """What lay ready to be done when it was stopped is not done after it."""
    code = STALLS.format(limit=0.5, stall="print('stopped', flush=True); os.kill(os.getpid(), signal.SIGSTOP)")
    process = subprocess.Popen(
        [sys.executable, "-c", "import os, signal" + code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "stopped\n"
    time.sleep(1)
    process.send_signal(signal.SIGCONT)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, out) == (EXIT_STATUS, "")
    assert "others may go on by now; exiting with 70" in said
