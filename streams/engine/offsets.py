"""Where a group of workers stands, by what Kafka says: what is committed, what waits, and of which life the topics are.

A topic that is deleted and made anew begins again at offset 0, under the same name. What was committed in its earlier
life would skip records of the new one, and a fence of that life would drop them as known; so each commit and each fence
says which life it counts in (`topicids`), and a worker that sees another one ends by name.

So does a worker that sees an input grow, as customers would be read in two halves from then on, and one that misses a
topic it writes to: it could only wait there, at the first record that it has to write, and not say for what.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupCoordinatorNotAvailableError
from faust.types import TP

from streams.engine.topic_incarnations import Incarnation, incarnations
from vigia.runtime.broker import Broker
from vigia.runtime.topics import WORKER, TopicsWrong


class InputOffsets:
    """Clients of its own beside Faust's, while the block runs; `incarnations` tells each input's life as it was at the start."""

    def __init__(self, broker: Broker, inputs: Sequence[str], outputs: Sequence[str] = ()) -> None:
        self.incarnations: dict[str, str] = {}
        self._broker, self._inputs, self._outputs = broker, inputs, outputs
        self._began: dict[str, Incarnation] = {}  # the inputs at the start
        self._gone: set[str] = set()  # outputs that were not there at the last look

    async def __aenter__(self) -> Self:
        self._admin = AIOKafkaAdminClient(**self._broker.client())
        self._ends = AIOKafkaConsumer(enable_auto_commit=False, **self._broker.client())
        try:
            await self._admin.start()
            await self._ends.start()
            self._began = await incarnations(self._admin, self._inputs)
            self.incarnations.update((topic, life.id) for topic, life in self._began.items())
            await self._refuse_earlier_incarnations()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.stop()
        await self._admin.close()

    async def lagging(self, inputs: Iterable[TP]) -> dict[TP, int]:
        """The committed offset of each input that has records beyond it."""
        tps = [TopicPartition(tp.topic, tp.partition) for tp in inputs]
        if not tps:
            return {}
        ends, first = await self._ends.end_offsets(tps), await self._ends.beginning_offsets(tps)
        done = {tp: max(first[tp], told.offset) for tp, told in (await self._committed(tps)).items()}
        return {TP(tp.topic, tp.partition): done.get(tp, first[tp]) for tp in tps if done.get(tp, first[tp]) < ends[tp]}

    async def check_incarnations(self, otherwise: Callable[[str], object]) -> None:
        """Call `otherwise` with a reason if an input is not the one that it was at the start, or an output is gone."""
        now = await incarnations(self._admin, [*self._inputs, *self._outputs])
        for topic, was in self._began.items():
            is_ = now.get(topic, was)
            if is_.id != was.id:
                otherwise(f"the topic {topic} was deleted and made anew (id {is_.id}, was {was.id})")
            if is_.partitions != was.partitions:
                otherwise(f"the topic {topic} has {is_.partitions} partitions, and had {was.partitions} at the start")
        before, self._gone = self._gone, set(self._outputs) - now.keys()
        for topic in sorted(before & self._gone):  # a broker that has just come up may not know of all yet
            otherwise(f"the topic {topic} is gone")

    async def _refuse_earlier_incarnations(self) -> None:
        tps = [tp for topic in self._inputs for tp in await self._partitions(topic)]
        faults = [
            f"{tp.topic} partition {tp.partition} was committed up to {told.offset} before the topic was made anew"
            for tp, told in (await self._committed(tps)).items()
            if told.offset > 0 and told.metadata and told.metadata != self.incarnations.get(tp.topic, told.metadata)
        ]
        if faults:
            raise TopicsWrong(
                f"{'; '.join(faults)}: records of the new one would be skipped. While no worker runs, "
                f"kafka-consumer-groups --group {self._broker.name(WORKER)} --reset-offsets --to-earliest "
                f"--topic {faults[0].split()[0]} --execute (see docs/operations.md)"
            )

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        (told,) = await self._admin.describe_topics([topic])
        return [TopicPartition(topic, partition["partition"]) for partition in told["partitions"]]

    async def _committed(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, Any]:
        try:
            told: dict[TopicPartition, Any] = await self._admin.list_consumer_group_offsets(
                self._broker.name(WORKER), partitions=list(tps)
            )
        except GroupCoordinatorNotAvailableError:
            return {}
        return told
