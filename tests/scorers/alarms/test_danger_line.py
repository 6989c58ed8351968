"""The danger line (J2): silence and risk are news only at a risk that few of the base's own present repeat buyers have."""

import pytest
from msgspec.structs import replace

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from scorers.in_force.control import FiguresInForce
from scorers.in_force.counted.danger import TOLD, counted_for, danger_line
from scorers.in_force.figures import FigureBook, no_figures, years_of
from scorers.in_force.proven_risk import ANSWERS, answer_bucket
from scorers.policy.tables import Policy
from tests.support.driver import Driver, purchase

START = int(parse_instant("2024-01-01T10:00:00Z"))
POLICY = Policy()
WEEKS = 20


def weekly(line: float, until: int = 0) -> Driver:
    """A customer who came every week, in a base with a danger line; the clock has run on for so many days."""
    driver = Driver(figures=False)
    bounds = {"EUR": (1e12, 0.0, 0.0)}  # who buys at all is gold
    driver.ctx.adopt_figures(replace(no_figures(driver.ctx.policy), bounds=bounds, danger=line))
    driver.feed(*[purchase(START + week * 7 * DAY, id=str(week)) for week in range(WEEKS)])
    return driver.advance(START + ((WEEKS - 1) * 7 + until) * DAY)


def raised(driver: Driver, kind: str) -> list[Alarm]:
    return [a for a in driver.alarms if a.kind == kind and a.type == "alarm.raised"]


def silence_alarm(line: float) -> Alarm:
    (alarm,) = raised(weekly(line, until=400), "gone-quiet")
    assert alarm.risk is not None
    return alarm


def test_without_a_line_and_above_it_the_deadline_decides():
    """A base that knows nothing yet, and one in which the risk at the limit is rare, name the limit's own instant."""
    free = silence_alarm(0.0)
    assert free.risk is not None
    assert silence_alarm(free.risk - 0.005).at == free.at


def test_a_usual_risk_waits_until_it_is_rare():
    """The alarm comes at the review at which the risk has reached the line, with that risk; the stage does not wait."""
    free = silence_alarm(0.0)
    assert free.risk is not None
    line = free.risk + 0.1
    waited = silence_alarm(line)
    assert waited.at > free.at
    assert waited.risk is not None
    assert line <= waited.risk < line + 0.2
    assert waited.alarm_id == free.alarm_id
    stages = [[a.at for a in raised(weekly(x, until=400), "stage-changed")] for x in (0.0, line)]
    assert stages[0] == stages[1]


