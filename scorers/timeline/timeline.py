"""The line of an event, on one screen: fact in, alarms and lessons out, for one customer.

    bytes -decode-> Event -evolve-> Customer -assess-> verdicts -compare-> Alarm*
                                       `-> Lesson* (features + the label now known)

A row keeps a settled base, the recent facts since, and what was told of them. In order, a fact is folded into the head.
A late fact inside the allowed lateness is put in its place and the head is folded anew from the base; what is then told
is the difference to what was told before, so the order of arrival changes nothing that stands. The base moves by facts
only, never by ticks: a silence that was told is taken back when a fact proves it false. A fact that is accepted says that
none older than the allowed lateness will be, so the base moves up to there, over deadlines too as long as nothing was told
at them. So that a customer who has been quiet for months can be read without judging those months again, the head of a
while ago is kept beside the base.
"""

import copy
import hashlib
from typing import Literal

from msgspec import Struct, field

from scorers.alarms.render import record
from scorers.assessment.advance import Log, instant
from scorers.contract.alarms import Alarm, Change, Outcome
from scorers.contract.events import DAY, AnyEvent, Micros
from scorers.contract.lessons import Lesson
from scorers.customer.retained_fields import short_ref, slim
from scorers.customer.state import NOBODY, Customer, Episode, Ref
from scorers.in_force.context import Context
from scorers.in_force.figures import YEARS, Contribution
from scorers.timeline.row import ROW_VERSION, Fact, Later, Row, decode_customer, decode_row, encode
from scorers.timeline.snapshot import Mark, difference, fold, joined, lapse

MAX_ROW = 60 * 1024
MAX_RING = 64  # facts inside the allowed lateness that are kept to be refolded
_TIDY = 16  # facts kept before the older ones are settled
_SEEN = 8  # settled identities that are still known as duplicates
_OFTEN = 4  # deadlines judged since, and the head is kept as it is

Verdict = Literal["folded", "refolded", "duplicate", "conflict", "too_late", "core_error"]


class Step(Struct, gc=False):
    """What follows from one fact or from time that passed."""

    alarms: list[Alarm] = field(default_factory=list)
    lessons: list[Lesson] = field(default_factory=list)
    counts: list[Contribution] = field(default_factory=list)
    verdict: Verdict = "folded"
    fault: str = ""  # of a core_error: what went wrong


