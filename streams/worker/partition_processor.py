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

from scorers.contract.events import AlarmAction, AnyEvent, CustomerErased, CustomerMerged, Micros
from scorers.contract.inert import inert
from scorers.contract.rejection import Rejection
from scorers.contract.wire import encode_event
from scorers.in_force.context import Context
from scorers.in_force.control import GroupInForce, Tick
from scorers.in_force.figures import Contribution, last_day
from scorers.partition.partition import Partition
from scorers.partition.routing import address_of, other_subjects
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED
from scorers.timeline.emitter import Step
from scorers.timeline.facts import Ref
from scorers.timeline.merging.parcels import Parcel
from streams.engine.batching_producer import Output
from streams.engine.rows import Rows
from streams.metrics.groups import Groups
from streams.metrics.worker import WorkerMetrics
from streams.records.actions import read_action
from streams.records.by_source import SHOWN, BySource
from streams.records.sealed_control import open_control
from streams.records.signing import Keyring
from streams.records.written import is_ahead, written_at
from streams.worker.forwarded import (
    forward,
    is_for_feed,
    is_for_flow,
    is_parcel,
    read_flow,
    read_forwarded,
    read_parcel,
    read_told,
    tell,
)
from streams.worker.in_force import Adopted, InForce, shared
from streams.worker.partition_state import CONTROL, GROUP, KEY, NOTHING_ADOPTED, PartitionState, Progress
from streams.worker.published_customers import PublishedCustomers
from streams.worker.record_reader import TOO_FAR, RecordReader
from streams.worker.reports import Report
from streams.worker.rows.feed_rows import FEED_ROW, FeedRows
from streams.worker.rows.row_timelines import RowTimelines
from streams.worker.rows.stored_row import StoredRow
from streams.worker.rows.suppressed import GONE, RowSuppressions
from streams.worker.step_outputs import Names, StepOutputs
from streams.worker.worklists.parts import PartitionLists
from vigia.runtime.crash.failpoints import faulty
from vigia.runtime.erasures import ERASURES
from vigia.runtime.privacy.keyed_hash import KeyedHash

