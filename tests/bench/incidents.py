"""The memory that the notifier's incidents take: `python -m tests.bench.incidents 100000 open`.

`changes` reads state changes that no route names, `open` alarms that stay open, `ended` alarms that end after they were sent.
The incidents lie in the store of the notifier; its producer acknowledges at once, so that memory alone is measured.
"""

import asyncio
import gc
import sys
from typing import Any

from alerts.pipeline.dispatch import Dispatcher
from alerts.pipeline.incident_store import IncidentStore
from alerts.pipeline.metrics import NotifierMetrics
from alerts.pipeline.routes import load
from scorers.contract.events import Instant
from tests.support.hashes import HASHES
from tests.support.paths import ROOT
from tests.support.timeline import Sink, alarm, at, settled
from vigia.runtime.broker import Broker

KINDS = {"changes": ("stage-changed", "info"), "open": ("complaint-overdue", "error")}
KINDS["ended"] = KINDS["open"]


class Acknowledging:
    """Stands for a producer whose broker answers at once."""

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        """The write, done."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def resident() -> int:
    """The resident memory of this process in bytes."""
    with open("/proc/self/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS"))


async def measure(number: int, what: str) -> None:
    """Take so many alarms and print what they cost."""
    routes = load(ROOT / "deploy" / "routes.toml")
    store = IncidentStore(Acknowledging(), Broker(), NotifierMetrics().incident)
    dispatcher = Dispatcher(routes, {name: Sink() for name in routes.channels}, store, hashes=HASHES)
    gc.collect()
    before = resident()
    kind, severity = KINDS[what]
    for n in range(number):
        one = alarm(f"{n:032x}", kind, customer_id=f"C{n:010}", severity=severity)
        await dispatcher.take(one, at(9))
        if what == "ended":
            await dispatcher.deliver("log", at(9))
            await dispatcher.take(settled(one, Instant(at(9) + 1)), Instant(at(9) + 1))
    gc.collect()
    grown = resident() - before
    queues = {name: (len(queue), queue.folded) for name, queue in dispatcher.queues.items()}
    sys.stdout.write(
        f"{number:,} {what}: {len(store):,} incidents, {grown / 1e6:.0f} MB, {grown // number:,} bytes each; {queues}\n"
    )


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1]), sys.argv[2]))