class Monitor:
    """Watches one customer: the row, and its head in memory."""

    __slots__ = ("_judged", "_lapsed", "_marks", "_policy", "before", "fired", "head", "row", "told")

    def __init__(self, row: Row, ctx: Context) -> None:
        self.row = row
        self.told = {e.alarm_id: e for e in row.told}
        self.before: tuple[Row, dict[str, Episode]] | None = None
        self._marks: list[Mark] = []
        self._policy = ctx.policy_version
        later, silence = row.later, Log()
        if later is not None and later.policy == ctx.policy_version:
            kept = later.read(row.base)
            self.head = decode_customer(kept)
            open_then = tuple([e.alarm_id for e in self.head.open])
            self._judged, fired = lapse(self.head, row.clock, ctx, silence)
            self.fired = fired or later.fired
            self._lapsed = {*later.touched, *silence.touched}
            if not later.touched:
                since = {lesson.asked_at for lesson in silence.lessons}
                lessons = [at for at in row.lessons if at not in since]
                self._marks = [Mark(kept, later.fired, difference(silence.counts, row.counts), lessons, open_then)]
        else:
            self._refold(ctx, Log(), silence)

    @classmethod
    def new(cls, customer_id: str, ctx: Context) -> "Monitor":
        """A customer of whom nothing is known yet."""
        return cls(Row(ROW_VERSION, customer_id, encode(Customer(customer_id))), ctx)

    @classmethod
    def decode(cls, stored: bytes, ctx: Context) -> "Monitor":
        """A customer from the bytes of `encode`."""
        return cls(decode_row(stored), ctx)

    def encode(self) -> bytes:
        """The row as bytes, about a kilobyte and a half."""
        row = self.row
        if self._judged >= _OFTEN:
            row.later = Later.of(encode(self.head), row.base, self._policy, self.fired, self._lapsed)
            self._judged = 0
        row.told = list(self.told.values())
        return encode(row)

    @property
    def due(self) -> Micros:
        """The next instant at which something changes by itself; 0 where none."""
        return self.head.due

    def step(self, event: AnyEvent, ref: Ref, clock: Micros, ctx: Context) -> Step:
        """Fold one event. `clock` is the newest instant that the runner has seen.

        A fault of the core leaves the row as it was and is a verdict: the stream goes on.
        """
        kept = self.before is not None
        if not kept:
            self.keep()
        try:
            step = self._step(event, ref, clock, ctx)
            if len(self.row.ring) >= _TIDY or len(self.head.open) + self.head.cases_open() > _TIDY:
                self._bound(ctx)
        except Exception as fault:  # whatever it is, it concerns this record alone
            self.undo(ctx)
            return Step(verdict="core_error", fault=f"{type(fault).__name__}: {fault}")
        if not kept:
            self.before = None
        return step

    def keep(self) -> None:
        """Remember the row as it is; a runner that has more to do with a record than the step lets go of `before`."""
        row = copy.copy(self.row)
        row.ring, row.counts, row.lessons = row.ring[:], row.counts[:], row.lessons[:]
        self.before = row, dict(self.told)

    def undo(self, ctx: Context) -> None:
        """Be again as before the record at hand."""
        if self.before is not None:
            (self.row, self.told), self.before = self.before, None
            self._refold(ctx, Log(), Log())

    def _step(self, event: AnyEvent, ref: Ref, clock: Micros, ctx: Context) -> Step:
        row, ring, ref = self.row, self.row.ring, short_ref(ref)
        fact = Fact(int(event.time), slim(event), ref)
        oldest = (ring[-1].time if ring else row.base_time) - ctx.policy.time.allowed_lateness
        late = fact.time < oldest or fact.time <= row.erased or (row.forced and fact.time <= row.base_time)
        for n, other in enumerate(ring):
            if other.ref.id == ref.id and other.ref.source == ref.source:
                mine, its = _digest(fact), _digest(other)
                if mine < its and not late:  # two payloads under one identity: the smaller hash counts
                    ring[n] = fact
                    return self._again(fact, clock, ctx, "conflict")
                return Step(verdict="duplicate" if mine == its else "conflict")
        if row.seen and _mark_of(fact) in row.seen:
            return Step(verdict="duplicate")
        if late:
            return Step(verdict="too_late")
        if (ring and fact.key < ring[-1].key) or fact.time <= self.fired:
            ring.append(fact)
            return self._again(fact, clock, ctx, "refolded")
        if ring and (ring[-1].time < fact.time - ctx.policy.time.allowed_lateness or len(ring) >= _TIDY):
            self._settle_base(fact.time - ctx.policy.time.allowed_lateness, ctx)
        out, log = Step(), Log()
        self._pass(fact.time, clock, ctx, out)
        row.ring.append(fact)
        row.later, self.fired, self._judged = None, 0, 0
        self._lapsed.clear()
        self._marks.clear()
        instant(self.head, fact.time, fact.event, fact.ref, ctx, log)
        self._emit(log, max(clock, fact.time), fact.ref, ctx, out)
        row.clock = max(row.clock, fact.time)
        self._pass(row.clock, clock, ctx, out)  # after an erasure a fact may be older than what was judged
        return out

    def settle(self, until: Micros, clock: Micros, ctx: Context) -> Step:
        """Let time pass: judge every deadline before an instant.

        Where the core fails, the customer's deadlines wait for the next fact, and the others' go on.
        """
        out = Step()
        try:
            self._pass(until, clock, ctx, out)
        except Exception as fault:
            out.verdict, out.fault = "core_error", f"{type(fault).__name__}: {fault}"
            self.head.due = self._judged = 0  # a head that is half judged is not put into the row's bytes
        self.row.clock = max(self.row.clock, until)
        return out

    def erase(self, at: Micros, ref: Ref, clock: Micros, ctx: Context) -> Step:
        """Forget the customer: alarms end, and facts up to that instant are gone and stay out; later ones remain."""
        row = self.row
        if at <= row.erased:
            return Step(verdict="duplicate")
        gone = Log()
        was = fold(row.base, [fact for fact in row.ring if fact.time <= at], ctx, gone)
        lapse(was, at, ctx, gone)
        if was.year_bucket >= 0:
            gone.counts.append((at // DAY, YEARS, was.year_bucket, -1))
        told, counted, answered = self.told, row.counts, set(row.lessons)
        later = [fact for fact in row.ring if fact.time > at]
        empty = encode(Customer(row.id))
        self.row = Row(ROW_VERSION, row.id, empty, base_time=at, clock=max(row.clock, at), ring=later, erased=at)
        facts, silence, out = Log(), Log(), Step()
        self._refold(ctx, facts, silence)
        log = joined(facts, silence, answered)
        for name, e in told.items():
            if e.status == "open" and name not in log.touched:
                e.status, e.outcome = "settled", "expired"
                self._tell(e, "alarm.settled", max(clock, at), (ref,), ctx, out)
        self.told = {name: e for name, e in told.items() if name in log.touched}
        self._emit(log, max(clock, at), ref, ctx, out)
        out.counts = difference(counted, gone.counts + log.counts)
        return out

    # --- in order ---------------------------------------------------------------------------------------------

    def _pass(self, until: Micros, clock: Micros, ctx: Context, out: Step) -> None:
        head, marks = self.head, self._marks
        self._policy = ctx.policy_version
        while head.due and head.due < until:
            if self._judged % _OFTEN == 0 and not self._lapsed:
                marks.append(Mark.of(head, self.fired or head.last_fact, self.row))
            self.fired = head.due
            if len(marks) > 1 and marks[1].at < self.fired - ctx.policy.time.allowed_lateness:
                del marks[0]  # a fact that comes from now on takes the next one
            log = Log()
            instant(head, head.due, None, NOBODY, ctx, log)
            self._judged += 1
            if log.touched or log.counts or log.lessons:
                self._lapsed.update(log.touched)
                self._emit(log, max(clock, self.fired), NOBODY, ctx, out)

    def _settle_base(self, before: Micros, ctx: Context) -> None:
        """Move facts that can no longer be overtaken into the base."""
        row, ring = self.row, self.row.ring
        if ring[-1].time < before:
            mark = self._marked(before, ctx)
            self.told = {name: e for name, e in self.told.items() if name in mark.open or name in self._lapsed}
            row.counts = difference(mark.counts, row.counts)
            row.lessons = [at for at in row.lessons if at not in mark.lessons]
            self._rebase(mark.base, ring, [])
            return
        old = sum(fact.time < before for fact in ring)
        if len(ring) >= MAX_RING and not old:
            old, row.forced = len(ring) - MAX_RING + 1, True
        if old:
            self._fold_into_base(old, ctx)

    def _marked(self, before: Micros, ctx: Context) -> "Mark":
        """The newest head in which nothing was judged from an instant on; folded anew where none was kept."""
        for mark in reversed(self._marks):
            if mark.at < before:
                return mark
        return self._facts(ctx, Log())[1] if self.fired else Mark.of(self.head, self.head.last_fact, self.row)

    def _facts(self, ctx: Context, log: Log) -> "tuple[Customer, Mark]":
        """The head after the base and the facts since, and its mark."""
        head = fold(self.row.base, self.row.ring, ctx, log)
        mark = Mark.of(head, head.last_fact, self.row)
        mark.counts, mark.lessons = log.counts, [int(lesson.asked_at) for lesson in log.lessons]
        return head, mark

    def _fold_into_base(self, old: int, ctx: Context) -> None:
        row, log = self.row, Log()
        base = fold(row.base, row.ring[:old], ctx, log)
        still = {e.alarm_id for e in base.open}
        for name, e in log.touched.items():
            if name not in still and e.status != "open":
                self.told.pop(name, None)
        row.counts = difference(log.counts, row.counts)
        asked = {lesson.asked_at for lesson in log.lessons}
        row.lessons = [at for at in row.lessons if at not in asked]
        self._rebase(encode(base), row.ring[:old], row.ring[old:])

    def _rebase(self, base: bytes, settled: list[Fact], ring: list[Fact]) -> None:
        row = self.row
        row.base, row.base_time = base, settled[-1].time
        row.seen = (row.seen + [_mark_of(fact) for fact in settled])[-_SEEN:]
        row.ring = ring
        row.later = None
        self._marks.clear()

    def _bound(self, ctx: Context) -> None:
        """No row outgrows its store: recent facts settle early, then the oldest cases are forgotten."""
        row = self.row
        if len(row.ring) > 1 and len(self.encode()) > MAX_ROW:
            row.forced = True
            self._fold_into_base(len(row.ring) - 1, ctx)
        while len(self.encode()) > MAX_ROW and self.head.cases_open():
            base = decode_customer(encode(self.head))
            base.forget_oldest_half()
            self._rebase(encode(base), row.ring, [])
            self._refold(ctx, Log(), Log())

    # --- out of order -----------------------------------------------------------------------------------------

    def _again(self, fact: Fact, clock: Micros, ctx: Context, verdict: Verdict) -> Step:
        """Fold anew from the base and tell the difference."""
        row, facts, silence, out = self.row, Log(), Log(), Step(verdict=verdict)
        row.ring.sort(key=_order)
        row.clock, clock = max(row.clock, fact.time), max(clock, fact.time)
        counted, answered = row.counts, set(row.lessons)
        row.counts = []
        self._refold(ctx, facts, silence)
        log = joined(facts, silence, answered)
        for name in [name for name in self.told if name not in log.touched]:
            self._tell(self.told.pop(name), "alarm.withdrawn", clock, (fact.ref,), ctx, out)
        self._emit(log, clock, fact.ref, ctx, out)
        out.counts = difference(counted, log.counts)
        if len(row.ring) > MAX_RING:
            row.forced = True
            self._fold_into_base(len(row.ring) - MAX_RING, ctx)
        return out

    def _refold(self, ctx: Context, facts: Log, silence: Log) -> None:
        row = self.row
        self.head, mark = self._facts(ctx, facts)
        self._judged, self.fired = lapse(self.head, row.clock, ctx, silence)
        row.later, self._lapsed = None, set(silence.touched)
        self._marks, self._policy = [mark], ctx.policy_version

    # --- telling ----------------------------------------------------------------------------------------------

    def _emit(self, log: Log, time: Micros, ref: Ref, ctx: Context, out: Step) -> None:
        row = self.row
        for name, e in log.touched.items():
            told = self.told.get(name)
            cause = tuple(e.cause) or (() if ref is NOBODY else (ref,))
            if told is None:
                self._tell(e, "alarm.raised", time, (), ctx, out)
            elif e.status == "open" != told.status:
                self._tell(e, "alarm.raised", time, cause, ctx, out)
            elif _look(told) != _look(e) and told.status in ("open", "told"):
                self._tell(e, "alarm.updated", time, (), ctx, out)
            ended = e.status in ("settled", "spent")
            if ended and (told is None or told.status == "open" or _end(told) != _end(e)):
                self._tell(e, "alarm.settled", time, cause, ctx, out)
            self.told[name] = copy.copy(e)
        if log.counts:
            row.counts += log.counts
            out.counts += log.counts
        for lesson in log.lessons:
            row.lessons.append(lesson.asked_at)
            out.lessons.append(lesson)

    def _tell(self, e: Episode, change: Change, time: Micros, cause: tuple[Ref, ...], ctx: Context, out: Step) -> None:
        out.alarms.append(record(self.head, e, change, time, cause, ctx))


def _look(e: Episode) -> tuple[Micros, str, int]:
    """What an update would tell."""
    return (e.at, e.severity, len(e.evidence))


def _end(e: Episode) -> tuple[Micros, Outcome | None]:
    """What ending it again would tell: a late fact may change how an alarm ended."""
    return (e.at, e.outcome)


def _order(fact: Fact) -> tuple[Micros, str, str]:
    return fact.key


def _mark_of(fact: Fact) -> int:
    told = f"{fact.ref.source}\x1f{fact.ref.id}".encode()
    return int.from_bytes(hashlib.blake2b(told, digest_size=8).digest(), "big")


def _digest(fact: Fact) -> bytes:
    return hashlib.sha256(encode(fact.event)).digest()
