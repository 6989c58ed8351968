"""The rhythm of a customer and the silence that it allows."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY, HOUR
from scorers.customer.rhythm import LONGEST_LIMIT, SHORTEST_LIMIT, Rhythm, quiet_limit
from scorers.in_force.base_rhythm import BaseRhythm, gap_bucket, gap_quantile

NOTHING = BaseRhythm.of({}, {})


def visits(*days: float) -> Rhythm:
    """A rhythm with occasions on these days."""
    rhythm = Rhythm()
    for day in days:
        rhythm.visit(round(day * DAY))
    return rhythm


def alarms_a_year(shape: float, gap: float, known: int, seed: int) -> float:
    """How often a year gaps of gamma customers, this many known already, exceed the limit set before them."""
    chance = random.Random(seed)
    over, judged = 0, 0.0
    for _ in range(250):
        rhythm, day = visits(0), 0.0
        pace = gap * chance.lognormvariate(0, 0.5)
        for n in range(known + 30):
            limit = quiet_limit(rhythm, NOTHING) / DAY
            silence = chance.gammavariate(shape, pace / shape)
            if n >= known:
                judged += silence / 365.25
                over += silence > limit
            day += silence
            rhythm.visit(round(day * DAY))
    return over / judged


@pytest.mark.parametrize("shape", [1.0, 2.0, 5.0])
@pytest.mark.parametrize("gap", [2, 5, 25, 60])
def test_a_faithful_customer_is_called_quiet_half_a_time_a_year(shape: float, gap: float) -> None:
    """Once ten gaps are known, whatever the rhythm (J2)."""
    assert 0.08 < alarms_a_year(shape, gap, 10, seed=1) < 0.9


def test_very_regular_customers_do_not_alarm_more_often() -> None:
    """Very regular customers never alarm more often than others, although their limit is much tighter."""
    assert alarms_a_year(20, 7, 10, seed=2) < 0.6
    weekly = visits(*range(0, 210, 7))
    ragged = visits(*(day + (0, 9, 1, 11, 3)[i % 5] for i, day in enumerate(range(0, 210, 7))))
    assert weekly.mean_gap() == 7
    assert 8 * DAY < quiet_limit(weekly, NOTHING) < 15 * DAY < quiet_limit(ragged, NOTHING)


def test_with_few_gaps_the_limit_is_shrunk_to_the_base() -> None:
    """With one gap known the limit lies between the own pace and the base's, and a slower base allows more."""
    once = visits(0, 10)
    quick = BaseRhythm.of({gap_bucket(5 * DAY): 90}, {gap_bucket(5 * DAY): 90})
    slow = BaseRhythm.of({gap_bucket(60 * DAY): 90}, {gap_bucket(60 * DAY): 90})
    assert 15 * DAY < quiet_limit(once, quick) < quiet_limit(once, slow) < LONGEST_LIMIT
    assert quiet_limit(once, slow, 1.0) < quiet_limit(once, slow, 0.1)


def test_regularity_survives_a_change_of_pace() -> None:
    """Gaps that grow slowly stay regular: the shape compares neighbours only."""
    day, gap, rhythm = 0.0, 5.0, Rhythm()
    for _ in range(40):
        rhythm.visit(round(day * DAY))
        day += gap
        gap *= 1.05
    assert rhythm.shape(1.0) > 10


@settings(deadline=None, max_examples=200)
@given(st.lists(st.integers(0, 900 * DAY), max_size=40), st.floats(0.001, 12.0))
def test_any_history_has_a_sane_limit(gaps: list[int], false_a_year: float) -> None:
    """Whatever the gaps, even none or all within an hour, the limit is between a day and two years."""
    rhythm, at = Rhythm(), 0
    for gap in gaps:
        rhythm.visit(at)
        at += gap
    assert SHORTEST_LIMIT <= quiet_limit(rhythm, NOTHING, false_a_year) <= LONGEST_LIMIT
    assert rhythm.occasions == len(gaps)


@given(st.integers(1, 2000 * DAY))
def test_buckets_are_narrow_and_in_order(gap: int) -> None:
    """A bucket is about 5 % wide, and a longer gap never falls into an earlier one."""
    assert gap_bucket(gap) <= gap_bucket(gap + 1) <= gap_bucket(gap) + 1
    if gap > 2 * HOUR:
        assert gap_bucket(gap) < gap_bucket(round(gap * 1.06))


def test_first_gap_quantile() -> None:
    """The time by which a share has come back is read off the histogram, to a bucket; without any gap there is none."""
    quantile = gap_quantile({gap_bucket(day * DAY): 1 for day in (1, 2, 4, 8, 16, 32, 64, 128)}, 0.75)
    assert quantile is not None
    assert 32 * DAY <= quantile < 32 * DAY * 1.06
    assert gap_quantile({}, 0.75) is None
    assert gap_quantile({gap_bucket(DAY): 0}, 0.75) is None
    taken_back = BaseRhythm.of({gap_bucket(DAY): 0, gap_bucket(9 * DAY): -1}, {gap_bucket(DAY): 0})
    assert taken_back == NOTHING


def test_pooled_gaps() -> None:
    """The base tells how many gaps there are, their mean, and a shape that is never less regular than Poisson."""
    chance = random.Random(3)
    counts: dict[int, int] = {}
    for _ in range(4000):
        bucket = gap_bucket(round(chance.gammavariate(3.0, 10.0) * DAY))
        counts[bucket] = counts.get(bucket, 0) + 1
    base = BaseRhythm.of(counts, {})
    assert base.gaps == 4000
    assert 29 < base.mean < 31
    assert 2.7 < base.shape < 3.3
    assert BaseRhythm.of({gap_bucket(DAY): 50, gap_bucket(300 * DAY): 50}, {}).shape == 1.0
