"""The contiguity guard on its own: what it delivers and what it lets commit, whatever Faust fetches."""

from typing import NamedTuple

from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.chunk import Chunk
from streams.engine.contiguity import DELIVER, DROP, Admission, ContiguityGuard

EVENTS = TP("events", 0)


class Record(NamedTuple):
    offset: int
    topic: str = "events"
    partition: int = 0
    timestamp: int = 0


def chunk(*offsets: int) -> Chunk:
    return Chunk([Record(offset) for offset in offsets])


def started(offset: int = 0) -> ContiguityGuard:
    guard = ContiguityGuard()
    guard.hold([EVENTS])
    guard.start(EVENTS, offset)
    assert guard.release() == {EVENTS}
    return guard


def admit(guard: ContiguityGuard, one: Chunk) -> Admission:
    return guard.admit(EVENTS, one, lambda tp: None)


def test_a_partition_is_released_once_it_is_resumed_and_its_start_is_known() -> None:
    """Neither of the two is enough, in whichever order they come."""
    guard = ContiguityGuard()
    guard.hold([EVENTS])
    assert guard.release() == set()
    assert admit(guard, chunk(0)) == DROP
    guard.start(EVENTS, 0)
    assert admit(guard, chunk(0)) == DROP
    assert guard.release() == {EVENTS}
    assert admit(guard, chunk(0)) == DELIVER
    guard.pause([EVENTS])
    assert admit(guard, chunk(1)) == DROP
    assert guard.release() == set(), "Faust has not resumed it"


def test_a_gap_is_accepted_when_a_second_reading_shows_it() -> None:
    """The first reading is repeated; a gap elsewhere is read twice again."""
    guard = started(5)
    assert admit(guard, chunk(8, 9)) == Admission(False, seek=5)
    assert admit(guard, chunk(8, 9)) == DELIVER
    assert admit(guard, chunk(12)) == Admission(False, seek=10)


def test_the_commit_does_not_pass_an_unfinished_chunk() -> None:
    """A chunk that is finished before its predecessor moves nothing, and neither does one that is not done."""
    guard, (first, second) = started(), (chunk(0, 1), chunk(2, 3))
    assert admit(guard, first) == admit(guard, second) == DELIVER
    second.done = True
    assert not guard.finish(EVENTS, second)
    assert not guard.finish(EVENTS, first), "it is not done"
    assert guard.committable(EVENTS) == 0
    first.done = True
    assert guard.finish(EVENTS, first)
    assert guard.finish(EVENTS, second)
    assert guard.committable(EVENTS) == 4


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 6)), max_size=40), st.integers(0, 5), st.data())
def test_whatever_is_fetched_is_delivered_once_in_order_and_committed_behind(
    fetches: list[tuple[int, int]], start: int, data: st.DataObject
) -> None:
    """Chunks may come early, late, twice or overlapping; only the offsets of accepted gaps are ever missing."""
    guard, delivered, waiting = started(start), list[int](), list[Chunk]()
    gaps, due, reread = set[int](), start, -1
    for first, size in fetches:
        one = chunk(*range(first, first + size))
        admission = admit(guard, one)
        if admission.seek is not None:
            assert admission.seek == due < first
            assert reread != due, "a gap is read again only once"
            reread = due
        if admission.deliver:
            gaps |= set(range(due, one.first))
            delivered += [record.offset for record in one.records]
            due = one.offset + 1
            waiting.append(one)
        if waiting and data.draw(st.booleans()):
            done = waiting.pop(data.draw(st.integers(0, len(waiting) - 1)))
            done.done = True
            guard.finish(EVENTS, done)
        open_ = [one.follows for one in waiting]
        assert (guard.committable(EVENTS) or 0) <= min([due, *open_])
    assert delivered == sorted(set(delivered))
    assert set(delivered) | gaps == set(range(start, due))
