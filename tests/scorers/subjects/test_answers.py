"""Whether alarms were right (A9): each has one answer, by hand in small histories and by brute force over a simulated shop."""

import json
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path

import pytest

from scorers.alarms.catalogue import CATALOGUE, KINDS, STATE_CHANGES
from scorers.contract.alarms import Alarm
from scorers.contract.events import DAY, HOUR, SECOND, Micros
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.in_force.figures import Totals
from scorers.in_force.live_quality import ARMS, STAGES, TIERS, lead_bucket, lead_days, measure, place_of
from scorers.policy.hold_out import is_held_out
from scorers.policy.tables import Policy
from scorers.subjects.answers import BY_CODE
from tests.support.driver import Driver, purchase, record
from vigia.lab.simulate.write import simulate

START = int(parse_instant("2024-01-01T10:00:00Z"))
WEEKLY = [purchase(START + n * 7 * DAY, id=str(n)) for n in range(12)]
LAST = START + 77 * DAY
ONE_QUIET = "[risk]\noccasions_at_least = 99\nhorizon = '28d'\n"  # no other kind speaks of these buyers


def totals(driver: Driver) -> Totals:
    """What all contributions add up to, by histogram."""
    found: Totals = defaultdict(Counter)
    for (_, name, bucket), count in driver.figures.items():
        found[name][bucket] += count
    return {name: +counts for name, counts in found.items()}


