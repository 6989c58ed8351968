"""What is known of a group at an instant, and when it is forgotten."""

from scorers.contract.events import DAY
from scorers.in_force.group_histories import GroupHistories

STORE = ("store", "S1")


def test_a_report_is_in_force_from_its_instant_on() -> None:
    """A late fact is judged by what was known at its own instant."""
    groups = GroupHistories()
    groups.adopt(STORE, 1 * DAY, 2 * DAY, {"complaints": 1}, DAY)
    groups.adopt(STORE, 2 * DAY, 3 * DAY, {"complaints": 2}, DAY)
    known = [groups.at(STORE, day * DAY).get("complaints") for day in (1, 2, 3)]
    assert known == [None, 1, 2]


def test_a_report_that_comes_again_is_no_news() -> None:
    """A worker that took over a partition repeats reports, also older values of the same instant."""
    groups = GroupHistories()
    reports = [(1, {"complaints": 1}), (1, {"complaints": 2}), (1, {"complaints": 1}), (0, {"complaints": 9})]
    assert [groups.adopt(STORE, day * DAY, day * DAY, values, DAY) for day, values in reports] == [1, 1, 0, 0]
    assert groups.at(STORE, DAY) == {"complaints": 2}


def test_a_group_that_ended_in_nothing_is_forgotten_and_named_once() -> None:
    """A week and the allowed lateness after its last report of zeros."""
    groups = GroupHistories()
    groups.adopt(STORE, 0, 0, {"complaints": 0}, DAY)
    groups.adopt(("store", "S2"), 8 * DAY, 8 * DAY, {"complaints": 1}, DAY)
    assert (groups.dropped, groups.at(STORE, 8 * DAY)) == ([], {"complaints": 0})
    groups.adopt(("store", "S2"), 9 * DAY, 9 * DAY, {"complaints": 2}, DAY)
    assert (groups.dropped, groups.at(STORE, 9 * DAY)) == ([STORE], {})
    groups.adopt(("store", "S2"), 10 * DAY, 10 * DAY, {"complaints": 3}, DAY)
    assert groups.dropped == []
