"""Asks the running system about customers: their rows on the topic `customers`, and their alarms."""

from collections.abc import Sequence

import msgspec
from aiokafka import AIOKafkaConsumer

from scorers.contract.alarms import Alarm
from scorers.contract.wire import decode_alarm
from streams.engine.batching_producer import partition_of
from vigia.commands.shared.kafka import broker, run_once
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.runtime.broker import Broker
from vigia.runtime.topic_reader import read, read_range, whole_topic
from vigia.runtime.usage_error import UsageError

_row = msgspec.json.Decoder(CustomerRow).decode


def chosen(events: Sequence[str] | None, kafka: str | None, prefix: str, *offline: object) -> Broker | None:
    """The broker to ask, or None if files are named; `offline` are options that only files can have."""
    if kafka is None:
        if not events:
            raise UsageError("name files of events or the folder of a replay, or ask the running system with --kafka")
        return None
    if events:
        raise UsageError(f"--kafka asks the running system: leave {events[0]!r} out, or --kafka")
    if any(one is not None for one in offline):
        raise UsageError(
            "--policy, --horizon and --until are for files: the running system has its own; leave them out"
        )
    return broker(kafka, prefix, "customer show")


def rows(where: Broker) -> list[CustomerRow]:
    """Every customer of the running system."""
    newest: dict[bytes, bytes | None] = {}
    run_once(read(where, "customers", lambda record: newest.update([(record.key, record.value)])), where.address)
    return [_row(value) for value in newest.values() if value is not None]


def alarms(where: Broker) -> list[Alarm]:
    """Every record of the alarms of the running system."""
    found: list[bytes] = []
    run_once(read(where, "alarms", lambda record: found.append(record.value)), where.address)
    decoded = (decode_alarm(value) for value in found if value is not None)
    return [alarm for alarm in decoded if isinstance(alarm, Alarm)]


def of_customer(where: Broker, customer_id: str) -> tuple[CustomerRow | None, list[Alarm]]:
    """One customer and the alarms, from the one partition that has them."""
    key = customer_id.encode()
    found: dict[str, list[bytes | None]] = {"customers": [], "alarms": []}

    async def work() -> None:
        for topic, values in found.items():
            name = where.name(topic)
            consumer = AIOKafkaConsumer(name, enable_auto_commit=False, **where.consumer())
            try:
                await consumer.start()
                starts, ends = await whole_topic(consumer, name)
                home = partition_of(len(starts), key)
                mine = {tp: start for tp, start in starts.items() if tp.partition == home}
                async for record in read_range(consumer, mine, ends):
                    if record.key == key:
                        values.append(record.value)
            finally:
                await consumer.stop()

    run_once(work(), where.address)
    last = found["customers"][-1] if found["customers"] else None
    alarms = [decode_alarm(value) for value in found["alarms"] if value is not None]
    return None if last is None else _row(last), [alarm for alarm in alarms if isinstance(alarm, Alarm)]
