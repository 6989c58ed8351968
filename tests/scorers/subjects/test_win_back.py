"""Winning back who has left (L6): its state, and how often it succeeds."""

from scorers.contract.events import DAY
from scorers.customer.lifecycle import win_back
from scorers.in_force.live_quality import measure
from scorers.policy.tables import Policy
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")


def bought(day: int, customer: str = "C1") -> bytes:
    return record("purchase.completed", START + day * DAY, customer, amount_minor=1000, currency="EUR")


def goodbye(day: int, customer: str = "C1") -> bytes:
    return record("exit.explained", START + day * DAY, customer, reason="unknown")


def call(day: int, customer: str = "C1") -> bytes:
    return record("contact.made", START + day * DAY, customer, channel="phone", purpose="sales")


def state(driver: Driver, customer: str = "C1") -> str | None:
    return win_back(driver.timelines[customer].state)


def test_lost_approached_won_back() -> None:
    """Each step by a fact; who leaves again is lost again, and who never left has no state."""
    driver = Driver().feed(bought(0), bought(10))
    assert state(driver) is None
    assert state(driver.feed(goodbye(20))) == "lost"
    assert state(driver.feed(call(30))) == "approached"
    assert state(driver.feed(bought(40))) == "won_back"
    assert state(driver.feed(goodbye(50))) == "lost"


def test_an_action_on_the_alarm_is_an_effort_too() -> None:
    """Somebody acts on the alarm that says the customer has left."""
    driver = Driver().feed(bought(0), goodbye(20))
    left = next(a for a in driver.alarms if a.kind == "defected")
    driver.feed(record("alarm.action", START + 22 * DAY, alarm_id=left.alarm_id, action="act", by="eva"))
    assert state(driver) == "approached"


def test_the_save_rate_is_of_those_approached() -> None:
    """Three are approached, of whom one comes back; a fourth comes back by themselves; a late fact takes its count back."""
    driver = Driver()
    for name in "ABCD":
        driver.feed(bought(0, name), goodbye(20, name))
    for name in "ABC":
        driver.feed(call(30, name))
    driver.feed(bought(40, "A"), bought(40, "D"))
    driver.advance(START + 60 * DAY)
    assert driver.book is not None
    left = measure(driver.book.so_far(), Policy()).leavers
    assert (left.approached, left.won_back, left.came_back, left.save_rate) == (3, 1, 1, 0.3333)
    assert left.reason_unknown == 1.0
