"""Loyalty to rewards alone (P5)."""

from scorers.contract.events import DAY
from scorers.customer.facts.bundles import is_reward_only
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")


def reward_only(rewards: list[int], visits: list[int]) -> bool:
    """Whether a customer with rewards and visits on these days is taken for one who comes for rewards."""
    facts = [record("reward.granted", START + day * DAY, reward="financial", value_minor=300) for day in rewards]
    facts += [record("purchase.completed", START + day * DAY + 1, amount_minor=2000, currency="EUR") for day in visits]
    driver = Driver().feed(*sorted(facts, key=lambda raw: raw[raw.index(b'"time"') :][:40]))
    return is_reward_only(driver.timelines["C1"].state, START + 400 * DAY, driver.ctx.policy.bonds)


def test_who_comes_only_after_rewards_is_loyal_to_them() -> None:
    """Six visits, each a few days after one of six rewards that lie two months apart."""
    assert reward_only(list(range(0, 360, 60)), list(range(5, 360, 60)))


def test_who_comes_in_between_is_not() -> None:
    """The same rewards, and visits every week."""
    assert not reward_only(list(range(0, 360, 60)), list(range(5, 360, 7)))


def test_where_rewards_never_end_they_explain_nothing() -> None:
    """With a reward every week each visit follows one, whatever the customer comes for."""
    assert not reward_only(list(range(0, 400, 7)), list(range(5, 360, 60)))


def test_few_visits_say_nothing() -> None:
    """Four visits after four rewards are too few."""
    assert not reward_only(list(range(0, 240, 60)), list(range(5, 240, 60)))


def test_a_silence_is_explained_by_it() -> None:
    """The alarm about a silence says that the customer comes for rewards."""
    facts = []
    for day in range(0, 480, 60):
        facts.append(record("reward.granted", START + day * DAY, reward="financial"))
        facts.append(record("purchase.completed", START + (day + 5) * DAY, amount_minor=2000, currency="EUR"))
    driver = Driver().feed(*facts).advance(START + 1000 * DAY)
    quiet = next(a for a in driver.alarms if a.kind == "gone-quiet")
    assert "Comes nearly only for rewards: 100 % of the visits were within 14 days of one." in [
        reason.text for reason in quiet.reasons
    ]
