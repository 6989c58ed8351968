"""Which silence is news (J2): few gaps, comebacks, and those who stay away every year."""

from scorers.contract.events import DAY, Micros
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.rhythm import MAX_SURVIVED, Rhythm, quiet_limit, silence_limit
from scorers.customer.state import Customer
from scorers.in_force.base_rhythm import BaseRhythm
from tests.support.driver import Driver, purchase

START = int(parse_instant("2019-01-07T10:00:00Z"))
BASE = BaseRhythm()


def bought_on(*days: float) -> Driver:
    return Driver(figures=False).feed(*[purchase(START + round(day * DAY), id=str(n)) for n, day in enumerate(days)])


def rhythm(driver: Driver) -> Rhythm:
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    return state.rhythm


def limit_days(driver: Driver) -> float:
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    return state.purchases.quiet_limit / DAY


def quiet(driver: Driver, until: Micros) -> list[str]:
    return [kind for kind in driver.advance(until).kinds() if kind in ("gone-quiet", "defected")]


def test_with_fewer_than_three_gaps_the_second_purchase_limit_is_the_least():
    """60 days by default, however short the gaps were; with three own gaps the rhythm alone counts."""
    assert limit_days(bought_on(0, 2)) >= 60
    assert limit_days(bought_on(0, 2, 4)) >= 60
    assert limit_days(bought_on(0, 2, 4, 6)) < 60


def test_an_absence_after_which_the_customer_was_given_up_is_no_gap():
    """The rhythm begins anew with the comeback; before that, with the same silence, it was a gap."""
    weeks = [7.0 * n for n in range(10)]
    back = bought_on(*weeks, 400)
    assert "defected" in back.kinds()
    assert rhythm(back).own_gaps() == 0
    assert rhythm(back).mean_gap() == 0.0
    assert rhythm(back).survived[-1] == (400 - 63) * 86_400
    again = bought_on(*weeks, 400, 407, 414, 421)
    assert rhythm(again).own_gaps() == 3
    assert rhythm(again).mean_gap() == 7.0
    assert limit_days(again) < 40
    assert rhythm(bought_on(*weeks, 80)).own_gaps() == 10


def test_a_second_purchase_after_having_been_given_up_begins_a_rhythm():
    """A first-time buyer who comes back after a year has no gap of a year."""
    back = bought_on(0, 365, 372, 379, 386)
    assert rhythm(back).own_gaps() == 3
    assert limit_days(back) < 40


def test_yearly_and_december_buyers_are_no_news_once_they_came_back_twice():
    """The second absence is still news, the third is not."""
    yearly = bought_on(0, 365, 730, 1096)
    assert limit_days(yearly) >= 365
    assert quiet(bought_on(0, 365, 730), START + (730 + 364) * DAY).count("defected") == 1
    decembers = [year * 365 + day for year in range(4) for day in (0.0, 7.0, 14.0, 21.0)]
    driver = bought_on(*decembers)
    before = len(driver.kinds())
    driver.advance(START + round((3 * 365 + 21 + 340) * DAY))
    assert [kind for kind in driver.kinds()[before:] if kind in ("gone-quiet", "defected")] == []
    driver.advance(START + round((3 * 365 + 21 + 800) * DAY))
    assert "gone-quiet" in driver.kinds()[before:]


def test_only_silences_of_three_years_count_and_the_longest_eight_are_kept():
    """What was survived longer ago is forgotten; short gaps never push out the long ones."""
    one = Rhythm()
    one.survive(300 * DAY, START)
    one.survive(310 * DAY, START + DAY)
    assert one.usual_silence() == 300 * DAY
    for n in range(50):
        one.survive(DAY, START + (2 + n) * DAY)
    assert len(one.survived) == len(one.returned) == MAX_SURVIVED
    assert one.usual_silence() == 300 * DAY
    one.survive(DAY, START + 1097 * DAY)
    assert one.usual_silence() == DAY


def test_the_limit_is_the_largest_of_its_three_parts():
    """Own rhythm, second-purchase limit with few gaps, and what was survived twice."""
    weekly = Rhythm()
    for week in range(10):
        weekly.visit(START + week * 7 * DAY)
    own = quiet_limit(weekly, BASE)
    assert silence_limit(weekly, BASE, 0.5, 900 * DAY) == own
    weekly.survive(80 * DAY, START)
    assert silence_limit(weekly, BASE, 0.5, 0) == own
    weekly.survive(90 * DAY, START)
    assert silence_limit(weekly, BASE, 0.5, 0) == 80 * DAY


def test_the_stages_still_count_every_visit():
    """A new rhythm takes neither occasions nor tenure away."""
    back = bought_on(*[7.0 * n for n in range(10)], 400)
    assert rhythm(back).occasions == 11
    assert rhythm(back).first == START
