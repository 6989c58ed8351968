"""Figures of the base: counts add up, days close in order, boundaries rank (T1, L3)."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scorers.contract.events import DAY
from scorers.in_force.base_rhythm import gap_bucket
from scorers.in_force.control import FiguresInForce
from scorers.in_force.figures import (
    ALL_YEARS,
    COHORT_GAPS,
    GAPS,
    MOST_CURRENCIES,
    FigureBook,
    no_figures,
    no_totals,
    value_bucket,
    years_of,
)
from scorers.policy.tables import Policy

POLICY = Policy()
WEEK = gap_bucket(7 * DAY)
EUROS = years_of("EUR")


def test_nothing_is_known_before_the_first_day():
    """Sixty days for the second purchase, no boundaries."""
    figures = no_figures(POLICY)
    assert (figures.bounds, figures.second_limit, figures.ranked) == ({}, 60 * DAY, 0)


def test_a_day_holds_the_facts_dated_on_it_or_before():
    """A contribution of tomorrow waits for tomorrow, one of last week is taken in late."""
    book = FigureBook(POLICY)
    book.add([(10, GAPS, WEEK, 3), (11, GAPS, WEEK, 4), (4, GAPS, WEEK, 1)])
    assert book.close(10).base.gaps == 4
    assert book.close(11).base.gaps == 8


def test_figures_are_in_force_from_the_end_of_their_day_plus_the_lateness():
    """A day later, when all its facts are in."""
    assert FigureBook(POLICY).close(10).in_force == 12 * DAY


def test_a_contribution_taken_back_leaves_no_trace():
    """A late fact moves a count from one bucket to another."""
    book, plain = FigureBook(POLICY), FigureBook(POLICY)
    book.add([(10, GAPS, WEEK, 1), (10, GAPS, WEEK, -1), (10, GAPS, WEEK + 9, 1)])
    plain.add([(10, GAPS, WEEK + 9, 1)])
    assert book.close(10) == plain.close(10)


@given(st.permutations([(day, GAPS, WEEK + day % 3, 1) for day in range(12)]))
def test_the_order_of_contributions_has_no_effect(contributions):
    """Counts add."""
    book, plain = FigureBook(POLICY), FigureBook(POLICY)
    book.add(contributions)
    plain.add(sorted(contributions))
    assert book.close(12) == plain.close(12)


def test_the_second_purchase_is_expected_by_the_quantile_once_fifty_are_known():
    """Forty-nine are too few."""
    book = FigureBook(POLICY)
    book.add([(1, COHORT_GAPS, WEEK, 49)])
    assert book.close(1).second_limit == 60 * DAY
    book.add([(2, COHORT_GAPS, WEEK, 1)])
    assert 7 * DAY <= book.close(2).second_limit <= 7.4 * DAY


def test_boundaries_cut_the_ranks_at_their_shares():
    """Of a hundred, five are platinum, twenty gold, sixty-five iron, ten lead."""
    book = FigureBook(POLICY)
    values = [1000 * 2**0.1**0 * (n + 1) ** 2 for n in range(100)]
    book.add([(1, EUROS, value_bucket(round(value)), 1) for value in values])
    figures = book.close(1)
    platinum, gold, iron = (sum(value >= bound for value in values) for bound in figures.bounds["EUR"])
    assert (platinum, gold, iron) == (5, 25, 90)
    assert figures.ranked == 100


def test_fifty_in_one_currency_are_needed_for_boundaries():
    """Forty-nine have none, however many are ranked in another currency."""
    book = FigureBook(POLICY)
    book.add([(1, EUROS, 700, 49), (1, years_of("JPY"), 900, 60)])
    assert set(book.close(1).bounds) == {"JPY"}
    assert book.close(1).ranked == 109
    book.add([(2, EUROS, 700, 1)])
    assert set(book.close(2).bounds) == {"EUR", "JPY"}


def test_invented_currencies_take_no_memory():
    """Codes come from outside: those beyond the bound are not ranked, and a place that is free again serves another."""
    codes = [f"{first}{second}A" for first in "ABCDEFGH" for second in "ABCDEFGH"]
    book = FigureBook(POLICY)
    book.add([(1, EUROS, 700, 60)])
    book.close(1)
    book.add([(2, years_of(code), 700 + n, 60) for n, code in enumerate(codes)])
    assert set(book.close(2).bounds) == {"EUR", *codes[: MOST_CURRENCIES - 1]}
    assert len(book.total) == MOST_CURRENCIES + len(no_totals())
    book.add([(3, years_of(code), 700 + n, -60) for n, code in enumerate(codes[: MOST_CURRENCIES - 1])])
    assert set(book.close(3).bounds) == {"EUR"}
    book.add([(4, years_of("JPY"), 700, 60)])
    assert set(book.close(4).bounds) == {"EUR", "JPY"}


def test_a_version_names_the_content():
    """The same figures of the same day have the same version, others another."""
    one, two = FigureBook(POLICY), FigureBook(POLICY)
    for book in (one, two):
        book.add([(1, GAPS, WEEK, 5)])
    assert one.close(1).version == two.close(1).version
    two.add([(2, GAPS, WEEK, 5)])
    assert one.close(2).version != two.close(2).version


def test_what_former_builds_counted_is_ranked_until_it_has_moved():
    """They knew one histogram of all currencies; its boundaries are for those whose currency has none yet."""
    book = FigureBook(POLICY)
    book.total[ALL_YEARS] = Counter({700: 60})
    assert set(book.close(1).bounds) == {""}
    assert book.close(1).ranked == 60
    book.add([(2, ALL_YEARS, 700, -55), (2, EUROS, 700, 55)])
    figures = book.close(2)
    assert set(figures.bounds) == {"EUR"}
    assert figures.ranked == 60
    assert FiguresInForce.of(2, figures).figures() == figures
