"""What an alarm says would settle it does settle it: the story is replayed up to the alarm, with that fact at the deadline (A7)."""

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from scorers.alarms.catalogue import KINDS
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, SECOND
from scorers.customer.state import Customer
from tests.scorers.alarms.test_kinds import story
from tests.scorers.alarms.test_scenarios import play
from tests.support.driver import Driver, instant, record
from tests.support.paths import SCENARIOS

START = instant("2024-01-01T09:00:00Z")
Remedy = Callable[[Alarm, Customer, int], list[bytes]]


def purchase(alarm: Alarm, c: Customer, at: int) -> list[bytes]:
    """One purchase of the usual amount."""
    return [
        record(
            "purchase.completed",
            at,
            c.id,
            amount_minor=round(c.spending.fast) or 5000,
            currency=c.spending.currency or "EUR",
        )
    ]


def fact(kind: str, **own: Any) -> Remedy:
    """A fact about the customer, or about the alarm's case where `own` says {case}."""

    def of(alarm: Alarm, c: Customer, at: int) -> list[bytes]:
        return [record(kind, at, c.id, **{k: alarm.subject.id if v == "{case}" else v for k, v in own.items()})]

    return of


RESOLVED = fact("complaint.resolved", complaint_id="{case}")
REMEDIES: dict[str, Remedy] = {
    **dict.fromkeys(
        [
            *(
                "prospect-cooling",
                "second-purchase-overdue",
                "gone-quiet",
                "defected",
                "single-failure",
                "small-mishap",
            ),
            *("risk-high", "risk-rising", "distributor-risk", "exposed-silently"),
        ],
        purchase,
    ),
    "major-problem": RESOLVED,
    "complaint-overdue": RESOLVED,
    "complaint-unacknowledged": fact("complaint.acknowledged", complaint_id="{case}"),
    "request-unattended": fact("contact.made", channel="phone", request_id="{case}", request_status="answered"),
    "promise-broken": fact("promise.kept", promise_id="{case}"),
    "hostage": lambda alarm, c, at: [
        record("complaint.resolved", at, c.id, complaint_id=case.id) for case in c.complaints.open
    ],
    "bond-cut": lambda alarm, c, at: [
        record("bond.started", at, c.id, id=f"again {n}", bond=cut.bond) for n, cut in enumerate(c.ties.cut)
    ],
    "owner-disagrees": lambda alarm, c, at: [record("owner.judged", at, c.id, good=c.opinion.owner < 0)],
    "contact-pressure": lambda alarm, c, at: [],
}
GRADUAL = {"experience-debt", "boredom", "wallet-shrinking", "score-money-disagree"}
"""Kinds that no single fact settles, and whose sentence says so."""


@cache
def told() -> dict[str, list[tuple[Path, Alarm]]]:
    """By kind, each alarm about a customer that says what would settle it."""
    found: dict[str, list[tuple[Path, Alarm]]] = {}
    for path in sorted(SCENARIOS.glob("*.txt")):
        for alarm in play(story(path))[0].alarms:
            if alarm.type == "alarm.raised" and alarm.counterfactual is not None and alarm.customer_id is not None:
                found.setdefault(alarm.kind, []).append((path, alarm))
    return found


def until(path: Path, alarm: Alarm) -> Driver:
    """The story up to the alarm: the facts before it, and the time until it was raised."""
    whole = play(story(path))[0]
    fed = whole.fed[: whole.fed_before[whole.alarms.index(alarm)]]
    return Driver(whole.policy_text).feed(*fed).advance(int(alarm.time) + SECOND)


def test_every_counterfactual_is_tried() -> None:
    """A kind that says what settles it is tried here, or is one of those that take time."""
    said = {name for name, kind in KINDS.items() if kind.remedy is not None and kind.watched == "customer"}
    assert said == set(REMEDIES) | GRADUAL
    assert len(told()["risk-high"]) >= 3


@pytest.mark.parametrize("kind", sorted(REMEDIES))
def test_it_is_true_when_replayed(kind: str) -> None:
    """For each customer of each story that is told it."""
    assert told()[kind]
    for path, alarm in told()[kind]:
        driver = until(path, alarm)
        standing = [a for a in driver.alarms if a.alarm_id == alarm.alarm_id][-1]
        if standing.type not in ("alarm.raised", "alarm.updated"):
            continue  # a fact of the same story had already ended it
        assert alarm.deadline is not None
        at = max(int(alarm.deadline), driver.partition.clock)
        if alarm.kind == "contact-pressure":
            at += 30 * DAY
        c = driver.timelines[str(alarm.customer_id)].state
        driver.feed(*REMEDIES[kind](alarm, c, at)).advance(at + 40 * DAY if kind == "owner-disagrees" else at + SECOND)
        last = [a for a in driver.alarms if a.alarm_id == alarm.alarm_id][-1]
        if last.type == "alarm.withdrawn" and driver.ctx.closures.are_known:
            continue  # everybody in the story had stopped: the purchase shows that the shop was closed
        assert (last.type, last.outcome in ("returned", "saved", "resolved")) == ("alarm.settled", True), (
            path.stem,
            last,
        )


def test_what_would_not_be_true_is_not_said() -> None:
    """Where one purchase leaves the risk over the threshold nothing is promised, and one purchase does leave it there."""
    few = [record("purchase.completed", START + n * 40 * DAY, amount_minor=500, currency="EUR") for n in range(3)]
    driver = (
        Driver("[risk.threshold]\n" + "".join(f"{tier} = 0.06\n" for tier in ("platinum", "gold", "iron", "lead")))
        .feed(*few)
        .advance(START + 140 * DAY)
    )
    alarm = next(a for a in driver.alarms if a.kind == "risk-high")
    assert alarm.counterfactual is None
    c = driver.timelines["C1"].state
    driver.feed(*purchase(alarm, c, driver.partition.clock)).advance(driver.partition.clock + SECOND)
    assert [a.type for a in driver.alarms if a.alarm_id == alarm.alarm_id] == ["alarm.raised"]


def changed(driver: Driver) -> Iterator[str]:
    for alarm in driver.alarms:
        yield from (reason.text for reason in alarm.reasons if reason.code == "since_last")


def test_an_alarm_says_what_has_changed_since_the_last_one() -> None:
    """The risk at the last alarm about the customer, with its date, and now; a first alarm says nothing of it."""
    driver = play(story(SCENARIOS / "risk-high.txt"))[0]
    first, *later = [a for a in driver.alarms if a.type == "alarm.raised" and a.kind.startswith("risk")]
    assert [reason.text for reason in first.reasons if reason.code == "since_last"] == [
        "At the last alarm, of 29 March, the risk was 16 %; now it is 33 %."
    ]
    assert [r.text for r in later[0].reasons if r.code == "since_last"] == [
        "At the last alarm, of 1 April, the risk was 33 %; now it is 75 %."
    ]
    assert not [*changed(play(story(SCENARIOS / "single-failure.txt"))[0])]
