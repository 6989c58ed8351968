"""Those who have left are studied (A4): the last ten events, the exit interview, the plan."""

from typing import get_args

from alerts.wording.languages import advice
from scorers.contract.events import DAY, CustomerEvent
from scorers.customer.parts.told import LAST_EVENTS
from scorers.subjects.loss_review import TAGS, review
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")


def bought(day: int) -> bytes:
    return record("purchase.completed", START + day * DAY, amount_minor=2000, currency="EUR")


def test_every_type_of_fact_has_a_code_of_its_own() -> None:
    """The bits of a code tell them apart."""
    assert len(TAGS) == len(get_args(CustomerEvent))


def test_the_study_has_the_last_ten_events_before_the_loss() -> None:
    """The newest ten with their types and hours; what comes after the loss is none of them."""
    driver = Driver().feed(*[bought(n) for n in range(20)])
    driver.feed(
        record("complaint.opened", START + 20 * DAY, complaint_id="K"),
        record("exit.explained", START + 21 * DAY, reason="price"),
        record("contact.made", START + 22 * DAY, channel="phone", purpose="sales"),
    )
    found = review(driver.timelines["C1"].state, driver.ctx)
    assert found is not None
    types = [event["type"] for event in found["events"]]
    assert types == ["purchase.completed"] * (LAST_EVENTS - 2) + ["complaint.opened", "exit.explained"]
    assert found["events"][-1]["at"] == "2024-01-22T09:00:00Z"


def test_an_interview_is_due_until_the_reason_is_known() -> None:
    """The alarm of one who left by silence says to hold it; an explained exit ends the task."""
    driver = Driver().feed(*[bought(7 * n) for n in range(10)]).advance(START + 600 * DAY)
    left = next(a for a in driver.alarms if a.kind == "defected" and a.stage in ("defector", "core_defector"))
    assert advice(left)[0] == "Hold the exit interview: ask, in one short call, why they left."
    state = driver.timelines["C1"].state
    assert (review(state, driver.ctx) or {})["interview"] == "due"
    driver.feed(record("exit.explained", START + 601 * DAY, reason="price"))
    state = driver.timelines["C1"].state
    assert (review(state, driver.ctx) or {})["interview"] == "done"
