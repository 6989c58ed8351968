"""A business that grows to more partitions under load, with its notifier: what `vigia partitions grow` is tried on."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from aiokafka import TopicPartition

from tests.alerts.pipeline.test_notifier import ROUTES, SECRET
from tests.faults.proof import Proof, simulated
from tests.kafka.processes import CHECKOUT
from tests.kafka.running import time_of
from tests.support.driver import record
from vigia.runtime.broker import INPUTS

POLICY = "[risk]\nhorizon = '10d'\n[time]\nnotify_within = '3650d'\n"
"""Alarms of years ago are sent too."""
NOTIFIER = (sys.executable, "-m", "vigia", "notifier", "--metrics-port", "0")
GROW = (sys.executable, "-m", "vigia", "partitions", "grow")


class Growing(Proof):
    """Workers, clock, trainer and notifier of one prefix."""

    def notify(self, url: str) -> None:
        """Start a notifier that sends to a receiver of webhooks."""
        routes = self.directory / "routes.toml"
        routes.write_text(ROUTES.format(url=url).replace("url =", "per_hour = 0\nurl ="))
        self.start("n", [*NOTIFIER, "--routes", str(routes)], HOOK_SECRET=SECRET)

    async def pause(self) -> None:
        """Stop the clock and the trainer of this process."""
        self._over.set()
        await asyncio.gather(*self._tasks)
        self._tasks.clear()

    def environment(self) -> dict[str, str]:
        """The settings of the command."""
        return {
            "VIGIA_KAFKA": self.broker.address,
            "VIGIA_PREFIX": self.broker.prefix,
            "VIGIA_PARTITIONS": str(self.settings.partitions),
            "VIGIA_SEAL": self.settings.seal,
            "VIGIA_STATE": str(self.directory / "a"),
        }

    async def grow(self, to: str, partitions: int, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `vigia partitions grow` to its end."""
        words: Sequence[str] = [*GROW, "--to", to, "--partitions", str(partitions), *arguments]
        return await asyncio.to_thread(
            subprocess.run,
            words,
            cwd=CHECKOUT,
            env=os.environ | self.environment(),
            capture_output=True,
            text=True,
            timeout=240,
        )


def folder(parent: Path, name: str) -> Path:
    """A new folder."""
    path = parent / name
    path.mkdir()
    return path


def story(directory: Path, customers: int, days: int) -> list[bytes]:
    """Events of an invented business, with grave complaints about its stores: alarms that are sent at once, and facts for groups."""
    found = []
    for number, line in enumerate(simulated(directory, customers, days, 5)):
        found.append(line)
        customer = json.loads(line).get("customer_id")
        if customer is not None and number % 9 == 0:
            about = {"complaint_id": f"K{number}", "severity": "major", "store_id": f"S{number % 4}"}
            found.append(record("complaint.opened", time_of(line), customer, **about))
    return found


async def forwarded(old: Growing, new: Growing) -> None:
    """Wait until all that was sent under the former prefix has been forwarded."""

    async def is_there() -> bool:
        tps = [TopicPartition(old.broker.name(t), n) for t in INPUTS for n in range(old.settings.partitions)]
        ends = await old.ends.end_offsets(tps)
        found = await new.admin.list_consumer_group_offsets(new.broker.name("vigia-cutover"), partitions=tps)
        return all(found[tp].offset >= end for tp, end in ends.items())

    await old.until(is_there)
