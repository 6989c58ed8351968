"""An erased customer is in no byte that a worker leaves: state folder, log and live rows; a replay agrees with the worker."""

import asyncio
import os
from pathlib import Path

import pytest

from scorers.contract.events import DAY
from tests.kafka.running import Running, replayed, standing
from tests.support.console import run
from tests.support.driver import instant, purchase, record
from vigia.operations.privacy import Trace, in_stores
from vigia.runtime.topics import CHANGELOG

pytestmark = pytest.mark.kafka

MAY = instant("2024-05-01T00:00:00Z")
CANARY = "canary-4711"
OTHERS = [f"C{number}" for number in range(20)]


def holding(folder: Path) -> list[str]:
    """The files whose bytes name the canary."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [str(path.relative_to(folder)) for path in files if CANARY.encode() in path.read_bytes()]


async def test_nothing_of_an_erased_customer_remains(kafka: str, tmp_path: Path) -> None:
    """Erased while the worker runs, the row is gone within a minute, and at the stop every old byte is."""
    before = [
        purchase(MAY + n * 3 * DAY, name, items=[{"sku": os.urandom(9).hex(), "quantity": 1}])
        for n in range(8)
        for name in [CANARY, *OTHERS]
    ]
    named = record("customer.described", MAY + 1, CANARY, name="Ana canary-4711 Ruiz")
    worry = record("complaint.opened", MAY + 22 * DAY, CANARY, complaint_id="K1", store_id="S1", severity="critical")
    refer = record("referral.made", MAY + 2, "C1", positive=True, referred_customer_id=CANARY)
    erased = record("customer.erased", MAY + 23 * DAY, CANARY)
    after = [purchase(MAY + 24 * DAY, name) for name in OTHERS]
    async with Running(kafka, "erased-bytes-", tmp_path, 2) as running:
        running.start()
        state, trace = tmp_path / "a", Trace(CANARY)
        for lines, status in (([named, refer, *before, worry], 1), ([erased], 0), ([before[0], *after], 0)):
            await running.publish(lines)
            await running.until(lambda: settled(running))
            where = ("--kafka", kafka, "--prefix", running.broker.prefix, "--state", str(state))
            checked = await asyncio.to_thread(run, "privacy", "check", CANARY, *where)
            assert checked.exit_code == status, checked.output
            assert "topic purchases: " in checked.stdout
        assert list(in_stores(state, trace)) == []
        live = {one.key: one.value for one in await running.read(CHANGELOG)}
        assert live[CANARY.encode()] is None
        assert [key for key, row in live.items() if row is not None and trace.is_in(row)] == []
        rows = {one.key: one.value for one in await running.read("customers")}
        assert rows[CANARY.encode()] is None
        assert await running.stop() == 0
        assert holding(state) == []
        assert CANARY not in running.processes.tails()
        told = await running.alarms()
        again = replayed(
            [named, refer, *before, worry, erased, before[0], *after], tmp_path / "replay", await running.control()
        )
        mine = {one for one in standing(told) if CANARY in one[0] or one[0] == "complaint:K1"}
        assert mine
        assert mine == {one for one in standing(again) if CANARY in one[0] or one[0] == "complaint:K1"}


async def settled(running: Running) -> bool:
    """Whether all that was sent is folded and committed."""
    await asyncio.sleep(0)
    return (await running.standing())[1] == 0
