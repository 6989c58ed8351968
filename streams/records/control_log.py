"""The records of `clock`: sent to every partition, written to a file of lines, and read from it by a replay."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from scorers.contract.rejection import Rejection
from scorers.in_force.control import Control, PolicyInForce, Tick, decode_control
from streams.records.sealed_control import open_control, sealed
from streams.records.signing import Keyring
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import bounds, read_range


class ControlsWrong(ValueError):
    """A file of control records that cannot be used; the message names the line."""


async def send_to_all(producer: Any, keys: Keyring, topic: str, partitions: int, control: Control) -> None:
    """Sign one control record for every partition of the clock, send them, and wait until all are acknowledged."""
    sent = []
    for number in range(partitions):
        value, headers = sealed(keys, topic, number, control)
        sent.append(await producer.send(topic, value, headers=list(headers), partition=number))
    await asyncio.gather(*sent)


async def dump(broker: Broker, partitions: int, out: Path, keys: Keyring) -> tuple[int, int]:
    """Write the records of `clock`, each with its partition and offset, partition by partition.

    Records that no trusted key signed are left out, as every worker ignores them: a file holds what was in force, and whoever
    reads it trusts it like a file of events. Returns how many records were written, and how many were left out.
    """
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **broker.consumer())
    await consumer.start()
    count = left_out = 0
    try:
        with out.open("wb") as file:
            for number in range(partitions):
                partition = TopicPartition(broker.name("clock"), number)
                async for record in read_range(consumer, *await bounds(consumer, [partition])):
                    if isinstance(open_control(keys, record), Rejection):
                        left_out += 1
                        continue
                    line = {"partition": number, "offset": record.offset, **msgspec.json.decode(record.value)}
                    await asyncio.to_thread(file.write, msgspec.json.encode(line) + b"\n")
                    count += 1
    finally:
        await consumer.stop()
    return count, left_out


class _Place(msgspec.Struct):
    partition: int = 0


def read(path: Path) -> Iterator[Control]:
    """What was put in force, in order, from the lines of partition 0: every partition gets the same.

    Raises `ControlsWrong`.
    """
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
    """The policy that the worker used; None if the file has none. Raises `ControlsWrong` if it has several."""
    texts = {control.version: control.text for control in read(path) if isinstance(control, PolicyInForce)}
    if len(texts) > 1:
        raise ControlsWrong(
            f"{path}: the worker changed its policy ({', '.join(texts)}); a replay has one: give --policy"
        )
    return next(iter(texts.values()), None)
