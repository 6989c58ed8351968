"""The simulated business obeys its own truth: who leaves buys no more, causes come first, knobs do something."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
import pytest
from typer.testing import CliRunner

from scorers.contract.events import EXIT_REASONS, HOUR, AnyEvent
from scorers.contract.wire import Rejection, decode, parse_instant
from vigia.cli import app
from vigia.lab.simulate import START, Summary, World, simulate
from vigia.runtime.usage_error import UsageError

Line = dict[str, Any]
DAYS = 540
LISTED = AnyEvent.__args__  # type: ignore[attr-defined]
FIELDS_OF = {kind.__struct_config__.tag: set(kind.__struct_fields__) | {"type"} for kind in LISTED}


def read(path: Path) -> list[Line]:
    """All lines of a JSONL file."""
    return [msgspec.json.decode(line) for line in path.read_bytes().splitlines()]


def run(out: Path, customers: int = 300, days: int = 365, seed: int = 5, **options: Any) -> list[Line]:
    """The truth of a small business written to `out`."""
    simulate(customers, days, seed, out, **options)
    return read(out / "truth.jsonl")


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Summary]:
    """A business large enough for shares to mean something."""
    out = tmp_path_factory.mktemp("town")
    return out, simulate(2500, DAYS, 11, out)


@pytest.fixture(scope="module")
def events(town: tuple[Path, Summary]) -> list[Line]:
    """Its events."""
    return read(town[0] / "events.jsonl")


@pytest.fixture(scope="module")
def truths(town: tuple[Path, Summary]) -> list[Line]:
    """Its truth."""
    return read(town[0] / "truth.jsonl")


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    """Two runs agree to the byte, dirt included; another seed tells another story."""
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate(60, 200, seed, tmp_path / name, dirt=0.1)
    for file in ("events.jsonl", "truth.jsonl"):
        a, b, c = ((tmp_path / name / file).read_bytes() for name in "abc")
        assert a == b
        assert a != c
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["events.jsonl", "truth.jsonl"]


def test_a_story_does_not_depend_on_how_many_others_there_are(tmp_path: Path) -> None:
    """The first customers of a larger base live the lives they live in a smaller one."""
    run(tmp_path / "few", customers=20)
    run(tmp_path / "many", customers=60)
    few = (tmp_path / "few" / "events.jsonl").read_bytes().splitlines()
    assert len(few) > 100
    assert set(few) < set((tmp_path / "many" / "events.jsonl").read_bytes().splitlines())


def test_the_spool_spills_without_losing_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines held in memory or in files come out the same."""
    run(tmp_path / "memory", customers=30)
    monkeypatch.setattr("vigia.lab.simulate.spool.LINES_IN_MEMORY", 7)
    run(tmp_path / "files", customers=30)
    memory, files = ((tmp_path / name / "events.jsonl").read_bytes() for name in ("memory", "files"))
    assert memory == files


def test_every_line_is_an_event_of_the_contract(town: tuple[Path, Summary]) -> None:
    """Types, fields and values are the contract's, and no optional field is misspelt."""
    told = set()
    for line in (town[0] / "events.jsonl").read_bytes().splitlines():
        event = decode(line)
        assert not isinstance(event, Rejection), (event, line)
        fields = msgspec.json.decode(line)
        assert set(fields) <= FIELDS_OF[fields["type"]], line
        told.add(fields["type"])
    assert set(FIELDS_OF) - told == {"customer.merged", "customer.erased", "alarm.action"}


def test_events_are_sorted_and_named_once(town: tuple[Path, Summary], events: list[Line]) -> None:
    """Lines go up by time, then id; no identity comes twice; the summary counts them."""
    keys = [(line["time"], line["id"]) for line in events]
    assert keys == sorted(keys)
    assert len({(line["source"], line["id"]) for line in events}) == len(events) == town[1].events
    assert "2024-01-01" <= keys[0][0] < "2024-01-20"
    assert keys[-1][0] < "2025-06-24T00:00:00Z"


def test_nobody_buys_after_leaving(events: list[Line], truths: list[Line]) -> None:
    """The truth's purchases are the events' purchases, and none lies beyond the day of leaving."""
    bought: dict[str, list[str]] = defaultdict(list)
    for line in events:
        if line["type"] == "purchase.completed" and "customer_id" in line:
            bought[line["customer_id"]].append(line["time"])
    for truth in truths:
        times = bought[truth["customer_id"]]
        assert len(times) == truth["purchases"]
        if times:
            assert (times[0], times[-1]) == (truth["first_purchase"], truth["last_purchase"])
            assert not truth["left_at"] or times[-1] < truth["left_at"]


