"""Files in, alarms and scores out: every form of input, every output, and nothing later than asked."""

import csv
import gzip
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from scorers.contract.alarms import Subject
from scorers.contract.events import DAY, HOUR, Instant
from scorers.contract.rfc3339 import parse_instant, rfc3339
from scorers.contract.wire import decode_alarm
from scorers.in_force.control import GroupInForce
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from streams.replay.scores import ScoreSchedule
from streams.replay.summary import Summary
from tests.support.driver import Driver, purchase, record

START = int(parse_instant("2024-01-01T09:00:00Z"))


def shop(customers: int = 55, weeks: int = 20) -> list[bytes]:
    """Weekly buyers of unequal worth, some of whom stop; complaints, surveys; in the order of time."""
    lines = []
    for n in range(customers):
        name, gap = f"C{n:02}", 4 + n % 9
        visits = weeks * 7 // gap if n % 3 else weeks * 4 // gap
        lines += [purchase(START + (k * gap + n % 7) * DAY + n, name, amount=500 + 70 * n) for k in range(visits)]
        if n % 5 == 0:
            lines.append(record("complaint.opened", START + (40 + n) * DAY + HOUR + n, name, complaint_id=f"K{n}"))
            lines.append(record("survey.answered", START + (50 + n) * DAY + 2 * HOUR + n, name, satisfaction=1 + n % 5))
    return sorted(lines, key=time_of)


def time_of(line: bytes) -> int:
    return int(parse_instant(json.loads(line)["time"]))


def write(path: Path, lines: Iterable[bytes]) -> str:
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    return str(path)


def rows(out: Path) -> list[dict[str, str]]:
    with (out / "scores.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def outputs(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def said(out: Path) -> list[tuple[object, ...]]:
    """The alarms of a run, but for where their evidence lies."""
    alarms = [decode_alarm(line) for line in (out / "alarms.jsonl").read_bytes().splitlines()]
    return [(a.type, a.alarm_id, a.at, a.time, a.outcome, a.severity, a.risk) for a in alarms]  # type: ignore[union-attr]


LINES = shop()


def run(
    tmp_path: Path, sources: list[str], name: str = "out", asked: ScoreSchedule | None = None
) -> tuple[Path, Summary]:
    out = tmp_path / name
    return out, replay(sources, out, Policy(), asked)


def test_the_same_input_gives_the_same_bytes(tmp_path):
    """A replay is deterministic to the byte."""
    source = write(tmp_path / "events.jsonl", LINES)
    asked = ScoreSchedule(every=28 * DAY)
    one, _ = run(tmp_path, [source], "one", asked)
    two, _ = run(tmp_path, [source], "two", asked)
    assert outputs(one) == outputs(two)
    assert len(rows(one)) > 200


def test_gz_and_standard_input_are_read_like_a_file(tmp_path, monkeypatch):
    """Only the name of the file differs."""
    plain, _ = run(tmp_path, [write(tmp_path / "events.jsonl", LINES)], "plain")
    packed = tmp_path / "events.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\n".join(LINES)))
    zipped, _ = run(tmp_path, [str(packed)], "zipped")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"\n".join(LINES))))
    piped, _ = run(tmp_path, ["-"], "piped")
    assert said(plain) == said(zipped) == said(piped)
    assert outputs(plain)["customers.jsonl"] == outputs(zipped)["customers.jsonl"] == outputs(piped)["customers.jsonl"]


def test_several_files_are_one(tmp_path):
    """Files are merged by the time of their next line."""
    whole, one = run(tmp_path, [write(tmp_path / "all.jsonl", LINES)], "whole")
    sources = [write(tmp_path / f"part-{n}.jsonl", LINES[n::3]) for n in range(3)]
    parts, three = run(tmp_path, sources, "parts")
    assert said(parts) == said(whole)
    assert outputs(parts)["customers.jsonl"] == outputs(whole)["customers.jsonl"]
    assert (three.events, three.alarms) == (one.events, one.alarms)


def test_a_file_is_read_in_its_own_order(tmp_path):
    """A late line stays late: it withdraws what was told without it."""
    first, late, last = purchase(START), purchase(START + 59 * DAY), purchase(START + 61 * DAY, "C2")
    out, summary = run(tmp_path, [write(tmp_path / "late.jsonl", [first, last, late])])
    kinds = [(alarm[0], alarm[2]) for alarm in said(out) if alarm[2] == START + 60 * DAY]
    assert [kind for kind, _ in kinds] == ["alarm.raised", "alarm.withdrawn"]
    assert summary.too_late == 0


def test_alarms_stand_in_the_order_of_their_time(tmp_path):
    """Readers of the file may stop at any line."""
    out, _ = run(tmp_path, [write(tmp_path / "events.jsonl", LINES)])
    times = [alarm[3] for alarm in said(out)]
    assert times == sorted(times)
    assert len(times) > 200