log = logging.getLogger(__name__)


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
        self._record: Any = None  # the one at hand
        self._stale: list[bytes] = []  # rows of erased customers that an old disk has brought back
        self._in_force = InForce(self.ctx, rows)
        self._keys = keys
        self._conflicts = BySource()
        self._names, self._metrics, self._partitions = names, metrics, partitions
        self._clock, self._actions, self._groups = names("clock"), names("alarm-actions"), names("groups")
        self._plain = {
            names(plain): plain for plain in ("purchases", "contacts", "complaints", "feedback", "alarm-actions")
        }
        self._reader = RecordReader(rows, self.timelines, self.state, self._plain, home)
        self._sends = StepOutputs(rows, names, partitions, keys, hashes, metrics)
        metrics.customers(rows.partition, self.timelines.census)
        metrics.quality(rows.partition, self.state.book.total)
        metrics.groups(rows.partition, self._groups_now)
        metrics.closed(rows.partition, lambda: (self.state.progress.day, self.ctx.policy))

    def _groups_now(self) -> Groups:
        """What the groups of the partition say, for a scrape."""
        partition = self.partition
        voices, sites = partition.stores.totals(self.ctx.policy.iceberg), partition.sites
        return Groups(voices, partition.feeds.stores, len(partition.feeds.silent), len(sites), sites.oldest())

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
            elif address.type == "store":
                assert isinstance(row.data, bytes)
                self.partition.stores.recover(row.data, self.ctx)
            elif address.type == "site":
                assert isinstance(row.data, bytes)
                self.partition.sites.recover(name, row.data, self.ctx)
        else:
            if self.suppressed.is_stale(name, row):
                self._stale.append(key)
                return
            if not row.is_nobody:
                self.timelines.recover(row)
                self.published.recover(key)
                readings = row.readings()
                self.lists.recover(name, readings)
                self.partition.buyers.recover(name, readings)
        if row.due:
            self.partition.expect(row.due, name)

    def fold(self, record: Any) -> list[Output]:
        """Fold one record and return the records to send. If anything raises, rows and timelines are as before."""
        if self._in_force.resume(self.state.progress.clock) and self.state.progress.judges_all:
            self.partition.judge_all_again()
        self.timelines.begin()
        self.partition.places.begin()
        self.timelines.era = self._in_force.eras
        for key in self._stale:
            self.rows.delete(key)
        try:
            outputs = self._fold(record)
            if self.partition.listing.ended:
                outputs += self.lists.tell(self.partition.listing.ended, self.ctx.policy_version)
        except Exception:
            changed = self.timelines.undo()
            self.lists.undo(changed, self.partition.listing.ended, self.state.progress.lists, self.ctx)
            self.partition.buyers.undo(changed)
            self.partition.places.undo()
            self.heard.undone()
            raise
        self._stale.clear()
        return outputs

    def _fold(self, record: Any) -> list[Output]:
        self._record = record
        if record.topic == self._clock:
            return self._control(record)
        if record.topic == self._groups:
            return self._fold_forwarded(record)
        if record.topic == self._actions:
            return self._fold_action(record)
        return self._fold_event(record)

    # --- facts ------------------------------------------------------------------------------------------------

    def _fold_event(self, record: Any) -> list[Output]:
        event = self._reader.read(record)
        if isinstance(event, Rejection):
            return [self._sends.dead_letter(record, event.code, event.detail)]
        return self._fold_read(event, record)

    def _fold_action(self, record: Any) -> list[Output]:
        """Fold what a person did about an alarm of a customer; the newest instant of the partition does not follow from it."""
        action = read_action(record)
        if action is None or action.customer_id is None:
            return []
        if record.key != action.customer_id.encode():
            return [self._sends.dead_letter(record, "key_mismatch", "the record's key is not its customer_id")]
        if is_ahead(action.time, record):
            return [self._sends.dead_letter(record, "bad_time", TOO_FAR)]
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
                return [self._sends.dead_letter(record, "core_error", step.fault)]
            outputs = self._outputs(step)
            if isinstance(event, (CustomerErased, CustomerMerged)) or step.forgotten:
                outputs += self._gone(event)
            self._remember(step.counts, newest=0 if isinstance(event, AlarmAction) else int(event.time))
        if step is None or step.is_new:
            for address in other_subjects(event):
                outputs.append(forward(self._groups, self._partitions, address, event, record, self.rows.source))
        if record.value is None and plain != ERASURES and event.time:  # where other processes look for erasures
            outputs.append(Output(self._names(ERASURES), record.key, encode_event(event)))
        return outputs

    def _gone(self, event: AnyEvent) -> list[Output]:
        """What tells readers that customers are gone; those who were erased are on no worklist any more."""
        gone = self.published.gone()
        if gone and isinstance(event, CustomerErased):
            return self.lists.erased(event.customer_id) + gone
        return gone

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
            if is_for_flow(record):
                return self._outputs(self.partition.flows.take(read_flow(record), self.partition.clock))
            if is_for_feed(record):
                return self._outputs(self.partition.feeds.merge(read_told(record)))
            if is_parcel(record):
                return self._take_parcel(*read_parcel(record), record)
            address, event, ref, origin = read_forwarded(record)
        except ValueError as error:
            return [self._sends.dead_letter(record, "bad_value", str(error))]
        if is_ahead(event.time, record):
            return [self._sends.dead_letter(record, "bad_time", TOO_FAR)]
        step = self.partition.fold_forwarded(address, event, ref, origin)
        self._metrics.event("groups", str(event.__struct_config__.tag), step.status)
        if step.status == "core_error":
            return [self._sends.dead_letter(record, "core_error", step.fault)]
        return self._outputs(step)

    def _take_parcel(self, parcel: Parcel, origin: tuple[str, int], record: Any) -> list[Output]:
        """Take what merged ids send each other, or pass it on."""
        event = parcel.event
        step = self.partition.receive(parcel, origin, written_at(record) if isinstance(event, CustomerErased) else 0)
        self._metrics.event("groups", str(event.__struct_config__.tag), step.status)
        if step.status == "core_error":
            return [self._sends.dead_letter(record, "core_error", step.fault)]
        outputs = self._outputs(step) + self._gone(event)
        if step.is_new and isinstance(event, CustomerErased):  # where other processes look for erasures
            outputs.append(Output(self._names(ERASURES), record.key, encode_event(event)))
        tells_time = parcel.content != "let_go" and not isinstance(event, (AlarmAction, CustomerErased))
        self._remember(step.counts, newest=int(event.time) if tells_time else 0)
        return outputs

    # --- time and what is in force ----------------------------------------------------------------------------

    def _control(self, record: Any) -> list[Output]:
        control = open_control(self._keys, record)
        if isinstance(control, Rejection):
            return [self._sends.dead_letter(record, control.code, control.detail)]
        if not isinstance(control, Tick):
            return self._adopt(record, shared(control))
        return self._tick_groups(control, record) if control.groups else self._tick(control)

    def _tick_groups(self, tick: Tick, record: Any) -> list[Output]:
        until, at_least, feeds = int(tick.until), int(tick.in_force or tick.until), self.partition.feeds
        if tick.phase == "tell":
            return [tell(self._groups, self._partitions, told) for told in feeds.tell(until)]
        steps = feeds.judge(until, self.partition.clock, tick.phase)
        if tick.phase == "groups":
            steps += self.partition.tick_groups(until)
        return [out for step in steps for out in self._outputs(step, at_least)]

    def _tick(self, tick: Tick) -> list[Output]:
        until = int(tick.until)
        outputs: list[Output] = []
        counts: list[Contribution] = []
        while True:  # to each policy on the way, in force after the deadlines before it, and then to the end
            policy = self._in_force.next_policy(until)
            for step in self.partition.tick(until if policy is None else int(policy.in_force)):
                outputs += self._outputs(step)
                counts += step.counts
            outputs += self.lists.tell(self.partition.listing.ended, self.ctx.policy_version)
            if policy is None:
                break
            self._in_force.put(policy)
            self._follow_policy()
        self._metrics.clock(self.rows.partition, self.partition.clock)
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
            self._metrics.forgot(state.book.take_refused())
            report = Report(self.rows.partition, day, newest, dict(state.book.total), self.ctx.policy_version)
            outputs.append(Output(self._names("figures"), Report.KEY, report.encode()))
        fact, again = self.partition.newest, self.partition.again.everybody
        known = {"clock": clock, "newest": newest, "day": day, "follows": tick.follows, "fact": fact}
        self._put(msgspec.structs.replace(progress, **known, judges_all=again))
        return outputs

    def _follow_policy(self) -> None:
        """Fold rows again under the policy in force if it has changed, and judge everybody again."""
        if self.timelines.era != self._in_force.eras:
            self.timelines.era = self._in_force.eras
            self.partition.judge_all_again()

    def _adopt(self, record: Any, control: Adopted) -> list[Output]:
        if self.rows.folded(KEY):
            if isinstance(control, GroupInForce):  # a customer's row may have been lost that followed from it
                self.ctx.exposures.again(control.subject.type, control.subject.id)
                self.partition.wake()
            return []
        if fault := self._in_force.fault(control):
            return [self._sends.dead_letter(record, "bad_value", fault)]
        progress = self.state.progress
        if isinstance(control, GroupInForce):  # the context knows the newest report of each group
            is_new, late = self._in_force.adopt(control, record.offset, progress.newest, progress.clock)
            if is_new:
                self._put(msgspec.structs.replace(progress, late=progress.late + late))
                self.partition.wake()
            else:
                self._metrics.repeated()
            return []
        kind = str(control.__struct_config__.tag)
        adopted = progress.newest_adopted.get(kind, NOTHING_ADOPTED)
        if not adopted.precedes(control.order, control.version):
            self._metrics.repeated()
            return []
        is_new, late = self._in_force.adopt(control, record.offset, progress.newest, progress.clock)
        self._follow_policy()
        newest_adopted = {**progress.newest_adopted, kind: adopted.then(control.order, control.version)}
        times_late, again = progress.late + (is_new and late), self.partition.again.everybody
        self._put(msgspec.structs.replace(progress, late=times_late, newest_adopted=newest_adopted, judges_all=again))
        return []

    def _outputs(self, step: Step, in_force: Micros = 0) -> list[Output]:
        return self._sends.of_step(step, self._record, in_force)

    # --- progress ---------------------------------------------------------------------------------------------

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
