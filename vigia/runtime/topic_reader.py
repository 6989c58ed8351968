"""Topics read record by record, from their beginning or their end, for whoever looks at them.

Nothing is committed and no group is joined, so looking changes nothing. Who shows what is read is not known here.
"""

from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from vigia.runtime.broker import Broker
from vigia.runtime.usage_error import UsageError

POLL_MS = 200


async def read(
    where: Broker, topic: str, show: Callable[[Any], object], *, new_only: bool = False, go_on: bool = False
) -> None:
    """Show every record of a topic, up to the end that it has now, or on and on.

    A partition's records come in their order; those of several partitions do not.
    """
    name = where.name(topic)
    consumer = AIOKafkaConsumer(
        name,
        **where.client(),
        auto_offset_reset="latest" if new_only else "earliest",
        enable_auto_commit=False,
    )
    try:
        await consumer.start()
        places: frozenset[TopicPartition] = consumer.assignment()
        if not places:
            raise UsageError(f"the topic {name} is not there; run vigia topics apply, or mend --prefix")
        ends = await consumer.end_offsets(places)
        while go_on or any([await consumer.position(place) < ends[place] for place in places]):
            for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                for record in records:
                    if go_on or record.offset < ends[place]:
                        show(record)
    finally:
        await consumer.stop()
