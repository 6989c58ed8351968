"""Processes the records of one partition: decodes them, folds them through the core, and returns the records to send.

Only ticks advance the clock. A record that is not an event, or on which the core fails, becomes a dead letter with its reason, and the
partition continues. Kafka clients, Faust and the writing of rows are left to the engine.
"""

import logging
from collections.abc import Callable, Iterable
from sys import intern
from time import perf_counter
from typing import Any

import msgspec

from scorers.contract.alarms import Subject
from scorers.contract.events import AlarmAction, AnyEvent, CustomerErased, Instant, Micros
from scorers.contract.inert import inert
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode, encode_alarm, encode_event
from scorers.in_force.context import Context
from scorers.in_force.control import GroupInForce, Tick
from scorers.in_force.figures import Contribution, last_day
from scorers.partition.partition import Partition
from scorers.partition.routing import address_of, other_subjects
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.timeline.emitter import Step
from scorers.timeline.facts import Ref
from scorers.timeline.subjects import Report as GroupReport
from streams.engine.batching_producer import Output
from streams.engine.crash.failpoints import faulty
from streams.engine.rows import Rows
from streams.metrics import WorkerMetrics
from streams.records.actions import read_action
from streams.records.by_source import SHOWN, BySource
from streams.records.lessons import pseudonymous
from streams.records.sealed_control import open_control, sealed
from streams.records.signing import Keyring
from streams.records.written import is_ahead, written_at
from streams.worker.feed_rows import FEED_ROW, FeedRows
from streams.worker.forwarded import forward, is_for_feed, read_forwarded, read_told, tell
from streams.worker.in_force import Adopted, InForce, shared
from streams.worker.partition_state import CONTROL, GROUP, KEY, NOTHING_ADOPTED, PartitionState, Progress
from streams.worker.published_customers import PublishedCustomers
from streams.worker.reports import Report
from streams.worker.row_timelines import RowTimelines
from streams.worker.stored_row import StoredRow
from streams.worker.suppressed import GONE, RowSuppressions
from streams.worker.worklists.parts import PartitionLists
from vigia.runtime.dead_letter import encode
from vigia.runtime.erasures import ERASURES, customer_of, null_id
from vigia.runtime.privacy.keyed_hash import KeyedHash

TOO_FAR = "time is more than a day ahead of the record's Kafka timestamp"

log = logging.getLogger(__name__)

Names = Callable[[str], str]
"""From the plain name of a topic to its name on this broker."""


