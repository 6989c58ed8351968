"""Facts that contradict what is known are kept, counted and shown, and never a fault."""

import json
from pathlib import Path

import pytest

from scorers.contract.events import DAY
from scorers.customer.facts import contradictions
from scorers.policy.reading import parse_policy
from streams.replay.replay import replay
from tests.support.driver import Driver, instant, record

START = instant("2024-01-01T09:00:00Z")
BOUGHT = record("purchase.completed", START, amount_minor=2000, currency="EUR")
RESOLVED = record("complaint.resolved", START + 2 * DAY, complaint_id="K1")
OPENED = record("complaint.opened", START + DAY, complaint_id="K1")


def shown(driver: Driver) -> dict[str, int]:
    return dict(contradictions.of(driver.timelines["C1"].state))


@pytest.mark.parametrize(
    ("fact", "what"),
    [
        (RESOLVED, "unknown_complaint"),
        (record("complaint.acknowledged", START + DAY, complaint_id="K1"), "unknown_complaint"),
        (record("complaint.reopened", START + DAY, complaint_id="K1"), "unknown_complaint"),
        (record("promise.kept", START + DAY, promise_id="P1"), "unknown_promise"),
        (record("purchase.refunded", START + DAY, amount_minor=2001, currency="EUR"), "refunds_above_purchases"),
        (record("purchase.refunded", START + DAY, amount_minor=1, currency="USD"), "refunds_above_purchases"),
    ],
)
def test_each_is_counted_for_the_customer_and_the_base(fact: bytes, what: str) -> None:
    """The fact is folded, the customer's row and the base's figures count it once, however often it is read."""
    driver = Driver().feed(BOUGHT, fact, fact).restart().advance(START + 40 * DAY)
    assert shown(driver) == {what: 1}
    assert sum(n for (_, name, _), n in driver.figures.items() if name == "contradiction") == 1
    assert driver.rejected == []


@pytest.mark.parametrize(
    "fact",
    [
        record("purchase.refunded", START + DAY, amount_minor=2000, currency="EUR"),
        record("promise.broken", START + DAY, promise_id="P1"),
        record("contact.made", START + DAY, channel="phone", request_id="R1", request_status="closed"),
    ],
)
def test_what_is_possible_is_none(fact: bytes) -> None:
    """All money back, a promise that was never told, a request that was answered before: nothing is wrong with these."""
    assert shown(Driver().feed(BOUGHT, fact)) == {}


def test_a_late_opening_explains_a_resolution() -> None:
    """A resolution that is read before its complaint is counted until the complaint, which is older, arrives."""
    driver = Driver().feed(BOUGHT, record("complaint.resolved", START + DAY + 9, complaint_id="K1"))
    assert shown(driver) == {"unknown_complaint": 1}
    driver.feed(OPENED)
    assert shown(driver) == {}
    c = driver.timelines["C1"].state
    assert (len(c.complaints.open), len(c.complaints.closed)) == (0, 1)
    assert [key for key in driver.figures if key[1] == "contradiction"] == []


def test_a_replay_goes_on_and_says_so(tmp_path: Path) -> None:
    """The summary and the customer's row name them; a merge into itself is told as rejected and stops nothing."""
    itself = record("customer.merged", START + 3 * DAY, into="C1")
    (tmp_path / "events.jsonl").write_bytes(b"\n".join([BOUGHT, RESOLVED, itself]))
    summary = replay([str(tmp_path / "events.jsonl")], tmp_path, parse_policy(""))
    assert summary.contradictions == {"unknown_complaint": 1}
    row = json.loads((tmp_path / "customers.jsonl").read_text().splitlines()[0])
    assert row["contradictions"] == {"unknown_complaint": 1}
    assert summary.rejected_codes == {"bad_value": 1}
