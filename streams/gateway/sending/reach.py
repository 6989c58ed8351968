"""Whether the brokers that lead partitions answer, so that nothing is handed to a producer for one that is gone.

A broker is doubted when there is no connection to it, or when it has long been silent about records. It is then asked over a connection of its own,
since a producer's waits for the answer to a batch. One that has not answered within `GRACE` is gone: what is for its partitions is refused at
once, until it answers or others lead them. It goes on being asked meanwhile, so nobody has to send anything to end that.
"""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.errors import KafkaError
from aiokafka.protocol.metadata import MetadataRequest

GRACE = 1.0  # seconds that a broker has to answer, which may be restarting or have another lead its partitions
AGAIN = 0.25  # seconds between two questions to a broker
FRESH = 0.5  # seconds for which an answer is believed
NOBODY = -1  # the leader of a partition that has none

Place = tuple[str, int]
"""A topic and a partition."""


class Unreachable(RuntimeError):
    """The broker that leads a partition does not answer."""


class Brokers:
    """The brokers of a cluster, as a producer's client knows them."""

    def __init__(self, client: Any) -> None:
        self._client, self._now = client, asyncio.get_running_loop().time
        self.gone: set[int] = set()
        self._answered: dict[int, float] = {}
        self._asked: dict[int, tuple[asyncio.Task[None], asyncio.Event]] = {}

    def leader(self, at: Place) -> int | None:
        """The broker that leads a partition, `NOBODY`, or None if that is not known."""
        node: int | None = self._client.cluster.leader_for_partition(TopicPartition(*at))
        return node

    async def reach(self, places: Iterable[Place], silent: set[int | None]) -> None:
        """Return if the leaders of all partitions can be sent to; `silent` ones must answer first. Raises `Unreachable`."""
        leaders = {self.leader(at) for at in places}
        if self.gone and not leaders.isdisjoint(self.gone):
            raise Unreachable("Kafka's broker does not answer")
        doubted = {node for node in leaders if node is not None and self._is_doubted(node, silent)}
        if not doubted:
            return
        for node in doubted:
            await self._verdict(node)
        leaders = {self.leader(at) for at in places}
        if NOBODY in leaders or not leaders.isdisjoint(self.gone):
            raise Unreachable("Kafka's broker does not answer")

    def close(self) -> None:
        """Ask nobody any more."""
        for asking, _ in self._asked.values():
            asking.cancel()

    def _is_doubted(self, node: int, silent: set[int | None]) -> bool:
        if node != NOBODY and node not in silent:
            connection = self._client._conns.get((node, ConnectionGroup.DEFAULT))
            if connection is not None and connection.connected():
                return False
        return self._now() - self._answered.get(node, -FRESH) >= FRESH

    async def _verdict(self, node: int) -> None:
        """Wait until a broker has answered or is gone; requests ask together."""
        if node not in self._asked:
            judged = asyncio.Event()
            self._asked[node] = asyncio.create_task(self._ask(node, judged)), judged
        await self._asked[node][1].wait()

    async def _ask(self, node: int, judged: asyncio.Event) -> None:
        """Ask until there is an answer, or no such broker any more."""
        until = self._now() + GRACE
        try:
            while not await self._answers(node):
                if self._now() >= until:
                    if node == NOBODY:
                        return
                    self.gone.add(node)
                    judged.set()
                self._client.force_metadata_update()  # others may lead its partitions by now
                await asyncio.sleep(AGAIN)
                if node != NOBODY and self._client.cluster.broker_metadata(node) is None:
                    return
            self._answered[node] = self._now()
        finally:
            self.gone.discard(node)
            del self._asked[node]
            judged.set()

    async def _answers(self, node: int) -> bool:
        if node == NOBODY:
            return False
        try:
            async with asyncio.timeout(GRACE):
                await self._client.send(node, MetadataRequest([]), group=ConnectionGroup.COORDINATION)
        except (KafkaError, OSError, TimeoutError):
            return False
        return True
