"""Stages: which facts give which, at their very instants, and that no others can follow (L1-L6)."""

import pytest

from scorers.contract.alarms import Stage
from scorers.contract.events import DAY, SECOND
from scorers.contract.rfc3339 import parse_instant
from scorers.customer.lifecycle import LEFT, TRANSITIONS, IllegalTransition, judge, move
from scorers.customer.state import Customer
from scorers.policy.tables import Policy
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T09:00:00Z"))


def monthly(n: int, gap: int = 30) -> list[bytes]:
    return [purchase(START + k * gap * DAY) for k in range(n)]


def stage_after(*records: bytes, until: int = 0) -> Stage:
    driver = Driver().feed(*records)
    return driver.advance(until or driver.partition.clock).timelines["C1"].state.life.stage


CASES: list[tuple[str, list[bytes], int, Stage]] = [
    ("a lead is a prospect", [record("lead.created", START)], 0, "prospect"),
    ("so is who only complained", [record("complaint.opened", START, complaint_id="K")], 0, "prospect"),
    ("a prospect who says goodbye has left", [record("exit.explained", START, reason="price")], 0, "defector"),
    ("one occasion", monthly(1), 0, "first_time_buyer"),
    (
        "two purchases of one date are one occasion",
        [purchase(START), purchase(START + 60 * SECOND)],
        0,
        "first_time_buyer",
    ),
    ("two occasions", monthly(2), 0, "early_repeat_buyer"),
    (
        "midnight makes no second visit",
        [purchase("2024-01-01T23:59:59Z"), purchase("2024-01-02T00:00:00Z")],
        0,
        "first_time_buyer",
    ),
    (
        "another date and more than four hours later",
        [purchase("2024-01-01T20:00:00Z"), purchase("2024-01-02T00:00:01Z")],
        0,
        "early_repeat_buyer",
    ),
    ("five occasions in too short a time", monthly(5), 0, "early_repeat_buyer"),
    ("four occasions in a long time", monthly(4, 70), 0, "early_repeat_buyer"),
    ("five occasions at exactly 180 days", monthly(5, 45), START + 180 * DAY, "early_repeat_buyer"),
    ("five occasions a second later", monthly(5, 45), START + 180 * DAY + SECOND, "core_customer"),
    ("a first-time buyer at eight limits", monthly(1), START + 480 * DAY, "first_time_buyer"),
    ("a first-time buyer a second later", monthly(1), START + 480 * DAY + SECOND, "defector"),
]


@pytest.mark.parametrize(("title", "records", "until", "stage"), CASES, ids=[case[0] for case in CASES])
def test_the_facts_give_the_stage(title, records, until, stage):
    """Each stage on both sides of each of its edges."""
    assert stage_after(*records, until=until) == stage


@pytest.mark.parametrize(
    ("stars", "stage"), [((3, 3, 3), "core_customer"), ((3, 3, 2), "early_repeat_buyer"), ((1, 1), "core_customer")]
)
def test_core_takes_a_mean_satisfaction_not_under_three(stars, stage):
    """Three is enough, where at least three answers are known."""
    facts = monthly(8)
    for n, value in enumerate(stars):
        facts.append(record("survey.answered", START + 211 * DAY + n, satisfaction=value))
    assert stage_after(*facts) == stage


def test_a_discontent_core_customer_is_core_no_longer_and_a_content_one_again():
    """The stage follows the satisfaction both ways."""
    facts = monthly(8)
    bad = [record("survey.answered", START + 211 * DAY + n, satisfaction=1) for n in range(3)]
    good = [record("survey.answered", START + 212 * DAY + n, satisfaction=5) for n in range(3)]
    assert stage_after(*facts, *bad) == "early_repeat_buyer"
    assert stage_after(*facts, *bad, *good) == "core_customer"


def test_only_a_core_customer_becomes_a_core_defector():
    """By silence as well as by an explained exit."""
    goodbye = record("exit.explained", START + 211 * DAY, reason="competitor")
    assert stage_after(*monthly(8), goodbye) == "core_defector"
    assert stage_after(*monthly(8), until=START + 900 * DAY) == "core_defector"
    assert stage_after(*monthly(3), until=START + 900 * DAY) == "defector"


def test_silence_makes_dormant_before_it_makes_a_defector():
    """No customer defects without having been dormant."""
    driver = Driver().feed(*monthly(8)).advance(START + 900 * DAY)
    told = [a.reasons[0].text for a in driver.alarms if a.kind == "stage-changed"]
    assert told[-2:] == ["core customer to dormant", "dormant to core defector"]


def test_a_complaint_after_an_exit_at_the_instant_of_a_purchase_changes_nothing():
    """A customer who bought, left and complained in one second has left."""
    at = START + 211 * DAY
    facts = [*monthly(8), purchase(at, id="a"), record("exit.explained", at, id="b", reason="price")]
    later = record("survey.answered", at + DAY, satisfaction=1)
    more = record("survey.answered", at + 2 * DAY, satisfaction=1)
    assert stage_after(*facts, later, more) == "core_defector"


@pytest.mark.parametrize("left", sorted(LEFT))
def test_every_transition_from_a_loss_is_a_win_back(left):
    """Every way back is a win-back."""
    assert all(cause.startswith("won back") for cause in TRANSITIONS[left].values())


def test_an_illegal_move_raises():
    """Two stages that can never follow each other are a fault of the core."""
    with pytest.raises(IllegalTransition, match="there is no transition from prospect to core_customer"):
        move("prospect", "core_customer")


def test_judging_changes_nothing():
    """`judge` does not change the state."""
    c, same = Customer("c"), Customer("c")
    judge(c, START, Policy())
    assert c == same
