"""`vigia compare` says what two policies come to: the same figures on the console, as JSON and as rows."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest

from scorers.alarms.catalogue import STATE_CHANGES
from scorers.contract.events import DAY
from scorers.policy.tables import Policy
from streams.replay.replay import replay
from vigia.cli import main
from vigia.lab.simulate import simulate
from vigia.readmodel.alarm_summary import read_alarms
from vigia.report.comparison import is_told, outcome


@pytest.fixture(scope="module")
def business(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated business, its replay, and a policy that is hasty."""
    folder = tmp_path_factory.mktemp("compare")
    simulate(120, 400, 5, folder)
    replay([str(folder / "events.jsonl")], folder / "run", Policy())
    (folder / "hasty.toml").write_text("[silence]\nfalse_a_year = 4.0\n")
    return folder


def compared(business: Path, capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.raises(SystemExit) as ended:
        main(("compare", str(business / "events.jsonl"), "--policy", str(business / "hasty.toml"), *words))
    assert not ended.value.code
    return capsys.readouterr().out


def test_an_outcome_is_what_the_run_says(business: Path) -> None:
    """Alarms, precision, leads and names are those of the run; lost money is the value of its losses, named or not."""
    run = business / "run"
    summary = json.loads((run / "summary.json").read_text())
    found = outcome(run, Policy().time.notify_within)
    raised = [alarm for alarm in read_alarms(run) if alarm.type == "alarm.raised"]
    last = {alarm.alarm_id: alarm for alarm in read_alarms(run)}  # one that was withdrawn may be raised again
    standing = [alarm for alarm in last.values() if alarm.type != "alarm.withdrawn"]
    counts = Counter(alarm.kind for alarm in standing if alarm.kind not in STATE_CHANGES)
    assert {kind: one.alarms for kind, one in found.kinds.items() if one.alarms} == counts
    assert found.kinds["gone-quiet"].precision == summary["quality"]["kinds"]["gone-quiet"]["all"]["precision"]
    assert (found.left, found.lead_days) == tuple(summary["quality"]["leavers"][k] for k in ("by_silence", "lead_days"))
    assert found.listed_a_week == round(summary["worklists"]["funded"] / found.weeks, 2)
    assert 0 < found.matters_a_week < found.alarms_a_week
    losses = [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]
    worth = {(a.customer_id, int(a.at)): a.value_at_risk_minor for a in raised if a.kind == "stage-changed"}
    assert losses
    assert 0 < found.named_minor["EUR"] <= found.lost_minor["EUR"] <= sum(n or 0 for n in worth.values())
    assert found.named_minor["EUR"] >= max(one.named_minor.get("EUR", 0) for one in found.kinds.values())


def test_only_what_people_would_be_told_is_work(business: Path) -> None:
    """Info, state changes and what is older than `notify_within` are no messages."""
    raised = [alarm for alarm in read_alarms(business / "run") if alarm.type == "alarm.raised"]
    told = [alarm for alarm in raised if is_told(alarm, 2 * DAY)]
    assert told
    assert not [a for a in told if a.severity == "info" or a.kind in STATE_CHANGES or a.time - a.at > 2 * DAY]


def test_console_json_and_rows_agree(business: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One comparison, three forms; the hasty policy calls more customers quiet, and fewer of them rightly."""
    found = json.loads(compared(business, capsys, "--json"))
    before, after = (found[side]["kinds"]["gone-quiet"] for side in ("before", "after"))
    assert after["alarms"] > before["alarms"]
    assert after["precision"] < before["precision"]
    assert found["moves"]["gone-quiet"]["gained"] >= after["alarms"] - before["alarms"]
    rows = list(csv.reader(io.StringIO(compared(business, capsys, "--csv"))))
    assert rows[0] == ["kind", "figure", "before", "after"]
    assert ["gone-quiet", "alarms", str(before["alarms"]), str(after["alarms"])] in rows
    assert ["", "left", str(found["before"]["left"]), str(found["after"]["left"])] in rows
    console = compared(business, capsys)
    shares = next(line.split() for line in console.split("\n\n")[1].splitlines() if line.startswith("gone-quiet"))
    assert shares[1:3] == [f"{before['precision']:.0%}", f"{after['precision']:.0%}"]
    assert f"{found['after']['alarms_a_week']:,}" in console.split("\n\n")[2]


def test_two_forms_at_once_are_refused(business: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The message says what to do."""
    with pytest.raises(SystemExit) as ended:
        main(("compare", "x.jsonl", "--policy", str(business / "hasty.toml"), "--json", "--csv"))
    assert ended.value.code == 2
    assert "--json, --csv: give one of them" in capsys.readouterr().err
