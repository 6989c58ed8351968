"""The effect of telling people of alarms (A8, J6): measured against a hold-out, or not at all."""

import re
from collections import Counter

import pytest

from scorers.alarms.catalogue import KINDS, STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.in_force.control import FiguresInForce, decode_control, encode_control
from scorers.in_force.figures import MOST_CURRENCIES, FigureBook
from scorers.in_force.uplift import (
    TREATMENTS,
    Measured,
    Trial,
    learned_chances,
    margin,
    measured,
    newcombe,
    save_chance,
)
from scorers.policy.hold_out import is_held_out, quarter_of
from scorers.policy.reading import parse_policy
from scorers.policy.tables import Policy
from tests.support.driver import Driver, purchase
from tests.support.paths import ROOT

TRUST, HELP = TREATMENTS.index("trust"), TREATMENTS.index("help")
START = int(parse_instant("2024-01-01T10:00:00Z"))
POLICY = parse_policy("")


def arms(told: int, back: int, held: int, held_back: int, treatment: int = TRUST) -> dict[int, int]:
    """The counts of a treatment: how many were told and came back, how many were held out and came back."""
    counts = (told - back, back, held - held_back, held_back)
    return {treatment * 4 + n: count for n, count in enumerate(counts)}


@pytest.mark.parametrize(
    ("arms", "interval"),
    [
        (Trial(70, 56, 80, 48), (0.0524, 0.3339)),
        (Trial(10, 9, 10, 3), (0.1705, 0.8090)),
        (Trial(10, 10, 20, 0), (0.6791, 1.0)),
    ],
)
def test_the_interval_is_that_of_newcombe(arms: Trial, interval: tuple[float, float]) -> None:
    """Examples a, b and g of table II of Newcombe (1998), method 10."""
    _, low, high = newcombe(arms)
    assert (round(low, 4), round(high, 4)) == interval


def test_it_reads_not_measured_until_both_arms_have_enough():
    """Without a hold-out, and with one that is too small, there is no figure at all."""
    for counts in ({}, {"trial:": arms(9_000, 8_000, 199, 150)}):
        one = measured(counts, POLICY).all
        assert (one.state, one.difference, one.interval, one.kept_minor) == ("not measured", None, None, {})
    assert measured({"trial:": arms(9_000, 8_000, 200, 150)}, POLICY).all.state == "measured"


def test_money_kept_is_the_difference_times_the_margin_of_those_told():
    """With the bounds of its interval, in each currency apart, by treatment and kind."""
    counts = {
        "trial:gone-quiet": arms(1_000, 800, 500, 300),
        "trial:risk-high": arms(100, 50, 100, 50, HELP),
        "margin:EUR": {margin_bucket("gone-quiet", TRUST): 100_000, margin_bucket("risk-high", HELP): 7},
        "margin:JPY": {margin_bucket("gone-quiet", TRUST): 50},
    }
    found = measured(counts, POLICY).kinds["gone-quiet"]["trust"]
    assert found.interval is not None
    low, high = found.interval
    assert found.difference == 0.2
    middle, least, most = found.kept_minor["EUR"]
    assert middle == 20_000
    assert (least, most) == (pytest.approx(low * 100_000, abs=10), pytest.approx(high * 100_000, abs=10))
    assert found.kept_minor["JPY"][0] == 10
    assert measured(counts, POLICY).kinds["risk-high"]["help"].state == "not measured"


def margin_bucket(kind: str, treatment: int) -> int:
    """The bucket of a margin, by the contribution that the core makes."""
    return margin(0, "EUR", kind, treatment, 1)[2]


def test_chances_to_save_are_learned_and_else_those_of_the_policy():
    """Figures carry them to every partition; the policy's chance is a prior that few answers do not overrule."""
    book = FigureBook(POLICY)
    for bucket, count in arms(40_000, 28_000, 40_000, 20_000).items():
        book.add([(1, "trial:", bucket, count)])
    figures = book.close(1)
    assert save_chance("trust", figures.save_chance, POLICY) == pytest.approx(0.4, abs=0.005)
    assert save_chance("help", figures.save_chance, POLICY) == POLICY.worklist.save_chance.help
    control = FiguresInForce.of(1, figures)
    again = decode_control(encode_control(control))
    assert isinstance(again, FiguresInForce)
    assert again.figures() == figures
    few = learned_chances({"trial:": arms(200, 140, 200, 100)}, POLICY)
    assert 0.3 < save_chance("trust", few, POLICY) < 0.4
    assert learned_chances({"trial:": arms(4_000, 100, 4_000, 4_000)}, POLICY) == ()  # nobody stays away
    assert learned_chances({"trial:": arms(4_000, 100, 4_000, 900)}, POLICY)[TRUST] == pytest.approx(0, abs=0.01)


def test_figures_without_a_hold_out_are_those_of_before():
    """Their version does not change either, so no alarm does."""
    one, two = FigureBook(POLICY), FigureBook(POLICY)
    one.add([(1, "gap", 102, 3)])
    two.add([(1, "gap", 102, 3), (1, "trial:gone-quiet", TRUST * 4, 3), (1, "margin:EUR", 7, 100)])
    assert one.close(1) == two.close(1)


