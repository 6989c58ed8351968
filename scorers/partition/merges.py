"""What merged ids send each other in and between partitions: what was known of an old id, and its later facts (`customer.merged`).

A merge acts when it arrives, whatever its time. The old id keeps a row that says where its facts go, so they find their way from one id
to the next through a chain of merges. An id is merged once: a second merge of it concerns the id that it has become. An alias of a customer
(`customer.described`) is merged into the customer as by a merge of its own.

A parcel carries the ids that it has passed. When it comes to a row that sends it back to one of them, the merges between them are a
circle. The newest of them, by time, source and id, is refused: its row stays a customer, and the parcel goes on until it arrives there.
So it makes no difference which partition read its merge first. A circle whose rows lie in one partition is noticed before anything moves, if it
is not long. What a parcel keeps of its way is bounded, however many merges follow one another: each of them costs a step.
"""

from operator import attrgetter
from typing import Protocol

from msgspec.structs import replace

from scorers.contract.events import AnyEvent, CustomerDescribed, CustomerErased, CustomerMerged, Instant, Micros
from scorers.contract.ids import canonical
from scorers.in_force.context import Context
from scorers.partition.routing import Address, Timelines
from scorers.partition.tally import joined
from scorers.timeline.emitter import Step
from scorers.timeline.facts import Ref
from scorers.timeline.merging.parcels import Hop, Parcel
from scorers.timeline.merging.timelines import (
    MAX_IDS,
    about_what_goes_on,
    add_id,
    await_facts,
    join,
    leave,
    say_again,
)
from scorers.timeline.row import Row
from scorers.timeline.timeline import AnyTimeline

REFUSED = "into leads back to customer_id: of the merges that form a circle the newest is refused"
MAX_LOOK = 32  # merges one after the other that are looked at before a merge; a longer circle is found by what goes round in it
Origin = tuple[str, int] | None


class Customers(Protocol):
    """What `Merges` asks of the partition."""

    clock: Micros

    def fold_for(self, address: Address, event: AnyEvent, ref: Ref, origin: Origin = None) -> Step: ...

    def erase(self, name: str, event: CustomerErased, ref: Ref, arrival: Micros) -> Step: ...

    def begin(self, name: str) -> AnyTimeline: ...

    def after(self, name: str, timeline: AnyTimeline, step: Step) -> Step: ...

    def delete(self, name: str) -> None: ...


