"""Merging two timelines: an id leaves what is known of it, and the id that it is merged into takes it up.

What is exactly known, the recent facts of both, is folded again in one order. The snapshots before them are combined by
`SubjectType.combine`. The snapshot that ends earlier first takes in its own recent facts up to the end of the other.
"""

from collections import Counter

from msgspec.structs import replace

from scorers.contract.alarms import Alarm
from scorers.contract.events import AlarmAction, AnyEvent, CustomerMerged, Micros
from scorers.in_force.context import Context
from scorers.in_force.figures import Contribution
from scorers.timeline.compare import alarm_id
from scorers.timeline.emitter import Step
from scorers.timeline.episodes import Episode
from scorers.timeline.facts import Fact, Ref, identity_of, short_ref
from scorers.timeline.packing import encode
from scorers.timeline.row import MAX_SEEN_EARLY, ROW_FORM, SEEN, Moved, Row, decode_row
from scorers.timeline.snapshot import fold, lapse
from scorers.timeline.subjects import Effects
from scorers.timeline.timeline import AnyTimeline, Timeline

MAX_IDS = 256  # merged into one subject
MAX_IDS_BYTES = 8 * 1024


def leave(timeline: AnyTimeline, merge: CustomerMerged, ref: Ref, clock: Micros, ctx: Context) -> tuple[Step, bytes]:
    """Withdraw the alarms of an id that is merged into another one; return what was known of it as bytes, empty if nothing was.

    What remains is a row that says where its facts go. Alarms about its cases are withdrawn by `join`, which may raise the same
    ones: they have the ids of their cases, so both records have to come from one place.
    """
    row, out = timeline.row, Step()
    known = b""
    if timeline.state.first_seen:
        emitted = list(timeline.emitted.values())
        known = encode(replace(row, emitted=emitted, cached=None, brief=b"", origins=None, ids=()))
    cause = (short_ref(ref),)
    for e in timeline.emitted.values():
        if not _is_of_case(e):
            timeline._emit_one(e, "alarm.withdrawn", max(clock, int(merge.time)), cause, ctx, out)
    out.alarms = [replace(alarm, merged=True) for alarm in out.alarms]
    timeline.emitted, timeline._kept = {}, None
    timeline.row = Row(
        ROW_FORM,
        row.id,
        encode(timeline.subject.new(row.id)),
        clock=row.clock,
        erased=row.erased,
        origins=row.origins,
        moved=Moved(merge.into, int(merge.time), ref),
        ids=row.ids,
    )
    timeline._refold(ctx, Effects(), Effects())
    return out, known


def join(timeline: AnyTimeline, known: bytes, ref: Ref, clock: Micros, ctx: Context) -> Step:
    """Take up what was known of an id that was merged into this one. If the core fails, the timeline is unchanged."""
    if not known:
        return Step()
    undo = timeline.undo_point()
    timeline._kept = None
    before = Counter(timeline.state.forgotten)
    try:
        other = Timeline(timeline.subject, decode_row(known), ctx)
        before += Counter(other.state.forgotten)
        step = _join(timeline, other, short_ref(ref), clock, ctx)
        step.forgotten = dict(Counter(timeline.state.forgotten) - before)
    except Exception as fault:  # any fault concerns this record alone
        timeline.restore(undo, ctx)
        return Step(status="core_error", fault=f"{type(fault).__name__}: {fault}")
    return step


def say_again(timeline: AnyTimeline, known: bytes, ref: Ref, clock: Micros, ctx: Context) -> Step:
    """How the alarms about the cases of an old id stand now.

    A worker that died may have told them as they were before the merge, and its successor tells that again.
    """
    out = Step(status="duplicate")
    if not known:
        return out
    other = Timeline(timeline.subject, decode_row(known), ctx)
    for e in filter(_is_of_case, other.emitted.values()):
        now = timeline.emitted.get(e.alarm_id)
        if now is None:
            other._emit_one(e, "alarm.withdrawn", clock, (short_ref(ref),), ctx, out)
        else:
            ended = now.status in ("settled", "spent")
            timeline._emit_one(now, "alarm.settled" if ended else "alarm.raised", clock, tuple(now.cause), ctx, out)
            out.alarms.append(_continuing(out.alarms.pop(), {now.alarm_id: now.alarm_id}))
    return out


def add_id(row: Row, name: str) -> tuple[str, ...]:
    """Note an id that was merged into the subject of a row; the oldest ids that find no room any more are returned."""
    ids = (*[one for one in row.ids if one != name], name)
    first, size = max(len(ids) - MAX_IDS, 0), sum(len(one.encode()) for one in ids)
    size -= sum(len(one.encode()) for one in ids[:first])
    while size > MAX_IDS_BYTES and first < len(ids) - 1:
        size -= len(ids[first].encode())
        first += 1
    row.ids = ids[first:]
    return ids[:first]