def test_who_comes_back_below_the_line_was_no_alarm():
    """And a tick at any instant between changes nothing."""
    free = silence_alarm(0.0)
    assert free.risk is not None
    quiet_days = (int(free.at) - START) // DAY - (WEEKS - 1) * 7
    driver = weekly(free.risk + 0.1, until=quiet_days + 2)
    for hours in (1, 5, 9):
        driver.advance(START + ((WEEKS - 1) * 7 + quiet_days + 2) * DAY + hours * DAY // 24)
    driver.feed(purchase(START + ((WEEKS - 1) * 7 + quiet_days + 3) * DAY, id="back"))
    assert raised(driver, "gone-quiet") == []
    assert raised(driver, "reactivated") != []


def test_an_alarm_goes_on_when_the_line_rises():
    """One silence is one alarm: what most have later does not end it."""
    driver = weekly(0.01, until=60)
    (alarm,) = raised(driver, "gone-quiet")
    above = replace(driver.ctx.newest_figures, danger=0.99, in_force=START + WEEKS * 14 * DAY)
    driver.ctx.adopt_figures(above)
    driver.advance(START + WEEKS * 14 * DAY + 40 * DAY)
    ended = [
        a for a in driver.alarms if a.alarm_id == alarm.alarm_id and a.type in ("alarm.withdrawn", "alarm.settled")
    ]
    assert [a.outcome for a in ended] in ([], ["lost"])
    assert len(raised(driver, "gone-quiet")) == 1


@pytest.mark.parametrize("kind", ["risk-high", "risk-rising"])
def test_a_risk_is_news_from_the_line_on(kind):
    """Under it the threshold of the tier alone raises nothing."""
    (free,) = raised(weekly(0.0, until=300), kind)
    assert free.risk is not None
    line = min(free.risk + 0.1, 0.95)
    waited = raised(weekly(line, until=300), kind)
    assert all(a.at > free.at and (a.risk or 0) >= line for a in waited)
    assert raised(weekly(1.0, until=300), kind) == []


def test_the_line_is_what_a_tenth_of_those_counted_reach():
    """Ties are all under it or all at it, and fewer than a hundred say nothing."""
    assert danger_line({0: 89, 50: 10, 90: 1}, POLICY) == 0.51
    assert danger_line({0: 90, 50: 9, 90: 1}, POLICY) == 0.01
    assert danger_line({5: 1000}, POLICY) == 0.06
    assert danger_line({5: 99}, POLICY) == 0.0
    assert danger_line({5: 1000}, replace(POLICY, risk=replace(POLICY.risk, danger_share=1.0))) == 0.0


@pytest.mark.parametrize("kind", ["risk-high", "risk-rising"])
def test_guesses_of_the_rules_are_no_news_where_many_could_answer(kind):
    """A base with a line and too few answers raises nothing by the model (J5); a small one, which may never have them, does."""
    driver = weekly(0.01)
    driver.ctx.adopt_figures(replace(driver.ctx.newest_figures, unanswered=True, in_force=START + 1))
    driver.advance(START + 400 * DAY)
    assert raised(driver, kind) == []
    assert raised(driver, "gone-quiet") != []
    assert raised(weekly(0.01, until=260), kind) != []


def test_answers_end_the_guessing():
    """200 answered questions, whatever they show; a base of fewer than a hundred customers is held back by none."""
    book = FigureBook(POLICY)
    book.add([(1, years_of("EUR"), 5, 99), (1, ANSWERS, answer_bucket(0.5, True), 199)])
    assert not book.close(1).unanswered
    book.add([(1, years_of("EUR"), 5, 1)])
    unheard = book.close(1)
    assert unheard.unanswered
    assert FiguresInForce.of(1, unheard).figures() == unheard
    book.add([(2, ANSWERS, answer_bucket(0.5, True), 1)])
    assert not book.close(2).unanswered


def test_a_count_stands_until_the_next_question():
    """So the line is that of the present, and the record of the figures carries it."""
    book = FigureBook(POLICY)
    book.add([(1, TOLD, 5, 200), (1 + counted_for(POLICY), TOLD, 60, 100)])
    figures = book.close(1)
    assert figures.danger == 0.06
    assert FiguresInForce.of(1, figures).figures() == figures
    assert book.close(1 + counted_for(POLICY)).danger == 0.61


def test_each_present_repeat_buyer_is_counted_at_each_question():
    """Who bought once, and who has been silent for more than two horizons, is not."""
    driver = weekly(0.0, until=700)
    counted = sorted(day for (day, name, _), n in driver.figures.items() if name == TOLD for _ in range(n))
    horizon, last = POLICY.risk.horizon // DAY, (START + (WEEKS - 1) * 7 * DAY) // DAY
    assert len(counted) > 8
    assert counted[-1] <= last + 2 * horizon
    once = Driver(figures=False).feed(purchase(START)).advance(START + 300 * DAY)
    assert [key for key in once.figures if key[1] == TOLD] == []


def with_overstated(bands: tuple[bool, ...]) -> Driver:
    driver = Driver(figures=False)
    bounds = {"EUR": (1e12, 0.0, 0.0)}
    driver.ctx.adopt_figures(replace(no_figures(driver.ctx.policy), bounds=bounds, overstated=bands))
    driver.feed(*[purchase(START + week * 7 * DAY, id=str(week)) for week in range(WEEKS)])
    return driver.advance(START + ((WEEKS - 1) * 7 + 400) * DAY)


def test_a_risk_that_was_shown_to_be_too_high_is_not_told_as_high():
    """It is raised at the first reading in a band of which that was not shown; if it was shown of all, never."""
    (free,) = raised(with_overstated(()), "risk-high")
    assert free.risk is not None
    band = int(10 * free.risk)
    assert band < 9
    (waited,) = raised(with_overstated(tuple(n <= band for n in range(10))), "risk-high")
    assert waited.risk is not None
    assert waited.risk >= (band + 1) / 10 > free.risk
    assert waited.at > free.at
    (same,) = raised(with_overstated(tuple(n > band for n in range(10))), "risk-high")
    assert same.at == free.at, "answers of other bands do not count"
    assert raised(with_overstated((True,) * 10), "risk-high") == []
    assert raised(with_overstated((True,) * 10), "gone-quiet") != [], "the silence is told all the same"


def test_the_figures_say_what_was_shown_to_be_too_high():
    """Two hundred answers of which nearly all bought; told too low is no reason, and fewer answers are none."""
    for lost, answers, expected in ((0.1, 300, True), (0.9, 300, False), (0.4, 300, False), (0.1, 150, False)):
        book, kept = FigureBook(POLICY), round(answers * (1 - lost))
        book.add(
            [(10, ANSWERS, answer_bucket(0.45, False), kept), (10, ANSWERS, answer_bucket(0.45, True), answers - kept)]
        )
        figures = book.close(10)
        assert figures.is_overstated(0.45) is expected
        assert FiguresInForce.of(10, figures).figures() == figures
