"""The records of `clock` as a file of lines: written from Kafka, read by a replay that is to judge as the worker did."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from scorers.contract.rejection import Rejection
from scorers.in_force.control import Control, PolicyInForce, Tick, decode_control
from vigia.runtime.broker import Broker


class ControlsWrong(ValueError):
    """A file of control records that cannot be used; the message names the line."""


async def dump(broker: Broker, partitions: int, out: Path) -> int:
    """Write all records of `clock`, partition by partition, each with where it stood; how many there were."""
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **broker.client())
    await consumer.start()
    count = 0
    try:
        with out.open("wb") as file:
            for number in range(partitions):
                tp = TopicPartition(broker.name("clock"), number)
                consumer.assign([tp])
                (first,) = (await consumer.beginning_offsets([tp])).values()
                (end,) = (await consumer.end_offsets([tp])).values()
                consumer.seek(tp, first)
                while await consumer.position(tp) < end:
                    for record in (await consumer.getmany(timeout_ms=500)).get(tp, []):
                        told = msgspec.json.decode(record.value)
                        line = {"partition": number, "offset": record.offset, **told}
                        await asyncio.to_thread(file.write, msgspec.json.encode(line) + b"\n")
                        count += 1
    finally:
        await consumer.stop()
    return count


class _Place(msgspec.Struct):
    partition: int = 0


def read(path: Path) -> Iterator[Control]:
    """What was put in force, in its order, from one partition's lines: every partition is told the same."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            control = decode_control(line)
            if isinstance(control, Rejection):
                raise ControlsWrong(f"{path}, line {number}: {control.code}: {control.detail}")
            if not isinstance(control, Tick) and msgspec.json.decode(line, type=_Place).partition == 0:
                yield control


def policy_text(path: Path) -> str | None:
    """The policy that the worker judged by; None if the file tells none."""
    texts = {control.version: control.text for control in read(path) if isinstance(control, PolicyInForce)}
    if len(texts) > 1:
        raise ControlsWrong(
            f"{path}: the worker changed its policy ({', '.join(texts)}); a replay has one: give --policy"
        )
    return next(iter(texts.values()), None)
