"""From an event to its alarm, at a quarter, a half and four fifths of what a worker can do: `python -m tests.bench.latency`.

10,000 customers with two years behind them are in the worker's memory. What it can do is measured first: events as fast
as they are taken, until all are committed. Then events come at a steady pace, one in ten a grave complaint that alarms at
once; the time is taken from before it is sent until its alarm has been read from `alarms` by another client. Sender,
reader, broker and worker share the machine. The processor time of an event is that of the whole worker over all its threads, also
while it waits.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

from aiokafka import AIOKafkaConsumer, TopicPartition

from scorers.contract.alarms import Alarm
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import decode_alarm
from tests.bench.populace import STEP, Event, Populace, name
from tests.bench.scale import PARTITIONS, committed, started, warm_up
from tests.bench.speed import processor_time, table
from tests.kafka.running import Running
from vigia.lab.local_kafka import LocalKafka

CUSTOMERS = 10_000
BURST = 10_000
LOADS = (0.25, 0.5, 0.8)
WARMING = 3  # seconds


class Complaints:
    """Events of which one in ten is a complaint, when each of those was sent, and when its alarm came."""

    def __init__(self, populace: Populace) -> None:
        self._populace = populace
        self.sent: dict[str, float] = {}
        self.took: dict[str, float] = {}

    def event(self, number: int) -> tuple[str, Event]:
        """The next event, and the complaint's name if it is one."""
        customer = number * 7919 % CUSTOMERS  # each in turn, in no order
        if number % 10:
            return "", self._populace.event(customer)
        self._populace.clock += STEP
        complaint, who = uuid4().hex, name(customer)
        event = {"id": complaint, "source": "desk", "time": rfc3339(self._populace.clock), "customer_id": who}
        event |= {"type": "complaint.opened", "complaint_id": complaint, "severity": "major"}
        return complaint, Event("complaints", who.encode(), json.dumps(event).encode())

    async def send(self, running: Running, rate: float, seconds: int) -> None:
        """Send at a steady pace."""
        events = [self.event(number) for number in range(round(rate * seconds))]
        start = time.monotonic()
        for number, (complaint, (topic, key, line)) in enumerate(events):
            if (early := start + number / rate - time.monotonic()) > 0:
                await asyncio.sleep(early)
            if complaint:
                self.sent[complaint] = time.monotonic()
            await running.producer.send(running.broker.name(topic), line, key=key)

    async def listen(self, running: Running) -> None:
        """Take the time at which alarms come."""
        consumer = AIOKafkaConsumer(auto_offset_reset="earliest", **running.broker.client())
        await consumer.start()
        consumer.assign([TopicPartition(running.broker.name("alarms"), n) for n in range(PARTITIONS)])
        try:
            async for record in consumer:
                alarm = decode_alarm(record.value)
                if isinstance(alarm, Alarm) and alarm.kind == "major-problem" and alarm.subject.id in self.sent:
                    self.took.setdefault(alarm.subject.id, time.monotonic() - self.sent[alarm.subject.id])
        finally:
            await consumer.stop()


def spent(running: Running) -> float:
    """Seconds of processor time of the worker until now."""
    return processor_time(running.workers["a"].pid)


async def capacity(running: Running, populace: Populace) -> tuple[float, float]:
    """Events a second that the worker can do, and the microseconds of processor time of each."""
    complaints = Complaints(populace)
    events = [complaints.event(number)[1] for number in range(BURST)]
    began, before = time.monotonic(), spent(running)
    await populace.publish(running, iter(events))
    await running.until(lambda: committed(running), 300)
    return BURST / (time.monotonic() - began), (spent(running) - before) / BURST * 1e6


async def at(running: Running, populace: Populace, rate: float, seconds: int) -> tuple[list[float], float]:
    """The milliseconds that alarms took at a steady rate, sorted, and the microseconds of processor time of an event."""
    complaints = Complaints(populace)
    await complaints.send(running, rate, WARMING)
    complaints.sent.clear()
    listening = asyncio.create_task(complaints.listen(running))
    before = spent(running)
    await complaints.send(running, rate, seconds)
    await running.until(lambda: asyncio.sleep(0, len(complaints.took) == len(complaints.sent)))
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)
    await running.until(lambda: committed(running))
    cost = (spent(running) - before) / round(rate * seconds) * 1e6
    return sorted(1000 * took for took in complaints.took.values()), cost


async def measure(address: str, seconds: int, most: float | None) -> None:
    populace, rows = Populace(), []
    with tempfile.TemporaryDirectory() as directory:
        async with Running(address, f"bench-{uuid4().hex[:6]}.", Path(directory), PARTITIONS) as running:
            await populace.settle(running, CUSTOMERS)
            await started(running)
            await warm_up(running, populace, CUSTOMERS)
            found, least = await capacity(running, populace)
            most = most or found
            for load in LOADS:
                took, cost = await at(running, populace, load * most, seconds)
                parts = statistics.quantiles(took, n=100)
                percentiles = (f"{parts[p - 1]:.0f}" for p in (50, 90, 99))
                costs = f"{cost:.0f}", f"{cost / least:.2f}"
                rows.append(
                    [f"{load:.0%}", f"{load * most:,.0f}", f"{len(took):,}", *percentiles, f"{took[-1]:.0f}", *costs]
                )
            assert await running.stop() == 0
    sys.stdout.write(f"capacity: {most:,.0f} events/s, {least:.0f} us each; {seconds} s at each load\n\n")
    head = ["load", "events/s", "alarms", "p50 ms", "p90 ms", "p99 ms", "worst ms", "us an event", "to a burst"]
    sys.stdout.write(table(head, rows))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.latency", description=__doc__)
    parser.add_argument("--seconds", type=int, default=15, help="at each load (default: 15)")
    parser.add_argument("--most", type=float, help="events a second of a full load (default: what was measured)")
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # topics just made are warned of
    if args.kafka:
        asyncio.run(measure(args.kafka, args.seconds, args.most))
        return
    with LocalKafka() as node:
        asyncio.run(measure(node.address, args.seconds, args.most))


if __name__ == "__main__":
    main()