def test_causes_come_before_the_leaving(events: list[Line], truths: list[Line]) -> None:
    """Each leaver has a listed reason with a date; where an event shows the cause it is earlier still."""
    time_of = {line["id"]: line["time"] for line in events}
    leavers = [truth for truth in truths if truth["left_at"]]
    assert {truth["reason"] for truth in leavers} == set(EXIT_REASONS)
    for truth in leavers:
        assert truth["first_purchase"] <= truth["cause_at"] <= truth["left_at"]
        if truth["cause"]:
            assert time_of[truth["cause"]] < truth["left_at"]
    assert 0.15 < sum(bool(truth["cause"]) for truth in leavers) / len(leavers) < 0.6


def test_a_plausible_share_leaves(town: tuple[Path, Summary], truths: list[Line]) -> None:
    """Between a sixth and a half of the buyers leave in a year and a half, and the summary agrees with the truth."""
    summary = town[1]
    left = [truth["reason"] for truth in truths if truth["left_at"]]
    assert len(left) == summary.left
    assert {reason: left.count(reason) for reason in set(left)} == summary.reasons
    assert 1 / 6 < summary.left / summary.buyers < 1 / 2


def test_most_of_the_dissatisfied_stay_silent(
    town: tuple[Path, Summary], events: list[Line], truths: list[Line]
) -> None:
    """Covers X2: three in ten tell us, one in fifty of those formally; only these are in the events."""
    voices = [mishap["voiced"] for truth in truths for mishap in truth["mishaps"]]
    voiced = [voice for voice in voices if voice != "silent"]
    assert 0.25 < len(voiced) / len(voices) < 0.35
    assert voiced.count("formal") < 0.06 * len(voiced)
    opened = [line for line in events if line["type"] == "complaint.opened" and "customer_id" in line]
    assert 0.98 * len(voiced) < len(opened) <= len(voiced)  # a few are voiced after the period
    assert sum(town[1].grievances.values()) == len(voices)


def test_experience_drives_out_the_newest_first(tmp_path: Path) -> None:
    """Covers L3 to L5: the chance that one mishap drives a customer out falls from stage to stage."""
    truths = run(tmp_path, customers=1500, days=DAYS, world=World(incident=0.12, gap_days=20))
    outcomes: dict[str, list[bool]] = defaultdict(list)
    for truth in truths:
        for mishap in truth["mishaps"]:
            outcomes[mishap["stage"]].append(mishap["drove_out"])
    stages = ("first_time_buyer", "early_repeat_buyer", "core_customer")
    assert all(len(outcomes[stage]) > 100 for stage in stages)
    first, early, core = (sum(outcomes[stage]) / len(outcomes[stage]) for stage in stages)
    assert first > 1.4 * early > 1.4 * 1.4 * core > 0


def test_core_customers_forgive_what_is_small_and_put_right_fast(tmp_path: Path) -> None:
    """Covers L5: not one leaves for a minor mishap solved fast, however much harm is dialled up."""
    truths = run(tmp_path, customers=400, days=700, world=World(harm=5.0, incident=0.1, voiced=1.0, gap_days=15))
    fate = [
        (mishap["severity"] == "minor" and mishap["remedy"] == "fast", mishap["drove_out"])
        for truth in truths
        for mishap in truth["mishaps"]
        if mishap["stage"] == "core_customer"
    ]
    assert (True, False) in fate
    assert (True, True) not in fate
    assert (False, True) in fate


def test_boredom_shows_before_the_leaving(events: list[Line], truths: list[Line]) -> None:
    """Covers X9: the last baskets of the bored hold one thing only, where once they held several."""
    bored = {truth["customer_id"]: truth["cause_at"] for truth in truths if truth["reason"] == "boredom"}
    assert len(bored) > 20
    before: list[int] = []
    after: list[int] = []
    for line in events:
        onset = bored.get(line.get("customer_id", ""))
        if onset and line["type"] == "purchase.completed":
            (after if line["time"] >= onset else before).append(len({item["sku"] for item in line["items"]}))
    assert set(after) == {1}
    assert sum(before) / len(before) > 1.4


def test_cases_open_before_they_go_on(events: list[Line]) -> None:
    """Complaints, requests and promises take their steps in order; some are never finished."""
    begun: dict[str, tuple[str, set[str]]] = {}
    for line in events:
        key = line.get("complaint_id") or line.get("request_id") or line.get("promise_id")
        if key is None:
            continue
        step = line.get("request_status") or line["type"].split(".")[1]
        if step in ("opened", "open", "made"):
            assert key not in begun
            begun[key] = (line["time"], set())
        else:
            assert begun[key][0] < line["time"]
            begun[key][1].add(step)
    ends = {"k": {"resolved"}, "r": {"answered", "closed"}, "p": {"kept", "broken"}}
    for letter, last in ends.items():
        # those of the last months may simply not have ended yet
        ended = [bool(done & last) for key, (at, done) in begun.items() if f"-{letter}" in key and at < "2025-03"]
        assert 0.01 < ended.count(False) / len(ended) < 0.25


