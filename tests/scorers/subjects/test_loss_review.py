"""The loss review (A4): how each customer left, who was told before, and which rule could have fired, and when."""

from typing import Any

from scorers.contract.events import DAY, SECOND, Micros
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.customer.state import Customer
from scorers.in_force.live_quality import measure
from scorers.subjects.loss_review import _rule, review
from scorers.timeline.episodes import NEVER
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T10:00:00Z"))
WEEKLY = [purchase(START + n * 7 * DAY, id=str(n)) for n in range(12)]
LAST = START + 77 * DAY
ONE_QUIET = "[risk]\noccasions_at_least = 99\nhorizon = '28d'\n"  # no other kind speaks of these buyers


def reviewed(driver: Driver, name: str = "C1") -> dict[str, Any]:
    """The record of a customer who has left."""
    found = review(driver.timelines[name].state, driver.ctx)
    assert found is not None
    return found


def quiet_limit(driver: Driver) -> Micros:
    """The instant at which the last silence passes the own limit."""
    state = driver.timelines["C1"].state
    assert isinstance(state, Customer)
    return LAST + state.purchases.quiet_limit


def test_a_silence_has_its_alarms_and_the_limits_that_it_passed():
    """Told as soon as the limit was passed, long before the customer was given up."""
    driver = Driver(ONE_QUIET).feed(*WEEKLY).advance(LAST + 300 * DAY)
    gone = max(a.at for a in driver.alarms if a.kind == "defected")
    told = [a for a in driver.alarms if a.type == "alarm.raised" and a.kind in ("gone-quiet", "defected")]
    found = reviewed(driver)
    assert found == {
        "left_at": rfc3339(gone),
        "how": "silence",
        "win_back": "lost",
        "interview": "due",
        "reason": "unknown",
        "stage": "dormant",
        "tier": "iron",
        "risk": found["risk"],
        "missed": False,
        "lead_days": round((gone - told[0].at) / DAY, 2),
        "events": found["events"],
        "alarms": [{"kind": a.kind, "at": rfc3339(a.at)} for a in told],
        "rules": [
            {"rule": "gone-quiet", "could_fire_at": rfc3339(quiet_limit(driver)), "fired": True},
            {"rule": "risk-high", "could_fire_at": None, "fired": False, "threshold": 0.75},
        ],
    }
    assert 0.0 < found["risk"] < 1.0


def test_a_goodbye_that_nobody_saw_coming_is_missed_and_says_when_silence_would_have_told():
    """With the reason, and the complaint whose deadline had passed without a rule that says so."""
    facts = [*WEEKLY, record("complaint.opened", LAST + DAY, complaint_id="K1")]
    goodbye = record("exit.explained", LAST + DAY + SECOND, reason="unrectified_defect")
    driver = Driver(ONE_QUIET).feed(*facts, goodbye)
    found = reviewed(driver)
    assert (found["how"], found["reason"], found["stage"]) == ("goodbye", "unrectified_defect", "early_repeat_buyer")
    quiet, _, complaint = found["rules"]
    assert quiet == {"rule": "gone-quiet", "could_fire_at": rfc3339(quiet_limit(driver)), "fired": False}
    assert quiet["could_fire_at"] > found["left_at"]
    due = rfc3339(LAST + 6 * DAY)
    assert complaint == {"rule": "complaint-overdue", "could_fire_at": due, "fired": False, "case": "K1"}


def test_who_was_told_of_a_mishap_was_not_missed():
    """Whatever kind it was: somebody knew that something was wrong."""
    complained = record("complaint.opened", LAST + DAY, complaint_id="K1", severity="major")
    driver = Driver(ONE_QUIET).feed(*WEEKLY, complained, record("exit.explained", LAST + 2 * DAY, reason="price"))
    assert (reviewed(driver)["missed"], reviewed(driver)["lead_days"]) == (False, 1.0)
    silent = Driver(ONE_QUIET).feed(*WEEKLY, record("exit.explained", LAST + 2 * DAY, reason="price"))
    assert (reviewed(silent)["missed"], reviewed(silent)["alarms"]) == (True, [])


def test_a_reason_that_is_told_later_takes_the_place_of_unknown():
    """An exit interview after a silence: the count moves, and the manner of leaving stays."""
    driver = Driver(ONE_QUIET).feed(*WEEKLY).advance(LAST + 300 * DAY)
    assert reasons(driver) == ({"unknown": 1}, 1.0)
    driver.feed(record("exit.explained", LAST + 310 * DAY, reason="other:moved-shop"))
    assert reasons(driver) == ({"other": 1}, 0.0)
    assert (reviewed(driver)["how"], reviewed(driver)["reason"]) == ("silence", "other:moved-shop")
    driver.feed(record("exit.explained", LAST + 311 * DAY, reason="price"))
    assert reasons(driver) == ({"price": 1}, 0.0)


def reasons(driver: Driver) -> tuple[dict[str, int], float | None]:
    """Why customers left, and how often that is unknown."""
    assert driver.book is not None
    leavers = measure(driver.book.so_far(), driver.ctx.policy).leavers
    return leavers.reasons, leavers.reason_unknown


def test_who_is_won_back_has_left_no_more():
    driver = Driver(ONE_QUIET).feed(*WEEKLY).advance(LAST + 300 * DAY)
    assert reviewed(driver)
    driver.feed(purchase(LAST + 310 * DAY))
    assert review(driver.timelines["C1"].state, driver.ctx) is None


def test_who_has_not_left_has_no_record():
    driver = Driver(ONE_QUIET).feed(*WEEKLY).advance(LAST + 15 * DAY)
    assert review(driver.timelines["C1"].state, driver.ctx) is None


def test_a_record_survives_a_restart():
    """What is kept of the moment of leaving is in the row."""
    driver = Driver(ONE_QUIET).feed(*WEEKLY).advance(LAST + 300 * DAY)
    before = reviewed(driver)
    assert reviewed(driver.restart()) == before


def test_a_rule_that_can_never_fire_has_no_instant() -> None:
    """A limit without end is no date of the calendar."""
    assert _rule("second-purchase-overdue", NEVER, set())["could_fire_at"] is None
