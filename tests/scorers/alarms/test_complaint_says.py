"""Alarms about complaints quote the beginning of what the customer wrote, as one inert line, until the customer is erased."""

from itertools import count

import pytest

from alerts.wording.message import compose
from scorers.alarms.catalogue import CATALOGUE
from scorers.contract.alarms import Alarm
from scorers.timeline.facts import MAX_EXCERPT
from tests.support.driver import Driver, record

HOSTILE = 'The kettle "leaks"\r\nBcc: all@example.com \u202egnp.exe' + " hot water" * 100
QUOTED = "The complaint says: \"The kettle 'leaks' Bcc: all@example.com gnp.exe hot water"
_numbers = count()


def fact(type: str, time: str, **fields: object) -> bytes:
    return record(type, time, "C1", id=f"e{next(_numbers)}", **fields)


def complaint(step: str, time: str, **fields: object) -> bytes:
    return fact(f"complaint.{step}", time, complaint_id="K1", **fields)


def said(alarm: Alarm) -> list[str]:
    return [reason.text for reason in alarm.reasons if reason.code == "complaint_says"]


def bought(times: int) -> list[bytes]:
    return [
        fact("purchase.completed", f"2024-01-{1 + 3 * n:02}T09:00:00Z", amount_minor=100, currency="EUR")
        for n in range(times)
    ]


ABOUT_COMPLAINTS = sorted({kind.name for kind in CATALOGUE if kind.about == "complaint"})


@pytest.mark.parametrize("kind", [*ABOUT_COMPLAINTS, "single-failure", "small-mishap"])
def test_every_kind_about_a_complaint_quotes_it(kind: str) -> None:
    """In the alarm and in the message: one line, shortened, its own quotes harmless; also after a restart."""
    driver = Driver().feed(*bought(1 if kind == "single-failure" else 2))
    driver.feed(complaint("opened", "2024-01-20T09:00:00Z", severity="major", reason=HOSTILE))
    driver.restart().advance("2024-02-01T00:00:00Z")
    alarm = next(a for a in driver.alarms if a.kind == kind and a.type == "alarm.raised")
    (text,) = said(alarm)
    assert text.startswith(QUOTED)
    assert len(text.encode()) <= len('The complaint says: ""') + MAX_EXCERPT
    lines = compose(alarm).plain().splitlines()
    assert [line for line in lines if "leaks" in line] == [f"Why: {text}"]


def test_the_newest_step_that_says_something_counts() -> None:
    """A later step without a text keeps the former one."""
    driver = Driver().feed(*bought(2))
    driver.feed(
        complaint("opened", "2024-01-20T09:00:00Z", severity="major"),
        complaint("acknowledged", "2024-01-20T10:00:00Z", reason="Leaks"),
        complaint("opened", "2024-01-20T11:00:00Z", public=True),
    ).advance("2024-02-01T00:00:00Z")
    overdue = next(a for a in driver.alarms if a.kind == "complaint-overdue")
    assert said(overdue) == ['The complaint says: "Leaks"']
    first = next(a for a in driver.alarms if a.kind == "major-problem")
    assert said(first) == []


@pytest.mark.parametrize("character", ["a", "ñ", "語", "\U0001f643", "e\u0301"])
def test_a_row_keeps_no_more_than_the_beginning(character: str) -> None:
    """Whatever a character costs: two texts of any length differ by at most the bound, in state and in recent facts."""
    size = {}
    for length in (1, 4000):
        driver = Driver().feed(*bought(2))
        driver.feed(complaint("opened", "2024-01-20T09:00:00Z", reason=character * length))
        size[length] = sum(len(timeline.encode()) for timeline in driver.timelines.values())
    assert size[4000] - size[1] <= 3 * (MAX_EXCERPT + 8)


def test_an_erasure_reaches_the_text() -> None:
    """No row holds a word of it, and what is told afterwards does not quote it."""
    driver = Driver().feed(*bought(2))
    driver.feed(complaint("opened", "2024-01-20T09:00:00Z", severity="major", reason="Zanzibar kettle"))
    assert any(b"Zanzibar" in timeline.encode() for timeline in driver.timelines.values())
    told = len(driver.alarms)
    driver.feed(fact("customer.erased", "2024-01-20T12:00:00Z")).advance("2024-03-01T00:00:00Z")
    assert not any(b"Zanzibar" in timeline.encode() for timeline in driver.timelines.values())
    assert driver.alarms[told:]
    assert not any("Zanzibar" in reason.text for alarm in driver.alarms[told:] for reason in alarm.reasons)