def answers(driver: Driver, kind: str) -> dict[tuple[str, bool], int]:
    """How many alarms of a kind have their answer, by arm and answer."""
    found: Counter[tuple[str, bool]] = Counter()
    for bucket, count in totals(driver).get(f"answer:{kind}", Counter()).items():
        found[ARMS[bucket // 2 % 3], bool(bucket % 2)] += count
    return dict(found)


def quiet_at(policy: str = ONE_QUIET) -> Alarm:
    """The `gone-quiet` of a weekly buyer who stops."""
    alarms = Driver(policy).feed(*WEEKLY).advance(LAST + 40 * DAY).alarms
    return next(a for a in alarms if a.kind == "gone-quiet")


TRUE = int(quiet_at().at)


def test_a_kind_has_a_number_of_its_own():
    assert len(BY_CODE) == len(CATALOGUE)


@pytest.mark.parametrize(
    ("back", "found"),
    [
        pytest.param(TRUE + SECOND, {("told", False): 1}, id="a second later"),
        pytest.param(TRUE + 28 * DAY, {("told", False): 1}, id="in the last second of the horizon"),
        pytest.param(TRUE + 28 * DAY + SECOND, {("told", True): 1}, id="a second after the horizon"),
        pytest.param(None, {("told", True): 1}, id="never"),
    ],
)
def test_an_alarm_about_leaving_was_right_if_nothing_was_bought_within_its_horizon(
    back: Micros | None, found: dict[tuple[str, bool], int]
) -> None:
    driver = Driver(ONE_QUIET).feed(*WEEKLY, *([] if back is None else [purchase(back)]))
    assert answers(driver.advance(TRUE + 29 * DAY), "gone-quiet") == found


def test_it_has_no_answer_before_its_horizon_ends():
    driver = Driver(ONE_QUIET).feed(*WEEKLY)
    assert not answers(driver.advance(TRUE + 28 * DAY), "gone-quiet")
    assert answers(driver.advance(TRUE + 28 * DAY + SECOND), "gone-quiet")


def test_a_closure_stops_the_horizon():
    """Nobody could have bought: the answer comes as many days later (J3)."""
    shut = [rfc3339(TRUE + (10 + n) * DAY)[:10] for n in range(7)]
    driver = Driver(ONE_QUIET + f"[calendar]\nholidays = {json.dumps(shut)}\n").feed(*WEEKLY)
    assert not answers(driver.advance(TRUE + 35 * DAY), "gone-quiet")
    assert answers(driver.advance(TRUE + 35 * DAY + SECOND), "gone-quiet") == {("told", True): 1}


def test_what_ended_early_is_answered_by_the_horizon_all_the_same():
    """A dismissal says what somebody thought, and the horizon shows who was right."""
    alarm = quiet_at()
    dismissed = record("alarm.action", TRUE + DAY, alarm_id=alarm.alarm_id, action="dismiss", by="eva")
    driver = Driver(ONE_QUIET).feed(*WEEKLY, dismissed).advance(TRUE + 40 * DAY)
    assert answers(driver, "gone-quiet") == {("told", True): 1}


@pytest.mark.parametrize(
    ("more", "arm"),
    [
        pytest.param(
            [record("contact.made", TRUE + DAY, channel="phone", purpose="service")], "acted", id="a service call"
        ),
        pytest.param([record("contact.made", TRUE - HOUR, channel="phone", purpose="service")], "told", id="before it"),
        pytest.param([record("contact.made", TRUE + DAY, channel="mail", purpose="marketing")], "told", id="marketing"),
    ],
)
def test_who_was_acted_on_stands_apart(more: list[bytes], arm: str) -> None:
    facts = sorted([*WEEKLY, *more], key=lambda raw: json.loads(raw)["time"])
    driver = Driver(ONE_QUIET).feed(*facts, purchase(TRUE + 5 * DAY))
    assert answers(driver, "gone-quiet") == {(arm, False): 1}


def test_who_is_held_out_stands_apart():
    """By customer and quarter, as the notifier holds them out."""
    driver = Driver(ONE_QUIET + "[hold_out]\nshare = 1.0\n").feed(*WEEKLY).advance(TRUE + 40 * DAY)
    assert answers(driver, "gone-quiet") == {("held_out", True): 1}


def test_a_case_was_right_if_its_deadline_was_breached():
    """Both complaints are unacknowledged; one is resolved within the deadline that its alarm names."""
    opened = START + 100 * DAY
    facts = [record("complaint.opened", opened, name, complaint_id=f"K-{name}") for name in ("C1", "C2")]
    facts.append(record("complaint.resolved", opened + 3 * DAY, "C2", complaint_id="K-C2"))
    driver = Driver().feed(*facts).advance(opened + 60 * DAY)
    assert answers(driver, "complaint-unacknowledged") == {("told", True): 1, ("told", False): 1}


def test_a_purchase_read_late_takes_an_answer_back():
    """It shows that there was no silence then: what is counted is what would be if it had been read in time."""
    late, back = Driver(ONE_QUIET).feed(*WEEKLY).advance(TRUE + 28 * DAY + HOUR), purchase(LAST + DAY)
    assert answers(late, "gone-quiet") == {("told", True): 1}
    late.feed(back)
    assert not answers(late, "gone-quiet")
    late.advance(LAST + 300 * DAY)
    assert late.figures == Driver(ONE_QUIET).feed(*WEEKLY, back).advance(LAST + 300 * DAY).figures
    assert totals(late)["left"]


def test_who_has_left_was_told_before_by_kind_and_how_long():
    """The lead runs from the first alarm of the silence to the instant at which `defected` says that the customer has left."""
    driver = Driver(ONE_QUIET).feed(*WEEKLY).advance(LAST + 300 * DAY)
    gone = max(a.at for a in driver.alarms if a.kind == "defected" and a.type == "alarm.updated")
    milder = min(a.at for a in driver.alarms if a.kind == "defected")
    quality = measure(totals(driver), driver.ctx.policy)
    assert (quality.leavers.by_silence, quality.leavers.recall, quality.leavers.missed) == (1, 1.0, 0)
    assert quality.leavers.lead_days == lead_days(lead_bucket(gone - TRUE))
    assert quality.kinds["gone-quiet"].recall == 1.0
    assert quality.kinds["defected"].lead_days == lead_days(lead_bucket(gone - milder))


def test_who_said_goodbye_stands_apart_and_was_missed_if_nobody_was_told():
    driver = Driver(ONE_QUIET).feed(*WEEKLY, record("exit.explained", LAST + DAY, reason="price"))
    leavers = measure(totals(driver), driver.ctx.policy).leavers
    assert (leavers.said_so, leavers.said_so_missed, leavers.by_silence, leavers.recall) == (1, 1, 0, None)
    assert (leavers.reasons, leavers.reason_unknown) == ({"price": 1}, 0.0)


def test_the_first_alarm_of_a_silence_is_that_after_the_last_purchase():
    """What was told in an earlier silence is no warning of this one."""
    facts = [*WEEKLY, purchase(TRUE + DAY), record("exit.explained", TRUE + 2 * DAY, reason="price")]
    assert measure(totals(Driver(ONE_QUIET).feed(*facts)), Policy()).leavers.said_so_missed == 1


def test_the_state_keeps_nothing_of_alarms_that_are_answered_and_over():
    driver = Driver(ONE_QUIET).feed(*WEEKLY, purchase(TRUE + DAY))
    assert driver.timelines["C1"].state.told == ()


# --- a simulated shop, by brute force -----------------------------------------------------------------------------

SHOP = "[hold_out]\nshare = 0.3\n[risk]\nhorizon = '45d'\n"


def in_order(folder: Path) -> list[bytes]:
    """The events of a simulated shop in the order of time, so that an alarm shows stage and tier of its own instant."""
    lines = (folder / "events.jsonl").read_bytes().splitlines()
    return sorted(lines, key=lambda raw: parse_instant(json.loads(raw)["time"]))


def brute_force(alarms: Iterable[Alarm], facts: list[bytes], until: Micros) -> tuple[Counter[tuple], Counter[tuple]]:
    """The answers, and who left with the lead of each kind, from alarms and events alone."""
    bought: dict[str, list[int]] = defaultdict(list)
    for one in map(json.loads, facts):
        if one["type"] == "purchase.completed" and one.get("customer_id"):
            bought[one["customer_id"]].append(int(parse_instant(one["time"])) // SECOND)
    goodbyes = {one["id"] for one in map(json.loads, facts) if one["type"] == "exit.explained"}
    first: dict[str, Alarm] = {}
    ends: dict[str, Alarm] = {}
    gone: list[Alarm] = []
    for a in alarms:
        assert a.type != "alarm.withdrawn"  # in order, nothing turns out to be wrong
        if a.customer_id is None or a.kind in STATE_CHANGES:
            continue
        if a.type == "alarm.raised":
            first.setdefault(a.alarm_id, a)
        if a.type == "alarm.settled":
            ends[a.alarm_id] = a
        if a.kind == "defected" and a.stage in ("defector", "core_defector") and a.type != "alarm.settled":
            gone.append(a)
    found: Counter[tuple] = Counter()
    for a in first.values():
        name, since = a.customer_id or "", a.at // SECOND
        if KINDS[a.kind].is_case:
            assert a.deadline is not None
            by, end = int(a.deadline) // SECOND, ends.get(a.alarm_id)
            hit = end is None or end.time // SECOND > by
            known = by if hit else end.time // SECOND  # type: ignore[union-attr]
            held = False
        else:
            by = since + round((a.horizon_days or 0) * DAY) // SECOND
            later = bisect_right(bought[name], since)
            back = bought[name][later] if later < len(bought[name]) else None
            hit = back is None or back > by
            known = by if hit else back  # type: ignore[assignment]
            held = a.severity != "critical" and is_held_out(name, a.at // DAY, 0.3)
        if known < until // SECOND:
            found[a.kind, a.tier, a.stage, held, hit] += 1
    left: Counter[tuple] = Counter()
    for a in gone:
        if a.evidence[0].event_id in goodbyes:
            continue
        name = a.customer_id or ""
        last = bought[name][bisect_right(bought[name], a.at // SECOND) - 1]
        told = [b for b in first.values() if b.customer_id == name and last <= b.at // SECOND < a.at // SECOND]
        for kind in {b.kind for b in told} | {""}:
            since = min((b.at for b in told if kind in ("", b.kind)), default=None)
            left[kind, None if since is None else lead_bucket(a.at - since)] += 1
    return found, left


def test_the_figures_of_a_simulated_shop_are_those_of_its_alarms_and_events(tmp_path: Path) -> None:
    """Counted a second time, by brute force, from what stands in `alarms.jsonl` and in the events."""
    simulate(150, 500, 7, tmp_path)
    facts = in_order(tmp_path)
    driver = Driver(SHOP).feed(*facts)
    until = max(int(parse_instant(json.loads(raw)["time"])) for raw in facts)
    driver.advance(until)
    found, left = brute_force(driver.alarms, facts, until)
    counted: Counter[tuple] = Counter()
    for name, counts in totals(driver).items():
        if name.startswith("answer:"):
            for bucket, count in counts.items():
                place, arm, hit = bucket // 6, ARMS[bucket // 2 % 3], bool(bucket % 2)
                tier, stage = next((t, s) for t in TIERS for s in STAGES if place_of(t, s) == place)
                counted[name[7:], tier, stage, arm == "held_out", hit] += count
    assert counted == found
    assert len({kind for kind, *_ in found}) >= 8
    assert {True, False} == {held for *_, held, _ in found}
    leads = Counter(
        {
            (name[5:], b): n
            for name, c in totals(driver).items()
            if name == "lead" or name.startswith("lead:")
            for b, n in c.items()
        }
    )
    missed = sum(count for bucket, count in totals(driver)["left"].items() if bucket % 4 == 1)
    assert leads + Counter({("", None): missed}) == left
    assert sum(leads.values()) >= 20
