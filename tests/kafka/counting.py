"""The smallest worker on the engine: it counts events per customer, and every hundredth number is an output.

`python -m tests.kafka.counting ADDRESS GROUP STATE_DIR` runs one; the prefix of all its topics is the group's name.
"""

import json
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import faust
from aiokafka import AIOKafkaProducer

from streams.engine.batching_producer import Output
from streams.engine.chunk import ChunkSchema, deliver
from streams.engine.consumer import ChunkTransport
from streams.engine.row_store import ChunkTable, TableRowStore
from streams.engine.rows import Codec, Rows
from streams.engine.write_behind import PartitionProcessor, WriteBehind

PARTITIONS = 4
INPUTS = ("events", "clock")
SETTINGS: dict[str, Any] = {
    "store": "rocksdb://",
    "web_enabled": False,
    "topic_allow_declare": False,
    "topic_disable_leader": True,
    "topic_partitions": PARTITIONS,
    "table_standby_replicas": 0,
    "stream_recovery_delay": 0,
    "broker_commit_interval": 0.7,
    "broker_session_timeout": 3,
    "broker_heartbeat_interval": 0.5,
    "broker_rebalance_timeout": 5,
    "consumer_auto_offset_reset": "earliest",
    "autodiscover": False,
}


def topics(group: str) -> dict[str, int]:
    """All topics of a group of counting workers, with their partition counts."""
    changelog = f"{group}-counts-changelog"
    return {
        **dict.fromkeys((f"{group}.{name}" for name in (*INPUTS, "outputs", "dead-letters")), PARTITIONS),
        changelog: PARTITIONS,
    }


def counts(app: faust.App) -> Any:
    """The table of the app."""
    sizes = {"block_cache_size": 8 << 20, "write_buffer_size": 4 << 20}
    return app.Table("counts", partitions=PARTITIONS, key_type=bytes, value_type=bytes, options=sizes)


class Counting:
    """Row: how many events, and the sum of their numbers. A record on `clock` settles every known customer once."""

    def __init__(self, group: str, rows: Rows[dict[str, int]]) -> None:
        self.group, self.rows = group, rows
        self.known: set[bytes] = set()

    def recover(self, key: bytes, row: dict[str, int]) -> None:
        self.known.add(key)

    def fold(self, record: Any) -> Iterator[Output]:
        if record.topic == f"{self.group}.clock":
            for key in self.known:
                if not self.rows.folded(key) and (row := self.rows.get(key)) is not None:
                    self.rows.put(key, {**row, "ticks": row["ticks"] + 1})
            return
        event = json.loads(record.value)
        row = self.rows.get(record.key) or {"events": 0, "sum": 0, "ticks": 0}
        self.rows.put(record.key, {**row, "events": row["events"] + 1, "sum": row["sum"] + event["number"]})
        self.known.add(record.key)
        if event["number"] % 100 == 0:
            yield Output(f"{self.group}.outputs", record.key, b"%d" % event["number"])
        if event.get("poison"):
            raise ValueError("poison")


CODEC: Codec[dict[str, int]] = Codec(lambda row: json.dumps(row).encode(), json.loads)


def build(
    address: str,
    group: str,
    state: str,
    fold: Callable[[str, Any], PartitionProcessor] = Counting,
    codec: Codec[Any] = CODEC,
    watch: Callable[[WriteBehind[Any]], None] = lambda engine: None,
) -> faust.App:
    """The Faust app of one worker; `watch` sees its engine before the first record."""
    app = faust.App(
        group,
        broker=f"kafka://{address}",
        datadir=state,
        stream_wait_empty=True,
        stream_buffer_maxsize=32,
        Table=ChunkTable,
        **SETTINGS,
    )
    inputs = [f"{group}.{name}" for name in INPUTS]
    app.transport = ChunkTransport(app, inputs, changelogs=[f"{group}-counts-changelog"])
    table = counts(app)
    source = app.topic(*inputs, schema=ChunkSchema(), key_serializer="raw", value_serializer="raw")

    @app.agent(source, concurrency=1)
    async def count(stream: Any) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=address, acks="all", max_batch_size=900_000, max_request_size=1_000_000
        )
        await producer.start()
        engine = WriteBehind(
            processor=partial(fold, group),
            codec=codec,
            reject=lambda record, error: Output(f"{group}.dead-letters", record.key, record.value),
            store=TableRowStore(table),
            producer=producer,
            changelog=table.changelog_topic.get_topic_name(),
        )
        app.on_partitions_assigned.connect(lambda *_, **__: engine.reset(), weak=False)
        watch(engine)
        try:
            async with engine.running():
                await deliver(stream, engine.take)
        finally:
            await producer.stop()

    return app


if __name__ == "__main__":
    address, group, state = sys.argv[1:4]
    worker = faust.Worker(build(address, group, state), loglevel="INFO", redirect_stdouts=False)
    worker.execute_from_commandline()
