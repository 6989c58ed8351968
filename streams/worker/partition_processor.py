"""What the worker does with a record of one partition: decode, fold through the core, and say what is to be sent.

Time moves by ticks alone. A record that is no event, or that the core cannot bear, becomes a dead letter with its
reason, and the partition goes on. What is told of control records reaches forward only: figures or a model that would
be in force before an instant already judged come in force just after it, and that is counted.

It refuses to know Kafka clients, Faust, and when rows are written.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from time import perf_counter
from typing import Any

import msgspec

from scorers.contract.alarms import Stage, Tier
from scorers.contract.events import DAY, AnyEvent, CustomerErased, Instant, Micros
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode, encode_alarm, encode_event
from scorers.customer.state import Ref
from scorers.in_force.context import Context
from scorers.in_force.control import (
    Control,
    FiguresInForce,
    ModelInForce,
    PolicyInForce,
    Tick,
    decode_control,
    encode_control,
)
from scorers.in_force.figures import Contribution, last_day
from scorers.partition.partition import Partition
from scorers.policy.reading import PolicyError, parse_policy
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED, read_model
from scorers.timeline.timeline import Monitor, Step
from streams.engine.batching_producer import Output
from streams.engine.failpoints import faulty
from streams.engine.rows import Rows
from streams.metrics import WorkerMetrics
from streams.records.lessons import encode_lesson
from streams.worker.partition_state import CONTROL, KEY, PartitionState
from streams.worker.reports import Report
from streams.worker.stored_row import StoredRow
from vigia.runtime.dead_letter import encode
from vigia.runtime.erasures import ERASURES, customer_of, null_id

AHEAD = DAY  # an event may be so far ahead of the newest tick
HISTORY = 1_600  # control records that are kept: two a day for the time that `Context` looks back

Adopted = FiguresInForce | ModelInForce | PolicyInForce
Names = Callable[[str], str]
"""The name of a topic on this broker, from its plain one."""


class PartitionProcessor:
    """Folds the records of one partition for as long as this process has it."""

    def __init__(
        self,
        rows: Rows[StoredRow],
        policy: Policy,
        names: Names,
        metrics: WorkerMetrics,
        trust: Callable[[ModelInForce], bool] = lambda _: True,
        home: Callable[[bytes], int] | None = None,
    ) -> None:
        self.rows = rows
        self.ctx = Context(policy, UNTRAINED)
        self.story = PartitionState(policy)
        self.census: Counter[tuple[Stage, Tier]] = Counter()
        self._monitors = _Monitors(self)
        self.partition = Partition(self.ctx, self._monitors, due=self._monitors.due)
        self.era = 0
        self._names, self._metrics, self._trust, self._home = names, metrics, trust, home
        self._clock = names("clock")
        self._ignored = {names("alarm-actions"), names("groups")}  # the former are for the notifier
        self._alarms, self._lessons = names("alarms"), names("lessons")
        self._plain = {names(plain): plain for plain in ("purchases", "contacts", "complaints", "feedback")}
        self._controls: list[tuple[bytes, Control]] | None = []
        self._history: deque[bytes] = deque()
        metrics.customers(rows.partition, self.census)

    def recover(self, key: bytes, row: StoredRow) -> None:
        """Take in a row of an earlier life."""
        if not key.startswith(b"\x00"):
            self.census[row.stage, row.tier] += 1
            if row.due:
                self.partition.expect(row.due, key.decode())
            return
        assert isinstance(row.data, bytes)
        if key == KEY:
            self.story.recover(row.data)
            self.partition.clock = self.story.point.clock
        elif self._controls is not None and key.startswith(CONTROL):
            control = decode_control(row.data)
            assert not isinstance(control, Rejection | Tick)
            self._controls.append((key, _shared(control)))

    def fold(self, record: Any) -> list[Output]:
        """Fold one record; what is to be sent."""
        if self._controls is not None:
            self._resume(self._controls)
        self._monitors.begin()
        try:
            if record.topic == self._clock:
                return self._told(record)
            if record.topic in self._ignored:
                return []
            return self._event(record)
        except Exception:
            self._monitors.forget()
            raise

    # --- facts ------------------------------------------------------------------------------------------------

    def _event(self, record: Any) -> list[Output]:
        event = self._read(record)
        if isinstance(event, Rejection):
            return [self.dead_letter(record, event.code, event.detail)]
        began = perf_counter()
        step = self.partition.fold(event, Ref(event.source, event.id, record.topic, record.partition, record.offset))
        self._metrics.step(perf_counter() - began)
        faulty(record.value)
        plain = self._plain.get(record.topic, record.topic)
        kind = str(event.__struct_config__.tag)
        if step is None:
            self._metrics.event(plain, kind, "folded")
            return []
        self._metrics.event(plain, kind, step.verdict)
        if step.verdict == "core_error":
            return [self.dead_letter(record, "core_error", step.fault)]
        outputs = self._outputs(step)
        if record.value is None and plain != ERASURES and event.time:  # where all others look for who was erased
            outputs.append(Output(self._names(ERASURES), record.key, encode_event(event)))
        self._remember(step.counts, newest=int(event.time))
        return outputs

    def _read(self, record: Any) -> AnyEvent | Rejection:
        """The event of a record, if it may be folded here."""
        if record.value is None:
            return self._forget(record)
        event = decode(record.value)
        if isinstance(event, Rejection):
            return event
        customer = event.customer_id
        if record.key != (None if customer is None else customer.encode()):
            return Rejection("key_mismatch", "the record's key is not its customer_id", event.id, event.source)
        if customer is not None and (fault := self._astray(record)):
            return Rejection("key_mismatch", fault, event.id, event.source)
        point = self.story.point
        if point.clock and not point.follows and event.time > point.clock + AHEAD:
            return Rejection("bad_time", "time is more than a day ahead of the newest tick", event.id, event.source)
        return event

    def _astray(self, record: Any) -> str:
        """Why a customer who is new here cannot be: producers that spread keys otherwise would make two halves of one."""
        if self._home is None or self.rows.get(record.key) is not None:
            return ""
        home = self._home(record.key)
        if home == record.partition:
            return ""
        return f"the key belongs to partition {home}: its producer must spread keys by murmur2, as Java's clients do"

    def _forget(self, record: Any) -> AnyEvent | Rejection:
        """A null value asks to forget the customer of its key: everything known of them up to now."""
        name = customer_of(record.key)
        if not name:
            return Rejection("key_mismatch", "neither a value nor a key that names a customer")
        if fault := self._astray(record):
            return Rejection("key_mismatch", fault)
        monitor = self._monitors.get(name)
        known = monitor.head.last_fact if monitor is not None else 0
        at = Instant(max(known, self.story.point.clock))
        plain = self._plain.get(record.topic, record.topic)
        event_id = null_id(plain, record.partition, record.offset)
        return CustomerErased(id=event_id, source=record.topic, time=at, customer_id=name)

    # --- time and what is in force ----------------------------------------------------------------------------

    def _told(self, record: Any) -> list[Output]:
        control = decode_control(record.value or b"")
        if isinstance(control, Rejection):
            return [self.dead_letter(record, control.code, control.detail)]
        if isinstance(control, Tick):
            return self._tick(control)
        return self._adopt(record, _shared(control))

    def _tick(self, tick: Tick) -> list[Output]:
        until = int(tick.until)
        outputs: list[Output] = []
        counts: list[Contribution] = []
        for step in self.partition.tick(until):
            outputs += self._outputs(step)
            counts += step.counts
        self._metrics.clock(self.rows.partition, self.partition.clock)
        if self.rows.folded(KEY):
            return outputs
        story, point = self.story, self.story.point
        story.add(counts)
        day = max(point.day, last_day(until, self.ctx.policy))
        newest, clock = max(point.newest, until), max(point.clock, until)
        if day > point.day:
            story.settle(day)
            report = Report(self.rows.partition, day, newest, dict(story.book.total))
            outputs.append(Output(self._names("figures"), Report.KEY, report.encode()))
        self._put(msgspec.structs.replace(point, clock=clock, newest=newest, day=day, follows=tick.follows))
        return outputs

    def _adopt(self, record: Any, control: Adopted) -> list[Output]:
        key = CONTROL + b"%016x" % record.offset
        if self.rows.folded(KEY) or self.rows.folded(key):
            return []
        fault = self._fault(control)
        if fault:
            return [self.dead_letter(record, "bad_value", fault)]
        point = self.story.point
        if control.in_force <= point.newest:
            control = msgspec.structs.replace(control, in_force=Instant(point.newest + 1))
            point = msgspec.structs.replace(point, late=point.late + 1)
        if not self._put_in_force(control):
            return []
        self.rows.put(key, StoredRow.beside(encode_control(control)))
        self._history.append(key)
        if len(self._history) > HISTORY:
            self.rows.delete(self._history.popleft())
        self._put(point)
        return []

    def _fault(self, control: Control) -> str:
        """Why a control record cannot be used; nothing if it can."""
        try:
            if isinstance(control, PolicyInForce):
                parse_policy(control.text, "the policy on clock")
            elif isinstance(control, ModelInForce):
                if not self._trust(control):
                    return "the model is not sealed with this worker's secret"
                read_model(control)
        except (ValueError, PolicyError) as error:
            return str(error)
        return ""

    def _put_in_force(self, control: Control) -> bool:
        """Whether it brings anything new."""
        ctx = self.ctx
        if isinstance(control, FiguresInForce):
            if control.version == ctx.newest_figures.version:
                return False
            ctx.adopt_figures(control.figures())
        elif isinstance(control, ModelInForce):
            if control.version == ctx.newest_model.version:
                return False
            ctx.adopt_model(read_model(control), int(control.in_force))
        elif isinstance(control, PolicyInForce):
            if control.version == ctx.policy_version:
                return False
            ctx.adopt_policy(parse_policy(control.text, "the policy on clock"))
            self.era += 1  # rows are folded anew under it when they are next looked at
        return True

    def _resume(self, controls: list[tuple[bytes, Control]]) -> None:
        """What was in force in the earlier life is in force again."""
        for key, control in sorted(controls, key=lambda pair: pair[0]):
            self._put_in_force(control)
            self._history.append(key)
        self._controls = None

    # --- what follows -----------------------------------------------------------------------------------------

    def _outputs(self, step: Step) -> list[Output]:
        outputs = []
        for alarm in step.alarms:
            outputs.append(Output(self._alarms, alarm.subject.id.encode(), encode_alarm(alarm)))
            self._metrics.alarm(alarm)
        outputs += [
            Output(self._lessons, lesson.customer_id.encode(), encode_lesson(lesson)) for lesson in step.lessons
        ]
        return outputs

    def _remember(self, counts: Iterable[Contribution], newest: Micros) -> None:
        if self.rows.folded(KEY):
            return
        point = self.story.point
        self.story.add(list(counts))
        self._put(point if newest <= point.newest else msgspec.structs.replace(point, newest=newest))

    def _put(self, point: Any) -> None:
        self.story.point = point
        self.rows.put(KEY, StoredRow.beside(self.story.version()))

    def dead_letter(self, record: Any, code: Any, detail: str) -> Output:
        """The record as it came, with its reason and where it stood."""
        self._metrics.rejected(code)
        return dead_letter(self._names("dead-letters"), record, code, detail)


@lru_cache(maxsize=HISTORY)
def _shared(control: Adopted) -> Adopted:
    """The same record for all partitions, as each is told it: two years of figures take four megabytes."""
    return control


def dead_letter(topic: str, record: Any, code: str, detail: str) -> Output:
    """The record as it came, with its reason and where it stood as headers."""
    return Output(topic, *encode(record, code, detail))


class _Monitors:
    """Monitors by customer, out of rows and back into them; what a record changes in place can be taken back."""

    def __init__(self, folder: PartitionProcessor) -> None:
        self._folder = folder
        self._out: list[StoredRow] = []
        self._new: list[StoredRow] = []

    def get(self, name: str, /) -> Monitor | None:
        folder = self._folder
        kept = folder.rows.get(name.encode())
        if kept is None:
            return None
        monitor = kept.live
        if monitor is None or kept.era != folder.era:
            monitor = kept.monitor(folder.ctx, folder.era)
            if monitor.due and monitor.due != kept.due:
                folder.partition.expect(monitor.due, name)  # another policy, other deadlines
        if monitor.before is None:
            monitor.keep()
            self._out.append(kept)
        return monitor

    def due(self, name: str) -> Micros:
        """When a customer falls due, which stands before the bytes of the row; 0 where there is none."""
        kept = self._folder.rows.get(name.encode())
        if kept is None:
            return 0
        return kept.due if kept.live is None else kept.live.due

    def __setitem__(self, name: str, monitor: Monitor, /) -> None:
        rows, key = self._folder.rows, name.encode()
        kept = rows.get(key)
        if kept is None:
            kept = StoredRow.of(monitor, self._folder.era)
            self._folder.census[kept.stage, kept.tier] += 1
            self._new.append(kept)
        else:
            self._look(kept)
        rows.put(key, kept)

    def _look(self, kept: StoredRow) -> None:
        stage, tier = kept.stage, kept.tier
        kept.look()
        if (stage, tier) != (kept.stage, kept.tier):
            census = self._folder.census
            census[stage, tier] -= 1
            census[kept.stage, kept.tier] += 1

    def begin(self) -> None:
        """Another record is at hand: what the last one changed stays."""
        for kept in self._out:
            if kept.live is not None:
                kept.live.before = None
        self._out.clear()
        self._new.clear()

    def forget(self) -> None:
        """The fold failed: what the record has changed in place is as it was."""
        for kept in self._out:
            if kept.live is not None:
                kept.live.undo(self._folder.ctx)
                self._look(kept)
                self._folder.partition.expect(kept.due, kept.live.row.id)
        for kept in self._new:
            self._folder.census[kept.stage, kept.tier] -= 1