class PartitionProcessor:
    """Folds the records of one partition while it is assigned to this process.

    `hashes` names erased customers and those of lessons, `keys` sign the reports of groups and verify control records, `home` gives the partition of a key,
    and `partitions` is the number of partitions.
    """

    def __init__(
        self,
        rows: Rows[StoredRow],
        policy: Policy,
        names: Names,
        metrics: WorkerMetrics,
        hashes: KeyedHash,
        keys: Keyring,
        home: Callable[[bytes], int] | None = None,
        partitions: int = 1,
    ) -> None:
        self.rows = rows
        self.ctx = Context(policy, UNTRAINED)
        self.state = PartitionState(policy)
        self.timelines = RowTimelines(rows, self.ctx, self._expect)
        self.published = PublishedCustomers(names("customers"), self.timelines, self.ctx)
        self.suppressed = RowSuppressions(rows, hashes)
        self.lists, self.heard = PartitionLists(rows.partition, names), FeedRows(rows)
        due, suppressed, dates = self.timelines.due, self.suppressed, self.lists.dates
        self.partition = Partition(
            self.ctx, self.timelines, due=due, suppressed=suppressed, lists=dates, heard=self.heard
        )
        self._stale: list[bytes] = []  # rows of erased customers that an old disk has brought back
        self._in_force = InForce(self.ctx, rows)
        self._keys, self._hashes = keys, hashes
        self._conflicts = BySource()
        self._names, self._metrics, self._home, self._partitions = names, metrics, home, partitions
        self._clock, self._actions, self._groups = names("clock"), names("alarm-actions"), names("groups")
        self._alarms, self._lessons = names("alarms"), names("lessons")
        self._plain = {
            names(plain): plain for plain in ("purchases", "contacts", "complaints", "feedback", "alarm-actions")
        }
        metrics.customers(rows.partition, self.timelines.census)
        metrics.quality(rows.partition, self.state.book.total)

    def _expect(self, due: Micros, name: str) -> None:
        self.partition.expect(due, name)

    def recover(self, key: bytes, row: StoredRow) -> None:
        """Take a row that was stored earlier; called before the first record is folded."""
        if key.startswith(b"\x00"):
            assert isinstance(row.data, bytes)
            if key == KEY:
                self.state.recover(row.data)
                self.partition.clock = self.state.progress.clock
                self.partition.newest = self.state.progress.fact
                self.lists.dates.resume(self.state.progress.lists, self.ctx)
            elif key.startswith(GONE):
                self.suppressed.recover(key, row.data)
            elif key.startswith(FEED_ROW):
                self.heard.recover(key.removeprefix(FEED_ROW).decode(), row.data)
            elif key.startswith((CONTROL, GROUP)):
                self._in_force.recover(key, row.data)
            return
        name = key.decode()
        if (address := address_of(key)) is not None:
            self.partition.places.recover(address.slot)
            if address.type == "feed":
                assert isinstance(row.data, bytes)
                self.partition.feeds.recover(address.id, row.data)
                self._metrics.silent(self.rows.partition, len(self.partition.feeds.silent))
        else:
            if self.suppressed.is_stale(name, row):
                self._stale.append(key)
                return
            self.timelines.recover(row)
            self.published.recover(key)
            self.lists.recover(name, row.readings())
        if row.due:
            self.partition.expect(row.due, name)

    def fold(self, record: Any) -> list[Output]:
        """Fold one record and return the records to send. If anything raises, rows and timelines are as before."""
        self._in_force.resume()
        self.timelines.begin()
        self.partition.places.begin()
        self.timelines.era = self._in_force.eras
        for key in self._stale:
            self.rows.delete(key)
        try:
            outputs = self._fold(record)
            if self.partition.ended:
                outputs += self.lists.tell(self.partition.ended)
        except Exception:
            changed = self.timelines.undo()
            self.lists.undo(changed, self.partition.ended, self.state.progress.lists, self.ctx)
            self.partition.places.undo()
            self.heard.undone()
            raise
        self._stale.clear()
        return outputs

    def _fold(self, record: Any) -> list[Output]:
        if record.topic == self._clock:
            return self._control(record)
        if record.topic == self._groups:
            return self._fold_forwarded(record)
        if record.topic == self._actions:
            return self._fold_action(record)
        return self._fold_event(record)

    # --- facts ------------------------------------------------------------------------------------------------

    def _fold_event(self, record: Any) -> list[Output]:
        event = self._read(record)
        if isinstance(event, Rejection):
            return [self.dead_letter(record, event.code, event.detail)]
        return self._fold_read(event, record)

    def _fold_action(self, record: Any) -> list[Output]:
        """Fold what a person did about an alarm of a customer; the newest instant of the partition does not follow from it."""
        action = read_action(record)
        if action is None or action.customer_id is None:
            return []
        if record.key != action.customer_id.encode():
            return [self.dead_letter(record, "key_mismatch", "the record's key is not its customer_id")]
        if is_ahead(action.time, record):
            return [self.dead_letter(record, "bad_time", TOO_FAR)]
        return self._fold_read(action, record)

    def _fold_read(self, event: AnyEvent, record: Any) -> list[Output]:
        began = perf_counter()
        ref = Ref(intern(event.source), event.id, record.topic, record.partition, record.offset)
        arrival = written_at(record) if isinstance(event, CustomerErased) else 0
        step = self.partition.fold(event, ref, arrival)
        self._metrics.step(perf_counter() - began)
        faulty(record.value)
        plain = self._plain.get(record.topic, record.topic)
        kind = str(event.__struct_config__.tag)
        self._metrics.event(plain, kind, "folded" if step is None else step.status)
        outputs = []
        if step is not None:
            if step.status == "conflict":
                self._log_conflict(event, record)
            if step.status == "core_error":
                return [self.dead_letter(record, "core_error", step.fault)]
            outputs = self._outputs(step)
            if isinstance(event, CustomerErased) or step.forgotten:
                gone = self.published.gone()
                if gone and isinstance(event, CustomerErased):
                    outputs += self.lists.erased(event.customer_id)
                outputs += gone
            self._remember(step.counts, newest=0 if isinstance(event, AlarmAction) else int(event.time))
        if step is None or step.is_new:
            for address in other_subjects(event):
                outputs.append(forward(self._groups, self._partitions, address, event, record, self.rows.source))
        if record.value is None and plain != ERASURES and event.time:  # where other processes look for erasures
            outputs.append(Output(self._names(ERASURES), record.key, encode_event(event)))
        return outputs

    def _log_conflict(self, event: AnyEvent, record: Any) -> None:
        """Log a conflict with its source and place: the first of a source, then at each doubling of their number."""
        count = self._conflicts.add(event.source)
        if not count & (count - 1):
            log.warning(
                "%s/%d@%d: conflict %d of source %s: another event stands under its source and id, and nothing was changed",
                *(record.topic, record.partition, record.offset, count, inert(event.source, SHOWN)),
            )

    def _fold_forwarded(self, record: Any) -> list[Output]:
        try:
            if is_for_feed(record):
                return self._outputs(self.partition.feeds.merge(read_told(record)))
            address, event, ref, origin = read_forwarded(record)
        except ValueError as error:
            return [self.dead_letter(record, "bad_value", str(error))]
        if is_ahead(event.time, record):
            return [self.dead_letter(record, "bad_time", TOO_FAR)]
        step = self.partition.fold_for(address, event, ref, origin)
        self._metrics.event("groups", str(event.__struct_config__.tag), step.status)
        if step.status == "core_error":
            return [self.dead_letter(record, "core_error", step.fault)]
        return self._outputs(step)

    def _read(self, record: Any) -> AnyEvent | Rejection:
        """The event of a record, or why it must be rejected."""
        if record.value is None:
            return self._forget(record)
        event = decode(record.value)
        if isinstance(event, Rejection):
            return event
        customer = event.customer_id
        if record.key != (None if customer is None else customer.encode()):
            return Rejection("key_mismatch", "the record's key is not its customer_id", event.id, event.source)
        if customer is not None and (fault := self._misrouted(record)):
            return Rejection("key_mismatch", fault, event.id, event.source)
        if is_ahead(event.time, record):
            return Rejection("bad_time", TOO_FAR, event.id, event.source)
        return event

    def _misrouted(self, record: Any) -> str:
        """Why a new customer does not belong to this partition; empty if it does.

        A producer with another partitioner would split a customer into two.
        """
        if self._home is None or self.rows.get(record.key) is not None:
            return ""
        home = self._home(record.key)
        if home == record.partition:
            return ""
        return f"the key belongs to partition {home}: its producer must spread keys by murmur2, as Java's clients do"

    def _forget(self, record: Any) -> AnyEvent | Rejection:
        """The erasure that a null value requests: forget everything known of the key's customer up to now."""
        name = customer_of(record.key)
        if not name:
            return Rejection("key_mismatch", "neither a value nor a key that names a customer")
        if fault := self._misrouted(record):
            return Rejection("key_mismatch", fault)
        timeline = self.timelines.get(name)
        known = timeline.state.last_fact if timeline is not None else 0
        at = Instant(max(known, self.state.progress.clock))
        plain = self._plain.get(record.topic, record.topic)
        event_id = null_id(plain, record.partition, record.offset)
        return CustomerErased(id=event_id, source=record.topic, time=at, customer_id=name)

    # --- time and what is in force ----------------------------------------------------------------------------

    def _control(self, record: Any) -> list[Output]:
        control = open_control(self._keys, record)
        if isinstance(control, Rejection):
            return [self.dead_letter(record, control.code, control.detail)]
        if not isinstance(control, Tick):
            return self._adopt(record, shared(control))
        return self._tick_groups(control, record) if control.groups else self._tick(control)

    def _tick_groups(self, tick: Tick, record: Any) -> list[Output]:
        until, at_least, feeds = int(tick.until), int(tick.in_force or tick.until), self.partition.feeds
        if tick.phase == "tell":
            return [tell(self._groups, self._partitions, told) for told in feeds.tell(until)]
        steps = feeds.judge(until, self.partition.clock, base=tick.phase == "base")
        if tick.phase == "groups":
            steps += self.partition.tick_groups(until)
            self._metrics.silent(self.rows.partition, len(feeds.silent))
        return [out for step in steps for out in self._outputs(step, at_least)]

    def _tick(self, tick: Tick) -> list[Output]:
        until = int(tick.until)
        outputs: list[Output] = []
        counts: list[Contribution] = []
        for step in self.partition.tick(until):
            outputs += self._outputs(step)
            counts += step.counts
        self._metrics.clock(self.rows.partition, self.partition.clock)
        outputs += self.lists.tell(self.partition.ended)
        outputs += self.published.gone()
        outputs += self.published.due(self.partition.clock)
        if self.rows.folded(KEY):
            return outputs
        state, progress = self.state, self.state.progress
        state.add(counts)
        day = max(progress.day, last_day(until, self.ctx.policy))
        newest, clock = max(progress.newest, until), max(progress.clock, until)
        if day > progress.day:
            state.end_day(day)
            report = Report(self.rows.partition, day, newest, dict(state.book.total))
            outputs.append(Output(self._names("figures"), Report.KEY, report.encode()))
        fact = self.partition.newest
        self._put(
            msgspec.structs.replace(progress, clock=clock, newest=newest, day=day, follows=tick.follows, fact=fact)
        )
        return outputs

    def _adopt(self, record: Any, control: Adopted) -> list[Output]:
        if self.rows.folded(KEY):
            return []
        if fault := self._in_force.fault(control):
            return [self.dead_letter(record, "bad_value", fault)]
        progress = self.state.progress
        if isinstance(control, GroupInForce):  # the context knows the newest report of each group
            is_new, late = self._in_force.adopt(control, record.offset, progress.newest)
            if is_new:
                self._put(msgspec.structs.replace(progress, late=progress.late + late))
            else:
                self._metrics.repeated()
            return []
        kind = str(control.__struct_config__.tag)
        adopted = progress.newest_adopted.get(kind, NOTHING_ADOPTED)
        if not adopted.precedes(control.order, control.version):
            self._metrics.repeated()
            return []
        is_new, late = self._in_force.adopt(control, record.offset, progress.newest)
        newest_adopted = {**progress.newest_adopted, kind: adopted.then(control.order, control.version)}
        self._put(
            msgspec.structs.replace(progress, late=progress.late + (is_new and late), newest_adopted=newest_adopted)
        )
        return []

    # --- outputs ----------------------------------------------------------------------------------------------

    def _outputs(self, step: Step, in_force: Micros = 0) -> list[Output]:
        outputs = []
        if step.forgotten:
            self._metrics.forgot(step.forgotten)
        for alarm in step.alarms:
            outputs.append(Output(self._alarms, alarm.subject.id.encode(), encode_alarm(alarm)))
            self._metrics.alarm(alarm)
        outputs += [Output(self._lessons, *pseudonymous(lesson, self._hashes)) for lesson in step.lessons]
        for report in step.reports:
            outputs += self._report_back(report, in_force)
        return outputs

    def _report_back(self, report: GroupReport, in_force: Micros) -> list[Output]:
        """A group's report as a control record to every partition, in force at `in_force` or later."""
        subject = Subject(report.subject, report.id)
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

    def _remember(self, counts: Iterable[Contribution], newest: Micros) -> None:
        if self.rows.folded(KEY):
            return
        progress = self.state.progress
        self.state.add(list(counts))
        if newest > progress.newest:
            progress = msgspec.structs.replace(progress, newest=newest, fact=self.partition.newest)
        self._put(progress)

    def _put(self, progress: Progress) -> None:
        if progress.lists != (lists := self.lists.dates.progress):
            progress = msgspec.structs.replace(progress, lists=lists)
        self.state.progress = progress
        self.rows.put(KEY, StoredRow.of_partition(self.state.version()))

    def dead_letter(self, record: Any, code: Any, detail: str) -> Output:
        """Count a rejected record and return its dead letter."""
        self._metrics.rejected(code)
        return dead_letter(self._names("dead-letters"), record, code, detail)


def dead_letter(topic: str, record: Any, code: str, detail: str) -> Output:
    """The dead letter of a record: its key and value unchanged, the reason and its place in the log as headers."""
    return Output(topic, *encode(record, code, detail))
