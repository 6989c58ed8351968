"""Tells a running system from which instant on its alarms are wanted, before events of the past are sent to it."""

import os
import time

from aiokafka import AIOKafkaProducer

from scorers.contract.events import Instant
from scorers.in_force.control import HistoryInForce
from streams.records.control_log import send_to_all
from streams.records.signing import keyring
from vigia.commands.shared.seals import with_keys
from vigia.runtime import settings
from vigia.runtime.broker import Broker


class ToldOfHistory:
    """Puts in force that alarms before an instant are history; made before anything is sent, as the key may be missing."""

    def __init__(self, broker: Broker, before: Instant) -> None:
        config = with_keys(settings.read(os.environ), broker)
        self._keys = keyring(config.seal, config.seal_trust).require("clock")
        self._broker, self._before = broker, before

    async def tell(self) -> None:
        """Return once every partition has it, so that whatever is sent next is folded after it. Raises KafkaError."""
        topic = self._broker.name("clock")
        control = HistoryInForce(before=self._before, sent=Instant(time.time_ns() // 1000))
        producer = AIOKafkaProducer(acks="all", **self._broker.client())
        try:
            await producer.start()
            await send_to_all(producer, self._keys, topic, len(await producer.partitions_for(topic)), control)
        finally:
            await producer.stop()
