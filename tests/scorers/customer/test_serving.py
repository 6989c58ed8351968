"""The cost to serve against the margin (T3)."""

import pytest

from scorers.contract.events import DAY
from scorers.customer import serving
from scorers.in_force.figures import SERVED, FigureBook
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
POLICY = "[serving]\ncustomers_at_least = 1\n[tiers]\nranked_at_least = 1"
WEEK = 7 * DAY


def shop(*facts: bytes, policy: str = POLICY, weeks: int = 40) -> Driver:
    """A customer who brings a margin of 10.00 a week."""
    bought = [
        record("purchase.completed", START + n * WEEK, amount_minor=4000, margin_minor=1000, currency="EUR")
        for n in range(weeks)
    ]
    first = record("contact.received", START + DAY, channel="phone", cost_minor=100)
    told = sorted([first, *bought, *facts], key=lambda raw: raw[raw.index(b'"time"') :][:40])
    return Driver(policy).feed(*told)


@pytest.mark.parametrize(
    "cost",
    [
        record("contact.received", START + 20 * WEEK + 1, channel="phone", cost_minor=9000),
        record("contact.made", START + 20 * WEEK + 1, channel="phone", purpose="sales", cost_minor=9000),
        record("reward.granted", START + 20 * WEEK + 1, reward="financial", value_minor=9000),
        record("alarm.action", START + 20 * WEEK + 1, alarm_id="-", action="act", by="eva", cost_minor=9000),
    ],
)
def test_contacts_rewards_and_actions_are_what_serving_costs(cost: bytes) -> None:
    """Each of them alone makes the customer overserved, and stands in the cost of the window."""
    driver = shop(cost, weeks=22)
    assert "overserved" in driver.kinds()
    c = driver.timelines["C1"].state
    assert serving.cost(c, START + 21 * WEEK, driver.ctx.policy) == 9000
    assert serving.cost(c, START + 40 * WEEK, driver.ctx.policy) == 0


def test_nobody_is_judged_before_enough_customers_have_told_costs() -> None:
    """With one customer fewer than the policy asks for nothing is said, whatever the cost."""
    cost = record("contact.received", START + 20 * WEEK + 1, channel="phone", cost_minor=9000)
    assert "overserved" not in shop(cost, policy=POLICY.replace("least = 1", "least = 2", 1)).kinds()
    book = FigureBook(Policy())
    book.add([(1, SERVED, 0, 49)])
    assert not book.close(1).costs_told
    book.add([(2, SERVED, 0, 1)])
    assert book.close(2).costs_told


def test_a_customer_of_the_tier_lead_is_not_served_too_little() -> None:
    """Nobody is told to spend on customers who cost more than they bring, by the policy's own bounds."""
    rules = parse_policy("").serving
    assert (rules.under.of("lead"), rules.under.of("iron"), rules.over.of("lead")) == (0.0, 0.02, 0.4)


def test_an_erased_customer_is_counted_no_more() -> None:
    """The number of customers whose costs are told goes down by one."""
    driver = shop()
    assert sum(n for (_, name, _), n in driver.figures.items() if name == SERVED) == 1
    driver.feed(record("customer.erased", START + 300 * DAY))
    assert sum(n for (_, name, _), n in driver.figures.items() if name == SERVED) == 0
