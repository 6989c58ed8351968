"""Deadlines come in order, in whatever sequence they are added and taken."""

from heapq import heappop, heappush

from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import HOUR
from scorers.partition.deadlines import Deadlines

DUES = st.integers(0, 40 * HOUR) | st.sampled_from([0, HOUR - 1, HOUR, HOUR + 1, 5 * HOUR])
NAMES = st.sampled_from(["", "c1", "c2", "ñandú", "\U0001f4a3", "x" * 512])


@given(st.lists(st.tuples(DUES, NAMES) | DUES))
def test_deadlines_come_in_the_order_of_one_heap(steps: list[tuple[int, str] | int]) -> None:
    """Earliest first, then by name, and only those before the instant given."""
    deadlines, heap = Deadlines(), list[tuple[int, str]]()
    for one in steps:
        if isinstance(one, tuple):
            deadlines.add(*one)
            heappush(heap, one)
            continue
        while heap and heap[0][0] < one:
            assert deadlines.take(one) == heappop(heap)
        assert deadlines.take(one) is None
    for _ in range(len(heap)):
        assert deadlines.take(41 * HOUR) == heappop(heap)
    assert deadlines.take(41 * HOUR) is None


def test_a_far_deadline_takes_seventeen_bytes() -> None:
    """The instant in eight bytes, the length of the name in two, and the name."""
    deadlines = Deadlines()
    for n in range(10_000):
        deadlines.add((n % 700) * HOUR + n, f"c{n:06}")
    packed = sum(map(len, deadlines._far.values()))
    assert packed == 10_000 * 17
    assert not deadlines._near
