"""Reconciles alarms that a dead worker published: connects the engine's output log with the core."""

import logging
from collections.abc import Iterator

import msgspec

from scorers.contract.alarms import Alarm, Subject
from scorers.contract.wire import decode_alarm, encode_alarm
from scorers.partition.routing import Address
from scorers.timeline.reconcile import reconcile
from streams.engine.batching_producer import Output
from streams.worker.partition_processor import PartitionProcessor

log = logging.getLogger(__name__)


class _Identity(msgspec.Struct):
    alarm_id: str
    subject: Subject
    customer_id: str | None = None


_identity = msgspec.json.Decoder(_Identity).decode


class Reconciler:
    """Compares published alarms with the rows of one partition."""

    def __init__(self, processor: PartitionProcessor, topic: str) -> None:
        self._processor, self._topic = processor, topic

    def identify(self, value: bytes) -> tuple[str, bytes]:
        """The id of an alarm, and the key of the row that raised it, from the alarm's record."""
        found = _identity(value)
        return found.alarm_id, _name(found.customer_id, found.subject).encode()

    def reconcile(self, last: bytes) -> Iterator[Output]:
        """The record that corrects an alarm whose last published record is `last`, if that is wrong."""
        alarm = decode_alarm(last)
        if not isinstance(alarm, Alarm):
            return
        processor = self._processor
        timeline = processor.partition.timelines.get(_name(alarm.customer_id, alarm.subject))
        corrected = reconcile(timeline, alarm, processor.partition.clock, processor.ctx)
        if corrected is not None:
            log.warning("%s of kind %s, published by a dead worker, is now %s", alarm.type, alarm.kind, corrected.type)
            yield Output(self._topic, corrected.subject.id.encode(), encode_alarm(corrected))


def _name(customer_id: str | None, subject: Subject) -> str:
    """The name under which a partition keeps the subject that raised an alarm."""
    return customer_id if customer_id is not None else Address(subject.type, subject.id).name
