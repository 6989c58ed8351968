"""How long a backup and a restore take: `python -m tests.faults.restoring ROWS` on a real Kafka of this machine."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from aiokafka import AIOKafkaProducer

from vigia.lab.local_kafka import LocalKafka
from vigia.operations.backup import back_up, restore
from vigia.operations.backup_file import opened
from vigia.runtime import topics
from vigia.runtime.broker import Broker
from vigia.runtime.topics import CHANGELOG

PARTITIONS = 8
ROW = 1_500  # bytes; half of them random, so that the file is packed as much as rows are


async def measure(rows: int) -> None:
    """Fill a changelog, back it up, and restore it under another prefix's empty topics."""
    with LocalKafka() as node, tempfile.TemporaryDirectory() as folder:
        broker, file = Broker(node.address), Path(folder) / "vigia.tar.gz"
        await topics.apply(broker, PARTITIONS)
        producer = AIOKafkaProducer(acks="all", linger_ms=20, **broker.client())
        await producer.start()
        for number in range(rows):
            row = b'{"purchases@0":1}\n' + os.urandom(ROW // 2) + bytes(ROW // 2)
            await producer.send(CHANGELOG, row, key=b"C%d" % number, partition=number % PARTITIONS)
        await producer.stop()
        began = time.monotonic()
        await back_up(broker, file, "", {})
        made = time.monotonic()
        with opened(file) as (manifest, unpacked):
            checked = time.monotonic()
            await restore(Broker(node.address, "again-"), manifest, unpacked, 1)
        done = time.monotonic()
        size = file.stat().st_size / 1e6
        print(  # noqa: T201
            f"{rows} rows: backup {made - began:.1f} s, {size:.0f} MB; check {checked - made:.1f} s, "
            f"restore {done - checked:.1f} s"
        )


if __name__ == "__main__":
    asyncio.run(measure(int(sys.argv[1])))
