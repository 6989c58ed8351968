"""The risk within several horizons: one curve that falls, through the headline, whatever was learned."""

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scorers.contract.events import DAY
from scorers.customer.state import Customer
from scorers.in_force.context import Context
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from scorers.risk.columns import WIDTH
from scorers.risk.model import KNOTS, UNTRAINED, LinearModel, Model
from scorers.risk.prior import Population
from scorers.subjects.assessment import assess, purchase_risk
from scorers.subjects.horizons import by_span, risk_by_horizon

START = 10_000 * DAY
ODD = Model(
    "odd",
    (0.1, 0.2, 0.7),
    Population(0.3, 4.0, 0.5, 1.0, 0.7),
    LinearModel("kalman", 0.4, 0.8, (0.1,) * len(KNOTS), (0.02,) * WIDTH),
)
BENT = msgspec.structs.replace(ODD, version="bent", population=Population(0.3, 4.0, 0.5, 1.0, 0.7, 0.6, 1.8, 20.0))


def customer(gaps: list[int]) -> Customer:
    """A customer who bought after each of these gaps, in days."""
    c, at = Customer("c1"), START
    for gap in [0, *gaps]:
        at += gap * DAY
        c.rhythm.visit(at)
        c.spending.days.append(at // DAY)
        c.purchases.count += 1
    c.purchases.last = at
    return c


def context(model: Model, text: str = "") -> Context:
    """What is in force: a policy and a model."""
    ctx = Context(parse_policy(text), UNTRAINED)
    ctx.adopt_model(model, START)
    return ctx


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.integers(1, 200), max_size=12),
    st.integers(0, 900),
    st.lists(st.integers(1, 720), min_size=2, max_size=6, unique=True),
    st.sampled_from([UNTRAINED, ODD, BENT]),
    st.booleans(),
)
def test_more_time_never_means_more_risk(
    gaps: list[int], silence: int, horizons: list[int], model: Model, troubled: bool
) -> None:
    """Whatever the rhythm, the opinion and the model, the risks fall as the horizon grows, and are probabilities."""
    c = customer(gaps)
    if troubled:
        c.opinion.marks, c.opinion.mood = 1, 1.0
        c.opinion.competitors, c.opinion.competitor_at = 1, c.purchases.last
    risks = risk_by_horizon(c, c.purchases.last + silence * DAY, context(model), [days * DAY for days in horizons])
    assert list(risks) == sorted(days * DAY for days in horizons)
    assert all(0 < later <= sooner < 1 for sooner, later in pairwise(risks.values()))


@pytest.mark.parametrize("model", [UNTRAINED, ODD, BENT], ids=lambda model: model.version)
def test_the_curve_goes_through_the_headline(model: Model) -> None:
    """At the policy's own horizon the curve gives the risk of the assessment."""
    c = customer([20, 25, 30])
    c.opinion.marks, c.opinion.mood = 1, 1.0
    ctx, now = context(model, "[risk]\nhorizon = '45d'"), c.purchases.last + 10 * DAY
    risks = risk_by_horizon(c, now, ctx)
    assert [horizon // DAY for horizon in risks] == [30, 45, 60, 90, 180]
    assert risks[45 * DAY] == pytest.approx(purchase_risk(c, now, ctx)) == pytest.approx(assess(c, now, ctx).risk)
    assert risks[30 * DAY] > risks[45 * DAY] > risks[60 * DAY]


def test_the_policy_says_which_horizons() -> None:
    """The list is the user's, and people read it as the policy writes it."""
    ctx = context(UNTRAINED, "[risk]\nhorizon = '1d 12h'\nhorizons = ['2w']")
    risks = risk_by_horizon(customer([]), START, ctx)
    assert list(by_span(risks)) == ["1d 12h", "14d"]
    assert Policy().risk.horizons == (30 * DAY, 60 * DAY, 90 * DAY, 180 * DAY)


def test_a_prospect_has_no_risk_by_horizon() -> None:
    """There is no purchase to count from."""
    assert risk_by_horizon(Customer("p1"), START, context(UNTRAINED)) == {}


def test_the_shift_is_what_was_learned() -> None:
    """A model that is surer than the prior is surer at every horizon."""
    c, now = customer([30, 30]), START + 80 * DAY
    plain = msgspec.structs.replace(ODD, weights=(0.0, 1.0, 0.0))
    lower = LinearModel(intercept=-1.0, bends=(0.0,) * len(KNOTS), coefficients=(0.0,) * WIDTH)
    surer = msgspec.structs.replace(plain, weights=(0.0, 0.0, 1.0), champion=lower)
    low, high = risk_by_horizon(c, now, context(surer)), risk_by_horizon(c, now, context(plain))
    assert all(low[horizon] < high[horizon] - 0.05 for horizon in low)
