"""The ledger: a bad one owes twelve, good ones repay, a year halves (X1)."""

import pytest

from scorers.contract.events import DAY, SECOND
from scorers.contract.rfc3339 import parse_instant
from scorers.customer import ledger
from scorers.customer.state import Customer
from scorers.policy.tables import Ledger
from tests.support.driver import Driver, purchase, record

RULES = Ledger()
START = int(parse_instant("2024-01-01T09:00:00Z"))


def owing(at: int = START) -> Customer:
    c = Customer("c")
    ledger.bad(c, at, RULES)
    return c


def test_one_negative_owes_twelve_positives():
    """Twelve at once leave no debt."""
    c = owing()
    assert ledger.debt(c, START, RULES) == 12
    for _ in range(13):
        ledger.good(c, START, RULES)
    assert ledger.debt(c, START, RULES) == 0


def test_a_year_halves_the_debt():
    """At whatever instant the debt is computed."""
    assert ledger.debt(owing(), START + 365 * DAY, RULES) == pytest.approx(6)


def test_good_experiences_without_debt_are_not_saved():
    """A debt is never negative."""
    c = Customer("c")
    ledger.good(c, START, RULES)
    ledger.bad(c, START, RULES)
    assert ledger.debt(c, START, RULES) == 12


def test_a_purchase_repays_once_its_week_has_passed():
    """Not at the very instant, and dated then."""
    c = owing()
    ledger.bought(c, START, RULES)
    ledger.mature(c, START + 7 * DAY, RULES)
    assert c.account.debt == 12
    ledger.mature(c, START + 30 * DAY, RULES)
    assert c.account.debt_at == START + 7 * DAY
    assert c.account.debt == pytest.approx(12 * 0.5 ** (7 / 365) - 1)


@pytest.mark.parametrize(("after", "repays"), [(7 * DAY, False), (7 * DAY + SECOND, True)])
def test_trouble_in_the_week_of_a_purchase_spoils_it(after, repays):
    """The last instant of the week is inside it."""
    c = owing()
    ledger.bought(c, START, RULES)
    ledger.bad(c, START + after, RULES)
    owed = 12 * 0.5 ** (after / (365 * DAY)) + 12
    assert c.account.debt == pytest.approx(owed - repays, abs=0.001)
    assert c.account.pending == []


def test_the_instant_at_which_a_debt_settles_is_known():
    """At that instant, and not a second before, the debt is below `debt_settled`."""
    c = owing()
    ledger.bad(c, START, RULES)
    end = ledger.settled_after(c, RULES)
    assert ledger.debt(c, end, RULES) < RULES.debt_settled <= ledger.debt(c, end - 2 * SECOND, RULES)


def refund(amount: int, reason: str | None = None) -> bytes:
    return record("purchase.refunded", START, amount_minor=amount, currency="EUR", reason=reason)


COMPLAINT = record("complaint.opened", START, complaint_id="K1")
OPEN = record("contact.received", START, channel="web", request_id="R1", request_status="open")
COUNTED = [
    ("a complaint", [COMPLAINT], 0, 12),
    ("its missed acknowledgement is none", [COMPLAINT], 2 * DAY, 12),
    ("its missed rectification is one", [COMPLAINT], 6 * DAY, 24),
    ("a missed answer", [OPEN], 4 * DAY, 12),
    ("a refund for a bad reason", [purchase(START), refund(1, "Not_As_Described")], 0, 12),
    ("a refund for another reason", [purchase(START), refund(1, "changed_mind")], 0, 0),
    ("a bad reason among other words", [purchase(START), refund(1, "not broken")], 0, 0),
    ("a refund without a reason", [purchase(START), refund(1)], 0, 0),
    ("a refund of nothing", [purchase(START), refund(0, "broken")], 0, 0),
    ("satisfaction 2", [record("survey.answered", START, satisfaction=2)], 0, 12),
    ("satisfaction 3 is neither", [record("survey.answered", START, satisfaction=3)], 0, 0),
    ("a broken promise", [record("promise.broken", START, promise_id="P")], 0, 12),
    ("satisfaction 4 repays", [COMPLAINT, record("survey.answered", START, satisfaction=4)], 0, 11),
    (
        "a resolution in time repays",
        [COMPLAINT, record("complaint.resolved", START + 1, complaint_id="K1")],
        0,
        11,
    ),
]


@pytest.mark.parametrize(("title", "facts", "after", "owed"), COUNTED, ids=[case[0] for case in COUNTED])
def test_what_counts_as_an_experience(title, facts, after, owed):
    """Each fact of the list, and what is no experience."""
    driver = Driver().feed(*facts).advance(START + after + 1)
    now = driver.partition.clock
    assert ledger.debt(driver.timelines["C1"].state, now, RULES) == pytest.approx(owed, rel=0.02)
