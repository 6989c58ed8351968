"""Each alarm before, at and after its deadline: raised, withdrawn, settled, updated, never repeated."""

from collections.abc import Callable
from itertools import pairwise

import pytest
from msgspec.structs import replace

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, SECOND, Micros
from scorers.contract.rfc3339 import parse_instant
from scorers.contract.wire import decode
from scorers.risk.columns import NAMES
from scorers.risk.model import KNOTS, LinearModel
from scorers.timeline.facts import Ref
from tests.support.driver import Driver, instant, purchase, record
from tests.support.histories import FIXED

START = int(parse_instant("2024-01-01T09:00:00Z"))
MOOD = tuple(-0.1 if name == "satisfaction" else 0.0 for name in NAMES)
Fact = Callable[[Micros], bytes]


def weekly(n: int = 10) -> list[bytes]:
    return [purchase(START + week * 7 * DAY) for week in range(n)]


def bought(at: Micros) -> bytes:
    return purchase(at)


def fact(kind: str, **own: object) -> Fact:
    return lambda at: record(kind, at, "C1", **own)


LEAD = record("lead.created", START)
BOUGHT = purchase(START)
COMPLAINT = record("complaint.opened", START + HOUR, complaint_id="K1")
REQUEST = record("contact.received", START, channel="web", request_id="R1", request_status="open")
PROMISE = record("promise.made", START, promise_id="P1", due="2024-01-05T12:00:00Z")
ACKNOWLEDGED = fact("complaint.acknowledged", complaint_id="K1")
RESOLVED = fact("complaint.resolved", complaint_id="K1")
ANSWERED = fact("contact.made", channel="web", request_id="R1", request_status="answered")
KEPT = fact("promise.kept", promise_id="P1")

DEADLINES = [
    # kind, what happened, the deadline after the last of it (None: by the own rhythm), what is in time, outcome if late
    pytest.param("prospect-cooling", [LEAD], 20 * DAY, bought, "returned"),
    pytest.param("second-purchase-overdue", [BOUGHT], 60 * DAY, bought, "returned"),
    pytest.param("complaint-unacknowledged", [BOUGHT, COMPLAINT], DAY, ACKNOWLEDGED, "resolved"),
    pytest.param("complaint-unacknowledged", [BOUGHT, COMPLAINT], DAY, RESOLVED, "resolved"),
    pytest.param("complaint-overdue", [BOUGHT, COMPLAINT], 5 * DAY, RESOLVED, "resolved"),
    pytest.param("request-unattended", [REQUEST], 3 * DAY, ANSWERED, "resolved"),
    pytest.param("promise-broken", [PROMISE], 4 * DAY + 3 * HOUR, KEPT, "resolved"),
    pytest.param("gone-quiet", weekly(), None, bought, "returned"),
    pytest.param("defected", weekly(), None, bought, "returned"),
    pytest.param("defected", [BOUGHT], 180 * DAY, bought, "returned"),
    pytest.param("golden-conversion", [LEAD, BOUGHT], 7 * DAY, fact("survey.answered", satisfaction=1), None),
]


def of(driver: Driver, kind: str) -> list[Alarm]:
    return [a for a in driver.alarms if a.kind == kind]


def types(driver: Driver, kind: str) -> list[str]:
    return [a.type.removeprefix("alarm.") for a in of(driver, kind)]


def deadline_of(kind: str, history: list[bytes], after: int | None) -> Micros:
    """The deadline that the rule states, or for a limit from the own rhythm the one in the alarm."""
    if after is not None:
        last = decode(history[-1])
        assert not hasattr(last, "code")
        return int(last.time) + after  # type: ignore[union-attr]
    return int(of(Driver().feed(*history).advance(START + 400 * DAY), kind)[0].at)