def test_a_rejected_line_is_written_with_file_line_and_reason(tmp_path):
    """Bad lines do not stop the run, and empty ones are none."""
    lines = [
        LINES[0],
        b"",
        b"{",
        b'{"type": "x"}',
        purchase(START, None),
        LINES[1].replace(b'"EUR"', b'"eur"'),
        LINES[2],
    ]
    out, summary = run(tmp_path, [write(tmp_path / "events.jsonl", lines)])
    told = [json.loads(line) for line in (out / "rejected.jsonl").read_bytes().splitlines()]
    assert [(r["file"], r["line"], r["code"]) for r in told] == [
        ("events.jsonl", 3, "not_json"),
        ("events.jsonl", 4, "unknown_type"),
        ("events.jsonl", 6, "bad_value"),
    ]
    assert (summary.rejected, summary.events, summary.anonymous, summary.customers) == (3, 3, 1, 2)


def test_the_summary_counts_what_became_of_the_events(tmp_path):
    """Duplicates, conflicts and what came too late, each once."""
    lines = [purchase(START, id="a"), purchase(START, id="a"), purchase(START, id="a", amount=7)]
    lines += [purchase(START + 9 * DAY, id="b"), purchase(START + DAY, id="c")]
    out, summary = run(tmp_path, [write(tmp_path / "events.jsonl", lines)])
    assert (summary.events, summary.duplicates, summary.conflicts, summary.too_late) == (5, 2, 1, 1)
    assert json.loads((out / "summary.json").read_bytes())["alarms"] == summary.alarms


def test_conflicts_are_counted_by_source_and_sources_are_few(tmp_path):
    """The largest first; beyond fifty the others are counted together."""
    lines = [purchase(START, id="a", source=f"till {n % 60:02}", amount=n) for n in range(60, 300)]
    _, summary = run(tmp_path, [write(tmp_path / "events.jsonl", lines)])
    assert summary.conflicts == sum(summary.conflicts_by_source.values()) == 180
    assert list(summary.conflicts_by_source.items())[:2] == [("other sources", 30), ("till 00", 3)]
    assert len(summary.conflicts_by_source) == 51


def test_until_moves_the_end_either_way(tmp_path):
    """Later than the last event, silence goes on; earlier, what lies after it is not read."""
    source = write(tmp_path / "events.jsonl", [purchase(START), purchase(START + 100 * DAY, "C2")])
    _, later = run(tmp_path, [source], "later", ScoreSchedule(until=START + 200 * DAY))
    _, earlier = run(tmp_path, [source], "earlier", ScoreSchedule(until=START + 50 * DAY))
    assert later.alarms["second-purchase-overdue"] == 2
    assert later.until_time == rfc3339(START + 200 * DAY)
    assert "second-purchase-overdue" not in earlier.alarms
    assert (earlier.events, earlier.customers) == (1, 1)


def test_a_row_is_written_for_each_customer_known_at_each_asked_instant(tmp_path):
    """Asked instants and every so many days together, each once, the end included."""
    source = write(tmp_path / "events.jsonl", LINES)
    asked = ScoreSchedule(at=(START + 3 * DAY, START + 70 * DAY), every=35 * DAY, until=START + 105 * DAY)
    out, _ = run(tmp_path, [source], asked=asked)
    midnight = START // DAY * DAY
    times = [rfc3339(t) for t in (START + 3 * DAY, midnight + 35 * DAY, midnight + 70 * DAY, START + 70 * DAY)]
    assert list(dict.fromkeys(row["time"] for row in rows(out))) == [*times, rfc3339(midnight + 105 * DAY)]
    first = {row["customer_id"] for row in rows(out) if row["time"] == times[0]}
    assert first == {json.loads(line)["customer_id"] for line in LINES if time_of(line) <= START + 3 * DAY}
    assert all(0 <= float(row["risk"]) <= 1 for row in rows(out))


@pytest.mark.parametrize("days", [30, 100])
def test_a_score_knows_nothing_later_than_its_instant(tmp_path, days):
    """A file cut after the asked instant gives the same scores up to it."""
    cut = START + days * DAY
    asked = ScoreSchedule(at=(cut,), every=14 * DAY)
    whole, _ = run(tmp_path, [write(tmp_path / "whole.jsonl", LINES)], "whole", asked)
    known = [line for line in LINES if time_of(line) <= cut]
    assert len(known) < len(LINES)
    short, _ = run(tmp_path, [write(tmp_path / "cut.jsonl", known)], "cut", ScoreSchedule((cut,), 14 * DAY, cut))
    kept = [row for row in rows(whole) if parse_instant(row["time"]) <= cut]
    assert kept
    assert rows(short) == kept


