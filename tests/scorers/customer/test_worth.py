"""Worth (J11): a fact about the customer, not about the horizon of the risk."""

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.value import expected_worth, value_at_risk, worth
from tests.support.driver import Driver, purchase

START = int(parse_instant("2024-01-01T09:00:00Z"))
AMOUNT = 4_000


def weekly(weeks: int, policy: str = "", amount: int = AMOUNT) -> tuple[Driver, int]:
    """A driver after so many weekly purchases of one customer, and the instant of the last."""
    driver = Driver(policy)
    driver.feed(*(purchase(START + week * 7 * DAY, "C1", amount=amount) for week in range(weeks)))
    return driver, START + (weeks - 1) * 7 * DAY


def worth_of(driver: Driver, now: int) -> int:
    return worth(driver.timelines["C1"].state, now, driver.ctx)


def test_the_worth_does_not_depend_on_the_horizon_of_the_risk():
    """Another horizon of the scoring changes no customer."""
    short, now = weekly(30, "[risk]\nhorizon = '28d'")
    long, _ = weekly(30, "[risk]\nhorizon = '180d'")
    assert worth_of(short, now) == worth_of(long, now) > 0


def test_a_faithful_customer_is_worth_the_margin_of_the_remaining_life():
    """After two years of weekly purchases, two more years at this pace, less those who stop meanwhile."""
    driver, now = weekly(104)
    two_years = AMOUNT * 104 * 0.25
    assert 0.7 * two_years < worth_of(driver, now) < two_years
    longer, _ = weekly(104, "[value]\nlife = '1460d'")
    assert 1.5 * worth_of(driver, now) < worth_of(longer, now) < 2 * worth_of(driver, now)


def test_few_purchases_promise_less_than_many_of_the_same_pace():
    """After a first purchase many never come again, and one purchase of yesterday is no daily pace."""
    one, _ = weekly(1)
    many, now = weekly(52)
    assert 0 < worth_of(one, START + DAY) < worth_of(many, now) / 5


def test_a_customer_who_has_stopped_is_worth_nothing_after_a_year():
    """The recent pace is that of the last year."""
    driver, now = weekly(20)
    assert worth_of(driver, now + 400 * DAY) == 0 < worth_of(driver, now + 100 * DAY) < worth_of(driver, now)


def test_told_margins_count_and_a_loss_is_no_worth():
    """Where margins are told they are the worth; a customer who costs more than they bring is worth nothing."""
    driver, losing = Driver(), Driver()
    for week in range(52):
        at = START + week * 7 * DAY
        driver.feed(purchase(at, "C1", amount=AMOUNT, margin_minor=AMOUNT // 2))
        losing.feed(purchase(at, "C1", amount=AMOUNT, margin_minor=-100))
    share, now = weekly(52)
    assert abs(worth_of(driver, now) - 2 * worth_of(share, now)) <= 1
    assert worth_of(losing, now) == 0


def test_the_value_at_risk_is_the_worth_and_the_cost_of_another_customer():
    """Not multiplied by the risk, and without growth that nobody has measured."""
    driver, now = weekly(30, "[value]\nreplacement_cost_minor = 1234")
    state = driver.timelines["C1"].state
    assert value_at_risk(state, now, driver.ctx) == worth_of(driver, now) + 1234


SHORT = "[risk]\nhorizon = '30d'"


def base_of(customers: int, every: int, times: int) -> tuple[Driver, int]:
    """A base whose customers came so many times, every so many days, and half a year in which the rest is seen."""
    driver = Driver(SHORT)
    bought = sorted(
        (START + (n % 20 + round_ * every) * DAY + n, n) for n in range(customers) for round_ in range(times)
    )
    driver.feed(*(purchase(at, f"C{n}", amount=AMOUNT) for at, n in bought))
    return driver, bought[-1][0] + 30 * DAY


def test_where_few_come_again_a_first_purchase_is_expected_to_bring_less():
    """The base has shown what came of what was expected (J11); what an effort may keep is the worth of one who stays."""
    driver, now = base_of(60, 30, 1)
    driver.advance(now + 150 * DAY)
    state, at = driver.timelines["C1"].state, now + 150 * DAY
    shares = driver.ctx.figures(at).realised["EUR"]
    assert shares[0] < 0.3
    assert shares[1:] == (1.0, 1.0, 1.0, 1.0), "of those who came more often nothing is known"
    assert 0 < expected_worth(state, at, driver.ctx) < 0.3 * worth(state, at, driver.ctx)
    assert value_at_risk(state, at, driver.ctx) == expected_worth(state, at, driver.ctx) + 2000


def test_where_all_come_as_expected_the_worth_is_expected():
    """The silent neighbour: a base that keeps its pace lowers nobody's value."""
    driver, now = base_of(20, 7, 40)
    state = driver.timelines["C1"].state
    assert driver.ctx.figures(now).realised["EUR"][4] == 1.0
    assert expected_worth(state, now, driver.ctx) == worth(state, now, driver.ctx) > 0


def test_few_answers_change_little():
    """One customer who did not come again is no base; and amounts of another currency say nothing."""
    driver, now = base_of(1, 30, 1)
    driver.advance(now + 150 * DAY)
    state, at = driver.timelines["C0"].state, now + 150 * DAY
    assert expected_worth(state, at, driver.ctx) > 0.6 * worth(state, at, driver.ctx) > 0
    assert set(driver.ctx.figures(at).realised) == {"EUR"}
