"""Dates in the sentences of alarms are those of the business's calendar, whatever the date is in UTC."""

import re
from zoneinfo import ZoneInfo

import pytest

from alerts.wording.message import compose
from scorers.alarms.english import ENGLISH
from tests.scorers.alarms.test_kinds import story
from tests.scorers.alarms.test_scenarios import play
from tests.support.driver import Driver, record
from tests.support.paths import SCENARIOS

LATE = "2024-01-20T23:30:00Z"  # half past midnight of the 21st in Madrid
DATE = re.compile(r"\d{4}-\d\d-\d\d")
DAY = re.compile(r"\bby (\d+) ([A-Z][a-z]+)\b")
SALE = {"amount_minor": 100, "currency": "EUR"}

FACTS = {
    "major-problem": [record("complaint.opened", LATE, complaint_id="K1", severity="major")],
    "complaint-overdue": [record("complaint.opened", LATE, complaint_id="K1")],
    "complaint-unacknowledged": [record("complaint.opened", LATE, complaint_id="K1")],
    "request-unattended": [record("contact.received", LATE, channel="mail", request_id="R1", request_status="open")],
    "promise-broken": [record("promise.made", "2024-01-02T09:00:00Z", promise_id="P1", due=LATE)],
    "second-purchase-overdue": [record("purchase.completed", LATE, **SALE)],
    "defected": [
        record("purchase.completed", "2024-01-02T09:00:00Z", **SALE),
        record("exit.explained", LATE, reason="price"),
    ],
}


def dates(driver: Driver, kind: str) -> set[str]:
    alarm = next(a for a in driver.alarms if a.kind == kind and a.type == "alarm.raised")
    said = {value for reason in alarm.reasons for value in reason.values.values() if DATE.fullmatch(str(value))}
    assert all(ENGLISH.date(str(day), str(day)) in " ".join(reason.text for reason in alarm.reasons) for day in said)
    return {str(day) for day in said}


@pytest.mark.parametrize("kind", FACTS)
def test_a_sentence_has_the_date_of_the_business(kind: str) -> None:
    """Half an hour after midnight in Madrid is another day than in UTC."""
    for zone, day in (("UTC", "2024-01-20"), ("Europe/Madrid", "2024-01-21")):
        driver = Driver(f'[time]\nzone = "{zone}"\n').feed(*FACTS[kind]).advance("2024-06-01T00:00:00Z")
        assert dates(driver, kind) == {day}


def test_what_would_settle_it_names_the_deadline_of_the_message() -> None:
    """The counterfactual has the date of the deadline as the message shows it in the business's zone."""
    tokyo, checked = ZoneInfo("Asia/Tokyo"), 0
    for path in sorted(SCENARIOS.glob("*.txt")):
        if "policy [time]" in (text := story(path)):
            continue
        for alarm in play(text, in_tokyo)[0].alarms:
            for day, month in DAY.findall(alarm.counterfactual or ""):
                until = next(line.text for line in compose(alarm, "", tokyo).lines if line.label == "Until")
                assert f" {day} {month[:3]} " in until
                checked += 1
    assert checked > 10


def in_tokyo(policy: str) -> Driver:
    return Driver(f'[time]\nzone = "Asia/Tokyo"\n{policy}')
