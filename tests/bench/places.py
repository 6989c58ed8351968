"""Where a worker's processor time goes: `python -m tests.bench.places`.

The product's worker runs with a sampler inside: every two milliseconds of processor time it notes in which place the
event loop's thread is. What calls decides, not what is called: Kafka's client under the writing of the changelog is the
changelog's. What its batches then take on their way to the broker, those of changelog and outputs alike, is `sending`.
Fetching is done by a thread that Faust gives to the consumer, and shows in what other threads took.
"""

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any
from uuid import uuid4

from tests.bench.populace import Populace
from tests.bench.scale import PARTITIONS, committed, started, warm_up
from tests.bench.speed import processor_time, table
from tests.kafka.running import Running
from vigia.lab.local_kafka import LocalKafka

CUSTOMERS, EVENTS = 10_000, 20_000
EVERY = 0.002  # seconds of processor time

PLACES = {
    ("record_reader.py", "read"): "decode, and is it at home",
    ("step_outputs.py", "of_step"): "alarms and lessons encoded",
    ("row_timelines.py", "get"): "customers made from their rows",
    ("stored_row.py", "encode"): "rows encoded",
    ("rows.py", "take_changed"): "rows encoded",
    ("row_store.py", "get"): "store read",
    ("row_store.py", "_write"): "store written",
    ("changelog.py", "append"): "changelog",
}
FILES = {
    "partition_processor.py": "fold, judge, compare, score",
    "alignment.py": "alignment",
    "write_behind.py": "engine",
    "rows.py": "engine",
    "row_timelines.py": "engine",
    "row_store.py": "store read",
    "output_log.py": "outputs",
    "batching_producer.py": "outputs",
    "chunk.py": "chunks, commits",
    "contiguity.py": "chunks, commits",
}
LIBRARIES = {
    "/aiokafka/consumer/": "fetch",
    "/aiokafka/record/": "fetch",
    "/aiokafka/producer/": "sending",
    "/aiokafka/": "Kafka client, other",
    "/faust/": "Faust",
    "/mode/": "Faust",
}
THREADS = "other threads: Kafka fetched, RocksDB"


def place(frame: FrameType | None) -> str:
    """Where a stack is: the innermost frame of ours that has a place, else the innermost of a library that has."""
    library = ""
    while frame is not None:
        path, function = frame.f_code.co_filename, frame.f_code.co_name
        if "/streams/" in path:
            file = path.rpartition("/")[2]
            if found := PLACES.get((file, function)) or FILES.get(file):
                return found
        elif not library:
            library = next((told for part, told in LIBRARIES.items() if part in path), "")
        frame = frame.f_back
    return library or "other"


def work(out: Path, arguments: list[str]) -> None:
    """Be the worker; the sampler runs from SIGUSR1 to SIGUSR2, and then tells."""
    from vigia.cli import main as vigia

    found: Counter[str] = Counter()
    began: list[float] = []

    def sample(_: int, frame: FrameType | None) -> None:
        found[place(frame)] += 1

    def begin(*_: Any) -> None:
        began.extend((time.process_time(), time.thread_time()))
        signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)

    def end(*_: Any) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        whole, own = time.process_time() - began[0], time.thread_time() - began[1]
        shares = {name: n / found.total() * own / whole for name, n in found.items()}
        whole_file = out.with_suffix(".part")
        whole_file.write_text(json.dumps({**shares, THREADS: 1 - own / whole}))
        whole_file.rename(out)

    for sign, does in ((signal.SIGPROF, sample), (signal.SIGUSR1, begin), (signal.SIGUSR2, end)):
        signal.signal(sign, does)
    sys.argv = ["vigia", "worker", *arguments]
    sys.exit(vigia())


async def measure(address: str) -> None:
    populace = Populace()
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "places.json"
        async with Running(address, f"bench-{uuid4().hex[:6]}.", Path(directory), PARTITIONS) as running:
            await populace.settle(running, CUSTOMERS)
            command = (sys.executable, "-m", "tests.bench.places", "--worker", str(out), "--metrics-port", "0")
            await started(running, command)
            await warm_up(running, populace, CUSTOMERS)
            events, pid = list(populace.events(EVENTS, CUSTOMERS)), running.workers["a"].pid
            running.processes.signal("a", signal.SIGUSR1)
            spent = processor_time(pid)
            await populace.publish(running, iter(events))
            await running.until(lambda: committed(running), 300)
            cost = (processor_time(pid) - spent) / EVENTS * 1e6
            running.processes.signal("a", signal.SIGUSR2)
            await running.until(lambda: asyncio.sleep(0.1, out.exists()))
            shares: dict[str, float] = json.loads(out.read_text())
            assert await running.stop() == 0
    rows = [
        [name, f"{share:.1%}", f"{share * cost:.0f}"]
        for name, share in sorted(shares.items(), key=lambda pair: -pair[1])
    ]
    sys.stdout.write(table(["place", "share", "us an event"], [*rows, ["all", "100 %", f"{cost:.0f}"]]))


def main() -> None:
    if sys.argv[1:2] == ["--worker"]:
        work(Path(sys.argv[2]), sys.argv[3:])
    parser = argparse.ArgumentParser(prog="python -m tests.bench.places", description=__doc__)
    parser.add_argument("--kafka", default=os.environ.get("VIGIA_TEST_KAFKA"), help="default: one is started")
    args = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.ERROR)  # topics just made are warned of
    if args.kafka:
        asyncio.run(measure(args.kafka))
        return
    with LocalKafka() as node:
        asyncio.run(measure(node.address))


if __name__ == "__main__":
    main()
