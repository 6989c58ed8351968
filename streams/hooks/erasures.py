"""Follows erasures that reach Kafka without passing this gateway, so that its file of sales forgets those customers too.

The worker repeats every erasure on `feedback`, so this one topic is read. How far it was read lies in the file itself and changes in
the same transaction as what is forgotten: an erasure counts once, also one that was written while the gateway was down.
"""

import asyncio
import logging
import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.hooks.sales import Sales
from streams.hooks.taking import Hooks
from vigia.runtime.broker import Broker
from vigia.runtime.erasures import ERASURES, read_erasure

LOGGER = logging.getLogger("vigia.hooks")
POLL_MS = 500
RETRY = 2.0  # seconds after a fault, and between two looks whether there are hooks by now


async def follow(broker: Broker, hooks: Hooks) -> None:
    """Forget customers as they are erased, until cancelled; faults are logged once, and tried again."""
    failing = False
    while True:
        try:
            if hooks.remembers:
                await _followed(broker, hooks)
        except (KafkaError, OSError, TimeoutError, sqlite3.Error) as fault:
            if not failing:
                LOGGER.warning("erasures are not followed in the hooks' file for now: %s", type(fault).__name__)
            failing = True
        await asyncio.sleep(RETRY)


async def _followed(broker: Broker, hooks: Hooks) -> None:
    consumer = AIOKafkaConsumer(
        broker.name(ERASURES), **broker.consumer(), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        await consumer.start()
        ends, has_sales = await hooks.use(Sales.erasures_read), await hooks.use(Sales.has_sales)
        for place in consumer.assignment():
            if place.partition in ends:
                consumer.seek(place, ends[place.partition])
            elif not has_sales:  # who was erased before the first sale and has come back is not erased again
                await consumer.seek_to_end(place)
                ends[place.partition] = await consumer.position(place)
        await hooks.use(Sales.erase, (), ends)
        while True:
            await _forgotten(hooks, await consumer.getmany(timeout_ms=POLL_MS))
    finally:
        await consumer.stop()


async def _forgotten(hooks: Hooks, read: Mapping[TopicPartition, Sequence[Any]]) -> None:
    if not read:
        return
    records = [record for some in read.values() for record in some]
    customers = [erasure.customer_id for record in records if (erasure := read_erasure(record)) is not None]
    await hooks.use(
        Sales.erase, customers, {place.partition: some[-1].offset + 1 for place, some in read.items() if some}
    )