def test_shops_keep_their_hours(events: list[Line]) -> None:
    """Nothing is sold over the counter at night, on Sundays or at Christmas; the web shop never closes."""
    shop, web = [], []
    for line in events:
        if line["type"] == "purchase.completed" and "customer_id" in line:
            (web if line["channel"] == "web" else shop).append(datetime.fromisoformat(line["time"]))
    assert {time.isoweekday() for time in shop} == {1, 2, 3, 4, 5, 6}
    assert {time.hour for time in shop} <= set(range(9, 21))
    assert not any((time.month, time.day) == (12, 25) for time in shop)
    assert {time.isoweekday() for time in web} == {1, 2, 3, 4, 5, 6, 7}


@pytest.mark.parametrize(
    ("knob", "low", "high", "figure"),
    [
        ("gap_days", 60.0, 10.0, "purchase.completed"),
        ("incident", 0.0, 0.3, "complaint.opened"),
        ("requests", 0.0, 4.0, "contact.received"),
        ("outreach", 0.0, 20.0, "contact.made"),
        ("surveys", 0.0, 0.5, "survey.answered"),
        ("promises", 0.0, 2.0, "promise.made"),
        ("refunds", 0.0, 0.2, "purchase.refunded"),
        ("prospects", 0.0, 1.0, "lead.created"),
        ("explained", 0.0, 1.0, "exit.explained"),
    ],
)
def test_a_knob_moves_its_event(tmp_path: Path, knob: str, low: float, high: float, figure: str) -> None:
    """Turning a knob up gives more of the events it stands for."""
    few, many = (
        simulate(150, 300, 3, tmp_path, world=World(**{knob: value})).by_type.get(figure, 0)  # type: ignore[arg-type]
        for value in (low, high)
    )
    assert many > 1.5 * few


@pytest.mark.parametrize(
    ("knob", "low", "high"),
    [("harm", 0.0, 3.0), ("moves", 0.0, 1.0), ("declines", 0.0, 8.0), ("pressed", 0.0, 1.0)],
)
def test_a_knob_moves_the_leaving(tmp_path: Path, knob: str, low: float, high: float) -> None:
    """Turning a knob up drives more customers out."""
    few, many = (
        simulate(250, 300, 3, tmp_path, world=World(**{knob: value})).left  # type: ignore[arg-type]
        for value in (low, high)
    )
    assert many > 1.2 * few


def test_nothing_drives_anyone_out_of_a_perfect_world(tmp_path: Path) -> None:
    """With every cause turned off nobody leaves, and all who can be silent about nothing are."""
    perfect = World(harm=0.0, moves=0.0, declines=0.0, fade=(0.0, 0.0, 0.0), voiced=0.0, never_buy=0.0)
    truths = run(tmp_path, world=perfect)
    assert not any(truth["left_at"] for truth in truths)
    assert {mishap["voiced"] for truth in truths for mishap in truth["mishaps"]} == {"silent"}


def test_anonymous_sales_have_their_share(events: list[Line]) -> None:
    """About one sale in eight has no customer."""
    sales = [line for line in events if line["type"] == "purchase.completed"]
    assert 0.10 < sum("customer_id" not in line for line in sales) / len(sales) < 0.14


def test_regular_customers_are_regular(tmp_path: Path) -> None:
    """A high shape gives even gaps, a low one uneven ones."""
    spread = []
    for shape in (1.0, 6.0):
        run(tmp_path, customers=150, days=700, world=World(regularity=(shape, shape), pause=0.0, gap_days=20))
        times: dict[str, list[int]] = defaultdict(list)
        for line in read(tmp_path / "events.jsonl"):
            if line["type"] == "purchase.completed" and "customer_id" in line:
                times[line["customer_id"]].append(parse_instant(line["time"]))
        ratios = []
        for own in times.values():
            gaps = [b - a for a, b in pairwise(own)]
            if len(gaps) >= 10:
                mean = sum(gaps) / len(gaps)
                ratios.append((sum((gap - mean) ** 2 for gap in gaps) / len(gaps)) ** 0.5 / mean)
        spread.append(sum(ratios) / len(ratios))
    assert spread[0] > 1.3 * spread[1]


