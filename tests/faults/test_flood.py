"""A flood on a real Kafka: invented stores, and an alarm storm of invented customers, on a receiver that is slow.

The worker watches no more stores than it has places for, the notifier holds no more deliveries than its queue has, and a
critical alarm that comes behind the storm is received while most of the storm still waits.
"""

import asyncio
import re
import sys
import time
from collections import Counter
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
from aiohttp import web

from alerts.pipeline.incident import decode_incident
from scorers.partition.places import NAMES, SLOTS
from tests.kafka.running import Running
from tests.support.driver import purchase, record
from tests.support.receivers import NEW, server
from vigia.runtime.topics import CHANGELOG

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

STORES, CUSTOMERS, QUEUE = 25_000, 4_000, 200
WORKER_MIB, NOTIFIER_MIB = 700, 300
NOTIFIER = (sys.executable, "-m", "vigia", "notifier", "--metrics-port", "0")
ROUTES = """\
[channel.desk]
type = "webhook"
url = "{url}"
secrets_env = ["HOOK_SECRET"]
allow_hosts = ["127.0.0.1"]
queue = {queue}
per_hour = 0

[[route]]
name = "all"
to = ["desk"]
"""


def peak(pid: int) -> int:
    """The largest resident memory that a process has had, in MiB."""
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(encoding="ascii"))
    assert found is not None
    return int(found[1]) // 1024


def flood(now: int) -> list[bytes]:
    """Complaints about invented stores by nobody, and a grave one of each of so many invented customers."""
    second = 1_000_000
    lines = []
    for n in range(STORES):
        at = now - 7_000 * second + n
        lines.append(record("complaint.opened", at, None, id=f"s{n}", complaint_id=f"s{n}", store_id=f"invented-{n}"))
    for n in range(CUSTOMERS):
        at, name = now - 5_000 * second + n, f"nobody-{n}"
        lines.append(purchase(at, name))
        lines.append(record("complaint.opened", at + second, name, complaint_id=f"c{n}", severity="major"))
    return lines


async def test_a_flood_of_names_and_alarms_is_bounded(kafka: str, tmp_path: Path) -> None:
    """Memory, rows of stores and waiting deliveries stay bounded; nothing is lost; the critical alarm goes first."""
    received: list[dict[str, object]] = []

    async def slow(request: web.Request) -> web.Response:
        received.append(msgspec.json.decode(await request.read()))
        await asyncio.sleep(0.1)
        return web.Response()

    now = time.time_ns() // 1_000
    async with server(slow) as url, Running(kafka, f"test-{uuid4().hex[:8]}-", tmp_path) as running:
        (tmp_path / "routes.toml").write_text(ROUTES.format(url=url, queue=QUEUE))
        running.start()
        command = [*NOTIFIER, "--routes", str(tmp_path / "routes.toml")]
        running.start("notifier", command, HOOK_SECRET=NEW)
        running.tick()
        await running.publish(flood(now))
        late = [
            purchase(now - 1_000_000_000, "somebody"),
            record("complaint.opened", now - 900_000_000, "somebody", complaint_id="real", severity="critical"),
        ]
        await running.publish(late)

        def critical() -> bool:
            alarms = [alarm for one in received for alarm in one["data"]["alarms"]]  # type: ignore[index]
            return any(alarm["customer_id"] == "somebody" and alarm["severity"] == "critical" for alarm in alarms)

        async def there() -> bool:
            return critical()

        await running.until(there)
        assert len(received) < CUSTOMERS / 2, "most of the storm still waits"

        async def folded() -> bool:
            return (await running.standing())[1] == 0

        await running.until(folded)
        peaks = {name: peak(process.pid) for name, process in running.workers.items()}
        sys.stderr.write(f"peaks in MiB: {peaks}; received {len(received)}\n")
        assert peaks["a"] < WORKER_MIB
        assert peaks["notifier"] < NOTIFIER_MIB
        rows = {one.key: one.value for one in await running.read(CHANGELOG) if one.key.startswith(b"\x01store:")}
        assert len([value for value in rows.values() if value is not None]) <= SLOTS * NAMES
        assert len(rows) > STORES / 4

        alarms = {alarm.alarm_id for alarm in await running.alarms() if alarm.severity != "info"}

        async def all_decided() -> bool:
            return alarms <= {one.key.decode() for one in await running.read("notifications")}

        await running.until(all_decided)
        incidents = {one.key: one.value for one in await running.read("notifications")}
        states = Counter(
            f"{delivery.state} {delivery.rule}"
            for value in incidents.values()
            if value is not None
            for delivery in decode_incident(value).deliveries
        )
        sys.stderr.write(f"deliveries: {dict(states)}\n")
        assert states["waiting folded"] > CUSTOMERS / 4
        assert not [state for state in states if state.startswith("failed") or "queue_full" in state]