class Merges:
    """Merges the customers of one partition, and passes on what is for another id."""

    def __init__(self, ctx: Context, timelines: Timelines, customers: Customers) -> None:
        self._ctx, self._timelines, self._customers = ctx, timelines, customers

    def merge(self, timeline: AnyTimeline, merge: CustomerMerged, ref: Ref, origin: Origin = None) -> Step:
        """Merge a customer into another id. One that would close a circle has the status `refused`."""
        name = timeline.row.id
        if timeline.row.came_before(origin):
            return Step(status="duplicate")
        if merge.into == name:  # two merges of an old id say the same
            return Step(status="duplicate")
        hop = Hop(name, int(merge.time), ref.source, ref.id)
        if self._closes_circle(hop, merge.into):
            return Step(status="refused", fault=REFUSED, refused=[Parcel(name, merge, ref)])
        timeline.row.note_origin(origin)
        step, known = leave(timeline, merge, ref, self._customers.clock, self._ctx)
        step.parcels.append(Parcel(merge.into, merge, ref, "known", known, (hop,)))
        return self._customers.after(name, timeline, step)

    def described(self, row: Row, event: AnyEvent, ref: Ref, step: Step) -> Step:
        """The step of a fact; if it tells aliases of the customer, those that are not known as old ids are merged into the customer.

        One fact merges as many as a customer may have; those beyond are counted.
        """
        if type(event) is not CustomerDescribed or not event.aliases or not step.is_new:
            return step
        told = dict.fromkeys(map(canonical, event.aliases))
        new = [one for one in told if one != row.id and one not in row.ids]
        for one in new[:MAX_IDS]:
            merge = CustomerMerged(id=event.id, source=event.source, time=event.time, customer_id=one, into=row.id)
            step.parcels.append(Parcel(one, merge, ref))
        if more := len(new[MAX_IDS:]):
            step.forgotten = {**step.forgotten, "merged_id": step.forgotten.get("merged_id", 0) + more}
        return step

    def _closes_circle(self, hop: Hop, into: str) -> bool:
        """Whether a merge is the newest of a circle, as far as this partition knows and looks."""
        newest = hop
        for _ in range(MAX_LOOK):
            found = self._timelines.get(into)
            if found is None or found.row.moved is None:
                return False
            newest, into = max(newest, _hop(found.row), key=_age), found.row.moved.into
            if into == hop.id:
                return newest is hop
        return False

    def receive(self, parcel: Parcel, origin: Origin = None, arrival: Micros = 0) -> Step:
        """Take a parcel for a customer of this partition, or pass it on. `origin` as in `Timeline.step`."""
        timeline = self._timelines.get(parcel.to)
        event = parcel.event
        if parcel.content == "again" and timeline is not None and timeline.row.moved is not None:
            return Step(status="duplicate", parcels=_again(parcel, timeline.row))
        if parcel.content == "let_go":
            assert isinstance(event, CustomerMerged)
            return self._let_go(parcel.to, timeline, event.into)
        if isinstance(event, CustomerErased):
            return self._customers.erase(parcel.to, event, parcel.ref, arrival)
        if timeline is not None and timeline.row.moved is not None:
            return self.follow(timeline, parcel, origin)
        if parcel.content == "fact":
            event = about_what_goes_on(event, timeline)
            return self._customers.fold_for(Address("customer", parcel.to), event, parcel.ref, origin)
        return self._take_up(timeline or self._customers.begin(parcel.to), parcel, origin)

    def follow(self, timeline: AnyTimeline, parcel: Parcel, origin: Origin = None) -> Step:
        """Pass on what is for an id that was merged away."""
        row, event = timeline.row, parcel.event
        assert row.moved is not None
        if row.came_before(origin):
            return Step(status="duplicate", parcels=_again(parcel, row))
        row.note_origin(origin)
        if parcel.content == "fact":
            if event.time <= row.erased:
                return Step(status="too_late")
            if isinstance(event, CustomerMerged) and _says_the_same(event, parcel.ref, row):
                return Step(status="duplicate")
        hop = _hop(row)
        newest = parcel.newest_of_circle(hop, row.moved.into)
        if (newest or parcel.refused) == hop:
            return self._stay(timeline, parcel)
        if newest is not None:
            parcel = replace(parcel, refused=newest, path=(), far=None)
        return self._customers.after(row.id, timeline, Step(parcels=[parcel.passed_on(hop, row.moved.into)]))

    def _stay(self, timeline: AnyTimeline, parcel: Parcel) -> Step:
        """Take back the merge of an id, because it is the newest of a circle; then take the parcel."""
        row = timeline.row
        moved, row.moved = row.moved, None
        assert moved is not None
        merge = CustomerMerged(
            id=moved.ref.id, source=moved.ref.source, time=Instant(moved.at), customer_id=row.id, into=moved.into
        )
        back = Step(refused=[Parcel(row.id, merge, moved.ref)])
        self._customers.after(row.id, timeline, back)
        if parcel.content == "fact":
            address, event = Address("customer", row.id), about_what_goes_on(parcel.event, timeline)
            return joined(back, self._customers.fold_for(address, event, parcel.ref))
        return joined(back, self._take_up(timeline, parcel, None))

    def _take_up(self, timeline: AnyTimeline, parcel: Parcel, origin: Origin) -> Step:
        """Take up what was known of an old id."""
        row, merge, clock = timeline.row, parcel.event, self._customers.clock
        if parcel.content == "again" or row.came_before(origin):
            return say_again(timeline, parcel.known, parcel.ref, clock, self._ctx)
        row.note_origin(origin)
        forgotten = add_id(row, parcel.path[-1].id) if parcel.path else ()
        step = join(timeline, parcel.known, parcel.ref, clock, self._ctx)
        if not timeline.state.first_seen:
            await_facts(timeline, int(merge.time), self._ctx)
        if forgotten:
            step.forgotten = {**step.forgotten, "merged_id": len(forgotten)}
            step.parcels += let_go(row.id, forgotten, int(merge.time))
        return self._customers.after(row.id, timeline, step)

    def _let_go(self, name: str, timeline: AnyTimeline | None, into: str) -> Step:
        """Forget where the facts of an old id go: who had become of it is forgotten, or has too many old ids."""
        if timeline is None or timeline.row.moved is None or timeline.row.moved.into != into:
            return Step(status="duplicate")
        step = Step(parcels=let_go(name, timeline.row.ids, timeline.row.moved.at))
        self._customers.delete(name)
        return step


def _again(parcel: Parcel, row: Row) -> list[Parcel]:
    """What was known of an id and was passed on before, for who has become of it: only how its alarms stand is told again."""
    if parcel.content == "fact" or row.moved is None or parcel.has_passed(row.id):
        return []
    return [replace(parcel.passed_on(_hop(row), row.moved.into), content="again")]


def let_go(name: str, ids: tuple[str, ...], at: Micros) -> list[Parcel]:
    """What tells old ids that they are no longer those of a customer."""
    return [
        Parcel(one, CustomerMerged(id="-", source="-", time=Instant(at), customer_id=one, into=name), NOBODY, "let_go")
        for one in ids
    ]


def erasures(row: Row, erasure: CustomerErased, ref: Ref) -> list[Parcel]:
    """What erases the other ids of a customer: those that were merged into this one, and the one that it was merged into."""
    others = dict.fromkeys(row.ids if row.moved is None else (row.moved.into, *row.ids))
    return [
        Parcel(one, CustomerErased(id=erasure.id, source=erasure.source, time=erasure.time, customer_id=one), ref)
        for one in others
    ]


NOBODY = Ref("-", "-")
_age = attrgetter("key")


def _hop(row: Row) -> Hop:
    assert row.moved is not None
    return Hop(row.id, row.moved.at, row.moved.ref.source, row.moved.ref.id)


def _says_the_same(merge: CustomerMerged, ref: Ref, row: Row) -> bool:
    moved = row.moved
    return moved is not None and (merge.into == moved.into or (ref.source, ref.id) == (moved.ref.source, moved.ref.id))
