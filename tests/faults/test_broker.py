"""F4 to F6: a broker that is slow, gone, or comes back."""

import asyncio
import os
import random
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple
from uuid import uuid4

import pytest
import pytest_asyncio

from tests.faults.conftest import Note
from tests.faults.proxy import Proxy, behind
from tests.kafka.ledger import Ledger
from vigia.lab.local_kafka import LocalKafka, free_port

pytestmark = pytest.mark.kafka


class Behind(NamedTuple):
    """Counting workers that see their broker through a proxy, while the ledger sees it as it is."""

    ledger: Ledger
    proxy: Proxy
    node: LocalKafka


@pytest_asyncio.fixture
async def through(tmp_path: Path, seed: int) -> AsyncIterator[Behind]:
    port = free_port()
    proxy = Proxy(0, seed)
    with behind(proxy.port, port) as node:
        proxy.target = int(node.addresses["PROXIED"].split(":")[1])
        async with proxy, Ledger(node.address, f"test-{uuid4().hex[:8]}", tmp_path, seed) as ledger:
            yield Behind(ledger, proxy, node)


async def test_a_slow_broker_and_kills(through: Behind, seed: int, note: Note) -> None:
    """F6: each piece of what a worker sends takes up to a second; killed meanwhile it loses nothing."""
    ledger, proxy, dice = through.ledger, through.proxy, random.Random(seed)
    ledger.via = proxy.address
    async with ledger.traffic(customers=1_500, rate=400):
        for fault in range(3):
            ledger.start()
            await ledger.progress()
            proxy.delay = (0.1, 1.0)
            await ledger.progress()
            await asyncio.sleep(dice.uniform(0.0, 2.0))
            ledger.kill()
            if fault % 2:
                ledger.processes.wipe("a")
            proxy.delay = (0.0, 0.0)  # a start of many small steps is not the point
    ledger.start()
    await ledger.drained()
    assert proxy.passed > 0
    verdict = note("F6", "slow broker, kill -9", seed, ledger.processes.kills, ledger.number, await ledger.verdict())
    assert verdict.exact(), verdict


@pytest.mark.faults
async def test_a_broker_that_comes_and_goes(through: Behind, seed: int, note: Note) -> None:
    """F4: stopped and killed five times under load, it is found again; whoever ends is started again by its supervisor."""
    ledger, node, dice = through.ledger, through.node, random.Random(seed)
    ledger.start()
    bounces = 5
    with ledger.processes.supervised("a", ledger.start) as ended:
        for bounce in range(bounces):
            await ledger.produce(4_000, customers=2_000)
            await asyncio.sleep(dice.uniform(0.0, 1.0))
            await asyncio.to_thread(node.kill if bounce % 2 else node.stop)
            await asyncio.sleep(dice.uniform(0.5, 3.0))
            await asyncio.to_thread(node.start)
        await ledger.drained()
    verdict = await ledger.verdict()
    what = f"broker stopped and killed {bounces} times, {len(ended)} workers started again"
    note("F4", what, seed, len(ended), ledger.number, verdict)
    assert verdict.exact(), verdict


@pytest.mark.faults
async def test_a_broker_that_is_gone_for_long(through: Behind, seed: int, note: Note) -> None:
    """F5: cut off for longer than a session (VIGIA_TEST_GONE seconds), the workers go on where they were."""
    ledger, proxy = through.ledger, through.proxy
    gone = float(os.environ.get("VIGIA_TEST_GONE", "40"))
    ledger.via = proxy.address
    ledger.start()
    await ledger.produce(5_000, customers=2_000)
    await ledger.progress()
    with ledger.processes.supervised("a", ledger.start) as ended:
        proxy.cut()
        await ledger.produce(5_000, customers=2_000)
        await asyncio.sleep(gone)
        proxy.heal()
        await ledger.produce(2_000, customers=2_000)
        await ledger.drained()
    what = f"unreachable for {gone:g} s, {len(ended)} workers started again"
    verdict = note("F5", what, seed, len(ended), ledger.number, await ledger.verdict())
    assert verdict.exact(), verdict
