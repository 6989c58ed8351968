"""Holidays of the calendar stop the clocks of silence, of the second purchase and of the risk (J3)."""

from datetime import date, timedelta

import pytest

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.open_time import closed_for
from scorers.customer.state import Customer
from scorers.policy.reading import parse_policy
from scorers.risk.columns import BOUGHT_HORIZON, MEAN_GAP, OVERDUE, SILENCE, SURVIVED_DAYS
from scorers.risk.features import features
from scorers.risk.rules import rules_risk
from scorers.subjects.assessment import assess
from scorers.subjects.horizons import risk_by_horizon
from tests.support.driver import Driver, purchase

START = parse_instant("2024-01-01T09:00:00Z")
SHUT = 20 * 7 * DAY  # the shop is shut for three weeks from the 21st week on
SILENCES = {"gone-quiet", "defected", "second-purchase-overdue", "risk-high", "risk-rising"}


def days_from(offset: int, count: int) -> str:
    """Dates as a list of the policy."""
    first = date(2024, 1, 1) + timedelta(days=offset // DAY)
    return str([str(first + timedelta(days=n)) for n in range(count)]).replace("'", '"')


NOTHING_FOUND = "[feeds]\nevents_at_least = 10000\n"  # all of these shops fall silent as a whole
HOLIDAYS = f"[calendar]\nholidays = {days_from(SHUT, 21)}\n{NOTHING_FOUND}"


def weekly(customers: int, weeks: range, shut: range = range(0), **own: str) -> list[bytes]:
    """Sales of weekly buyers, spread over the hours of a day; none in the weeks when the shop was shut."""
    return [
        purchase(START + week * 7 * DAY + n * DAY // (2 * customers), f"C{n:02}", **own)
        for week in weeks
        if week not in shut
        for n in range(customers)
    ]


def state(driver: Driver, customer: str = "C00") -> Customer:
    found = driver.timelines[customer].state
    assert isinstance(found, Customer)
    return found


def test_sixty_weekly_buyers_are_not_quiet_while_the_shop_is_shut() -> None:
    """With the days in the calendar nobody is; without them, and for whom does not come back afterwards, everybody is."""
    sales = weekly(60, range(30), range(20, 23))
    known = Driver(HOLIDAYS).feed(*sales)
    assert not SILENCES & set(known.kinds())
    assert Driver(NOTHING_FOUND).feed(*sales).kinds().count("gone-quiet") == 60
    before = [sale for sale in sales if parse_instant(sale.decode().split('"time": "')[1][:20]) < START + SHUT]
    left = Driver(HOLIDAYS).feed(*before).advance(START + SHUT + 60 * DAY)
    assert left.kinds().count("gone-quiet") == 60


def test_the_deadline_moves_by_the_closure() -> None:
    """A silence from before the closure falls due later by its length, to the second; one that was due before is not moved."""
    sales = weekly(1, range(20))
    plain = Driver(NOTHING_FOUND).feed(*sales).advance(START + SHUT + 60 * DAY)
    moved = Driver(HOLIDAYS).feed(*sales).advance(START + SHUT + 60 * DAY)
    [at] = [a.at for a in plain.alarms if (a.type, a.kind) == ("alarm.raised", "gone-quiet")]
    [then] = [a.at for a in moved.alarms if (a.type, a.kind) == ("alarm.raised", "gone-quiet")]
    assert then == at + 21 * DAY
    early = weekly(1, range(15))
    assert (
        Driver(HOLIDAYS).feed(*early).advance(START + SHUT).outcomes()
        == Driver(NOTHING_FOUND).feed(*early).advance(START + SHUT).outcomes()
    )


@pytest.mark.parametrize("restarts", [False, True])
def test_a_break_that_is_told_late_withdraws_what_fell_due_in_it(restarts: bool) -> None:
    """Another policy with other holidays judges everybody again; one with the same holidays judges nobody."""
    driver = Driver(NOTHING_FOUND).feed(*weekly(3, range(20))).advance(START + SHUT + 15 * DAY)
    assert driver.kinds().count("gone-quiet") == 3
    driver.ctx.adopt_policy(parse_policy("[silence]\nfalse_a_year = 0.6\n"))
    assert not driver.ctx.closures.changed
    driver.ctx.adopt_policy(parse_policy(HOLIDAYS))
    if restarts:
        driver.restart()
    driver.advance(START + SHUT + 16 * DAY)
    withdrawn = [a.customer_id for a in driver.alarms if (a.kind, a.type) == ("gone-quiet", "alarm.withdrawn")]
    assert sorted(map(str, withdrawn)) == ["C00", "C01", "C02"]
    known = Driver(HOLIDAYS).feed(*weekly(3, range(20))).advance(START + SHUT + 60 * DAY)
    assert driver.advance(START + SHUT + 60 * DAY).outcomes() == known.outcomes()


def test_a_closing_day_of_the_week_moves_nothing() -> None:
    """It is part of each rhythm."""
    sales = weekly(3, range(20))
    end = START + SHUT + 100 * DAY
    plain = Driver(NOTHING_FOUND).feed(*sales).advance(end)
    sundays = Driver('[calendar]\nsunday = []\nsaturday = ["09:00-13:00"]\n').feed(*sales).advance(end)
    assert sundays.outcomes() == plain.outcomes()
    assert sundays.states() == plain.states()


def test_the_holidays_of_another_store_stop_nobody() -> None:
    """Those of the own store do; of a customer of several stores, those that all of them have."""
    own = f"[calendar.stores.S1]\nholidays = {days_from(SHUT, 21)}\n"
    here = Driver(own).feed(*weekly(4, range(30), range(20, 23), store_id="S1"))
    assert not SILENCES & set(here.kinds())
    there = Driver(own).feed(*weekly(4, range(30), range(20, 23), store_id="S2"))
    assert there.kinds().count("gone-quiet") == 4
    sales = [*weekly(1, range(17), store_id="S2"), *weekly(1, range(17, 20), store_id="S1")]
    both = Driver(own).feed(*sales).advance(START + SHUT + 20 * DAY)
    assert both.kinds().count("gone-quiet") == 1
    one = Driver(own).feed(*weekly(1, range(4), store_id="S2"), *weekly(1, range(4, 20), store_id="S1"))
    assert not one.advance(START + SHUT + 20 * DAY).kinds().count("gone-quiet")


def test_the_limit_of_the_second_purchase_is_open_time() -> None:
    """So is the first gap that cohorts are judged by."""
    first = START + SHUT - 50 * DAY
    late = Driver(HOLIDAYS).feed(purchase(first)).advance(first + 200 * DAY)
    [at] = [a.at for a in late.alarms if a.type == "alarm.raised" and a.kind == "second-purchase-overdue"]
    assert at == first + (60 + 21) * DAY
    gaps = Driver(HOLIDAYS).feed(purchase(first), purchase(first + 78 * DAY)).figures
    plain = Driver(NOTHING_FOUND).feed(purchase(first), purchase(first + 57 * DAY)).figures
    names = ("first-gap", "cohort", "gap")
    assert {key[1:] for key in gaps if key[1] in names} == {key[1:] for key in plain if key[1] in names}


def test_a_gap_over_a_closure_counts_its_open_time_only() -> None:
    """The rhythm, and what the risk reads of it, are those of a weekly buyer whose shop was never shut."""
    shut = state(Driver(HOLIDAYS).feed(*weekly(1, range(26), range(20, 23))))
    plain = state(Driver(NOTHING_FOUND).feed(*weekly(1, range(23))))
    assert shut.rhythm.mean_gap() == pytest.approx(7.0)
    assert shut.rhythm.longest == pytest.approx(7.0)
    assert shut.purchases.quiet_limit == plain.purchases.quiet_limit


def test_the_risk_reads_no_closure_as_silence() -> None:
    """In the middle of it the features of timing are those of the day on which the shop was shut."""
    driver = Driver(HOLIDAYS).feed(*weekly(1, range(20)))
    c, base, horizon = state(driver), driver.ctx.figures(START).base, driver.ctx.policy.risk.horizon
    closed = closed_for(c, driver.ctx)
    begins = (START + SHUT) // DAY * DAY
    before, inside = (features(c, at, horizon, base, closed) for at in (begins, begins + 15 * DAY))
    for column in (SILENCE, SURVIVED_DAYS, MEAN_GAP, OVERDUE, BOUGHT_HORIZON):
        assert inside[column] == before[column]
    risks = [rules_risk(c, at, horizon, base, closed) for at in (begins, begins + 15 * DAY)]
    assert risks[0] == risks[1] < rules_risk(c, begins + 15 * DAY, horizon, base)


def test_the_risk_of_a_row_is_that_within_calendar_time() -> None:
    """A closure ahead leaves less time to buy in; the told risk has the whole horizon of open time."""
    driver, plain = Driver(HOLIDAYS).feed(*weekly(1, range(20))), Driver(NOTHING_FOUND).feed(*weekly(1, range(20)))
    now = START + 19 * 7 * DAY + DAY
    with_closure, without = (assess(state(d), now, d.ctx).risk for d in (driver, plain))
    assert with_closure > without
    found = risk_by_horizon(state(driver), now, driver.ctx)
    assert found[driver.ctx.policy.risk.horizon] == pytest.approx(with_closure)
    assert list(found.values()) == sorted(found.values(), reverse=True)


@pytest.mark.parametrize(("days", "is_dropped"), [(9, False), (10, True)])
def test_a_lesson_is_dropped_over_a_closure_of_more_than_a_tenth(days: int, is_dropped: bool) -> None:
    """Of the horizon of 90 days; neither does its answer count for how true the risks are."""
    shut = f"[calendar]\nholidays = {days_from(SHUT, days)}\n"
    sales = weekly(3, range(45))
    driver, plain = (Driver(text).feed(*sales) for text in (shut, ""))
    asked = {(one.customer_id, one.asked_at) for one in driver.lessons}
    missing = {(one.customer_id, int(one.asked_at)) for one in plain.lessons} - {(who, int(at)) for who, at in asked}
    over = {
        (one.customer_id, int(one.asked_at))
        for one in plain.lessons
        if START + SHUT + days * DAY - 90 * DAY < one.asked_at < START + SHUT - DAY
    }
    assert over
    assert (over <= missing) == is_dropped
    assert bool(missing) == is_dropped
    answers = {key for key in driver.figures if key[1] == "risk"}
    assert (len(answers) < len({key for key in plain.figures if key[1] == "risk"})) == is_dropped