def about_what_goes_on(event: AnyEvent, timeline: AnyTimeline | None) -> AnyEvent:
    """An event; what was done about an alarm of an old id is done about the one of this subject that goes on from it."""
    if not isinstance(event, AlarmAction) or timeline is None or event.alarm_id in timeline.emitted:
        return event
    for e in timeline.emitted.values():
        if _id_under(event.customer_id or "", e) == event.alarm_id:
            return replace(event, alarm_id=e.alarm_id)
    return event


def await_facts(timeline: AnyTimeline, since: Micros, ctx: Context) -> None:
    """Give a subject of which nothing is known but its old ids a deadline, so that these are not kept for ever."""
    state = timeline.subject.new(timeline.row.id)
    state.last_fact = since
    state.due = timeline.subject.retires(state, ctx)
    timeline.row.snapshot = encode(state)
    timeline._refold(ctx, Effects(), Effects())


def _join(own: AnyTimeline, other: AnyTimeline, ref: Ref, clock: Micros, ctx: Context) -> Step:
    out, subject = Step(), own.subject
    before = {_id_under(own.row.id, e): e.alarm_id for e in other.emitted.values()}
    for e in other.emitted.values():
        if _is_of_case(e):
            other._emit_one(e, "alarm.withdrawn", clock, (ref,), ctx, out)
    out.alarms = [replace(alarm, merged=True) for alarm in out.alarms]
    out.counts += _keep_out(other, own.row.erased)
    end = max(own.row.snapshot_time, other.row.snapshot_time)
    begin = own.state.first_seen, other.state.first_seen
    _settle(own, end, begin[1], ctx)
    _settle(other, end, begin[0], ctx)
    row, more = own.row, other.row
    state = subject.decode(row.snapshot)
    out.counts += subject.combine(state, subject.decode(more.snapshot), ctx)
    mine = {identity_of(fact) for fact in row.recent}
    row.snapshot, row.snapshot_time = encode(state), end
    row.recent = row.recent + [_renamed(fact, own, other) for fact in more.recent if identity_of(fact) not in mine]
    row.clock = max(row.clock, more.clock)
    row.counts, row.lessons = row.counts + more.counts, sorted({*row.lessons, *more.lessons})
    row.forced = row.forced or more.forced
    row.seen = (more.seen + row.seen)[-(MAX_SEEN_EARLY if row.forced else 2 * SEEN) :]
    row.cached = None
    step = own._refold_and_emit(0, ref, clock, ctx)
    own._limit_size(ref, clock, ctx, step)
    step.alarms = out.alarms + [_continuing(alarm, before) for alarm in step.alarms]
    step.counts = out.counts + step.counts
    return step


def _settle(one: AnyTimeline, end: Micros, following: Micros, ctx: Context) -> None:
    """Take the recent facts before an instant into the snapshot, and the silence until the other id begins, if it begins after them."""
    row, effects = one.row, Effects()
    old, recent = [f for f in row.recent if f.time < end], [f for f in row.recent if f.time >= end]
    state = fold(one.subject, row.snapshot, old, ctx, effects)
    if 0 < state.last_fact < following <= end:
        lapse(one.subject, state, following, ctx, effects)
    one._take_in(state, effects, old, recent)


def _is_of_case(e: Episode) -> bool:
    return bool(e.subject_id)


def _keep_out(other: AnyTimeline, erased: Micros) -> list[Contribution]:
    """Leave out what lies before an erasure of the subject, of the snapshot all if its first fact does; return what that takes back."""
    if not erased:
        return []
    row, subject = other.row, other.subject
    state = subject.decode(row.snapshot)
    row.recent = [fact for fact in row.recent if fact.event.time > erased]
    if not 0 < state.first_seen <= erased:
        return []
    row.snapshot = encode(subject.new(row.id))
    row.snapshot_time = 0
    return subject.contributions(state, state.last_fact)


def _renamed(fact: Fact, own: AnyTimeline, other: AnyTimeline) -> Fact:
    """The fact; what was done about an alarm of the old id was done about the one that is raised in its place."""
    action = fact.event
    if not isinstance(action, AlarmAction) or (e := other.emitted.get(action.alarm_id or "")) is None:
        return fact
    return replace(fact, event=replace(action, alarm_id=_id_under(own.row.id, e)))


def _id_under(name: str, e: Episode) -> str:
    """The id of an alarm under the customer `name`."""
    return alarm_id(e.subject, e.subject_id or name, e.kind, e.opener, e.detail)


def _continuing(alarm: Alarm, before: dict[str, str]) -> Alarm:
    """The alarm; one that is raised names the alarm of the old id that it goes on from. `before` names those by their ids now."""
    former = before.get(alarm.alarm_id) if alarm.type == "alarm.raised" else None
    return alarm if former is None else replace(alarm, continues=former)
