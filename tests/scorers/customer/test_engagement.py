"""Who is active and who only receives (Q6), and how a customer reacts to prices (T5)."""

from scorers.contract.events import DAY
from scorers.customer import loyalty
from scorers.customer.state import Customer
from scorers.customer.treatments import of_silence
from scorers.policy.tables import Policy
from scorers.worklist.effort import treatment_of
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
POLICY = Policy()


def bought(day: int, amount: int, discount: int = 0) -> bytes:
    own = {"discount_minor": discount} if discount else {}
    return record("purchase.completed", START + day * DAY, amount_minor=amount, currency="EUR", **own)


def after(*facts: bytes) -> Customer:
    return Driver().feed(*facts).timelines["C1"].state


def test_who_asks_and_answers_is_active() -> None:
    """Two contacts and a survey beside three visits are half of the relation; newsletters of ours are none of it."""
    visits = [bought(day, 1000) for day in (0, 10, 20)]
    letters = [record("contact.made", START + day * DAY, channel="mail", purpose="marketing") for day in (21, 22)]
    passive = after(*visits, *letters)
    active = after(
        *visits,
        record("contact.received", START + 21 * DAY, channel="phone"),
        record("contact.received", START + 22 * DAY, channel="phone"),
        record("survey.answered", START + 23 * DAY, satisfaction=4),
    )
    assert (loyalty.engagement(passive), loyalty.engagement(active)) == (0.0, 0.5)


def test_a_passive_customer_in_rhythm_is_not_read_as_leaving() -> None:
    """The engagement index raises nothing by itself."""
    driver = Driver().feed(*[bought(day, 1000) for day in range(0, 200, 7)])
    assert driver.kinds() == []


def test_the_reaction_to_prices_is_what_is_taken_at_a_discount_against_full_price() -> None:
    """Twice as much, counted at full prices; too few of either say nothing."""
    full, less = [bought(day, 1000) for day in (0, 7, 14)], [bought(day, 1500, 500) for day in (21, 28, 35)]
    assert loyalty.price_reaction(after(*full, *less), POLICY) == 2.0
    assert loyalty.price_reaction(after(*full, *less[:2]), POLICY) is None
    assert loyalty.is_price_sensitive(after(*full, *less), POLICY)
    assert not loyalty.is_price_sensitive(after(*full), POLICY)


def test_gold_that_reacts_to_the_price_is_made_an_offer() -> None:
    """The same customer of another tier, or with an open complaint, is not."""
    full, less = [bought(day, 1000) for day in (0, 7, 14)], [bought(day, 1500, 500) for day in (21, 28, 35)]
    c = after(*full, *less)
    c.tiering.tier = "gold"
    assert of_silence("preferential_treatment", c, POLICY) == "special_offer" == treatment_of(c, POLICY)
    c.tiering.tier = "platinum"
    assert of_silence("preferential_treatment", c, POLICY) == "preferential_treatment" == treatment_of(c, POLICY)
    c.tiering.tier = "gold"
    c.profile.refuses_offers = True
    assert of_silence("preferential_treatment", c, POLICY) == "tailored_service" == treatment_of(c, POLICY)