def test_asking_for_scores_changes_no_alarm(tmp_path):
    """Scoring is looking."""
    source = write(tmp_path / "events.jsonl", LINES)
    silent, _ = run(tmp_path, [source], "silent")
    asked, _ = run(tmp_path, [source], "asked", ScoreSchedule(every=5 * DAY))
    assert said(asked) == said(silent)
    assert outputs(asked)["customers.jsonl"] == outputs(silent)["customers.jsonl"]


def test_a_base_fed_twice_raises_each_alarm_once(tmp_path):
    """The second reading is duplicates, and what is known no more is too late."""
    once, first = run(tmp_path, [write(tmp_path / "once.jsonl", LINES)], "once")
    twice, second = run(tmp_path, [write(tmp_path / "twice.jsonl", LINES + LINES)], "twice")
    assert said(twice) == said(once)
    assert second.duplicates + second.too_late == len(LINES) == first.events


def test_what_is_kept_does_not_grow_with_what_is_read(tmp_path):
    """Ten thousand purchases of one customer take the row of one customer."""
    driver = Driver()
    sizes = []
    for n in range(2000):
        driver.feed(purchase(START + n * DAY // 3, id=f"till-{n}"))
        if n % 250 == 249:
            sizes.append(len(driver.timelines["C1"].encode()))
    assert max(sizes[5:]) < 1.1 * max(sizes[4:6])
    assert max(sizes) < 16 * 1024


def test_a_customer_is_written_with_open_alarms_and_the_next_deadline(tmp_path):
    """`customers.jsonl` is the final state."""
    lines = [purchase(START), record("complaint.opened", START + DAY, complaint_id="K1", severity="major")]
    out, _ = run(tmp_path, [write(tmp_path / "events.jsonl", lines)])
    told = json.loads((out / "customers.jsonl").read_bytes())
    assert (told["stage"], told["tier"], told["complaints_open"]) == ("first_time_buyer", "iron", 1)
    assert told["alarms_open"] == ["major-problem", "single-failure"]
    assert parse_instant(told["next_due"]) > START + DAY


def test_nothing_to_read_is_a_run_of_nobody(tmp_path):
    """An empty file is no fault."""
    out, summary = run(tmp_path, [write(tmp_path / "empty.jsonl", [])], asked=ScoreSchedule(every=DAY))
    assert (summary.events, summary.customers, summary.from_time) == (0, 0, None)
    assert rows(out) == []


def test_an_instant_after_the_last_event_is_scored_and_raises_no_alarm(tmp_path):
    """A file cut at the instant asked for gives the scores of the whole file there, and no alarm of later silence."""
    bought = [purchase(START + n * 7 * DAY) for n in range(8)]
    asked = ScoreSchedule(at=(START + 80 * DAY,))
    events = tmp_path / "cut.jsonl"
    events.write_bytes(b"\n".join(bought))
    cut = replay([str(events)], tmp_path / "cut", Policy(), asked)
    plain = replay([str(events)], tmp_path / "plain", Policy())
    events.write_bytes(b"\n".join([*bought, purchase(START + 200 * DAY)]))
    replay([str(events)], tmp_path / "whole", Policy(), asked)
    scores = (tmp_path / "cut" / "scores.csv").read_text()
    assert len(scores.splitlines()) == 2
    assert scores == (tmp_path / "whole" / "scores.csv").read_text()
    assert cut == plain


def test_reports_of_a_store_in_a_long_silence_are_known_at_their_instants(tmp_path):
    """An alarm inside a gap between two events mentions what was known of the store on that day, however long the gap is."""
    start = int(parse_instant("2024-01-01T09:00:00Z"))
    events = [purchase(start + week * 7 * DAY, "C1", store_id="S1") for week in range(9)]
    events.append(purchase(start + 200 * DAY, "C2"))
    first = start + 56 * DAY
    controls = [
        GroupInForce(
            in_force=Instant(first + day * DAY),
            reported=Instant(first + day * DAY),
            subject=Subject("store", "S1"),
            values={"complaints": 5 + day},
        )
        for day in range(120)
    ]
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(events) + b"\n")
    replay([str(tmp_path / "events.jsonl")], tmp_path / "out", Policy(), controls=controls)
    alarms = [decode_alarm(line) for line in (tmp_path / "out" / "alarms.jsonl").read_bytes().splitlines()]
    (quiet,) = [alarm for alarm in alarms if alarm.kind == "gone-quiet" and alarm.type == "alarm.raised"]
    known = 5 + (int(quiet.at) - first) // DAY
    assert [r.text for r in quiet.reasons if r.code == "store_complaints"] == [
        f"{known} complaints about their store within 14 days."
    ]
