"""Loyalty types: behaviour and attitude, with a gate and a least of evidence (Q1-Q5)."""

import pytest

from scorers.contract.alarms import LoyaltyType
from scorers.contract.events import DAY, HOUR, MINUTE
from scorers.contract.rfc3339 import parse_instant
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T09:00:00Z"))
NOW = START + 30 * DAY
BOUGHT = [purchase(START + n * 7 * DAY) for n in range(5)]
CHEAP = [purchase(START + n * 7 * DAY, discount_minor=100) for n in range(5)]


def survey(stars: int, after: int = 0, **own: int) -> bytes:
    return record("survey.answered", NOW + after, satisfaction=stars, **own)


def asked(*stars: int) -> list[bytes]:
    """Answers of the minutes before `NOW`, the last of them given then."""
    return [survey(mark, (n + 1 - len(stars)) * MINUTE) for n, mark in enumerate(stars)]


def referral(good: bool, after: int = HOUR) -> bytes:
    return record("referral.made", NOW + after, positive=good)


def complaint(public: bool = False) -> bytes:
    return record("complaint.opened", NOW - HOUR, complaint_id="K1", public=public)


def competitor(hours: int) -> bytes:
    return record("competitor.mentioned", NOW + hours * HOUR, competitor="Rival")


def goodbye() -> bytes:
    return record("exit.explained", NOW + HOUR, reason="price")


CASES: list[tuple[str, list[bytes], LoyaltyType]] = [
    ("nothing said, nothing known", BOUGHT, "unknown"),
    ("too few occasions", [*BOUGHT[:2], *asked(5, 5, 5)], "unknown"),
    ("content", [*BOUGHT, *asked(4, 4, 4)], "loyal"),
    ("content, but asked twice only", [*BOUGHT, *asked(5, 5)], "unknown"),
    ("under the gate", [*BOUGHT, *asked(3, 3, 3)], "unknown"),
    ("under the gate in spite of praise", [*BOUGHT, *asked(3, 4, 4), referral(True)], "unknown"),
    ("delighted and telling it", [*BOUGHT, *asked(5, 5, 5), referral(True)], "apostle"),
    ("telling it, but not delighted", [*BOUGHT, *asked(4, 4, 4), referral(True)], "loyal"),
    ("delighted, telling nobody", [*BOUGHT, *asked(5, 5, 5)], "loyal"),
    ("delighted, took the praise back", [*BOUGHT, *asked(5, 5, 5), referral(True), referral(False, 2 * HOUR)], "loyal"),
    ("content at a discount only", [*CHEAP, *asked(4, 4, 4)], "mercenary"),
    ("content, one purchase of five at a discount", [*CHEAP[:1], *BOUGHT[1:], *asked(4, 4, 4)], "loyal"),
    ("content, speaks of competitors", [*BOUGHT, *asked(4, 4, 4), competitor(1), competitor(2)], "mercenary"),
    ("content, spoke of a competitor once", [*BOUGHT, *asked(4, 4, 4), competitor(1)], "loyal"),
    ("delighted, telling it, at a discount", [*CHEAP, *asked(5, 5, 5), referral(True)], "apostle"),
    ("a bad day", [*BOUGHT, survey(1)], "unknown"),
    ("a bad day after a bad experience", [*BOUGHT, complaint(), survey(1)], "terrorist"),
    ("a public complaint and no hope", [*BOUGHT, complaint(True), survey(2)], "terrorist"),
    ("a public complaint, and a goodbye", [*BOUGHT, complaint(True), goodbye()], "terrorist"),
    ("a public complaint, still hoping", [*BOUGHT, complaint(True), survey(3, would_recommend=0)], "unknown"),
    ("a public complaint, and nothing known", [*BOUGHT, complaint(True)], "unknown"),
    ("a goodbye after a complaint, telling nobody", [*BOUGHT, complaint(), goodbye()], "defector"),
    ("bad, and warns others", [*BOUGHT, survey(2), referral(False)], "terrorist"),
    ("warns others without a bad experience", [*BOUGHT, referral(False)], "unknown"),
    ("said goodbye", [*BOUGHT, goodbye()], "defector"),
]


@pytest.mark.parametrize(("title", "facts", "kind"), CASES, ids=[case[0] for case in CASES])
def test_what_was_done_and_said_gives_the_type(title, facts, kind):
    """Each type, and what falls just short of it."""
    assert Driver().feed(*sorted(facts, key=_time)).timelines["C1"].state.attitude.type == kind


def _time(raw: bytes) -> bytes:
    return raw.split(b'"time": "')[1][:20]


def test_a_hostage_buys_twice_on_two_dates_after_the_deadline_of_a_complaint():
    """Purchases before the deadline, and a second one of the same date, do not count."""
    opened = record("complaint.opened", START + 28 * DAY + HOUR, complaint_id="K1")
    overdue = START + 33 * DAY + HOUR
    driver = Driver().feed(*BOUGHT, opened, purchase(START + 30 * DAY), purchase(overdue + HOUR))
    driver.feed(purchase(overdue + 2 * HOUR))
    assert driver.timelines["C1"].state.attitude.type == "unknown"
    driver.feed(purchase(overdue + DAY))
    assert driver.timelines["C1"].state.attitude.type == "hostage"
    assert "hostage" in driver.kinds()
    driver.feed(record("complaint.resolved", overdue + 2 * DAY, complaint_id="K1"))
    assert driver.timelines["C1"].state.attitude.type == "unknown"


def test_one_of_two_complaints_solved_leaves_a_hostage_of_the_other():
    """One open alarm per customer and reason."""
    driver = Driver().feed(*BOUGHT)
    for name in ("K1", "K2"):
        driver.feed(record("complaint.opened", START + 29 * DAY, complaint_id=name, id=name))
    driver.feed(purchase(START + 35 * DAY), purchase(START + 36 * DAY))
    driver.feed(record("complaint.resolved", START + 37 * DAY, complaint_id="K1"))
    told = [a.type for a in driver.alarms if a.kind == "hostage"]
    assert told == ["alarm.raised"]
    driver.feed(record("complaint.resolved", START + 38 * DAY, complaint_id="K2"))
    told = [a.type for a in driver.alarms if a.kind == "hostage"]
    assert told == ["alarm.raised", "alarm.settled"]


def test_apostle_lost_waits_for_the_dwell_and_ends_when_the_praise_is_back():
    """Fourteen days; an apostle again within them raises nothing."""
    base = [*BOUGHT, *asked(5, 5, 5), referral(True)]
    more = [purchase(NOW + n * 7 * DAY + 3 * HOUR) for n in range(1, 4)]
    lost = Driver().feed(*base, survey(3, 2 * HOUR), *more).advance(NOW + 20 * DAY + 4 * HOUR)
    alarm = next(a for a in lost.alarms if a.kind == "apostle-lost")
    assert alarm.at == NOW + 2 * HOUR + 14 * DAY
    back = Driver().feed(*base, survey(3, 2 * HOUR), survey(5, 4 * HOUR), survey(5, 5 * HOUR), *more)
    assert "apostle-lost" not in back.advance(NOW + 22 * DAY).kinds()
