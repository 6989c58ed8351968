"""`vigia import --rebuild` on a real Kafka: history and the live topics become one under a new prefix, and nothing is sent twice."""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiohttp import web

from scorers.contract.events import MINUTE
from scorers.contract.rfc3339 import rfc3339
from tests.alerts.pipeline.test_notifier import Desk
from tests.faults.proof import simulated
from tests.kafka.growing import POLICY, Growing, folder
from tests.kafka.processes import CHECKOUT
from tests.kafka.running import by_day, replayed, standing, time_of
from tests.support.driver import purchase, record

pytestmark = pytest.mark.kafka

PARTITIONS = 2
BEFORE, BUILT, CUT, END = 3, 6, 8, 10  # days: the former system begins, the build, the cut, the end
MAP = """type = "purchase.completed"
source = "old-till"
[fields]
id = "id"
time = "time"
customer_id = "customer_id"
amount_minor = "amount_minor"
currency = "currency"
store_id = "store_id"
"""


class Reader(Desk):
    """A receiver that keeps what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[dict[str, Any]] = []

    async def _answer(self, request: web.Request) -> web.Response:
        self.read.append(json.loads(await request.read()))
        return await super()._answer(request)

    def told(self) -> list[tuple[str, str]]:
        """Each alarm that was told as new, with its instant."""
        return [
            (alarm["alarm_id"], alarm["at"])
            for message in self.read
            if message["type"] == "alarm.raised"
            for alarm in message["data"]["alarms"]
        ]


class Rebuilt(Growing):
    """A business that is rebuilt from a table of former sales."""

    async def rebuild(self, table: Path, to: str, since: str) -> str:
        """Run the command once and return what it says."""
        words = ["import", str(table), "--map", str(table.with_suffix(".toml")), "--rebuild", "--to", to]
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "vigia", *words, "--alarms-from", since],
            cwd=CHECKOUT,
            env=os.environ | self.environment(),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def with_complaints(days: list[list[bytes]]) -> list[list[bytes]]:
    """Each day somebody buys and complains, which is an alarm at once."""
    found = []
    for n, lines in enumerate(days):
        at = min(map(time_of, lines))
        name = f"X{n}"
        told = record("complaint.opened", at + MINUTE, name, complaint_id=f"K{n}", severity="major")
        found.append(sorted([*lines, purchase(at, name), told], key=time_of))
    return found


def history(folder: Path, lines: list[bytes]) -> list[bytes]:
    """A table of the sales among these events, and the events that it becomes."""
    sales = [line for line in map(json.loads, lines) if line["type"] == "purchase.completed"]
    table = folder / "sales.jsonl"
    table.write_text("".join(json.dumps(sale) + "\n" for sale in sales))
    table.with_suffix(".toml").write_text(MAP)
    out = folder / "imported.jsonl"
    words = ["import", str(table), "--map", str(table.with_suffix(".toml")), "--out", str(out), "--sort"]
    subprocess.run([sys.executable, "-m", "vigia", *words], cwd=CHECKOUT, check=True, timeout=120)
    return out.read_bytes().splitlines()


async def test_history_comes_into_a_running_business(kafka: str, tmp_path: Path) -> None:
    """Built while the former system runs and its producers go on, cut over when it is stopped: facts, alarms and messages are there once."""
    name, to = uuid4().hex[:6], f"{uuid4().hex[:6]}-b-"
    days = with_complaints(by_day(simulated(tmp_path / "sim", 40, END, 5)))
    former = history(tmp_path, [line for day in days[:BEFORE] for line in day])
    table = tmp_path / "sales.jsonl"
    since = rfc3339(max(map(time_of, days[BUILT - 1])))
    async with (
        Reader().open() as reader,
        Rebuilt(kafka, f"{name}-a-", folder(tmp_path, "old"), PARTITIONS, POLICY) as old,
        Rebuilt(kafka, to, folder(tmp_path, "new"), PARTITIONS, POLICY) as new,
    ):
        assert isinstance(reader, Reader)
        old.start()
        old.notify(reader.url)
        old.tick()
        await old.step_by_step(days[BEFORE:BUILT])
        said = await old.rebuild(table, to, since)
        assert "events of history and of the live topics written" in said
        assert f"not cut over yet: the group {name}-a-vigia has members" in said
        new.start()
        new.tick()
        await old.step_by_step(days[BUILT:CUT])
        await old.notified()
        await old.pause()
        assert {await old.stop(), await old.stop("n")} == {0}
        by_old = reader.told()
        said = await old.rebuild(table, to, since)  # forwards what has come since the build
        await new.ticked(max(map(time_of, days[CUT - 1])))
        if "not cut over yet" in said:
            said = await old.rebuild(table, to, since)
        assert f"cut over: start the notifier with VIGIA_PREFIX={to}" in said
        new.notify(reader.url)
        await new.step_by_step(days[CUT:])
        await new.notified()
        await new.pause()
        assert await new.stop("n") == 0
        assert await new.stop() == 0
        assert "cut over already" in await old.rebuild(table, to, since)

        lines = former + [line for day in days[BEFORE:] for line in day]
        lines.sort(key=time_of)
        again = replayed(lines, tmp_path / "replay", await new.control(), new.policy)
        alarms = await new.alarms()
        assert standing(alarms) == standing(again)
        assert {a.alarm_id for a in alarms if a.history is True} == {a.alarm_id for a in again if a.history is True}
        by_new = reader.told()[len(by_old) :]
        assert by_old, sorted({message["type"] for message in reader.read})
        assert by_new
        assert not {one for one, _ in by_old} & {one for one, _ in by_new}, "told twice"
        assert all(at >= since for _, at in by_new), "told of history"
        ids = [reader.got.get_nowait()[0] for _ in range(reader.got.qsize())]
        assert len(set(ids)) == len(ids)
