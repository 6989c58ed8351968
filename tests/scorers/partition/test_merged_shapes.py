"""Merges of many ids: chains, circles, stars and trees, in any order."""

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR, MINUTE, SECOND
from scorers.contract.wire import Rejection, decode
from scorers.partition.merges import MAX_LOOK
from scorers.timeline.facts import Ref
from scorers.timeline.merging.parcels import MAX_PATH
from scorers.timeline.merging.timelines import MAX_IDS
from tests.scorers.partition.test_merges import START, customers, known, merged, weekly
from tests.support.driver import Driver, purchase


def test_a_merge_before_any_fact() -> None:
    """The old id is known only later, or never; nobody is a customer because of a merge."""
    driver = Driver().feed(merged(START)).advance(START + DAY)
    assert customers(driver) == []
    driver.feed(purchase(START + 2 * DAY, "C0")).advance(START + 400 * DAY)
    assert customers(driver) == ["C1"]
    assert {a.customer_id for a in driver.alarms} == {"C1"}


def test_a_second_merge_of_an_id_concerns_what_it_has_become() -> None:
    driver = Driver().feed(*weekly("A", range(2)), *weekly("B", range(2, 4)), *weekly("C", range(4, 6)))
    driver.feed(merged(START + 40 * DAY, "A", "B"), merged(START + 41 * DAY, "A", "C"))
    assert customers(driver) == ["C"]
    assert known(driver, "C")[0] == 6
    driver.feed(merged(START + 42 * DAY, "A", "B"), merged(START + 41 * DAY, "A", "C"))  # nothing new
    assert driver.statuses[-3:] == ["duplicate", "folded", "duplicate"]  # the second is passed on by what A has become


def test_into_itself_is_rejected() -> None:
    driver = Driver().feed(merged(START, "C1", "C1"))
    assert [(one.code, "into" in one.detail) for one in driver.rejected] == [("bad_value", True)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (2, 0, 1)])
def test_of_a_circle_the_newest_merge_is_refused(order: tuple[int, ...]) -> None:
    """Whatever was read first, the id whose merge is the newest goes on, with all facts; nothing is lost on the way."""
    merges = [merged(START + n * HOUR, *pair) for n, pair in enumerate([("A", "B"), ("B", "C"), ("C", "A")], 600)]
    driver = Driver().feed(*weekly("A", range(2)), *weekly("B", range(1, 3)), *weekly("C", range(2, 4)))
    refused = []
    for n in order:
        for step in driver.partition.feed(*_read(merges[n])):
            refused += [parcel.event.customer_id for parcel in step.refused]
    assert refused == ["C"]
    driver.feed(purchase(START + 26 * DAY, "A"), purchase(START + 26 * DAY + HOUR, "B")).advance(START + 27 * DAY)
    assert customers(driver) == ["C"]
    assert known(driver, "C")[0] == 8


@given(st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_merges_in_any_shape_leave_one_customer_of_those_that_hang_together(data: Any) -> None:
    """Chains, stars, trees and circles, longer than what a parcel names of its way: each sale is there once, and the newest merge of a circle is refused."""
    count = data.draw(st.integers(2, 2 * MAX_LOOK))
    is_circle = data.draw(st.booleans())
    into = [(n + 1) % count if is_circle else data.draw(st.integers(0, count - 1)) for n in range(count)]
    order = data.draw(st.permutations(range(count)))
    ages = data.draw(st.permutations(range(count)))
    merges = {n: merged(START + ages[n] * MINUTE, f"C{n}", f"C{into[n]}", id=f"m{n}") for n in order if into[n] != n}
    driver = Driver(figures=False).feed(*[purchase(START + n * MINUTE, f"C{n}") for n in range(count)])
    driver.feed(*merges.values(), *[purchase(START + 7 * HOUR, f"C{n}") for n in range(count)])
    ends = {n: _ends(n, into, ages) for n in range(count)}
    assert customers(driver) == sorted({f"C{end}" for end in ends.values()})
    for end in set(ends.values()):
        assert known(driver, f"C{end}")[0] == 2 * sum(one == end for one in ends.values())


def _ends(n: int, into: list[int], ages: Sequence[int]) -> int:
    """What an id becomes: the end of its chain, or of a circle the id whose merge is the newest."""
    way: list[int] = []
    while n not in way:
        way.append(n)
        n = into[n]
    return max(way[way.index(n) :], key=lambda one: ages[one])


@pytest.mark.parametrize("backwards", [False, True])
def test_a_long_chain_of_merges_is_one_step_each(backwards: bool) -> None:
    """Of 400 merges one after the other; what a fact of the first id carries on its way does not grow."""
    numbers = range(400)
    driver = Driver(figures=False).feed(purchase(START, "C0"))
    merges = [merged(START + n * SECOND, f"C{n}", f"C{n + 1}", id=f"m{n}") for n in numbers]
    driver.feed(*(merges[::-1] if backwards else merges))
    steps = list(driver.partition.feed(*_read(purchase(START + HOUR, "C0"))))
    carried = [parcel for step in steps for parcel in step.parcels]
    assert len(carried) == len(numbers)
    assert max(len(parcel.path) for parcel in carried) == MAX_PATH
    assert customers(driver) == [f"C{len(numbers)}"]
    assert known(driver, f"C{len(numbers)}")[0] == 2


@pytest.mark.faults
@pytest.mark.parametrize("is_circle", [False, True])
@pytest.mark.parametrize("is_shuffled", [False, True])
def test_ten_thousand_merges_one_after_the_other(is_shuffled: bool, is_circle: bool) -> None:
    """One customer is left, every row stays small, and a fact of the first id takes one step for each merge at most."""
    count = 10_000
    pairs = [(f"C{n}", f"C{n + 1}") for n in range(count - 1)] + ([(f"C{count - 1}", "C0")] if is_circle else [])
    merges = [merged(START + n * SECOND, *pair, id=f"m{n}") for n, pair in enumerate(pairs)]
    if is_shuffled:
        Random(1).shuffle(merges)
    driver = Driver(figures=False).feed(purchase(START, "C0"), *merges)
    steps = list(driver.partition.feed(*_read(purchase(START + 2 * DAY, "C0"))))
    carried = [parcel for step in steps for parcel in step.parcels]
    assert len(carried) < count
    assert max(len(parcel.path) for parcel in carried) == MAX_PATH
    (left,) = customers(driver)
    assert known(driver, left)[0] == 2
    assert left == f"C{count - 1}"  # of the circle the merge that was told last is the newest
    assert max(len(timeline.encode()) for timeline in driver.timelines.values()) < 8 * 1024


def test_a_star_of_merges_keeps_the_row_small() -> None:
    """2,000 ids that were merged into one: the newest are known, the others are customers of their own again, and the row stays within its bound."""
    driver = Driver(figures=False)
    for n in range(2_000):
        driver.feed(merged(START + n * SECOND, f"receipt:{n}", "C1", id=f"m{n}"))
    driver.feed(purchase(START + DAY, "receipt:1999"), purchase(START + DAY, "receipt:0"))
    assert customers(driver) == ["C1", "receipt:0"]
    assert len(driver.timelines["C1"].encode()) < 64 * 1024
    assert len(driver.timelines["C1"].row.ids) == MAX_IDS


def _read(raw: bytes) -> Any:
    event = decode(raw)
    assert not isinstance(event, Rejection)
    return event, Ref(event.source, event.id, "scenario", 0, 0)