@pytest.mark.parametrize(("kind", "history", "after", "saving", "outcome"), DEADLINES)
class TestDeadline:
    def test_is_silent_up_to_the_deadline_and_raised_after_it(self, kind, history, after, saving, outcome):
        """`at` is the deadline, and nothing is emitted before or at it."""
        deadline = deadline_of(kind, history, after)
        driver = Driver().feed(*history).advance(deadline - SECOND)
        assert types(driver, kind) == []
        driver.advance(deadline)
        assert types(driver, kind) == []
        driver.advance(deadline + SECOND)
        assert types(driver, kind) == ["raised"]
        assert of(driver, kind)[0].at == deadline

    def test_carries_the_deadline_however_late_the_tick_comes(self, kind, history, after, saving, outcome):
        """A long time between two ticks does not change `at`."""
        driver = Driver().feed(*history).advance(START + 400 * DAY)
        assert of(driver, kind)[0].at == deadline_of(kind, history, after)

    def test_a_fact_at_exactly_the_deadline_is_in_time(self, kind, history, after, saving, outcome):
        """At a tie no alarm is raised."""
        deadline = deadline_of(kind, history, after)
        driver = Driver().feed(*history, saving(deadline)).advance(deadline + 2 * HOUR)
        assert types(driver, kind) == []

    def test_an_earlier_fact_read_later_withdraws_the_alarm(self, kind, history, after, saving, outcome):
        """An alarm that was never true is withdrawn, with that fact as the cause."""
        deadline = deadline_of(kind, history, after)
        for early in (0, SECOND):
            late = saving(deadline - early)
            driver = Driver().feed(*history).advance(deadline + 2 * HOUR).feed(late).advance(deadline + 3 * HOUR)
            assert types(driver, kind) == ["raised", "withdrawn"]
            assert of(driver, kind)[1].cause == (decode(late).id,)

    def test_a_fact_one_second_after_the_deadline_settles_the_alarm(self, kind, history, after, saving, outcome):
        """An alarm that was true is settled with its outcome."""
        if outcome is None:
            return
        deadline = deadline_of(kind, history, after)
        driver = Driver().feed(*history, saving(deadline + SECOND)).advance(deadline + 2 * HOUR)
        assert types(driver, kind) == ["raised", "settled"]
        assert of(driver, kind)[1].outcome == outcome
        assert of(driver, kind)[1].cause == (decode(saving(deadline + SECOND)).id,)

    def test_ticks_do_not_repeat_the_alarm(self, kind, history, after, saving, outcome):
        """Time alone raises an alarm once; a long silence that is given up is an update."""
        deadline = deadline_of(kind, history, after)
        driver = Driver().feed(*history)
        for hour in range(1, 40):
            driver.advance(deadline + hour * HOUR)
        assert types(driver, kind) == ["raised"] + ["updated"] * (kind == "defected" and len(types(driver, kind)) > 1)


DAY_3 = START + 2 * DAY
AT_ONCE = [
    # kind, what happened, the fact that makes it true, one more such fact, what ends it, outcome
    (
        "single-failure",
        [BOUGHT],
        fact("purchase.refunded", amount_minor=1, currency="EUR", reason="broken"),
        bought,
        "returned",
    ),
    ("single-failure", [BOUGHT], fact("survey.answered", satisfaction=2), bought, "returned"),
    ("single-failure", [BOUGHT], fact("promise.broken", promise_id="P1"), bought, "returned"),
    ("single-failure", [BOUGHT], fact("complaint.opened", complaint_id="K1"), bought, "returned"),
    ("single-failure", [BOUGHT], fact("contact.received", channel="web", satisfaction=1), bought, "returned"),
    (
        "small-mishap",
        weekly(2),
        fact("purchase.refunded", amount_minor=1, currency="EUR", reason="broken"),
        bought,
        "returned",
    ),
    ("major-problem", [BOUGHT], fact("complaint.opened", complaint_id="K1", severity="major"), RESOLVED, "resolved"),
    ("promise-broken", [BOUGHT], fact("promise.broken", promise_id="P1"), KEPT, "resolved"),
    ("defected", [BOUGHT], fact("exit.explained", reason="moved_away"), bought, "returned"),
    ("defected", [LEAD], fact("exit.explained", reason="price"), bought, "returned"),
]


@pytest.mark.parametrize(("kind", "history", "cause", "end", "outcome"), AT_ONCE)
def test_an_alarm_that_a_fact_makes_true_is_raised_once_and_at_once(kind, history, cause, end, outcome):
    """Raised with its fact, kept by more of the same, ended by what ends it."""
    now = START + 10 * DAY
    driver = Driver().feed(*history).advance(now)
    assert types(driver, kind) == []
    driver.feed(cause(now))
    assert types(driver, kind) == ["raised"]
    assert of(driver, kind)[0].at == now
    assert of(driver, kind)[0].evidence[0].event_id == decode(cause(now)).id
    driver.feed(cause(now + HOUR))
    assert types(driver, kind).count("raised") == 1
    driver.feed(end(now + DAY))
    assert types(driver, kind)[-1] == "settled"
    assert of(driver, kind)[-1].outcome == outcome


def test_an_updated_alarm_keeps_its_id_and_collects_evidence():
    """A second bad experience updates the open alarm."""
    now = START + DAY
    driver = Driver().feed(BOUGHT, record("complaint.opened", now, complaint_id="K1", id="a"))
    driver.feed(record("purchase.refunded", now + HOUR, amount_minor=1, currency="EUR", reason="broken", id="b"))
    raised, updated = of(driver, "single-failure")
    assert (raised.type, updated.type) == ("alarm.raised", "alarm.updated")
    assert raised.alarm_id == updated.alarm_id
    assert [e.event_id for e in updated.evidence] == ["a", "b"]


def test_severity_falls_with_the_tier_unless_it_is_fixed():
    """A prospect's alarm is one step lower; a critical complaint is critical for every tier."""
    cooling = of(Driver().feed(LEAD).advance(START + 30 * DAY), "prospect-cooling")[0]
    grave = record("complaint.opened", START + DAY, complaint_id="K1", severity="critical")
    assert cooling.severity == "info"
    assert of(Driver().feed(BOUGHT, grave), "major-problem")[0].severity == "critical"


