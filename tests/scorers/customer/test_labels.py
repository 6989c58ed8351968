"""Labels that a manager who knows the customer would agree with: what is long ago, unknown, or usual in the base, decides nothing."""

from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.contract.rfc3339 import parse_instant
from scorers.customer import loyalty
from scorers.customer.parts.experience import MARK_BITS, MAX_MARKS
from scorers.in_force.discounts import DISCOUNTS
from tests.support.driver import Driver, purchase, record
from vigia.commands.files.customer import card
from vigia.readmodel.alarm_summary import CustomerRow
from vigia.readmodel.roster import COLUMNS

START = int(parse_instant("2024-01-01T09:00:00Z"))
WEEKS = [purchase(START + n * 7 * DAY) for n in range(12)]
LAST = START + 11 * 7 * DAY


def answers(at: int, *stars: int, who: str = "C1") -> list[bytes]:
    return [record("survey.answered", at + n * MINUTE, who, satisfaction=mark) for n, mark in enumerate(stars)]


def type_of(driver: Driver, who: str = "C1") -> str:
    return driver.timelines[who].state.attitude.type


def test_a_risk_of_one_half_is_low_commitment_and_a_purchase_ends_it():
    """Nothing was said: the silence of a weekly buyer after a complaint that others have read says it (Q4)."""
    told = record("complaint.opened", LAST + HOUR, complaint_id="K1", public=True, subject="product")
    driver = Driver().feed(*WEEKS, told).advance(LAST + 9 * DAY)
    assert driver.timelines["C1"].state.risk.last < 0.5
    assert type_of(driver) == "unknown"
    driver.advance(LAST + 40 * DAY)
    assert driver.timelines["C1"].state.risk.last >= 0.5
    assert type_of(driver) == "terrorist"
    [alarm] = [a for a in driver.alarms if a.kind == "terrorist"]
    assert alarm.severity == "critical"
    assert "The risk of losing them is" in " ".join(reason.text for reason in alarm.reasons)
    driver.feed(purchase(LAST + 40 * DAY))
    assert type_of(driver) == "unknown"


def test_who_is_given_up_after_a_bad_experience_in_public_speaks_against_us():
    """There is no risk any more, and nobody expects them back."""
    told = record("complaint.opened", LAST + HOUR, complaint_id="K1", public=True)
    driver = Driver().feed(*WEEKS, told).advance(LAST + 300 * DAY)
    assert driver.timelines["C1"].state.life.stage == "defector"
    assert type_of(driver) == "terrorist"
    assert type_of(driver.advance(LAST + 370 * DAY)) == "defector", "what others heard is more than a year old"


def test_bad_experiences_are_counted_by_what_they_are_with():
    """The newest that a step of a case says counts; a survey does not say what it is about."""
    at = LAST + HOUR
    driver = Driver().feed(
        *WEEKS,
        record("complaint.opened", at, complaint_id="K1", public=True),
        record("complaint.acknowledged", at + 1 * HOUR, complaint_id="K1", subject="brand"),
        record("complaint.resolved", at + 2 * HOUR, complaint_id="K1", subject="product"),
        record("purchase.refunded", at + 3 * HOUR, amount_minor=500, currency="EUR", reason="faulty"),
        record("contact.received", at + 4 * HOUR, channel="phone", satisfaction=2),
        record("promise.broken", at + 5 * HOUR, promise_id="P1"),
        *answers(at + 6 * HOUR, 1),
    )
    state = driver.timelines["C1"].state
    assert (state.account.bad, state.account.about) == (5, (2, 2, 0))
    assert loyalty.bad_experiences(state, driver.ctx.policy) == 6, "the public one counts twice"
    [texts] = [[one.text for one in a.reasons] for a in driver.alarms if a.kind == "terrorist"][-1:]
    assert texts == [
        "Made 1 public complaint.",
        "Gave 2 of 5 on 18 March.",
        "Bad experiences: 2 with products, 1 with the service, 0 with the brand.",
    ]
    told = [a for a in driver.alarms if a.kind in ("terrorist", "loyalty-changed")]
    assert not [a for a in told for part in (*a.reasons, a.counterfactual or "") if "terrorist" in str(part)]


