"""A till sells on while Kafka is gone for VIGIA_TEST_GONE seconds (600 in `make faults`) and is itself killed meanwhile."""

import asyncio
import json
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT
from vigia.client import Publisher
from vigia.client.publisher import BATCH
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read
from vigia.runtime.topics import apply

GONE = float(os.environ.get("VIGIA_TEST_GONE", "6"))
KILLS = 3
CUSTOMERS = 7
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(GONE + 300)]

TILL = """
import sys, time
from vigia.client import Publisher
address, spool, first, customers = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
publisher = Publisher(kafka=address, spool=spool)
for number in range(first, 10**9):
    publisher.publish({"type": "purchase.completed", "id": f"p{number}", "source": "till", "time": "2024-05-06T07:08:09Z",
                       "amount_minor": 100 + number, "currency": "EUR", "customer_id": f"C{number % customers}"})
    print(number, flush=True)
    time.sleep(0.01)
"""


class Till:
    """A process that sells; `sold` is the newest number for which `publish` has returned."""

    def __init__(self, address: str, spool: Path) -> None:
        self.sold, self._begun = -1, [sys.executable, "-c", TILL, address, str(spool)]

    @contextmanager
    def open(self) -> Iterator[None]:
        """Sell in the background, some before the block begins, and be killed at its end."""
        env = os.environ | {"PYTHONPATH": str(ROOT)}
        command = [*self._begun, str(self.sold + 1), str(CUSTOMERS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, env=env) as process:
            follower = threading.Thread(target=self._follow, args=[process])
            follower.start()
            try:
                least, deadline = self.sold + 50, time.monotonic() + 60
                while self.sold < least:
                    assert process.poll() is None, "the till has ended by itself"
                    assert time.monotonic() < deadline, "the till does not sell"
                    time.sleep(0.1)
                yield
                assert process.poll() is None, "the till has ended by itself"
            finally:
                process.kill()
                follower.join(30)

    def _follow(self, process: "subprocess.Popen[bytes]") -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith(b"\n"):  # a kill may cut the last one
                self.sold = int(line)


async def test_kafka_gone_and_the_till_killed_lose_and_double_nothing(tmp_path: Path) -> None:
    """Every sale that the till had published arrives, once by its id and with its own payload, each customer's in their order."""
    with LocalKafka() as node:
        await apply(Broker(node.address), 4, 1)
        till = Till(node.address, tmp_path)
        with till.open():
            await asyncio.sleep(1)
        node.kill()
        for _ in range(KILLS):
            with till.open():
                await asyncio.sleep(GONE / KILLS + random.random() / 5)
        before = till.sold
        await asyncio.to_thread(node.start)
        with till.open():
            await asyncio.sleep(1 + random.random())
        with Publisher(kafka=node.address, spool=tmp_path) as publisher:
            assert await asyncio.to_thread(publisher.flush, 60) == 0, publisher.problem
            assert publisher.refused == []
        found: list[dict[str, Any]] = []
        await read(Broker(node.address), "purchases", lambda record: found.append(json.loads(record.value)))
    assert till.sold > before > 10 * GONE, f"{before} sold without Kafka, {till.sold} in all: the till did not sell on"
    amounts: dict[int, set[int]] = {}
    for sale in found:
        amounts.setdefault(int(sale["id"][1:]), set()).add(sale["amount_minor"])
    assert set(range(till.sold + 1)) <= set(amounts)
    assert all(payloads == {100 + number} for number, payloads in amounts.items())
    for customer in range(CUSTOMERS):
        own = list(dict.fromkeys(int(one["id"][1:]) for one in found if one["customer_id"] == f"C{customer}"))
        assert own == sorted(own)
    # A kill between an acknowledgement and its note in the spool sends one batch again, under the same ids: the worker counts them once.
    assert len(found) - len(amounts) <= (KILLS + 2) * BATCH
    sys.stderr.write(
        f"{till.sold + 1} sold, {len(found)} records, {len(found) - len(amounts)} of them again, {GONE:g} s without Kafka\n"
    )
