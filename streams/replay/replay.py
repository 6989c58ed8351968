"""Folds files of events in this process, for backtests, policy comparison and quality figures.

It uses the same core as the worker, without broker or wall clock, and its output is deterministic to the byte. The events of all
customers advance the clock. The outputs appear in their folder when the run has ended: a run that fails leaves what was there before.
"""

import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from sys import intern
from tempfile import TemporaryDirectory

import msgspec

from scorers.contract.events import DAY, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.contract.wire import Rejection, encode_alarm, encode_worklist_entry
from scorers.customer.facts import contradictions
from scorers.customer.state import Customer
from scorers.groups import base_figures
from scorers.in_force.context import Context
from scorers.in_force.control import (
    Control,
    FiguresInForce,
    GroupInForce,
    HistoryInForce,
    ModelInForce,
    PolicyInForce,
    put_group_in_force,
)
from scorers.in_force.figures import FigureBook
from scorers.in_force.live_quality import measure
from scorers.partition.feeds import is_of_feeds
from scorers.partition.merges import REFUSED
from scorers.partition.partition import Partition
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from scorers.risk.model import UNTRAINED, read_model
from scorers.risk.training import Trainer
from scorers.subjects.customer import CUSTOMER
from scorers.subjects.customer_row import customer_row
from scorers.timeline.emitter import Step
from scorers.timeline.facts import Ref
from scorers.timeline.timeline import AnyTimeline, Timeline
from scorers.worklist.dates import DatesToList
from scorers.worklist.ranking import Ranking
from streams.records.by_source import BySource
from streams.replay.losses import Losses
from streams.replay.scores import Scores, ScoreSchedule
from streams.replay.summary import Summary, Worklists
from vigia.runtime.files.event_lines import WINDOW, Order, Progress, read, wrong_order
from vigia.runtime.files.lines import Line

OUTPUTS = (
    *("alarms.jsonl", "worklist.jsonl", "customers.jsonl", "losses.jsonl", "stores.jsonl", "rejected.jsonl"),
    "scores.csv",
    *("summary.json", "base.json"),
)


class WrongOrder(ValueError):
    """Files are in the wrong order: too many facts came too late to be folded; nothing was written."""


def replay(
    sources: list[str],
    out: Path,
    policy: Policy,
    schedule: ScoreSchedule | None = None,
    *,
    progress: Progress | None = None,
    watch: Callable[[Step], None] | None = None,
    controls: Iterable[Control] | None = None,
    in_order: bool = False,
    allow_late: bool = False,
    trust_times: bool = True,
    history_before: Micros = 0,
) -> Summary:
    """Fold event files and write alarms, scores, customers, rejects and a summary into a folder.

    With `controls` the figures, models, groups and later policies are those that a worker received, and none are made here. `watch` is called with
    each step. With `in_order` files in the wrong order are sorted within a window, and `WrongOrder` is raised if that does not suffice,
    unless `allow_late`. Without `trust_times` events far ahead of their neighbours in a file are rejected. Raises OSError for a source that cannot be read.
    Alarms that became true before `history_before`, or before what a file names, are marked as history.
    """
    out.mkdir(parents=True, exist_ok=True)
    order = Order(WINDOW if in_order else 0, policy.time.allowed_lateness, trust_times)
    with TemporaryDirectory(prefix=".vigia-", dir=out, ignore_cleanup_errors=True) as unfinished:
        part = Path(unfinished)
        with ExitStack() as stack:
            run = _Run(part, policy, schedule or ScoreSchedule(), stack, watch, controls)
            run.begin(history_before)
            for line in read(sources, progress, order, history=run.begin):
                run.take(line)
            summary = run.finish()
        if in_order and not allow_late and wrong_order(summary.too_late, summary.events - summary.anonymous):
            raise WrongOrder(
                f"{summary.too_late:,} of {summary.events - summary.anonymous:,} facts come too late, after newer facts of their "
                "customers: the files are in the wrong order, and nothing was written"
            )
        for name in OUTPUTS:
            (part / name).replace(out / name)
    return summary


