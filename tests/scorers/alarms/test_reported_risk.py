"""The told risk: within the larger of the horizon and twice the own usual gap, and never at a purchase."""

import pytest

from scorers.alarms.risk.reported import reported_horizon, reported_risk
from scorers.contract.events import DAY, Micros
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.state import Customer
from scorers.subjects.assessment import purchase_risk
from scorers.subjects.horizons import risk_by_horizon
from tests.support.driver import Driver, purchase
from tests.support.histories import FIXED

START = int(parse_instant("2017-01-09T10:00:00Z"))


def every(days: float, times: int, **made: object) -> Driver:
    driver = Driver(**made)  # type: ignore[arg-type]
    return driver.feed(*[purchase(START + round(n * days * DAY), id=str(n)) for n in range(times)])


def state(driver: Driver) -> Customer:
    found = driver.timelines["C1"].state
    assert isinstance(found, Customer)
    return found


@pytest.mark.parametrize(("gap", "horizon"), [(7, 90), (45, 90), (46, 92), (182, 364)])
def test_the_horizon_fits_the_rhythm_and_alarms_name_it(gap, horizon):
    """It is never under the run's."""
    driver = every(gap, 8)
    c = state(driver)
    assert reported_horizon(c, driver.ctx.policy) == horizon * DAY
    driver.advance(START + 20 * 365 * DAY)
    raised = [a for a in driver.alarms if a.type == "alarm.raised" and int(a.at) > c.purchases.last]
    assert {a.horizon_days for a in raised} == {float(horizon)}


@pytest.mark.parametrize("model", [None, FIXED])
def test_it_is_the_risk_within_that_horizon(model):
    """The same as in the list of risks by horizon, with and without a learned model; within the run's it is the model's."""
    driver = every(182, 8, model=model)
    c, now = state(driver), START + 8 * 182 * DAY
    risk = purchase_risk(c, now, driver.ctx)
    told = reported_risk(c, now, driver.ctx, risk)
    assert told == pytest.approx(risk_by_horizon(c, now, driver.ctx, [364 * DAY])[364 * DAY])
    assert told < risk
    weekly = every(7, 8, model=model)
    assert reported_risk(state(weekly), START + 60 * DAY, weekly.ctx, 0.25) == 0.25


@pytest.mark.parametrize("gap", [91, 120, 182, 364])
def test_a_slow_buyer_in_rhythm_raises_nothing(gap):
    """Whatever the gap, once the rhythm is known."""
    driver = every(gap, 12)
    late: Micros = START + 5 * gap * DAY
    assert [a.kind for a in driver.alarms if a.kind == "risk-high" and a.at > late] == []


def test_no_purchase_raises_it():
    """A customer whose risk is above the threshold at a purchase is alarmed about later, in the silence."""
    driver = Driver("[risk.threshold]\\nplatinum = 0.06\\ngold = 0.06\\niron = 0.06\\n".replace("\\n", "\n"))
    bought = {START + n * 10 * DAY for n in range(12)}
    driver.feed(*[purchase(at, id=str(at)) for at in sorted(bought)]).advance(START + 400 * DAY)
    raised = [int(a.at) for a in driver.alarms if a.kind == "risk-high" and a.type == "alarm.raised"]
    assert raised
    assert not bought & set(raised)