def test_no_sender_makes_histograms_without_end():
    """Codes of currencies come from outside."""
    book = FigureBook(POLICY)
    book.add([(1, f"margin:X{n:02}", 1, 5) for n in range(60)])
    book.close(1)
    assert sum(name.startswith("margin:") for name in book.total) == MOST_CURRENCIES


def test_what_a_business_does_is_measured_against_its_own_hold_out():
    """Weekly customers stop; those who hear of it come back after ten days, those held out stay away for the horizon."""
    policy = "[risk]\nhorizon = '28d'\noccasions_at_least = 99\n[hold_out]\nshare = 0.5\nanswers_at_least = 20\n"
    policy += "[feeds]\nevents_at_least = 10000\n"  # they all stop in one week, and the shop is not shut
    facts = []
    for n in range(80):
        facts += [(START + (7 * week + n % 7) * DAY, f"C{n}") for week in range(12)]
    plain = Driver(policy).feed(*(purchase(at, name) for at, name in sorted(facts))).advance(START + 120 * DAY)
    told = {a.customer_id: a.at for a in plain.alarms if a.kind == "gone-quiet" and a.type == "alarm.raised"}
    assert len(told) == 80
    held = {name for name, at in told.items() if name and is_held_out(name, at // DAY, 0.5)}
    facts += [(at + 10 * DAY, str(name)) for name, at in told.items() if name not in held]
    driver = Driver(policy).feed(*(purchase(at, name) for at, name in sorted(facts))).advance(START + 125 * DAY)
    assert driver.book is not None
    found = measured(driver.book.so_far(), driver.ctx.policy).kinds["gone-quiet"]
    (treatment,) = found
    one = found[treatment]
    assert treatment == KINDS["gone-quiet"].treatment
    assert (one.told, one.told_returned) == (80 - len(held), 80 - len(held))
    assert (one.held_out, one.held_out_returned) == (len(held), 0)
    assert one.difference == 1.0
    twelve_visits = 12 * 1000 * Policy().value.margin_share
    own_pace = [twelve_visits * 28 * DAY / (at - START + 7 * DAY) for at in told.values()]
    assert one.kept_minor["EUR"][0] == pytest.approx((80 - len(held)) * sum(own_pace) / 80, rel=0.1)


ALONE = "[risk]\nhorizon = '28d'\n{}[hold_out]\nshare = 0.000001\nanswers_at_least = 1\n"
RISKY = "[risk.threshold]\nplatinum = 0.2\ngold = 0.2\niron = 0.2\n"


def raised(driver: Driver) -> list[Alarm]:
    """The alarms about the customer, without changes of state."""
    return [a for a in driver.alarms if a.type == "alarm.raised" and a.kind not in STATE_CHANGES]


def found_in(driver: Driver) -> Measured:
    """What the hold-out has measured."""
    assert driver.book is not None
    return measured(driver.book.so_far(), driver.ctx.policy)


def test_a_customer_counts_once_a_quarter():
    """Silences of one quarter are one draw: told again and again, nobody is brought back, or worth something, several times."""
    facts, at = [purchase(START + n * DAY, id=f"d{n}") for n in range(20)], START + 20 * DAY
    for n in range(2):  # silent for twelve days, then back
        at += 12 * DAY
        facts.append(purchase(at, id=f"b{n}"))
    driver = Driver(ALONE.format("occasions_at_least = 99\n")).feed(*facts).advance(at + 5 * DAY)
    assert [a.kind for a in raised(driver)] == ["gone-quiet", "gone-quiet"]
    assert len({quarter_of(a.at // DAY) for a in raised(driver)}) == 1
    found = found_in(driver)
    assert (found.all.told, found.all.told_returned) == (1, 1)
    assert found.kinds["gone-quiet"][KINDS["gone-quiet"].treatment] == found.all


def test_alarms_of_two_kinds_are_one_answer_of_the_customer():
    """Each kind has its own figure; all together, and money with them, count the first of a quarter."""
    facts = [purchase(START + n * 7 * DAY, id=str(n)) for n in range(30)]
    driver = Driver(ALONE.format(RISKY)).feed(*facts).advance(START + 250 * DAY)
    quarters = Counter(quarter_of(a.at // DAY) for a in raised(driver))
    assert max(quarters.values()) >= 2
    found = found_in(driver)
    assert found.all.told == len(quarters)
    assert sum(one.told for by_treatment in found.kinds.values() for one in by_treatment.values()) > found.all.told


def test_the_page_says_how_many_alarms_it_takes():
    """The table of docs/model.md follows from the formula there, and 83 % with a fifth held out takes some 2,200."""
    text = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) % \| (\d+) points \| (\d+) % \| ([\d,]+) \|$", text, flags=re.MULTILINE)
    assert ("83", "5", "20", "2,182") in rows
    assert len(rows) >= 6
    for share, points, held, alarms in rows:
        p, d, h = int(share) / 100, int(points) / 100, int(held) / 100
        wanted = 2.487**2 * p * (1 - p) / (h * (1 - h) * d * d)
        assert round(wanted) == int(alarms.replace(",", "")), (share, points, held)