def test_value_classes_rank_the_buyers(truths: list[Line]) -> None:
    """Covers T1: the best twentieth is platinum, those who never bought have no class."""
    buyers = [truth for truth in truths if truth["purchases"]]
    platinum = [truth["margin_year_minor"] for truth in buyers if truth["value_class"] == "platinum"]
    others = [truth["margin_year_minor"] for truth in buyers if truth["value_class"] != "platinum"]
    assert min(platinum) >= max(others)
    assert len(platinum) == pytest.approx(0.05 * len(buyers), abs=1)
    assert {truth["value_class"] for truth in truths if not truth["purchases"]} == {"none"}


def test_dirt_soils_and_loses_nothing(tmp_path: Path) -> None:
    """With dirt some lines come twice, late or damaged, and every true line still comes."""
    simulate(80, 300, 5, tmp_path / "clean")
    summary = simulate(80, 300, 5, tmp_path / "dirty", dirt=0.2)
    clean = (tmp_path / "clean" / "events.jsonl").read_bytes().splitlines()
    dirty = (tmp_path / "dirty" / "events.jsonl").read_bytes().splitlines()
    assert min(summary.dirt[kind] for kind in ("bad", "duplicate", "late")) > 20
    assert set(clean) < set(dirty)
    assert len(dirty) == len(clean) + summary.dirt["duplicate"] + summary.dirt["bad"]
    bad = set(dirty) - set(clean)
    assert len(bad) == summary.dirt["bad"]
    codes = {answer.code for answer in map(decode, bad) if isinstance(answer, Rejection)}
    assert codes == {"not_json", "bad_time", "missing_field", "unknown_type", "schema_unknown"}
    assert all(isinstance(decode(line), Rejection) for line in bad)
    newest, lags = 0, []
    for line in (line for line in dirty if line not in bad):
        time = parse_instant(msgspec.json.decode(line)["time"])
        newest = max(newest, time)
        lags.append((newest - time) / HOUR)
    assert sum(lag > 0.1 for lag in lags) > 0.5 * (summary.dirt["late"] + summary.dirt["duplicate"])
    assert 24 < max(lags) <= 120
    assert (tmp_path / "clean" / "truth.jsonl").read_bytes() == (tmp_path / "dirty" / "truth.jsonl").read_bytes()


def test_progress_is_reported_to_the_end(tmp_path: Path) -> None:
    """The listener hears a rising count that ends at the whole."""
    heard: list[tuple[int, int]] = []
    simulate(1200, 30, 1, tmp_path, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(500, 1200), (1000, 1200), (1200, 1200)]


def test_the_calendar_begins_where_asked(tmp_path: Path) -> None:
    """Another start moves every event."""
    later = START + 366 * 86_400 * 1_000_000
    simulate(30, 40, 1, tmp_path, start=later)
    times = [line["time"] for line in read(tmp_path / "events.jsonl")]
    assert times[0] >= "2025-01-01"
    assert times[-1] < "2025-02-10"


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"customers": 0}, "customers = 0"),
        ({"days": 0}, "days = 0"),
        ({"dirt": 1.5}, "dirt = 1.5"),
        ({"world": {"voiced": -0.1}}, "voiced = -0.1"),
        ({"world": {"stores": 0}}, "stores = 0"),
        ({"world": {"moves": -1.0}}, "moves = -1.0"),
        ({"world": {"regularity": (3.0, 1.0)}}, "regularity"),
    ],
)
def test_impossible_wishes_are_refused_by_name(tmp_path: Path, options: dict[str, Any], named: str) -> None:
    """A refusal names the option and leaves no file behind."""
    knobs = options.get("world", {})
    wish = {"customers": 5, "days": 5, "seed": 1, "out": tmp_path} | options
    with pytest.raises(ValueError, match=named):
        simulate(**wish | {"world": World(**knobs)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("until", ["2026-03-01", "today"])
def test_the_days_may_end_where_one_likes(tmp_path: Path, until: str) -> None:
    """Before a date, or before today, so that a business that is fed into a running system is a present one."""
    done = CliRunner().invoke(
        app, ["simulate", "--customers", "20", "--days", "60", "--until", until, "--out", str(tmp_path)]
    )
    assert done.exit_code == 0, done.output
    end = datetime.now(UTC).date() if until == "today" else date.fromisoformat(until)
    days = {date.fromisoformat(line["time"][:10]) for line in read(tmp_path / "events.jsonl")}
    assert end - timedelta(days=60) <= min(days)
    assert end - timedelta(days=5) < max(days) < end


def test_a_date_that_is_none_is_named(tmp_path: Path) -> None:
    """With what to write instead."""
    done = CliRunner().invoke(
        app, ["simulate", "--customers", "1", "--days", "1", "--until", "soon", "--out", str(tmp_path)]
    )
    assert isinstance(done.exception, UsageError)
    assert "--until soon: no date; write one like 2026-11-30, or today" in str(done.exception)
