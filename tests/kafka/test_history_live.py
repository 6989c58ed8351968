"""On a real Kafka history that is imported before going live is recorded, and nobody is told of it."""

import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from scorers.contract.events import DAY, HOUR, SECOND
from scorers.contract.rfc3339 import parse_instant, rfc3339
from tests.alerts.pipeline.test_notifier import ROUTES, SECRET, Desk, desk
from tests.kafka.running import Running
from tests.support.sales_map import SALES_MAP
from tests.support.seals import SECRET as SEAL

pytestmark = pytest.mark.kafka

__all__ = ["desk"]

PARTITIONS = 2
LONG_AGO = "[time]\nnotify_within = '300d'\n"  # so that only what is history is held back
DAYS = 12
TOLD = 4  # the alarms of the last days are wanted

COMPLAINTS = """type = "complaint.opened"
source = "desk"
[fields]
id = "Id"
time = "Time"
customer_id = "Customer"
complaint_id = "Id"
severity = { value = "major" }
"""


class Live(Running):
    """A system with a notifier, and the command line."""

    def notifier(self, name: str, routes: Path) -> None:
        command = (sys.executable, "-m", "vigia", "notifier", "--routes", str(routes), "--metrics-port", "0")
        self.start(name, command, HOOK_SECRET=SECRET)

    async def run(self, *words: str) -> None:
        """Run a command of Vigía to its end."""
        around = {"VIGIA_KAFKA": self.broker.address, "VIGIA_PREFIX": self.broker.prefix, "VIGIA_SEAL": SEAL}
        self.processes.start("command", (sys.executable, "-m", "vigia", *words), around)
        assert await self.processes.died("command", 120) == 0, self.processes.tail("command")


@pytest_asyncio.fixture
async def live(kafka: str, tmp_path: Path) -> AsyncIterator[Live]:
    async with Live(kafka, f"test-{uuid4().hex[:8]}-", tmp_path, PARTITIONS, LONG_AGO) as live:
        yield live


def tables(folder: Path, now: int) -> None:
    """A customer of each day, who buys, and complains an hour later, which is an alarm at that instant."""
    for name, form, at in (("sales", SALES_MAP, 0), ("complaints", COMPLAINTS, HOUR)):
        rows = [f"{name}-{n},{rfc3339(now - n * DAY - HOUR + at)},C{n}" for n in range(DAYS)]
        (folder / f"{name}.csv").write_text("\n".join(["Id,Time,Customer", *rows]) + "\n")
        (folder / f"{name}.toml").write_text(form)


async def test_nobody_is_told_of_history(live: Live, desk: Desk, tmp_path: Path) -> None:
    """Imported to Kafka, or to a file that is published, twice, and with a notifier that dies: each alarm of before is recorded
    and not sent, each later one is sent once."""
    now = time.time_ns() // 1000 // SECOND * SECOND - HOUR
    since = rfc3339(now - TOLD * DAY + HOUR)
    tables(tmp_path, now)
    routes = tmp_path / "routes.toml"
    routes.write_text(ROUTES.format(url=desk.url))
    live.start("worker")
    live.notifier("notifier", routes)
    live.tick()
    folder = str(tmp_path)
    await live.run(
        *("import", f"{folder}/sales.csv", "--map", f"{folder}/sales.toml", "--alarms-from", since),
        *("--kafka", live.broker.address),
    )
    await live.run(
        *("import", f"{folder}/complaints.csv", "--map", f"{folder}/complaints.toml", "--sort"),
        *("--alarms-from", since, "--out", f"{folder}/complaints.jsonl"),
    )
    for _ in range(2):
        await live.run("publish", f"{folder}/complaints.jsonl")
        live.kill("notifier")
        live.notifier("notifier", routes)

    async def recorded() -> bool:
        return len({a.customer_id for a in await live.alarms() if a.kind == "major-problem"}) == DAYS

    await live.until(recorded)
    await live.ticked(live.clock.newest)
    alarms = {a.alarm_id: a for a in await live.alarms() if a.type == "alarm.raised" and a.severity != "info"}
    later = {a.alarm_id for a in alarms.values() if a.at >= parse_instant(since)}
    assert {a.alarm_id for a in alarms.values() if a.history is not True} == later
    assert {alarms[one].customer_id for one in later if alarms[one].kind == "major-problem"} == {
        f"C{n}" for n in range(TOLD)
    }
    wanted = {alarms[one].customer_id for one in later}  # some complaints of before have fallen due since
    assert len(wanted) < DAYS
    told: Counter[tuple[str, str]] = Counter()
    customers = set()

    async def all_told() -> bool:
        while not desk.got.empty():
            delivery, alarm_id = desk.got.get_nowait()
            told[delivery, alarm_id] += 1
            customers.add(alarms[alarm_id].customer_id)
        return customers >= wanted

    await live.until(all_told, 60)
    assert await live.stop("notifier") == 0  # what it was about to send is sent before it ends
    await all_told()
    assert customers == wanted
    assert {alarm_id for _, alarm_id in told} <= later
    assert len({alarm_id for _, alarm_id in told}) == len(told), "an alarm was told under two ids"
    assert await live.stop("worker") == 0
