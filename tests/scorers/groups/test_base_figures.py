"""The figures of the base: who moves, who stays, when customers leave, what they bring and cost, which deadlines are met."""

import pytest

from scorers.contract.events import DAY, HOUR
from scorers.groups.base_figures import BaseFigures, measure
from scorers.in_force.counted.base_counts import is_of_base
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase, record

UNTIL = MAY + 120 * DAY


def sale(who: str, day: float, amount: int = 1000, **own: object) -> tuple[int, bytes]:
    at = MAY + round(day * DAY)
    return at, purchase(at, who, amount, **own)


def fact(kind: str, who: str, day: float, **own: object) -> tuple[int, bytes]:
    at = MAY + round(day * DAY)
    return at, record(kind, at, who, **own)


STORY = [
    *[sale("ana", day, margin_minor=300) for day in (0, 10, 20, 40)],
    sale("ana", 40 + 1 / 24, 500),  # the same visit
    *[sale("ben", day) for day in (1, 5)],
    sale("cleo", 2),
    fact("exit.explained", "ben", 30, reason="price"),
    fact("exit.explained", "cleo", 31, reason="price"),
    sale("cleo", 60),  # comes back
    fact("contact.made", "ana", 21, channel="phone", cost_minor=70),
    fact("complaint.opened", "ana", 22, complaint_id="K1"),
    fact("complaint.resolved", "ana", 22.5, complaint_id="K1"),
    fact("complaint.opened", "cleo", 61, complaint_id="K2"),
    fact("customer.described", "eva", 1, party_type="internal"),
    *[sale("eva", day) for day in (2, 9)],
]


def facts(late: bool = False) -> list[bytes]:
    """In the order of time; or each fifth is read most of a day later."""
    turns = sorted((at + (20 * HOUR if late and not n % 5 else 0), raw) for n, (at, raw) in enumerate(STORY))
    return [raw for _, raw in turns]


def figures(driver: Driver) -> BaseFigures:
    assert driver.book is not None
    return measure(driver.book.so_far(), UNTIL // DAY, driver.ctx.policy)


@pytest.fixture(scope="module")
def found() -> BaseFigures:
    return figures(Driver().feed(*facts()).advance(UNTIL))


def test_when_customers_leave(found: BaseFigures) -> None:
    """L9: of those who came once one left; staff do not count."""
    first, second, third = found.by_purchase[:3]
    assert (first.at, first.known, first.left) == (1, 4, 1)  # cleo has left, and came again later: both are known
    assert (second.at, second.known, second.left) == (2, 2, 1)
    assert (third.known, third.left) == (1, 0)
    assert found.by_tenure[0].left == 1  # cleo, on the day of the first purchase
    assert {moment.at: moment.left for moment in found.by_tenure if moment.left} == {0: 1, 1: 1}


def test_what_customers_bring_and_cost_by_tenure(found: BaseFigures) -> None:
    """P7: ana was active for 40 days and ben for four; cleo's absence after she had left is not active."""
    by_day = {one.from_day: one for one in found.tenure}
    assert sum(one.active_days for one in found.tenure) == 44
    assert by_day[0].spent_minor == {"EUR": 3000}
    assert by_day[30].spent_minor == {"EUR": 1500 + 1000}
    assert by_day[14].cost_minor == {"EUR": 70}
    assert by_day[14].spent_in_28_days_minor == {"EUR": round(28 * 1000 / by_day[14].active_days)}
    assert by_day[0].spent_in_28_days_minor == {}


def test_counts_are_weighted_by_margin(found: BaseFigures) -> None:
    """T2: by tier and stage, where each customer stands now; margin where it is known, else revenue."""
    assert {(one.tier, one.stage): (one.customers, one.year_minor) for one in found.places} == {
        ("iron", "defector"): (1, {"EUR": 2000}),
        ("iron", "dormant"): (1, {"EUR": 4 * 300 + 500}),
        ("iron", "early_repeat_buyer"): (1, {"EUR": 2000}),
    }


def test_moves_between_stages_and_days_since_the_last_loss(found: BaseFigures) -> None:
    """L7, A6: counted from the first one on."""
    moves = {(one.before, one.after): one.customers for one in found.moves}
    assert moves["prospect", "first_time_buyer"] == 3  # eva is of the staff
    assert moves["defector", "early_repeat_buyer"] == 1
    assert found.days_since_lost == {"platinum": None, "gold": None, "iron": 120 - 31, "lead": None}


def test_the_share_of_deadlines_that_were_met(found: BaseFigures) -> None:
    """X6: the first complaint is rectified in time; nobody answers the second, whose deadlines pass."""
    kept = {(one.deadline, one.met, one.missed, one.share) for one in found.deadlines}
    assert kept == {("acknowledge", 1, 1, 0.5), ("rectify", 1, 1, 0.5)}


def test_a_complaint_that_is_opened_again_was_not_rectified() -> None:
    """The deadline counts once, by its last answer."""
    more = [
        fact("complaint.reopened", "ana", 23, complaint_id="K1"),
        fact("complaint.resolved", "ana", 40, complaint_id="K1"),
    ]
    turns = [raw for _, raw in sorted([*STORY, *more])]
    again = figures(Driver().feed(*turns).advance(UNTIL))
    assert ("rectify", 0, 2) in {(one.deadline, one.met, one.missed) for one in again.deadlines}


def test_an_erasure_takes_a_customer_out_of_the_counts() -> None:
    """Of those who are customers now; what has happened stays counted."""
    driver = Driver().feed(*facts(), record("customer.erased", MAY + 70 * DAY, "ana")).advance(UNTIL)
    assert sum(one.customers for one in figures(driver).places) == 2


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_any_number_of_partitions_counts_the_same(partitions: int, found: BaseFigures) -> None:
    """Although facts are read late: in the sums of all partitions, and in a replay."""
    late = Driver().feed(*facts(late=True)).advance(UNTIL)
    assert figures(late) == found
    cluster = Cluster(partitions)
    for raw in facts(late=True):
        topics = {b"purchase": "purchases", b"complain": "complaints", b"contact.": "contacts"}
        cluster.publish(topics.get(raw[10:18], "feedback"), raw)
    cluster.close_days(UNTIL)
    summed: dict[str, dict[int, int]] = {}
    for desk in cluster.desks:
        for name, counts in desk.processor.state.book.total.items():
            for bucket, count in counts.items():
                held = summed.setdefault(name, {})
                held[bucket] = held.get(bucket, 0) + count
    assert late.book is not None
    assert {name: held for name, held in summed.items() if is_of_base(name)} == {
        name: dict(held) for name, held in late.book.total.items() if is_of_base(name)
    }
