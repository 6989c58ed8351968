"""The records that a worker sends because of a step: alarms, lessons, reports of groups, parcels and dead letters."""

from collections.abc import Callable
from typing import Any

from scorers.contract.events import Instant, Micros
from scorers.contract.wire import encode_alarm
from scorers.in_force.control import Group, GroupInForce
from scorers.partition.merges import REFUSED
from scorers.timeline.emitter import Step
from scorers.timeline.subjects import Report as GroupReport
from streams.engine.batching_producer import Output
from streams.engine.rows import Rows
from streams.metrics.buckets import INPUTS
from streams.metrics.worker import WorkerMetrics
from streams.records.lessons import pseudonymous
from streams.records.sealed_control import sealed
from streams.records.signing import Keyring
from streams.worker.forwarded import refused_merge, send
from streams.worker.rows.stored_row import StoredRow
from vigia.runtime.dead_letter import encode
from vigia.runtime.privacy.keyed_hash import KeyedHash

Names = Callable[[str], str]
"""From the plain name of a topic to its name on this broker."""


class StepOutputs:
    """Makes the records of one partition's steps. `hashes` name the customers of lessons, `keys` sign the reports of groups."""

    def __init__(
        self,
        rows: Rows[StoredRow],
        names: Names,
        partitions: int,
        keys: Keyring,
        hashes: KeyedHash,
        metrics: WorkerMetrics,
    ) -> None:
        self._clock, self._groups, self._alarms = names("clock"), names("groups"), names("alarms")
        self._lessons, self._dead_letters = names("lessons"), names("dead-letters")
        self._partitions, self._keys, self._hashes = partitions, keys, hashes
        self._rows, self._metrics = rows, metrics
        self._plain = {names(topic): topic for topic in INPUTS}

    def of_step(self, step: Step, record: Any, in_force: Micros = 0) -> list[Output]:
        """The records of what a step says; a group is in force at `in_force` or later. `record` is the one that was folded."""
        outputs = []
        if step.forgotten:
            self._metrics.forgot(step.forgotten)
        for alarm in step.alarms:
            outputs.append(Output(self._alarms, alarm.subject.id.encode(), encode_alarm(alarm)))
            self._metrics.alarm(alarm)
        outputs += [Output(self._lessons, *pseudonymous(lesson, self._hashes)) for lesson in step.lessons]
        for report in step.reports:
            outputs += self._report_back(report, in_force)
        for parcel in step.parcels:
            outputs.append(send(self._groups, self._partitions, parcel, record, self._rows.source))
        for refused in step.refused:
            outputs.append(self.dead_letter(refused_merge(refused), "bad_value", REFUSED))
        return outputs

    def _report_back(self, report: GroupReport, in_force: Micros) -> list[Output]:
        """A group's report as a control record to every partition, in force at `in_force` or later."""
        subject = Group(report.subject, report.id)
        control = GroupInForce(
            in_force=Instant(max(report.in_force, in_force)),
            reported=Instant(report.in_force),
            subject=subject,
            values=report.values,
        )
        return [
            Output(self._clock, None, *sealed(self._keys, self._clock, number, control), number)
            for number in range(self._partitions)
        ]

    def dead_letter(self, record: Any, code: Any, detail: str) -> Output:
        """Count a rejected record and return its dead letter."""
        self._metrics.rejected(code, self._plain.get(record.topic, record.topic))
        return dead_letter(self._dead_letters, record, code, detail)


def dead_letter(topic: str, record: Any, code: str, detail: str) -> Output:
    """The dead letter of a record: its key and value unchanged, the reason and its place in the log as headers."""
    return Output(topic, *encode(record, code, detail))
