"""Severity follows the reported risk (J4), and stays low until the base has shown that such risks are true (J5)."""

import pytest
from msgspec.structs import replace

from scorers.alarms.catalogue import CATALOGUE
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.in_force.control import FiguresInForce
from scorers.in_force.figures import FigureBook, no_figures
from scorers.in_force.proven_risk import ANSWERS, BANDS, answer_bucket, shown
from scorers.policy.tables import Policy
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T10:00:00Z"))
POLICY = Policy()


def weekly(policy: str = "", shown: bool = True) -> Driver:
    """A gold customer who came every week, in a base that has shown its risks to be true, or not."""
    driver = Driver(policy, figures=False)
    bounds = {"EUR": (1e12, 0.0, 0.0)}
    driver.ctx.adopt_figures(replace(no_figures(driver.ctx.policy), bounds=bounds, proven=(shown,) * BANDS))
    return driver.feed(*[purchase(START + week * 7 * DAY, id=str(week)) for week in range(20)])


def raised(driver: Driver, kind: str) -> Alarm:
    driver.advance(START + 500 * DAY)
    return next(a for a in driver.alarms if a.kind == kind and a.type == "alarm.raised")


@pytest.mark.parametrize("kind", ["gone-quiet", "risk-high"])
def test_the_bounds_of_the_policy_divide_the_risks(kind):
    """Info under the first, warning under the second, else error; the risk is that of the instant of the alarm."""
    risk = raised(weekly(), kind).risk
    assert risk is not None
    assert 0.01 < risk < 0.99
    for (warning_from, error_from), severity in (
        ((risk + 0.005, risk + 0.006), "info"),
        ((risk - 0.005, risk + 0.005), "warning"),
        ((risk - 0.006, risk - 0.005), "error"),
    ):
        policy = f"[risk]\nwarning_from = {warning_from}\nerror_from = {error_from}"
        assert raised(weekly(policy), kind).severity == severity


def test_what_is_not_proven_is_less_grave_and_says_so():
    """A high risk is info, a silence a warning at most; the reason says why, and is gone once the risks have been shown."""
    errors = "[risk]\nwarning_from = 0.0\nerror_from = 0.0"
    for kind, severity in (("risk-high", "info"), ("gone-quiet", "warning"), ("defected", "warning")):
        assert raised(weekly(errors, shown=False), kind).severity == severity
        assert raised(weekly(errors), kind).severity == "error"
    assert "unproven" in {reason.code for reason in raised(weekly(shown=False), "risk-high").reasons}
    assert "unproven" not in {reason.code for reason in raised(weekly(), "risk-high").reasons}


def test_a_goodbye_is_certain():
    """Its risk is 1 and its severity error, also in a base that has shown nothing."""
    driver = weekly(shown=False).feed(record("exit.explained", START + 140 * DAY, reason="price"))
    alarm = raised(driver, "defected")
    assert (alarm.risk, alarm.severity) == (1.0, "error")


def test_all_kinds_of_silence_and_risk_are_judged_alike():
    """Each has no severity of its own."""
    by_risk = {kind.name for kind in CATALOGUE if kind.by_risk}
    assert by_risk >= {"gone-quiet", "defected", "second-purchase-overdue", "risk-high", "tier-drop"}


def answers(*groups: tuple[float, int, int], day: int = 1) -> FigureBook:
    """A book with answers: reported risk, how many, and how many of these did not buy."""
    book = FigureBook(POLICY)
    for risk, number, lost in groups:
        book.add(
            [(day, ANSWERS, answer_bucket(risk, False), number - lost), (day, ANSWERS, answer_bucket(risk, True), lost)]
        )
    return book


def test_two_hundred_answers_of_a_band_prove_it():
    """If reported and true risk differ by no more than a tenth."""
    assert answers((0.45, 199, 90)).close(1).is_proven(0.42) is False
    figures = answers((0.45, 200, 90)).close(1)
    assert figures.is_proven(0.42)
    assert not answers((0.45, 200, 5)).close(1).is_proven(0.42)
    assert FiguresInForce.of(1, figures).figures() == figures


def test_neighbours_are_joined_until_there_are_enough():
    """A band with few answers is judged with those beside it, but not one with enough of its own."""
    book = answers((0.15, 300, 45), (0.25, 50, 50))
    assert book.close(1).proven[:3] == (True, True, False)
    assert not any(shown({}, POLICY)[0])


def test_an_answer_is_forgotten_after_a_horizon():
    """So the errors of the first weeks weigh no longer than that, and the closing of many days at once is no different."""
    book = answers((0.45, 200, 5))
    book.add([(60, ANSWERS, answer_bucket(0.45, True), 135), (60, ANSWERS, answer_bucket(0.45, False), 165)])
    assert not book.close(90).is_proven(0.42)
    assert book.close(91).is_proven(0.42)
    book.close(150)
    assert not book.total[ANSWERS]
    at_once = answers((0.45, 200, 5))
    at_once.close(400)
    assert not at_once.total[ANSWERS]


def test_every_answer_counts_once():
    """Each lesson of a run is one count."""
    driver = weekly().advance(START + 500 * DAY)
    counts = [n for (_, name, _), n in driver.figures.items() if name == ANSWERS]
    assert driver.lessons
    assert sum(counts) == len(driver.lessons)
