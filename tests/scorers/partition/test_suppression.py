"""An erasure acts when it arrives, whatever time it carries; repeated erasures and facts change nothing, later facts begin anew."""

import pytest

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.events import DAY, HOUR
from scorers.contract.rejection import Rejection
from scorers.contract.wire import decode
from scorers.in_force.figures import years_of
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.facts import Ref
from tests.support.driver import Driver, instant, purchase, record

START = instant("2024-03-01T09:00:00Z")
BEFORE = [purchase(START + n * 7 * DAY) for n in range(4)]
LAST = START + 21 * DAY
OTHER = purchase(LAST + 5 * DAY, "C2")
AFTER = [purchase(LAST + n * DAY, amount=700) for n in (6, 8)]


def erased(at: int, **own: str) -> bytes:
    return record("customer.erased", at, **own)


def count(driver: Driver, customer: str = "C1") -> int:
    """The purchases that are known of a customer."""
    timeline = driver.timelines.get(customer)
    return 0 if timeline is None else timeline.state.purchases.count


@pytest.mark.parametrize(
    "at",
    [LAST + 5 * DAY, LAST + 300 * DAY, LAST + 5 * DAY + HOUR, LAST - 10 * DAY, START - 900 * DAY],
    ids=["now", "dated ahead", "an hour ahead", "dated back", "dated before all facts"],
)
def test_all_that_was_known_is_gone_and_later_sales_count(at: int) -> None:
    """Whatever time the erasure carries, nothing older remains, and the sales that follow make a new customer."""
    driver = Driver(figures=False).feed(*BEFORE, OTHER, erased(at))
    assert "C1" not in driver.timelines
    driver.feed(*AFTER)
    state = driver.timelines["C1"].state
    assert (state.purchases.count, state.spending.amount_minor) == (2, 1400)
    assert state.first_seen == LAST + 6 * DAY
    assert count(driver, "C2") == 1


def test_the_same_erasure_read_again_leaves_the_new_customer_alone() -> None:
    """Its identity is remembered; another erasure is a new one."""
    driver = Driver().feed(*BEFORE, OTHER, erased(LAST + 5 * DAY), *AFTER, erased(LAST + 5 * DAY))
    assert count(driver) == 2
    assert driver.statuses[-1] == "duplicate"
    driver.feed(erased(LAST + 9 * DAY))
    assert "C1" not in driver.timelines
    driver.feed(erased(LAST + 5 * DAY), erased(LAST + 9 * DAY), purchase(LAST + 10 * DAY))
    assert count(driver) == 1


def test_an_erasure_that_is_read_first_of_all_keeps_out_what_it_erases() -> None:
    """Another topic may be read later; where no fact was read, nothing says that the erasure is dated ahead."""
    driver = Driver(figures=False).feed(erased(LAST + DAY), *BEFORE)
    assert "C1" not in driver.timelines
    assert set(driver.statuses[1:]) == {"too_late"}


def test_facts_of_before_stay_out_when_they_are_read_again() -> None:
    """A repeated history neither brings the customer back nor leaves a timeline, before and after a new beginning."""
    driver = Driver().feed(*BEFORE, OTHER, erased(LAST + 5 * DAY))
    alarms = len(driver.alarms)
    driver.feed(*BEFORE, erased(LAST + 5 * DAY))
    assert "C1" not in driver.timelines
    assert len(driver.alarms) == alarms
    driver.feed(*AFTER).restart()
    plain = driver.states()
    driver.feed(*BEFORE)
    assert driver.states() == plain


def test_a_fact_of_before_that_arrives_later_stays_out() -> None:
    """A sale that lay in a till while its customer asked to be erased begins no new customer."""
    driver = Driver().feed(*BEFORE, OTHER, erased(LAST + 5 * DAY), purchase(LAST + 4 * DAY))
    assert "C1" not in driver.timelines
    assert driver.partition.tally.too_late == 1


def test_the_figures_lose_what_the_customer_contributed() -> None:
    """The histogram of yearly values is as if the customer had never bought."""
    driver = Driver().feed(*BEFORE)
    assert _ranked(driver) == 1
    assert _ranked(driver.feed(erased(LAST + HOUR))) == 0


def _ranked(driver: Driver) -> int:
    return sum(n for (_, name, _), n in driver.figures.items() if name == years_of("EUR"))


def test_alarms_end_without_a_name_however_far_the_clock_had_come() -> None:
    """A tick beyond the erasure raises alarms that the erasure withdraws, so ticks do not change what stands."""
    named = record("customer.described", START + 1, name="Ana Ruiz")
    facts = [named, *BEFORE, record("complaint.opened", LAST + HOUR, complaint_id="K1", severity="critical")]
    plain, ticked = Driver().feed(*facts), Driver().feed(*facts).advance(LAST + 17 * DAY)
    assert "gone-quiet" in ticked.kinds()
    for driver in (plain, ticked):
        driver.feed(erased(LAST + 16 * DAY)).advance(LAST + 400 * DAY)
        last = {alarm.alarm_id: alarm for alarm in driver.alarms if alarm.kind not in STATE_CHANGES}
        assert {alarm.type for alarm in last.values()} <= {"alarm.settled", "alarm.withdrawn"}
        assert {alarm.name for alarm in last.values()} == {None}
    assert "complaint-overdue" in {kind for _, kind, *_ in plain.outcomes()}
    assert ticked.outcomes() == plain.outcomes()


def test_a_fault_of_the_core_keeps_nobody_from_being_erased(monkeypatch: pytest.MonkeyPatch) -> None:
    """The customer is deleted all the same, and the fault is told."""
    driver = Driver().feed(*BEFORE)
    event = decode(erased(LAST + DAY))
    assert not isinstance(event, Rejection)
    monkeypatch.setattr(CUSTOMER, "contributions", lambda state, at: 1 / 0)
    step = driver.partition.fold(event, Ref(event.source, event.id))
    assert step is not None
    assert (step.status, step.fault) == ("core_error", "ZeroDivisionError: division by zero")
    assert "C1" not in driver.timelines
    driver.feed(*BEFORE)
    assert "C1" not in driver.timelines
