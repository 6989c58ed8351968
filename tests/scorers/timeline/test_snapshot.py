"""How far the snapshot advances, what a row keeps beside it, and how large it becomes."""

import statistics

import pytest

from scorers.contract.events import DAY, HOUR, SECOND, Micros
from scorers.contract.rfc3339 import parse_instant
from scorers.subjects import reviews
from scorers.subjects.customer import CUSTOMER
from scorers.timeline.subjects import MAX_RECENT
from scorers.timeline.timeline import Timeline
from tests.support.driver import Driver, purchase, record
from vigia.lab.simulate import simulate

START = int(parse_instant("2024-01-01T09:00:00Z"))
BOUGHT = purchase(START)
COMPLAINT = record("complaint.opened", START + HOUR, complaint_id="K1")


def weekly(n: int) -> list[bytes]:
    return [purchase(START + week * 7 * DAY) for week in range(n)]


QUESTIONS_EACH_WEEK = "[risk]\nhorizon = '28d'"


def test_more_recent_facts_than_the_bound_go_into_the_snapshot():
    """Beyond sixty-four facts in a day the oldest go into the snapshot; every fact counts."""
    facts = [purchase(START + n * SECOND) for n in range(300)]
    driver = Driver().feed(*facts)
    assert driver.timelines["C1"].state.purchases.count == 300
    assert len(driver.timelines["C1"].row.recent) <= MAX_RECENT
    assert len(driver.timelines["C1"].encode()) < 64 * 1024


def test_contributions_have_the_same_sum_in_any_order():
    """A late fact takes back exactly what it changes, before and after the snapshot advances."""
    facts = weekly(6)
    late = purchase(START + 34 * DAY + HOUR)
    driver = Driver().feed(*facts, late)
    assert driver.figures == Driver().feed(*facts[:5], late, facts[5]).figures


def test_a_lesson_is_emitted_when_its_answer_cannot_change_any_more():
    """Asked with the features of that day, answered a horizon and a day later."""
    driver = Driver("[risk]\nhorizon = '28d'").feed(*weekly(20)).advance(START + 300 * DAY)
    assert driver.lessons
    for lesson in driver.lessons:
        assert lesson.answered_at == lesson.asked_at + 29 * DAY
        last = START + 19 * 7 * DAY
        assert lesson.inactive == (lesson.asked_at >= last)
    asked = [lesson.asked_at for lesson in driver.lessons]
    assert len(set(asked)) == len(asked)


def test_features_are_computed_only_for_questions_while_the_model_is_untrained(monkeypatch):
    """A question keeps features; a review by the rules alone needs none."""
    made, features = [], reviews.features
    monkeypatch.setattr(reviews, "features", lambda *asked: made.append(asked[1]) or features(*asked))
    driver = Driver(QUESTIONS_EACH_WEEK).feed(*weekly(10)).advance(START + 100 * DAY)
    asked = [q.asked for q in driver.timelines["C1"].state.risk.questions] + [
        lesson.asked_at for lesson in driver.lessons
    ]
    assert sorted(made) == sorted(map(int, asked))


def test_the_snapshot_advances_past_deadlines_that_touched_no_alarm():
    """Questions asked in the silence are not asked again when the customer comes back."""
    driver = Driver(QUESTIONS_EACH_WEEK).feed(BOUGHT).advance(START + 49 * DAY).feed(purchase(START + 50 * DAY))
    snapshot = CUSTOMER.decode(driver.timelines["C1"].row.snapshot)
    assert snapshot.risk.questions
    assert snapshot.purchases.count == 1


def answers(driver: Driver) -> list[tuple[Micros, tuple[float, ...], bool]]:
    return [(lesson.asked_at, lesson.features, lesson.inactive) for lesson in driver.lessons]


