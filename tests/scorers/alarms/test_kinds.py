"""Checks that every kind of the catalogue must pass; a new kind is checked without being named here.

The stories of tests/scenarios are used: at least one must raise the kind, and another must come close and stay silent.
"""

import itertools
import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import get_args

import pytest

from scorers.alarms.catalogue import CATALOGUE, KINDS, STATE_CHANGES
from scorers.contract.alarms import Alarm, Treatment
from scorers.contract.events import DAY, HOUR, SECOND, Micros
from scorers.contract.rfc3339 import rfc3339
from scorers.timeline.kinds import Kind
from tests.scorers.alarms.test_scenarios import play
from tests.support.driver import Driver, instant, record
from tests.support.paths import SCENARIOS

KINDS_THAT_ALARM = [kind for kind in CATALOGUE if not kind.is_state_change]
kinds = pytest.mark.parametrize("kind", KINDS_THAT_ALARM, ids=lambda kind: kind.name)
stories = pytest.mark.parametrize("path", sorted(SCENARIOS.glob("*.txt")), ids=lambda path: path.stem)
RULE = re.compile(r"(L[1-9]|T[1-6]|Q[1-8]|X\d+|P[1-7]|A\d+|J\d+)")


def story(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n---\n")[0]


@cache
def raised_in(name: str) -> list[tuple[Path, Alarm]]:
    """The stories that raise a kind, each with its first alarm."""
    found = []
    for path in sorted(SCENARIOS.glob("*.txt")):
        alarms = play(story(path))[0].alarms
        first = next((a for a in alarms if a.kind == name and a.type == "alarm.raised"), None)
        if first is not None:
            found.append((path, first))
    return found


@kinds
def test_a_story_raises_it(kind: Kind) -> None:
    """At least one story raises the kind."""
    assert raised_in(kind.name)


@kinds
def test_it_has_a_silent_neighbour(kind: Kind) -> None:
    """Some story has a fact of the type that opens the alarm, and does not raise it; counts have no such fact, but stories named after the kind."""
    raised = raised_in(kind.name)
    if kind.watched == "base":
        assert set(SCENARIOS.glob(f"{kind.name}-*.txt")) - {path for path, _ in raised}
        return
    opens = {facts_of(path)[alarm.evidence[0].event_id] for path, alarm in raised}
    silent = set(SCENARIOS.glob("*.txt")) - {path for path, _ in raised}
    assert [path for path in silent if opens.intersection(facts_of(path).values())]


@cache
def facts_of(path: Path) -> dict[str, str]:
    """The types of the facts of a story, by their ids."""
    return {fact["id"]: fact["type"] for fact in map(json.loads, play(story(path))[0].fed)}


@kinds
def test_it_ends(kind: Kind) -> None:
    """In some story it is settled, or time alone settles it."""
    for path, alarm in raised_in(kind.name):
        driver = play(story(path))[0].advance(int(alarm.at) + 800 * DAY)
        outcomes = [a.outcome for a in driver.alarms if a.kind == kind.name and a.type == "alarm.settled"]
        if outcomes:
            assert None not in outcomes
            return
    pytest.fail("never settled")


@kinds
def test_it_has_words(kind: Kind) -> None:
    """A headline, an example, reasons in whole sentences, a treatment, a remedy that can be read, and the rules behind it."""
    assert "{who}" in kind.headline
    assert kind.example.endswith(".")
    assert kind.treatment in get_args(Treatment)
    assert kind.rules
    assert all(RULE.fullmatch(rule) for rule in kind.rules)
    for _, alarm in raised_in(kind.name):
        assert alarm.reasons, "an alarm says why"
        for reason in alarm.reasons:
            assert re.fullmatch(r"[A-Z0-9].*\.", reason.text), reason.text
            assert re.fullmatch(r"[a-z0-9_:]+", reason.code), reason.code
        assert alarm.treatment is not None
        assert alarm.counterfactual is None or re.fullmatch(r"[A-Z][^{}]*\.", alarm.counterfactual)


def rescues(alarm: Alarm, fed: list[bytes]) -> Iterator[list[bytes]]:
    """Facts that, read after the alarm, may show that it was never true.

    First such as would have prevented it, a second before it; then the fact that opened it, a second earlier under an id of its own:
    another alarm takes the place of this one, which that fact opened.
    """
    subject, before = alarm.customer_id or alarm.subject.id, int(alarm.at) - SECOND
    facts = [json.loads(raw) for raw in fed]
    if alarm.subject.type == "policy":
        early = sorted({fact["customer_id"] for fact in facts if fact["customer_id"].startswith("E")})
        for most in range(1, len(early)):
            yield [
                record("purchase.completed", before - days * DAY, who, amount_minor=1, currency="EUR")
                for who in early[:most]
                for days in range(42, 0, -7)
            ]
        return
    if KINDS[alarm.kind].watched == "base":
        own = {"store_id": alarm.store_id} if alarm.store_id else {}
        yield [record("purchase.completed", before, f"N{n}", amount_minor=1, currency="EUR", **own) for n in range(99)]
        return
    if alarm.subject.type == "feed":
        own = {"store_id": alarm.store_id} if alarm.store_id else {"source": alarm.subject.id.partition(":")[2]}
        yield [record("purchase.completed", before, None, amount_minor=1, currency="EUR", **own)]
        return
    if alarm.subject.type == "theme":  # another complaint, a second earlier, is then the one at which it rose
        opener = next(fact for fact in facts if fact["id"] == alarm.evidence[0].event_id)
        own = {"id": "earlier", "complaint_id": "earlier", "time": rfc3339(instant(opener["time"]) - SECOND)}
        yield [json.dumps(opener | own).encode()]
        return
    if alarm.customer_id is None:
        yield [record("staff.pulse", before, subject, store_id=subject, pulse="asked")]
        yield [record("staff.pulse", before, subject, store_id=subject, pulse="thanked")]
        return
    yield [record("purchase.completed", before, subject, amount_minor=10**7, currency="EUR")]
    for case in {fact["complaint_id"] for fact in facts if "complaint_id" in fact}:
        yield [record("complaint.resolved", before, subject, complaint_id=case)]
    praise = [record("survey.answered", before, subject, id=f"praise {n}", satisfaction=5) for n in range(9)]
    yield [*praise, record("referral.made", before, subject, positive=True)]
    opener = next(fact for fact in facts if fact["id"] == alarm.evidence[0].event_id)
    earlier = rfc3339(instant(opener["time"]) - SECOND)
    yield [json.dumps(opener | {"id": f"{opener['id']} earlier", "time": earlier}).encode()]


@kinds
def test_a_late_fact_withdraws_it(kind: Kind) -> None:
    """An alarm that was never true is withdrawn by the fact that shows it."""
    for path, alarm in raised_in(kind.name):
        told = play(story(path))[0]
        fed = told.fed[: next(n for a, n in zip(told.alarms, told.fed_before, strict=True) if a == alarm)]
        fed = [raw for raw in fed if instant(json.loads(raw)["time"]) <= int(alarm.at)]
        for facts in rescues(alarm, fed):
            known = (
                int(alarm.time) if kind.watched == "base" else int(alarm.at)
            )  # counts are known later, and once a day
            driver = Driver(told.policy_text).feed(*fed).advance(known + HOUR).feed(*facts)
            driver.advance(known + (25 if kind.watched == "base" else 2) * HOUR)
            if [a.type for a in driver.alarms if a.alarm_id == alarm.alarm_id][-1] == "alarm.withdrawn":
                return
    pytest.fail("no fact withdraws it")


class BruteForce(Driver):
    """Judges every subject at every step of time, whether or not it is due."""

    STEP = 6 * HOUR

    def feed(self, *records: bytes) -> Driver:
        for raw in records:
            before = (
                instant(json.loads(raw)["time"]) - 1
            )  # what falls due at the very instant of a fact is judged after it
            if before > self.partition.clock:
                self.advance(before)
            super().feed(raw)
        return self

    def advance(self, to: Micros | str) -> Driver:
        until = instant(to)
        now = max(self.partition.clock, min((t.state.last_fact for t in self.timelines.values()), default=until))
        for at in itertools.chain(range(now - now % self.STEP + self.STEP, until, self.STEP), [until]):
            super().advance(at)
            self.judge_all(at)
        return self

    def judge_all(self, at: Micros) -> None:
        for name, timeline in self.timelines.items():
            state = timeline.state
            if state.last_fact and at > timeline.row.clock - SECOND and (not state.due or state.due > at):
                state.due = at
                self._apply([self.partition.after(name, timeline, timeline.judge_until(at + 1, at, self.ctx))])


@stories
def test_waits_agree_with_brute_force(path: Path) -> None:
    """Asking every kind every six hours finds nothing that the kinds' own waits did not find, and nothing sooner."""
    usual = play(story(path))[0]
    driver = play(story(path), BruteForce)[0]
    assert only_alarms(driver) == only_alarms(usual)
    sooner, later = first_records(driver), first_records(usual)
    assert {what: later[what] for what in later if what in sooner and later[what] > sooner[what]} == {}


def first_records(driver: Driver) -> dict[tuple[str, str], Micros]:
    """When each alarm was first raised and first settled."""
    found: dict[tuple[str, str], Micros] = {}
    for a in driver.alarms:
        if a.kind not in STATE_CHANGES:
            found.setdefault((f"{a.kind} {a.alarm_id}", a.type), int(a.time))
    return found


def only_alarms(driver: Driver) -> set[tuple[str, str, Micros, str]]:
    return {one for one in driver.outcomes() if one[1] not in STATE_CHANGES}


def test_the_catalogue_lists_each_kind_once() -> None:
    """No name twice, and state changes apart."""
    assert len(KINDS) == len(CATALOGUE)
    assert len(STATE_CHANGES) == 5