def test_an_alarm_names_subject_evidence_reasons_and_versions():
    """Subject, evidence, reasons, deadline and the versions behind the verdict."""
    alarm = of(Driver().feed(BOUGHT, COMPLAINT).advance(START + 2 * DAY), "complaint-unacknowledged")[0]
    assert (alarm.subject.type, alarm.subject.id, alarm.customer_id) == ("complaint", "K1", "C1")
    assert alarm.dedup_key == "complaint-unacknowledged:complaint:K1"
    assert alarm.reasons
    assert alarm.deadline == START + HOUR + 5 * DAY
    assert alarm.policy_version
    assert alarm.figures_version
    assert alarm.model_version == "cold"


def test_a_late_fact_that_moves_the_deadline_updates_the_alarm():
    """The same episode, another `at`: an update with the same id."""
    opened = record("promise.made", START, promise_id="P1", due="2024-01-05T12:00:00Z")
    moved = record("promise.made", START + HOUR, promise_id="P1", due="2024-01-04T12:00:00Z")
    driver = Driver().feed(opened).advance("2024-01-06T00:00:00Z").feed(moved)
    assert types(driver, "promise-broken") == ["raised", "updated"]
    assert of(driver, "promise-broken")[1].at == instant("2024-01-04T12:00:00Z")
    assert driver.outcomes() == Driver().feed(opened, moved).advance("2024-01-06T00:00:00Z").outcomes()


def test_a_fact_older_than_the_allowed_lateness_is_counted_and_not_folded():
    """The edge is inside: exactly a day late is in time."""
    newest = purchase(START + 10 * DAY)
    driver = Driver().feed(BOUGHT, newest, purchase(START + 9 * DAY), purchase(START + 9 * DAY - 1))
    assert driver.partition.tally.too_late == 1
    assert driver.timelines["C1"].state.purchases.count == 3


def test_lateness_is_measured_from_the_customers_newest_fact_not_from_the_clock():
    """A tick months ahead makes no fact late."""
    driver = Driver().feed(BOUGHT).advance(START + 50 * DAY).feed(purchase(START + 10 * DAY))
    assert driver.partition.tally.too_late == 0
    assert driver.timelines["C1"].state.rhythm.occasions == 2


def test_a_customer_at_the_edge_of_a_threshold_for_a_year_raises_one_alarm():
    """The hysteresis keeps an alarm open while the satisfaction swings."""
    facts = weekly(60)
    swings = [
        record("survey.answered", START + (20 + day) * DAY + HOUR, satisfaction=3 + day % 2) for day in range(0, 365, 3)
    ]
    ordered = sorted(facts + swings, key=lambda raw: decode(raw).time)
    risks: list[float] = []
    by_mood = LinearModel(prior=0.0, bends=tuple(0.0 for _ in KNOTS), intercept=0.4, coefficients=MOOD)
    moody = replace(FIXED, weights=(0.0, 0.0, 1.0), champion=by_mood)
    quiet = Driver("[risk.threshold]\niron = 0.9", moody)
    for raw in ordered:
        quiet.feed(raw)
        risks.append(quiet.timelines["C1"].state.risk.last)
    edge = (min(risks[40:]) + max(risks[40:])) / 2
    assert 0.55 < edge < 0.65
    policy = f"[risk.threshold]\nplatinum = {edge:.6f}\ngold = {edge:.6f}\niron = {edge:.6f}"
    driver = Driver(policy, moody).feed(*ordered)
    crossings = sum((a >= edge) != (b >= edge) for a, b in pairwise(risks[40:]))
    assert crossings > 50
    assert types(driver, "risk-high").count("raised") == 1


def test_a_fact_after_an_erasure_but_before_the_clock_misses_no_deadline():
    """The clock has passed deadlines of facts after the erasure: they are judged at once, with and without a restart."""
    erased = record("customer.erased", START + 180 * DAY)
    complaint = record("complaint.opened", START + 182 * DAY, complaint_id="K1")
    driver = Driver().feed(BOUGHT).advance(START + 300 * DAY).feed(erased, complaint)
    driver.restart().advance(START + 310 * DAY)
    assert "complaint-overdue" in driver.kinds()


def test_evidence_names_the_record_that_was_folded():
    """Evidence names topic, partition and offset."""
    driver = Driver()
    event = decode(record("complaint.opened", START, complaint_id="K1", severity="major", id="k"))
    steps = list(driver.partition.feed(event, Ref("test", "k", "complaints", 3, 17)))
    evidence = steps[-1].alarms[0].evidence[0]
    assert (evidence.topic, evidence.partition, evidence.offset, evidence.event_id) == ("complaints", 3, 17, "k")
