"""`vigia worklist`: the list of a date from the folder of a replay."""

import json

import pytest

from scorers.contract.events import DAY
from scorers.contract.rfc3339 import parse_instant
from tests.support.driver import purchase, record
from vigia.cli import main

START = int(parse_instant("2024-01-01T09:00:00Z"))


def said(capsys, *words: str) -> tuple[int, str, str]:
    """The status, the output and the errors of a command."""
    try:
        main(words)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    heard = capsys.readouterr()
    return status, heard.out, heard.err


@pytest.fixture
def run(tmp_path, capsys):
    """The folder of a replay in which three customers stop, one of them with a name."""
    records = [purchase(START + w * 7 * DAY + n, f"c{n}", amount=5000 + n) for w in range(20) for n in range(3)]
    records += [purchase(START + w * 7 * DAY + 9, "comes", amount=4000) for w in range(30)]
    records.append(record("customer.described", START + 50 * DAY, "c2", name="Ana Ruiz"))
    records.sort(key=lambda raw: json.loads(raw)["time"])
    events = tmp_path / "events.jsonl"
    events.write_bytes(b"\n".join(records) + b"\n")
    policy = tmp_path / "policy.toml"
    policy.write_text("[worklist]\nper_day = 2\n")
    status, *_ = said(capsys, "replay", str(events), "--out", str(tmp_path / "out"), "--policy", str(policy))
    assert status == 0
    return tmp_path / "out"


def test_a_date_says_whom_to_reach_why_what_to_do_and_what_it_costs(run, capsys):
    """The funded come first with reason and treatment; those beyond the capacity are said to have no funds."""
    dates = [json.loads(line)["date"] for line in (run / "worklist.jsonl").read_text().splitlines()]
    full = max(sorted(set(dates)), key=dates.count)
    status, out, _ = said(capsys, "worklist", str(run), "--date", full)
    assert status == 0
    assert out.startswith(f"Worklist of {full}: 2 customers to reach")
    for part in ("why   No purchase for", "do    ", "costs EUR", "expected loss EUR", "Not funded: "):
        assert part in out
    assert "Ana Ruiz (c2)" in out


def test_the_last_date_is_shown_unless_another_is_asked_for(run, capsys):
    """An unknown date is an error that names those that there are."""
    last = json.loads((run / "worklist.jsonl").read_text().splitlines()[-1])["date"]
    assert f"Worklist of {last}:" in said(capsys, "worklist", str(run))[1]
    status, _, errors = said(capsys, "worklist", str(run), "--date", "2023-01-01")
    assert status == 2
    assert f"to {last}" in errors


def test_a_folder_without_a_list_is_named(tmp_path, capsys):
    """So is a line that is no entry."""
    status, _, errors = said(capsys, "worklist", str(tmp_path))
    assert (status, "vigia replay EVENTS --out DIR" in errors) == (2, True)
    (tmp_path / "worklist.jsonl").write_text('{"type": "worklist.entry"}\n')
    status, _, errors = said(capsys, "worklist", str(tmp_path))
    assert (status, "line 1" in errors) == (2, True)


def test_the_summary_counts_what_is_not_listed(run):
    """How many dates have a list, what they hold, and whom they only count."""
    counts = json.loads((run / "summary.json").read_text())["worklists"]
    entries = [json.loads(line) for line in (run / "worklist.jsonl").read_text().splitlines()]
    assert counts["listed"] == len(entries)
    assert counts["funded"] == sum(entry["funded"] for entry in entries)
    assert counts["dates"] == len({entry["date"] for entry in entries})
    assert all(entry["final"] for entry in entries)


def test_a_folder_and_the_running_system_are_not_asked_at_once(run, capsys):
    """One of them is enough; the error says which to leave out."""
    status, _, errors = said(capsys, "worklist", str(run), "--kafka", "127.0.0.1:1")
    assert status == 2
    assert "leave" in errors
    assert "--kafka" in errors
