"""Steps of one case within a second: they fold in the order of a case's life, whatever their ids, sources and milliseconds."""

from itertools import permutations

import pytest

from scorers.contract.events import DAY, HOUR, Micros
from scorers.contract.rfc3339 import parse_instant
from tests.support.driver import Driver, purchase, record

NOON = int(parse_instant("2024-03-01T12:00:00Z"))
WEEKS = [purchase(NOON - (9 - n) * 7 * DAY) for n in range(9)]

COMPLAINT = [
    ("complaint.opened", {"complaint_id": "K1"}),
    ("complaint.acknowledged", {"complaint_id": "K1"}),
    ("complaint.resolved", {"complaint_id": "K1"}),
]
REQUEST = [
    ("contact.received", {"channel": "web", "request_id": "R1", "request_status": "open"}),
    ("contact.made", {"channel": "web", "request_id": "R1"}),
    ("contact.made", {"channel": "web", "request_id": "R1", "request_status": "closed"}),
]
PROMISE = [
    ("promise.made", {"promise_id": "P1", "due": "2024-03-03T12:00:00Z"}),
    ("promise.kept", {"promise_id": "P1"}),
]
KINDS = {"complaint-unacknowledged", "complaint-overdue", "request-unattended", "promise-broken"}


def steps(case: list[tuple[str, dict[str, str]]], offsets: tuple[Micros, ...], ids: tuple[str, ...]) -> list[bytes]:
    return [
        record(kind, NOON + offset, id=name, source=f"s{name}", **own)
        for (kind, own), offset, name in zip(case, offsets, ids, strict=True)
    ]


@pytest.mark.parametrize("case", [COMPLAINT, REQUEST, PROMISE], ids=["complaint", "request", "promise"])
@pytest.mark.parametrize("offsets", [(0, 0, 0), (700_000, 300_000, 0), (999_999, 0, 1)], ids=["same", "cut", "ends"])
def test_a_case_that_was_closed_in_its_second_is_closed(case, offsets):
    """In each order of arrival, and with ids that sort against the order of the steps, nothing stays open."""
    facts = steps(case, offsets[: len(case)], ("9", "10", "1")[: len(case)])
    for order in permutations(facts):
        driver = Driver().feed(*WEEKS, *order).advance(NOON + 30 * DAY)
        c = driver.timelines["C1"].state
        assert [*c.complaints.open, *c.contacts.requests, *c.promises.open] == []
        assert not KINDS & {kind for _, kind, _, _ in driver.outcomes()}
        assert driver.statuses.count("too_late") == 0


def test_a_case_that_was_reopened_in_its_second_is_open():
    """Reopening is the last step."""
    life = [*COMPLAINT, ("complaint.reopened", {"complaint_id": "K1"})]
    for order in permutations(steps(life, (0, 0, 0, 0), ("4", "3", "2", "1"))):
        driver = Driver().feed(*WEEKS, *order)
        assert [case.id for case in driver.timelines["C1"].state.complaints.open] == ["K1"]


def test_a_step_counts_at_the_second_in_which_it_happened():
    """Half a second past the deadline is still the deadline's second: `at` is to the second."""
    opened = record("complaint.opened", NOON + 700_000, complaint_id="K1", id="9")
    solved = record("complaint.resolved", NOON + 5 * DAY + 900_000, complaint_id="K1", id="1")
    driver = Driver().feed(*WEEKS, opened, solved).advance(NOON + 30 * DAY)
    assert "complaint-overdue" not in {kind for _, kind, _, _ in driver.outcomes()}
    driver = Driver().feed(*WEEKS, opened).advance(NOON + 30 * DAY)
    assert {int(a.at) for a in driver.alarms if a.kind == "complaint-overdue"} == {NOON + 5 * DAY}


def test_steps_are_never_late_within_their_second():
    """Also where no lateness is allowed at all."""
    policy = "[time]\nallowed_lateness = '0s'\n"
    driver = Driver(policy).feed(*WEEKS, purchase(NOON + 800_000, id="b"))
    driver.feed(record("complaint.opened", NOON + 900_000, complaint_id="K1", id="o"))
    assert driver.statuses[-1] in ("folded", "refolded")
    assert driver.timelines["C1"].state.complaints.count == 1


@pytest.mark.parametrize("step", ["complaint.acknowledged", "complaint.opened", "complaint.reopened"])
def test_every_step_may_bring_severity_and_publicity(step):
    """The newest step that says something counts; one that says nothing changes nothing."""
    opened = record("complaint.opened", NOON, complaint_id="K1", severity="minor", id="a")
    graver = record(step, NOON + HOUR, complaint_id="K1", severity="major", public=True, id="b")
    silent = record("complaint.acknowledged", NOON + 2 * HOUR, complaint_id="K1", id="c")
    driver = Driver().feed(*WEEKS, opened, graver, silent)
    c = driver.timelines["C1"].state
    assert (c.complaints.open[0].severity, c.complaints.open[0].public, c.complaints.public) == ("major", True, 1)
    assert driver.kinds().count("major-problem") == 1
    driver.feed(record(step, NOON + 3 * HOUR, complaint_id="K1", severity="minor", public=False, id="d"))
    c = driver.timelines["C1"].state
    assert (c.complaints.open[0].severity, c.complaints.open[0].public, c.complaints.public) == ("minor", False, 0)
    ends = [a.outcome for a in driver.alarms if a.kind == "major-problem" and a.type == "alarm.settled"]
    assert ends == ["false"]
