"""Deadlines come in their order, whatever lies between putting one in and taking one out."""

from heapq import heappop, heappush

from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import HOUR
from scorers.partition.deadlines import Deadlines

DUES = st.integers(0, 40 * HOUR) | st.sampled_from([0, HOUR - 1, HOUR, HOUR + 1, 5 * HOUR])
NAMES = st.sampled_from(["", "c1", "c2", "ñandú", "\U0001f4a3", "x" * 512])


@given(st.lists(st.tuples(DUES, NAMES) | DUES))
def test_they_come_as_out_of_one_heap(steps: list[tuple[int, str] | int]) -> None:
    """Earliest first, by name where two are alike, and nothing that is not before the instant asked for."""
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


def test_a_million_take_little_room() -> None:
    """A deadline of days ahead is its bytes: the instant, the name, two more."""
    deadlines = Deadlines()
    for n in range(10_000):
        deadlines.add((n % 700) * HOUR + n, f"c{n:06}")
    packed = sum(map(len, deadlines._far.values()))
    assert packed == 10_000 * 17
    assert not deadlines._near
