"""The input offsets of a group of workers as Kafka has them, and whether its topics are still the same.

A topic that is deleted and created again starts at offset 0 under the same name. Offsets committed in its earlier
incarnation would skip records of the new one, and fences of it would drop them as known. So each commit and each fence
names its incarnation, and a worker that meets another one ends with a message.

So does a worker that sees an input get more partitions, because customers would be split between two of them, and one
that misses a topic it writes to: it would wait at the first record that it has to write, without saying for what.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from faust.types import TP

from vigia.runtime.broker import Broker
from vigia.runtime.topic_incarnations import Incarnation, incarnations
from vigia.runtime.topic_reader import bounds, committed
from vigia.runtime.topics import WORKER, TopicsWrong


class InputOffsets:
    """Asks Kafka with clients of its own, inside `async with`; `incarnations` names each input's at the start.

    Entering the block raises `TopicsWrong` if an offset was committed in an earlier incarnation of its topic.
    """

    def __init__(self, broker: Broker, inputs: Sequence[str], outputs: Sequence[str] = ()) -> None:
        self.incarnations: dict[str, str] = {}
        self._broker, self._inputs, self._outputs = broker, inputs, outputs
        self._at_start: dict[str, Incarnation] = {}  # of the inputs
        self._missing: set[str] = set()  # outputs that did not exist at the last check

    async def __aenter__(self) -> Self:
        self._admin = AIOKafkaAdminClient(**self._broker.client())
        self._consumer = AIOKafkaConsumer(enable_auto_commit=False, **self._broker.consumer())
        try:
            await self._admin.start()
            await self._consumer.start()
            self._at_start = await incarnations(self._admin, self._inputs)
            self.incarnations.update((topic, incarnation.id) for topic, incarnation in self._at_start.items())
            await self._reject_earlier_commits()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()
        await self._admin.close()

    async def lagging(self, inputs: Iterable[TP]) -> dict[TP, int]:
        """The committed offset of each input that has records beyond it."""
        tps = [TopicPartition(tp.topic, tp.partition) for tp in inputs]
        begins, ends = await bounds(self._consumer, tps)
        done = {**begins, **{tp: max(begins[tp], one.offset) for tp, one in (await self._committed(tps)).items()}}
        return {TP(tp.topic, tp.partition): done[tp] for tp in tps if done[tp] < ends[tp]}

    async def check_incarnations(self, on_change: Callable[[str], object]) -> None:
        """Call `on_change` with a reason if an input is another than at the start, or an output is gone."""
        now = await incarnations(self._admin, [*self._inputs, *self._outputs])
        for topic, before in self._at_start.items():
            current = now.get(topic, before)
            if current.id != before.id:
                on_change(f"the topic {topic} was deleted and created again (id {current.id}, was {before.id})")
            if current.partitions != before.partitions:
                on_change(
                    f"the topic {topic} has {current.partitions} partitions, and had {before.partitions} at the start"
                )
        missing_before, self._missing = self._missing, set(self._outputs) - now.keys()
        for topic in sorted(missing_before & self._missing):  # a broker that has just started may not know all yet
            on_change(f"the topic {topic} is gone")

    async def _reject_earlier_commits(self) -> None:
        tps = [tp for topic in self._inputs for tp in await self._partitions(topic)]
        faults = [
            f"{tp.topic} partition {tp.partition} was committed up to {one.offset} before the topic was created again"
            for tp, one in (await self._committed(tps)).items()
            if one.offset > 0 and one.metadata and one.metadata != self.incarnations.get(tp.topic, one.metadata)
        ]
        if faults:
            raise TopicsWrong(
                f"{'; '.join(faults)}: records of the new one would be skipped. While no worker runs, "
                f"kafka-consumer-groups --group {self._broker.name(WORKER)} --reset-offsets --to-earliest "
                f"--topic {faults[0].split()[0]} --execute (see docs/operations.md)"
            )

    async def _partitions(self, topic: str) -> list[TopicPartition]:
        (described,) = await self._admin.describe_topics([topic])
        return [TopicPartition(topic, partition["partition"]) for partition in described["partitions"]]

    async def _committed(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, Any]:
        return await committed(self._admin, self._broker.name(WORKER), tps)
