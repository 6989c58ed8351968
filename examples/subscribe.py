"""A program of your own that reads alarms: `python examples/subscribe.py`, on any Kafka that Vigía runs on.

Kafka remembers how far the group has read, so a restart goes on where it ended; each alarm may come more than once
under the same `alarm_id`, `type` and `time`.
"""

import asyncio
import json
import os

from aiokafka import AIOKafkaConsumer

STATE_CHANGES = ("stage-changed", "tier-changed", "loyalty-changed", "reactivated", "golden-conversion")


async def main() -> None:
    """Print each alarm that is raised; call your own till, desk or CRM here."""
    kafka = os.environ.get("VIGIA_KAFKA", "127.0.0.1:9092")
    options = {"group_id": "my-program", "auto_offset_reset": "earliest"}
    async with AIOKafkaConsumer(
        "alarms", bootstrap_servers=kafka, isolation_level="read_committed", **options
    ) as records:
        async for record in records:
            try:
                alarm = json.loads(record.value)
            except ValueError:
                continue  # not from Vigía
            if alarm["type"] == "alarm.raised" and alarm["kind"] not in STATE_CHANGES:
                print(alarm["kind"], alarm["severity"], alarm["customer_id"], alarm["treatment"])  # noqa: T201


asyncio.run(main())