@pytest.mark.parametrize("more", [0, 1, HOUR])
@pytest.mark.parametrize("restart", [False, True])
def test_a_fact_as_late_as_allowed_is_never_older_than_the_snapshot(restart, more):
    """Wherever the snapshot has advanced to in a silence, a fact at exactly a deadline is folded in its place."""
    policy = "[risk]\nhorizon = '28d'\n[lifecycle]\nsecond_purchase_default = '70d'"
    asked = Driver(policy).feed(BOUGHT).advance(START + 60 * DAY)
    questions = [
        *(lesson.asked_at for lesson in asked.lessons),
        *(q.asked for q in asked.timelines["C1"].state.risk.questions),
    ]
    for at in questions:
        late, back = purchase(int(at) + more), purchase(int(at) + DAY + more)
        plain = Driver(policy).feed(BOUGHT, late, back).advance(START + 400 * DAY)
        driver = Driver(policy).feed(BOUGHT).advance(int(at) + DAY + more)
        if restart:
            driver.restart()
        driver.feed(back, late).advance(START + 400 * DAY)
        assert "refolded" in driver.statuses
        assert driver.states() == plain.states()
        assert driver.outcomes() == plain.outcomes()
        assert driver.figures == plain.figures
        assert answers(driver) == answers(plain)


def test_the_snapshot_stays_before_the_first_deadline_that_touched_an_alarm():
    """So an alarm of the silence can still be withdrawn."""
    driver = Driver().feed(BOUGHT).advance(START + 100 * DAY).feed(purchase(START + 120 * DAY))
    assert "second-purchase-overdue" in driver.kinds()
    snapshot = CUSTOMER.decode(driver.timelines["C1"].row.snapshot)
    assert not snapshot.open
    assert driver.restart().timelines["C1"].row.emitted


def test_a_half_judged_state_is_not_stored(monkeypatch):
    """After a failure of the core a restart judges the deadlines again."""
    driver = Driver().feed(BOUGHT).advance(START + 59 * DAY)
    monkeypatch.setattr(CUSTOMER, "advance", lambda c, at, *rest: (setattr(c.risk, "last", 9.0), 1 // 0))
    one = driver.timelines["C1"]
    step = one.judge_until(START + 70 * DAY, START + 70 * DAY, driver.ctx)
    assert (step.status, one.due) == ("core_error", 0)
    stored = one.encode()
    monkeypatch.undo()
    again = Timeline.decode(CUSTOMER, stored, driver.ctx)
    assert again.state.risk.last != 9.0
    assert again.due or again.state.open


def test_rows_of_a_simulated_year_are_under_two_kilobytes(tmp_path):
    """The median row of a usual shop, and the largest one."""
    simulate(60, 365, 5, tmp_path)
    driver = Driver().feed(*(tmp_path / "events.jsonl").read_bytes().splitlines())
    sizes = [len(timeline.encode()) for name, timeline in driver.timelines.items() if name in driver.subjects()]
    assert statistics.median(sizes) <= 1792
    assert max(sizes) <= 3 * 1024


def test_a_row_stays_under_64_kib_whatever_is_fed():
    """Long names, many open cases and long texts, at their limits and all at once."""
    driver = Driver()
    long = "\U0001f4a3" * 500
    for n in range(120):
        at, some = START + n * HOUR, f"{n:04}{long}"
        driver.feed(
            record("complaint.opened", at, complaint_id=some, id=f"a{some}", store_id=long, reason=long * 2, sku=long),
            record("promise.made", at, promise_id=some, id=f"b{some}", topic=long * 2),
            record("contact.received", at, channel="web", request_id=some, request_status="open", id=f"c{some}"),
            record("customer.described", at, name=long, owner_id=long, id=f"d{some}", attributes={"x": long * 8}),
            record("lead.created", at, id=f"e{some}", traits={"x": long * 8}),
            purchase(
                at,
                id=f"f{some}",
                store_id=long,
                items=[{"sku": long, "category": f"{i}{long}", "quantity": 1} for i in range(20)],
            ),
        )
        assert len(driver.timelines["C1"].encode()) < 64 * 1024, n
    assert not driver.rejected


def test_decoding_and_encoding_a_row_gives_the_same_bytes():
    """Nothing of a row is lost or changed."""
    driver = Driver().feed(*weekly(12), COMPLAINT)
    stored = driver.timelines["C1"].encode()
    assert Timeline.decode(CUSTOMER, stored, driver.ctx).encode() == stored
