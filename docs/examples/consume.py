"""Read alarms in Python: `python consume.py kafka:9092 [PREFIX [COUNT]]` prints each change of an alarm, at most COUNT of them."""

import asyncio
import json
import sys

from aiokafka import AIOKafkaConsumer


async def main(kafka: str, prefix: str = "", count: str = "1000000000") -> None:
    """Read from the oldest alarm on; a program that keeps its group id goes on where it stopped."""
    consumer = AIOKafkaConsumer(
        f"{prefix}alarms",
        bootstrap_servers=kafka,
        group_id=f"{prefix}my-alarms-python",
        auto_offset_reset="earliest",
        isolation_level="read_committed",
    )
    async with consumer:
        left = int(count)
        async for record in consumer:
            alarm = json.loads(record.value)
            print(alarm["type"], alarm["kind"], alarm["severity"], alarm["customer_id"], alarm["at"], flush=True)
            left -= 1
            if not left:
                return


asyncio.run(main(*sys.argv[1:]))
