"""Outcomes without credit that is not due (J6): who comes back has returned, and is saved only where somebody had acted."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR
from tests.support.cluster import Cluster
from tests.support.desk import MAY
from tests.support.driver import Driver, purchase, record

WEEKLY = [purchase(MAY + n * 7 * DAY) for n in range(12)]
LAST = MAY + 77 * DAY
BACK = LAST + 18 * DAY


def quiet(driver: Driver) -> list[Alarm]:
    return [a for a in driver.alarms if a.kind == "gone-quiet"]


def ends(driver: Driver) -> list[str | None]:
    return [a.outcome for a in quiet(driver) if a.type == "alarm.settled"]


ALARM = quiet(Driver().feed(*WEEKLY).advance(BACK))[0]
TRUE = int(ALARM.at)


def acts(what: str, at: int, by: str = "eva", **own: Any) -> bytes:
    """An action on the `gone-quiet` of C1."""
    own.setdefault("id", f"{what} {by} {at}")
    return record("alarm.action", at, **{"alarm_id": ALARM.alarm_id, "action": what, "by": by, **own})


def made(purpose: str | None, at: int) -> bytes:
    return record("contact.made", at, channel="phone", **({} if purpose is None else {"purpose": purpose}))


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        pytest.param([], "returned", id="nobody did anything"),
        pytest.param([acts("act", TRUE + DAY)], "saved", id="act"),
        pytest.param([acts("resolve", TRUE + DAY)], "saved", id="resolve"),
        pytest.param([made("service", TRUE + DAY)], "saved", id="a service call"),
        pytest.param([made("sales", TRUE + DAY)], "saved", id="a sales call"),
        pytest.param([acts("ack", TRUE + DAY)], "returned", id="an ack"),
        pytest.param([acts("note", TRUE + DAY), acts("snooze", TRUE + DAY)], "returned", id="a note and a snooze"),
        pytest.param([made("marketing", TRUE + DAY)], "returned", id="a newsletter"),
        pytest.param([made(None, TRUE + DAY)], "returned", id="outreach without a purpose"),
        pytest.param([made("service", TRUE - HOUR)], "returned", id="a call before the alarm"),
        pytest.param([acts("act", TRUE + DAY, alarm_id="other")], "returned", id="act on another alarm"),
        pytest.param([acts("act", BACK + DAY)], "returned", id="act after the comeback"),
        pytest.param([acts("act", TRUE + DAY), acts("undo", TRUE + 2 * DAY)], "returned", id="act and undo"),
        pytest.param(
            [acts("act", TRUE + DAY), acts("undo", TRUE + DAY + HOUR, "ana")], "saved", id="the undo of another"
        ),
        pytest.param([acts("act", TRUE + DAY), acts("undo", TRUE + 2 * DAY + HOUR)], "saved", id="undo after a day"),
        pytest.param(
            [acts("act", TRUE + DAY), acts("ack", TRUE + DAY + HOUR), acts("undo", TRUE + DAY + 2 * HOUR)],
            "saved",
            id="undo takes back the last action only",
        ),
        pytest.param(
            [acts("act", TRUE + DAY), *(acts("note", TRUE + DAY + n * HOUR, id=f"n{n}") for n in range(1, 25))],
            "saved",
            id="many notes after it",
        ),
    ],
)
@pytest.mark.parametrize("restart", [False, True])
def test_who_comes_back_is_saved_only_if_somebody_acted(told: list[bytes], outcome: str, restart: bool) -> None:
    """Only acting, resolving, or calling for service or sales while the alarm stands makes a comeback a rescue."""
    driver = Driver().feed(*WEEKLY).advance(TRUE + HOUR)
    for raw in sorted([*told, purchase(BACK)], key=lambda raw: raw.split(b'"time": "')[1]):
        driver.feed(raw)
        if restart:
            driver.restart()
    assert ends(driver.advance(BACK + 10 * DAY)) == [outcome]


def test_an_action_read_after_the_comeback_counts_at_its_own_time() -> None:
    """The settlement is published again with the other outcome; so is that of an undo that is read late."""
    driver = Driver().feed(*WEEKLY, purchase(BACK)).advance(BACK + HOUR)
    assert ends(driver) == ["returned"]
    driver.restart().feed(acts("act", BACK - HOUR))
    assert ends(driver) == ["returned", "saved"]
    driver.feed(acts("undo", BACK - HOUR // 2))
    assert ends(driver) == ["returned", "saved", "returned"]
    assert driver.feed(acts("act", BACK - 2 * DAY)).statuses[-1] == "too_late"


def test_any_order_of_arrival_gives_the_same_end() -> None:
    """Within the allowed lateness."""
    facts = [
        acts("act", BACK - 4 * HOUR),
        acts("undo", BACK - 3 * HOUR),
        made("service", BACK - 2 * HOUR),
        purchase(BACK),
    ]
    found = set()
    for some in itertools.permutations(facts):
        driver = Driver().feed(*WEEKLY).advance(BACK - 5 * HOUR).feed(*some).advance(BACK + 2 * DAY)
        found.add((frozenset(driver.outcomes()), tuple(sorted(driver.states().items()))))
    assert len({outcomes for outcomes, _ in found}) == 1
    assert len({states for _, states in found}) == 1


def test_a_dismissed_alarm_is_false_and_stays_so() -> None:
    """It is settled at once, and not raised again while the same silence lasts; a comeback adds nothing."""
    driver = Driver().feed(*WEEKLY).advance(TRUE + HOUR).feed(acts("dismiss", TRUE + DAY, id="d1"))
    end = quiet(driver)[-1]
    assert (end.type, end.outcome, end.cause, int(end.time)) == ("alarm.settled", "false", ("d1",), TRUE + DAY)
    driver.restart().feed(acts("act", TRUE + 3 * DAY), purchase(TRUE + 4 * DAY, "C2"), purchase(BACK))
    assert [a.type for a in quiet(driver)] == ["alarm.raised", "alarm.settled"]


def test_the_undo_of_a_dismissal_raises_the_alarm_again() -> None:
    """Under its id, and only for the person who dismissed it."""
    driver = Driver().feed(*WEEKLY).advance(TRUE + HOUR).feed(acts("dismiss", TRUE + DAY))
    driver.feed(acts("undo", TRUE + DAY + HOUR, "ana"))
    assert len(quiet(driver)) == 2
    driver.feed(acts("undo", TRUE + DAY + 2 * HOUR))
    again = quiet(driver)[-1]
    assert (again.type, again.alarm_id, int(again.at)) == ("alarm.raised", ALARM.alarm_id, TRUE)
    assert ends(driver.feed(purchase(BACK))) == ["false", "returned"]


def test_a_case_that_is_dismissed_is_false() -> None:
    """Whatever the subject: a complaint that was no serious one."""
    driver = Driver().feed(*WEEKLY[:2], record("complaint.opened", MAY + 8 * DAY, complaint_id="K1", severity="major"))
    (alarm,) = [a for a in driver.alarms if a.kind == "major-problem"]
    driver.feed(acts("dismiss", MAY + 8 * DAY + HOUR, alarm_id=alarm.alarm_id))
    assert [a.outcome for a in driver.alarms if a.alarm_id == alarm.alarm_id] == [None, "false"]


def test_what_staff_does_today_makes_no_sale_of_yesterday_late() -> None:
    """Sales that come with a night's delay count although somebody has acted on an alarm meanwhile."""
    driver = Driver().feed(*WEEKLY).advance(TRUE + 3 * DAY)
    driver.feed(
        acts("act", TRUE + 3 * DAY), purchase(TRUE + DAY, id="night"), purchase(TRUE + DAY + HOUR, id="same day")
    )
    assert driver.statuses[-2:] == ["refolded", "refolded"]
    assert ends(driver) == ["returned"]
    timeline = driver.timelines["C1"]
    assert timeline.state.purchases.count == 14