class _Run:
    """One run: the partition, and the files that it writes."""

    def __init__(
        self,
        out: Path,
        policy: Policy,
        schedule: ScoreSchedule,
        stack: ExitStack,
        watch: Callable[[Step], None] | None,
        controls: Iterable[Control] | None = None,
    ) -> None:
        self.out = out
        self.ctx = Context(policy, UNTRAINED)
        self.timelines: dict[str, AnyTimeline] = {}
        self._controls: deque[FiguresInForce | GroupInForce | HistoryInForce | ModelInForce | PolicyInForce] = deque()
        self._book = FigureBook(policy)
        if controls is None:
            self.partition = Partition(self.ctx, self.timelines, self._book, Trainer(), lists=DatesToList())
        else:
            self.partition = Partition(self.ctx, self.timelines, self._book, lists=DatesToList(), own_figures=False)
            adopted = FiguresInForce | GroupInForce | HistoryInForce | ModelInForce | PolicyInForce
            found = [one for one in controls if isinstance(one, adopted)]
            self._controls.extend(sorted(found, key=lambda one: one.in_force))
        self.until = schedule.until
        self.first: Micros | None = None
        self.rejected = Counter[str]()
        self.conflicts = BySource()
        self.lessons = 0
        self.kinds: Counter[str] = Counter()
        self._watch = watch
        self._losses = Losses(self.timelines.get, self.ctx)
        self._ranking = Ranking()
        self._lists = Worklists()
        self._alarms = stack.enter_context((out / "alarms.jsonl").open("wb"))
        self._worklist = stack.enter_context((out / "worklist.jsonl").open("wb"))
        self._rejects = stack.enter_context((out / "rejected.jsonl").open("wb"))
        self._scores = Scores(
            schedule, stack.enter_context((out / "scores.csv").open("w", newline="", encoding="utf-8"))
        )

    def begin(self, history_before: Micros) -> None:
        """Mark alarms that became true before an instant as history; of several instants the newest counts."""
        self.ctx.history_before = max(self.ctx.history_before, history_before)

    def take(self, line: Line) -> None:
        """Fold one line."""
        event = line.event
        if isinstance(event, Rejection):
            self._reject(line.file, line.number, event.code, event.detail)
            return
        at = int(event.time)
        if self.until is not None and at > self.until:
            return
        if self.first is None:
            self.first = at
            self._scores.begin(at)
        if at > self.partition.clock:
            self._pass_controls(at)
            self._score_before(at)
        conflicts = self.partition.tally.conflicts
        for step in self.partition.feed(event, Ref(intern(event.source), event.id, line.file, 0, line.number)):
            self._apply((step,))
            if step.status == "core_error":
                self._reject(line.file, line.number, "core_error", step.fault)
            for refused in step.refused:
                self._reject(refused.ref.topic, refused.ref.offset, "bad_value", REFUSED)

        if self.partition.tally.conflicts > conflicts:
            self.conflicts.add(event.source)

    def _reject(self, file: str, number: int, code: str, detail: str) -> None:
        self.rejected[code] += 1
        reject = {"file": file, "line": number, "code": code, "detail": detail}
        self._rejects.write(msgspec.json.encode(reject) + b"\n")

    def finish(self) -> Summary:
        """Advance the clock to the end, and write customers and summary."""
        end = self.until if self.until is not None else self.partition.clock
        self.partition.feeds.is_over = True
        self._pass_controls(end)
        self._score_before(end + 1)
        self._apply(self.partition.tick(end))
        self.partition.listing.close_ended(end)
        self._rank()
        known = dict(self._customers())
        with (self.out / "customers.jsonl").open("wb") as file:
            for timeline in known.values():
                file.write(msgspec.json.encode(customer_row(timeline, end, self.ctx)) + b"\n")
        with (self.out / "losses.jsonl").open("wb") as file:
            for loss in self._losses.rows(self._is_gone):
                file.write(msgspec.json.encode(loss) + b"\n")
        with (self.out / "stores.jsonl").open("wb") as file:
            for store in self.partition.stores.lines(self.partition.feeds.selling(), self.ctx.policy.iceberg):
                file.write(msgspec.json.encode(store) + b"\n")
        tally = self.partition.tally
        summary = Summary(
            events=tally.events,
            anonymous=tally.anonymous,
            duplicates=tally.duplicates,
            conflicts=tally.conflicts,
            conflicts_by_source=self.conflicts.counts(),
            too_late=tally.too_late,
            unfolded=tally.unfolded,
            forgotten=dict(sorted(tally.forgotten.items())),
            contradictions=contradictions.total(self._book.so_far()),
            rejected=self.rejected.total(),
            rejected_codes=dict(sorted(self.rejected.items())),
            customers=len(known),
            lessons=self.lessons,
            alarms=dict(sorted(self.kinds.items())),
            quality=measure(self._book.so_far(), self.ctx.policy),
            worklists=self._lists,
            from_time=None if self.first is None else rfc3339(self.first),
            until_time=None if self.first is None else rfc3339(end),
            policy_version=self.ctx.policy_version,
        )
        so_far = self._book.so_far()
        base = {"until": summary.until_time} | msgspec.to_builtins(
            base_figures.measure(so_far, end // DAY, self.ctx.policy)
        )
        (self.out / "base.json").write_text(json.dumps(base, indent=2) + "\n", encoding="utf-8")
        text = json.dumps(msgspec.to_builtins(summary), indent=2)
        (self.out / "summary.json").write_text(text + "\n", encoding="utf-8")
        self._score_after_the_end()
        return summary

    def _is_gone(self, name: str) -> bool:
        """Whether a customer was erased, or merged into another id."""
        timeline = self.timelines.get(name)
        return self.partition.suppressed.get(name) is not None or (
            timeline is not None and timeline.row.moved is not None
        )

    def _score_after_the_end(self) -> None:
        """Score at the scheduled instants after the end; alarms of the time until then are not written."""
        if self.first is None:
            return
        for when in self._scores.later():
            self._adopt(when)
            for _ in self.partition.tick(when):
                pass
            self._scores.write(when, self._customers(), self.ctx)

    def _pass_controls(self, until: Micros) -> None:
        """Let time pass to each control record up to an instant, and adopt it: reports of a long silence are not kept for ever."""
        while self._controls and self._controls[0].in_force <= until:
            at = int(self._controls[0].in_force)
            if self.first is not None and at > self.partition.clock:
                self._score_before(at)
                self._apply(self.partition.tick(at))
            self._adopt(at)

    def _adopt(self, until: Micros) -> None:
        """Put the given control records in force; each verdict looks up what was in force at its own instant."""
        while self._controls and self._controls[0].in_force <= until:
            control = self._controls.popleft()
            if isinstance(control, FiguresInForce):
                self.ctx.adopt_figures(control.figures())
            elif isinstance(control, GroupInForce):
                if is_of_feeds(control.subject):  # this run finds closures itself
                    continue
                put_group_in_force(self.ctx, control)
            elif isinstance(control, HistoryInForce):
                self.ctx.history_before = int(control.before)
            elif isinstance(control, PolicyInForce):
                if control.in_force and control.version != self.ctx.policy_version:
                    self.ctx.adopt_policy(parse_policy(control.text, "the policy on clock"))
                    self.partition.judge_all_again()
            else:
                self.ctx.adopt_model(read_model(control), int(control.in_force))

    def _apply(self, steps: Iterable[Step]) -> None:
        for step in steps:
            for alarm in step.alarms:
                self._alarms.write(encode_alarm(alarm) + b"\n")
                if alarm.type == "alarm.raised":
                    self.kinds[alarm.kind] += 1
            self._losses.take(step.alarms)
            self.lessons += len(step.lessons)
            if self._watch is not None:
                self._watch(step)
        if self.partition.listing.ended:
            self._rank()

    def _rank(self) -> None:
        """Write the worklists that have become final."""
        for candidates in self.partition.listing.ended:
            ranked = self._ranking.rank([candidates], self.ctx.policy.worklist)
            for entry in ranked.entries:
                self._worklist.write(encode_worklist_entry(entry) + b"\n")
            self._lists.add(ranked)
        self.partition.listing.ended.clear()

    def _score_before(self, at: Micros) -> None:
        """Score at every scheduled instant before an event."""
        while (when := self._scores.due()) and when < at:
            self._apply(self.partition.tick(when))
            self._scores.write(when, self._customers(), self.ctx)
            self._scores.passed(when)

    def _customers(self) -> Iterator[tuple[str, Timeline[Customer]]]:
        """Every customer with at least one fact, in the order of their ids."""
        for name in sorted(self.timelines):
            timeline = self.timelines[name]
            if timeline.subject is CUSTOMER and timeline.state.first_seen:
                yield name, timeline