def test_only_who_is_given_more_off_than_the_base_is_a_mercenary():
    """Where every purchase has some discount that says nothing; the base's own share does (Q5)."""
    driver = Driver()
    for n in range(12):
        for who in range(60):
            off = 400 if who == 0 else 50
            driver.feed(purchase(START + n * 7 * DAY + who * MINUTE, f"C{who}", discount_minor=off))
    for who in ("C0", "C1"):
        driver.feed(*answers(LAST + 3 * DAY, 4, 4, 4, who=who))
    assert 0.05 < driver.ctx.newest_figures.discount < 0.06
    assert (type_of(driver, "C0"), type_of(driver, "C1")) == ("mercenary", "loyal")
    counted = {key[2]: count for key, count in driver.figures.items() if key[1] == DISCOUNTS and count}
    assert sum(counted.values()) == 60, "each customer is counted once"


def test_an_erased_customer_leaves_the_base_of_discounts():
    """As all other contributions to the figures."""
    driver = Driver().feed(purchase(START, discount_minor=100), record("customer.erased", START + DAY))
    assert [count for key, count in sorted(driver.figures.items()) if key[1] == DISCOUNTS] == [1, -1]


def test_satisfaction_is_that_of_the_answers_of_the_last_year():
    """One that is older is none, to the second, by time alone."""
    weekly = [purchase(START + n * 7 * DAY) for n in range(12)]
    more = [purchase(START + n * 7 * DAY) for n in range(12, 64)]
    driver = Driver().feed(*weekly, *answers(LAST + DAY, 4, 4, 4), *more)
    assert type_of(driver.advance(LAST + 366 * DAY)) == "loyal"
    assert type_of(driver.advance(LAST + 366 * DAY + 1_000_000)) == "unknown"


def test_a_flood_of_answers_keeps_the_newest():
    """The row stays small."""
    driver = Driver().feed(*WEEKS, *answers(LAST + DAY, *[1] * 40, *[5] * MAX_MARKS))
    kept = driver.timelines["C1"].state.opinion.marks_lately
    assert [packed % (1 << MARK_BITS) for packed in kept] == [5] * MAX_MARKS


def test_money_and_tier_do_not_change_the_type():
    """Status and personality are two axes (T6)."""
    found = []
    for amount in (100, 1_000_000):
        driver = Driver()
        for n in range(12):
            driver.feed(purchase(START + n * 7 * DAY, amount=amount))
            driver.feed(*[purchase(START + n * 7 * DAY + MINUTE * (k + 1), f"X{k}", 5000) for k in range(60)])
        driver.feed(*answers(LAST + 2 * DAY, 5, 5, 5), record("referral.made", LAST + 3 * DAY, positive=True))
        state = driver.timelines["C1"].state
        found.append((state.tiering.tier, state.attitude.type))
    assert found == [("lead", "apostle"), ("platinum", "apostle")]


def test_more_answers_make_a_type_surer():
    """Three give one half, each further one takes half of the doubt; nothing known is not sure at all (Q1)."""
    sure = []
    for count in range(2, 6):
        driver = Driver().feed(*WEEKS, *answers(LAST + DAY, *[5] * count))
        state = driver.timelines["C1"].state
        sure.append(loyalty.confidence(state, state.attitude.type, LAST + 2 * DAY, driver.ctx))
    assert sure == [0.0, 0.5, 0.75, 0.875]


def test_people_read_speaks_against_us():
    """In the roster and on the card of a customer; codes are for machines."""
    row = CustomerRow(
        "C1", "core_customer", "gold", "terrorist", 0.7, 100, alarms_open=("terrorist",), loyalty_confidence=0.5
    )
    cells = [str(column.cell(row)) for column in COLUMNS]
    assert cells.count("speaks against us") == 2
    assert "type           speaks against us, 50% sure" in "\n".join(card(row))
    assert "terrorist" not in "\n".join([*cells, *card(row)])
