"""How soon receivers are told of alarms, and what they get of a burst: `python -m tests.bench.notices`.

A notifier process on a real Kafka sends to a webhook and to a mail server, both of this machine. At a steady load the time is
taken from before an alarm is written to `alarms` until the receiver has read the notification. Of a burst the receivers count
the alarms that they were told of, with the limits that ship; the notifier's clock is then set on by an hour, so that digests go.
"""

import argparse
import asyncio
import logging
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from tests.alerts.pipeline.test_notifier import Process, alarm
from tests.bench.speed import table
from tests.faults.test_flood import peak
from tests.support.burst import Chain, Receivers, burst, until
from vigia.lab.local_kafka import LocalKafka
from vigia.runtime import topics
from vigia.runtime.broker import Broker

PARTITIONS, WARMING = 8, 5  # seconds that do not count
SHIPPED = {"desk": 1_000, "mail": 60}
"""Notifications an hour that go alone, of a webhook and of mail."""


async def chain_on(address: str, receivers: Receivers, folder: str) -> Chain:
    """A notifier with topics of its own."""
    broker = Broker(address, f"bench-{uuid4().hex[:6]}.")
    await topics.apply(broker, PARTITIONS)
    return Chain(broker, receivers, Path(folder))


def pid_of(process: Process) -> int:
    """The number of a process."""
    assert process.process is not None
    return process.process.pid


async def steady(address: str, rate: float, seconds: int) -> list[list[str]]:
    """A row of milliseconds for each channel, at so many alarms a second."""
    written: dict[str, float] = {}
    async with Receivers().open("per_hour = 0") as receivers:
        with tempfile.TemporaryDirectory() as folder:
            chain = await chain_on(address, receivers, folder)
            async with chain.running():
                await chain.tell(alarm("first", "F"))
                await until(lambda: all(receivers.at.values()), lambda: "the notifier serves")
                start = time.monotonic()
                for number in range(round(rate * (seconds + WARMING))):
                    await asyncio.sleep(max(0.0, start + number / rate - time.monotonic()))
                    written[f"a{number}"] = time.monotonic()
                    await chain.tell(alarm(f"a{number}", f"C{number}"))
                await until(
                    lambda: all(len(some) > len(written) for some in receivers.at.values()), lambda: "all are told"
                )
    counted = list(written)[round(rate * WARMING) :]
    rows = []
    for channel, at in receivers.at.items():
        took = sorted(1000 * (at[one] - written[one]) for one in counted)
        found = statistics.quantiles(took, n=100)
        percentiles = (f"{found[p - 1]:.0f}" for p in (50, 90, 99))
        rows.append([channel, f"{rate:g}", f"{len(took):,}", *percentiles, f"{took[-1]:.0f}"])
    return rows


async def flood(address: str, number: int) -> list[list[str]]:
    """A row for each channel of what it was told of a burst."""
    async with Receivers().open("") as receivers:
        with tempfile.TemporaryDirectory() as folder:
            chain = await chain_on(address, receivers, folder)
            async with chain.running() as notifier:
                began = time.monotonic()
                await burst(chain, number, min(SHIPPED.values()), within=600)
                took, most = time.monotonic() - began, peak(pid_of(notifier))
                assert await notifier.end(signal.SIGTERM) == 0
            states = await chain.states()
    say(
        f"{number:,} alarms and a critical one: {took:.0f} s, the notifier at most {most} MiB; deliveries: {dict(states)}"
    )
    return [
        [channel, f"{len(told):,}", f"{told.count(1):,}", ", ".join(f"{n:,}" for n in told if n > 1), f"{sum(told):,}"]
        for channel, told in receivers.told.items()
    ]


def say(text: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def measure(address: str, rates: list[float], seconds: int, number: int) -> None:
    """Print both tables."""
    rows = [row for rate in rates for row in await steady(address, rate, seconds)]
    say(table(["channel", "alarms/s", "alarms", "p50 ms", "p90 ms", "p99 ms", "worst ms"], rows))
    rows = await flood(address, number)
    say(table(["channel", "notifications", "of one alarm", "digests of", "alarms told"], rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.notices", description=__doc__)
    parser.add_argument("--rate", type=float, nargs="+", default=[5.0], help="alarms a second (default: 5)")
    parser.add_argument("--seconds", type=int, default=120, help="at each rate (default: 120)")
    parser.add_argument("--burst", type=int, default=10_000, help="alarms at once (default: 10000)")
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # topics just made are warned of
    if args.kafka:
        asyncio.run(measure(args.kafka, args.rate, args.seconds, args.burst))
        return
    with LocalKafka() as node:
        asyncio.run(measure(node.address, args.rate, args.seconds, args.burst))


if __name__ == "__main__":
    main()
