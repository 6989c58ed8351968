"""A flow of customers (L8): when more are lost than won, and when it is chance."""

import pytest

from scorers.groups.flow import ByDay, Flow, turns
from scorers.in_force.counted.flows import LOST, WHAT, WON
from scorers.policy.reading import parse_policy

DAY_0 = 19_800


def begins(lost: int, won: int, policy: str = "") -> bool:
    """Whether an outflow begins where so many are lost and won on one day."""
    counts = {DAY_0 * len(WHAT) + what: count for what, count in ((LOST, lost), (WON, won))}
    flow = Flow("base", day=DAY_0 + 40, sections={"EUR": counts})
    list(turns(flow, ByDay(flow), DAY_0, flow.day, parse_policy(policy)))
    return flow.outflow.since == DAY_0


@pytest.mark.parametrize(
    ("lost", "won", "is_told"),
    [(10, 9, True), (10, 10, False), (9, 0, False), (15, 14, True), (16, 15, False), (51, 50, False), (66, 37, True)],
)
def test_of_few_each_counts_and_of_many_it_must_be_more_than_chance(lost: int, won: int, is_told: bool) -> None:
    """Below `base.few` the counts decide."""
    policy = "[base]\nfew = 30\ntail = 0.01\n"
    assert begins(lost, won, policy) == begins(lost, won) == is_told


def test_a_tail_of_one_half_takes_every_count_as_it_is() -> None:
    """The switch for who wants each of them."""
    assert begins(51, 50, "[base]\ntail = 0.5\n")
