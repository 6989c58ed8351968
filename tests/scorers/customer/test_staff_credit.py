"""Credit of staff for customers who came back, and for the time that they stayed (P6)."""

from collections import Counter

from scorers.contract.events import DAY
from scorers.in_force.counted.credit import CREDIT, MOST_STAFF, Credit, credits, saved
from scorers.in_force.figures import FigureBook
from scorers.policy.tables import Policy
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")


def bought(day: int) -> bytes:
    return record("purchase.completed", START + day * DAY, amount_minor=2000, currency="EUR")


def quiet() -> Driver:
    """Ten weekly visits, then a silence with its alarms."""
    driver = Driver().feed(*[bought(7 * n) for n in range(10)]).advance(START + 100 * DAY)
    assert "gone-quiet" in driver.kinds()
    return driver


def acts(driver: Driver, by: str, day: int, kind: str = "gone-quiet", action: str = "act") -> Driver:
    alarm = next(a for a in driver.alarms if a.kind == kind)
    fact = record("alarm.action", START + day * DAY, id=f"{by} {action}", alarm_id=alarm.alarm_id, action=action, by=by)
    return driver.feed(fact)


def credit(driver: Driver) -> dict[str, Credit]:
    held: dict[str, Counter[int]] = {}
    for (_, name, bucket), count in driver.figures.items():
        held.setdefault(name, Counter())[bucket] += count
    return credits(held)


def test_who_acted_first_is_credited_once_for_a_comeback() -> None:
    """Two alarms end as saved by one purchase: one save, of who acted first; who only looked gets none."""
    driver = acts(acts(acts(quiet(), "leo", 101, action="ack"), "eva", 102), "max", 103)
    assert len({a.kind for a in driver.alarms if a.kind in ("gone-quiet", "risk-rising", "risk-high")}) >= 2
    assert credit(driver.feed(bought(104))) == {"eva": Credit(1, 0.0)}


def test_a_contact_credits_the_member_of_staff_who_made_it() -> None:
    """A call about service or sales is an effort; without a name nobody is credited."""
    call = {"channel": "phone", "purpose": "sales"}
    named = quiet().feed(record("contact.made", START + 101 * DAY, staff_id="desk-3", **call), bought(104))
    assert credit(named) == {"desk-3": Credit(1, 0.0)}
    assert credit(quiet().feed(record("contact.made", START + 101 * DAY, **call), bought(104))) == {}


def test_who_comes_back_by_themselves_is_nobodys_credit() -> None:
    """Without an effort there is no save."""
    assert credit(quiet().feed(bought(104))) == {}


def test_months_are_gained_by_the_purchases_that_prove_them_for_a_year() -> None:
    """Nothing for a purchase that never comes, and nothing beyond a year."""
    driver = acts(quiet(), "eva", 102).feed(bought(104))
    assert credit(driver.feed(bought(134))) == {"eva": Credit(1, 1.0)}
    assert credit(driver.feed(*[bought(day) for day in range(164, 600, 30)])) == {"eva": Credit(1, 12.0)}


def test_a_late_fact_takes_a_credit_back() -> None:
    """A purchase from before the act, read after the save, shows that the customer had come by themselves."""
    driver = acts(quiet(), "eva", 102).feed(
        record("purchase.completed", START + 102 * DAY + 9, amount_minor=1, currency="EUR")
    )
    assert credit(driver) == {"eva": Credit(1, 0.0)}
    driver.feed(record("purchase.completed", START + 102 * DAY - 9, amount_minor=1, currency="EUR"))
    assert credit(driver) == {}


def test_names_from_outside_are_bounded() -> None:
    """A book keeps so many names; those beyond find no place."""
    book = FigureBook(Policy())
    book.add([saved(1, f"clerk {n}") for n in range(MOST_STAFF + 50)])
    book.end_day(1)
    assert sum(name.startswith(CREDIT) for name in book.total) == MOST_STAFF
