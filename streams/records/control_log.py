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

POLICY = str(PolicyInForce.__struct_config__.tag).encode()


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


async def policy_texts(broker: Broker, keys: Keyring) -> dict[str, str]:
    """The text of each policy that was sent, by version, the newest last. Every partition gets the same, so one is read."""
    partition = TopicPartition(broker.name("clock"), 0)
    consumer = AIOKafkaConsumer(enable_auto_commit=False, **broker.consumer())
    await consumer.start()
    found: list[PolicyInForce] = []
    try:
        async for record in read_range(consumer, *await bounds(consumer, [partition])):
            if POLICY not in (record.value or b""):  # most records are ticks, and verifying a signature takes time
                continue
            control = open_control(keys, record)
            if isinstance(control, PolicyInForce):
                found.append(control)
    finally:
        await consumer.stop()
    texts: dict[str, str] = {}
    for control in sorted(found, key=lambda one: one.sent):
        texts.pop(control.version, None)
        texts[control.version] = control.text
    return texts


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
    """The policy that the worker used at first; None if the file has none. Later ones come into force at their instants.

    Raises `ControlsWrong` if several have no instant.
    """
    policies = [control for control in read(path) if isinstance(control, PolicyInForce)]
    at_once = {control.version for control in policies if not control.in_force}
    if len(at_once) > 1:
        raise ControlsWrong(
            f"{path}: the worker began with several policies ({', '.join(sorted(at_once))}); a replay begins with one: give --policy"
        )
    return min(policies, key=lambda one: (one.in_force, one.sent)).text if policies else None
