"""A site: its staff are asked and thanked, or an alarm says that they are not (P2)."""

import pytest

from scorers.contract.alarms import Reason
from scorers.contract.events import DAY, SECOND
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
POLICY = "[staff]\nask_every = '90d'\nthank_every = '30d'\n"


def pulse(at: int, what: str, site: str = "S1", key: str | None = None) -> bytes:
    return record("staff.pulse", at, key or site, id=f"{what} {at}", store_id=site, pulse=what)


def raised(driver: Driver, kind: str) -> list[int]:
    return [int(a.at) for a in driver.alarms if a.kind == kind and a.type == "alarm.raised"]


@pytest.mark.parametrize(
    ("kind", "what", "wait"), [("staff-unasked", "asked", 90 * DAY), ("staff-unthanked", "thanked", 30 * DAY)]
)
def test_an_alarm_is_raised_when_the_time_has_passed_and_a_pulse_settles_it(kind: str, what: str, wait: int) -> None:
    """Not at the very instant, and settled by the pulse of its own sort only."""
    other = {"asked": "thanked", "thanked": "asked"}[what]
    driver = Driver(POLICY).feed(pulse(START, what)).advance(START + wait)
    assert raised(driver, kind) == []
    driver.advance(START + wait + SECOND)
    assert raised(driver, kind) == [START + wait]
    driver.feed(pulse(START + wait + DAY, other))
    assert [a.type for a in driver.alarms if a.kind == kind] == ["alarm.raised"]
    driver.feed(pulse(START + wait + 2 * DAY, what))
    assert [a.type for a in driver.alarms if a.kind == kind] == ["alarm.raised", "alarm.settled"]
    assert [a.outcome for a in driver.alarms if a.kind == kind] == [None, "resolved"]


def test_the_first_pulse_starts_both_times() -> None:
    """Also an answer, which is neither a question nor thanks."""
    driver = Driver(POLICY).feed(pulse(START, "answered")).advance(START + 91 * DAY)
    assert raised(driver, "staff-unasked") == [START + 90 * DAY]
    assert raised(driver, "staff-unthanked") == [START + 30 * DAY]
    later = Driver(POLICY).feed(pulse(START, "asked"), pulse(START + 9 * DAY, "answered")).advance(START + 91 * DAY)
    assert raised(later, "staff-unasked") == [START + 90 * DAY]


def test_a_pulse_under_another_key_reaches_the_same_site() -> None:
    """A head office may send the pulses of all sites; neither becomes a customer."""
    own = Driver(POLICY).feed(pulse(START, "asked"), pulse(START + 20 * DAY, "thanked"))
    other = Driver(POLICY).feed(pulse(START, "asked", key="HQ"), pulse(START + 20 * DAY, "thanked", key="HQ"))
    for driver in (own, other):
        driver.advance(START + 91 * DAY)
        assert driver.subjects() == {"\x01site:S1", "\x01store:S1"}
    assert own.outcomes() == other.outcomes()


def test_an_alarm_about_a_site_has_no_customer_and_no_tier() -> None:
    """It names the site as its subject and as its store, with the same severity for every site."""
    driver = Driver(POLICY).feed(pulse(START, "asked")).advance(START + 91 * DAY)
    alarm = next(a for a in driver.alarms if a.kind == "staff-unasked")
    assert (alarm.subject.type, alarm.subject.id, alarm.store_id) == ("site", "S1", "S1")
    assert (alarm.customer_id, alarm.tier, alarm.stage, alarm.severity) == (None, None, None, "warning")


def test_the_alarms_say_what_the_staff_have_answered() -> None:
    """Since they were last asked (P2): the mean score and what most name; the answers of before are another matter, and no answer says nothing."""
    facts = [pulse(START, "asked")]
    for n, (score, codes) in enumerate(
        ((1, ["salary"]), (2, ["recognition", "salary"]), (None, ["recognition"]), (3, ["recognition"]))
    ):
        own = {"codes": codes} if score is None else {"codes": codes, "score": score}
        facts.append(
            record("staff.pulse", START + n * DAY + SECOND, "S1", id=f"A{n}", store_id="S1", pulse="answered", **own)
        )
    texts = {
        kind: [r.text for r in reasons] for kind, reasons in told(Driver(POLICY).feed(*facts).advance(START + 91 * DAY))
    }
    for kind in ("staff-unasked", "staff-unthanked"):
        assert texts[kind][1:] == ["Their answers are 2.0 of 5 on average.", "Of 4 answers 3 name recognition."]
    later = Driver(POLICY).feed(*facts, pulse(START + 9 * DAY, "asked")).advance(START + 100 * DAY)
    assert [len(reasons) for kind, reasons in told(later)] == [1, 1]


def told(driver: Driver) -> list[tuple[str, tuple[Reason, ...]]]:
    return [(a.kind, a.reasons) for a in driver.alarms if a.type == "alarm.raised"]
