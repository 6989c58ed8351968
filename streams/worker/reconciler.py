"""What the fold of customers owes the world for alarms of a worker that died: the link from `orphans` to the core."""

import logging
from collections.abc import Iterator

import msgspec

from scorers.contract.alarms import Alarm
from scorers.contract.wire import decode_alarm, encode_alarm
from scorers.timeline.reconcile import amend
from streams.engine.batching_producer import Output
from streams.worker.partition_processor import PartitionProcessor

log = logging.getLogger(__name__)


class _Named(msgspec.Struct):
    alarm_id: str
    customer_id: str | None = None


_named = msgspec.json.Decoder(_Named).decode


class Reconciler:
    """Speaks for the rows of one partition."""

    def __init__(self, folder: PartitionProcessor, topic: str) -> None:
        self._folder, self._topic = folder, topic

    def identify(self, value: bytes) -> tuple[str, bytes]:
        """The alarm, and the key of its customer's row."""
        told = _named(value)
        return told.alarm_id, (told.customer_id or "").encode()

    def reconcile(self, last: bytes) -> Iterator[Output]:
        """What the row says of an alarm that was told last so."""
        alarm = decode_alarm(last)
        if not isinstance(alarm, Alarm) or alarm.customer_id is None:
            return
        folder = self._folder
        monitor = folder.partition.monitors.get(alarm.customer_id)
        amended = amend(monitor, alarm, folder.partition.clock, folder.ctx)
        if amended is not None:
            log.warning("%s of kind %s, told by a worker that died, is %s", alarm.type, alarm.kind, amended.type)
            yield Output(self._topic, amended.subject.id.encode(), encode_alarm(amended))