def test_an_action_reads_no_risk_and_makes_no_customer() -> None:
    """It says nothing about the customer: nothing is judged by it, and about nobody it is without effect."""
    driver = Driver().feed(*WEEKLY).advance(TRUE + HOUR)
    before = driver.timelines["C1"].state.risk.at
    driver.feed(
        acts("act", TRUE + 2 * HOUR), record("alarm.action", TRUE + 2 * HOUR, "C9", alarm_id="a", action="act", by="x")
    )
    assert driver.timelines["C1"].state.risk.at == before
    assert "C9" not in driver.timelines
    assert driver.partition.tally.unfolded == 1


@pytest.mark.parametrize("partitions", [1, 2, 4])
def test_workers_give_the_outcomes_of_a_replay(partitions: int) -> None:
    """Of six customers who come back, with actions in time, late and too late, on any number of partitions."""
    cluster, driver = Cluster(partitions), Driver()
    names = [f"C{n}" for n in range(6)]
    facts = sorted((MAY + n * 7 * DAY, purchase(MAY + n * 7 * DAY, name)) for n in range(12) for name in names)
    ids = _ids(Driver().feed(*(raw for _, raw in facts)).advance(BACK))
    late: Callable[[int, str, str, int], tuple[int, bytes]] = lambda read, name, what, at: (  # noqa: E731
        read,
        record("alarm.action", at, name, alarm_id=ids[name], action=what, by="eva"),
    )
    facts += [(BACK, purchase(BACK, name)) for name in names]
    facts += [
        late(TRUE + DAY, "C1", "act", TRUE + DAY),
        late(BACK + HOUR, "C2", "resolve", BACK - HOUR),
        late(BACK + HOUR, "C3", "act", BACK - 3 * DAY),
        late(TRUE + DAY, "C4", "dismiss", TRUE + DAY),
        late(TRUE + DAY, "C5", "ack", TRUE + DAY),
    ]
    for _, raw in sorted(facts, key=lambda fact: fact[0]):
        driver.feed(raw)
        cluster.publish("alarm-actions" if b"alarm.action" in raw else "purchases", raw)
    cluster.close_days(BACK + 10 * DAY)
    cluster.tick(BACK + 10 * DAY)
    driver.advance(BACK + 10 * DAY)
    assert cluster.outcomes() == driver.outcomes()
    found = {subject[-2:]: outcome for subject, kind, _, outcome in driver.outcomes() if kind == "gone-quiet"}
    assert found == {
        "C0": "returned", "C1": "saved", "C2": "saved", "C3": "returned", "C4": "false", "C5": "returned"
    }  # fmt: skip


def _ids(driver: Driver) -> dict[str, str]:
    return {a.customer_id: a.alarm_id for a in quiet(driver) if a.customer_id is not None}
